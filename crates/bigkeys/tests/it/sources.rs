//! What may be named as an input, and what happens to inputs that are no plain, whole file.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A file with `n` keys of type string, `key:00000` and on, each with a value of 20 bytes.
fn rdb(n: usize) -> Vec<u8> {
    let mut file = b"REDIS0003\xfe\x00".to_vec();
    let mut state = 1u64;
    for i in 0..n {
        file.extend(b"\x00\x09");
        file.extend(format!("key:{i:05}").bytes());
        // Not too easy to compress.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        file.extend(format!("\x14{state:020}").bytes());
    }
    file.push(0xff);
    file
}

const KEY_BYTES: usize = 32;
const PREAMBLE_BYTES: usize = 11;
const MARK: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).expect("compresses");
    encoder.finish().expect("compresses")
}

fn zstd(data: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(data, 1).expect("compresses")
}

fn lz4(data: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max64KB);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(data).expect("compresses");
    encoder.finish().expect("compresses")
}

/// What Valkey 9.2 makes of a file with `rdbcompression lz4`.
fn envelope(data: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, b"VCS\x01\x01\0\x01".to_vec());
    encoder.write_all(data).expect("compresses");
    encoder.finish().expect("compresses")
}

fn bigkeys() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bigkeys"));
    command.stdin(Stdio::null());
    command
}

fn run(args: &[&str], dir: &TempDir) -> Output {
    bigkeys().args(args).current_dir(dir.path()).output().expect("runs")
}

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("one")).expect("made");
        fs::write(path, content).expect("written");
    }
    dir
}

/// The report over `inputs`, and the exit status.
fn scan(inputs: &[&str], dir: &TempDir) -> (Value, i32, String) {
    let args: Vec<_> = ["scan", "--format", "json"].iter().chain(inputs).copied().collect();
    let output = run(&args, dir);
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = String::from_utf8(output.stderr).expect("text");
    (report, output.status.code().expect("not killed"), said)
}

#[test]
fn compressed_files_are_recognised_by_content() {
    let data = rdb(1000);
    let packed = [
        gzip(&data),
        zstd(&data),
        lz4(&data),
        zstd(&gzip(&data)),
        gzip(&lz4(&data)),
        envelope(&data),
        gzip(&envelope(&data)),
    ];
    for (i, packed) in packed.iter().enumerate() {
        let dir = directory(&[("backup", packed)]);
        for io in ["auto", "read"] {
            let (report, status, _) = scan(&["backup", "--io", io], &dir);
            assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(1000)), "{i} {io}");
            let source = &report["sources"][0];
            assert_eq!(source["bytes"], data.len(), "of the decompressed data");
            assert!(source["notes"][0].as_str().expect("a note").contains("decompressed"));
        }
        // And on standard input.
        let mut child = bigkeys()
            .args(["scan", "--format", "json", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("a pipe").write_all(packed).expect("written");
        let output = child.wait_with_output().expect("ends");
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!((output.status.code(), report["totals"]["keys"].as_u64()), (Some(0), Some(1000)));
    }
}

#[test]
fn cut_or_damaged_compressed_data_gives_a_partial_report_and_status_3() {
    let data = rdb(20_000);
    for (i, packed) in [gzip(&data), zstd(&data), lz4(&data), envelope(&data)].iter().enumerate() {
        let cut = &packed[..packed.len() * 2 / 3];
        let mut damaged = packed.clone();
        for byte in &mut damaged[packed.len() * 2 / 3..][..40] {
            *byte ^= 0xa5;
        }
        for (what, bytes) in [("truncated", cut), ("damaged", &damaged)] {
            let dir = directory(&[("backup.rdb", bytes)]);
            let (report, status, said) = scan(&["backup.rdb"], &dir);
            assert_eq!(status, 3, "{i} {what}: {said}");
            let coverage = &report["sources"][0]["coverage"];
            assert_eq!(coverage["complete"], false, "{i} {what}");
            let keys = report["totals"]["keys"].as_u64().expect("a number");
            assert!(keys > 100 && keys < 20_000, "{i} {what}: {keys} keys");
        }
    }
}

#[test]
fn an_envelope_gives_what_the_file_in_it_gives() {
    let data = [&rdb(20_000)[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    let plain = data.len() - 14;
    let packed = [&envelope(&data[..plain])[..], &data[plain..]].concat();
    let dir = directory(&[("plain", &data), ("packed", &packed)]);
    let comparable = |mut report: Value| {
        for name in ["path", "notes"] {
            report["sources"][0][name] = Value::Null;
        }
        let top = report["top"].as_object_mut().expect("top lists");
        for key in top.values_mut().flat_map(|keys| keys.as_array_mut().expect("a list")) {
            key["source"] = Value::Null;
        }
        report
    };
    for io in ["auto", "read"] {
        let (expected, ..) = scan(&["plain", "--io", io], &dir);
        let (found, status, said) = scan(&["packed", "--io", io], &dir);
        assert_eq!(status, 0, "{said}");
        assert_eq!(found["sources"][0]["trailing_kind"], "aof_commands");
        assert_eq!(comparable(found), comparable(expected), "{io}");
    }
    let (_, status, said) = scan(&["packed", "--io", "mmap"], &dir);
    assert!(status == 2 && said.contains("not compressed"), "{said}");
}

#[test]
fn captures_of_a_full_resynchronisation_are_read() {
    let data = rdb(10);
    let diskless = [b"\n\n$EOF:", &MARK[..], b"\r\n", &data, MARK].concat();
    let from_disk = [format!("\n${}\r\n", data.len()).as_bytes(), &data].concat();
    let stripped = [&data[..], MARK].concat();
    let prefix = |file: &[u8]| file.len() - data.len();
    for (file, start, kind) in [
        (&diskless, prefix(&diskless) - 40, Some("end_mark")),
        (&from_disk, prefix(&from_disk), None),
        (&stripped, 0, Some("hex_40")),
    ] {
        let packed = gzip(file);
        let dir = directory(&[("capture", file), ("packed", &packed)]);
        for args in [&["capture"][..], &["capture", "--io", "read"], &["packed"]] {
            let (report, status, said) = scan(args, &dir);
            assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(10)), "{said}");
            let source = &report["sources"][0];
            assert_eq!(source["trailing_kind"].as_str(), kind);
            assert_eq!(report["top"]["string"][0]["offset"], start + PREAMBLE_BYTES, "absolute");
            let sum = ["key_bytes", "overhead_bytes", "trailing_bytes"].map(|name| source[name].as_u64());
            assert_eq!(sum.iter().flatten().sum::<u64>(), file.len() as u64, "{source}");
            assert!(!said.contains("announced"), "{said}");
        }
    }
}

#[test]
fn a_broken_promise_of_a_sender_is_a_warning() {
    let data = rdb(10);
    let dir = directory(&[
        ("no mark", &[b"$EOF:", &MARK[..], b"\r\n", &data].concat()),
        ("wrong length", &[b"$17\r\n", &data[..]].concat()),
    ]);
    for (name, warning) in [("no mark", "the end mark"), ("wrong length", "announced 17 bytes")] {
        let (report, status, said) = scan(&[name], &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(10)));
        assert!(said.contains(warning), "{said}");
    }
}

#[test]
fn offsets_in_messages_are_those_of_the_whole_file() {
    let mut capture = [b"\n\n$EOF:", &MARK[..], b"\r\n"].concat();
    let start = capture.len();
    capture.extend(&rdb(10)[..PREAMBLE_BYTES + 5 * KEY_BYTES]);
    capture.extend([0x99; 20]);
    let dir = directory(&[("capture", &capture)]);
    for io in ["auto", "read"] {
        let (report, status, _) = scan(&["capture", "--io", io], &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (3, Some(5)));
        let stopped = &report["sources"][0]["coverage"]["stopped_at_offset"];
        assert_eq!(*stopped, start + PREAMBLE_BYTES + 5 * KEY_BYTES);
    }
}

#[test]
fn the_preamble_of_an_append_only_file_is_read_and_the_rest_is_named() {
    let commands = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".as_slice();
    let aof = [&rdb(10)[..], commands].concat();
    let dir = directory(&[("appendonly.aof", &aof), ("plain.aof", commands)]);
    let (report, status, said) = scan(&["appendonly.aof"], &dir);
    assert_eq!((status, &report["sources"][0]["trailing_kind"]), (0, &"aof_commands".into()));
    assert!(said.contains("commands of an append-only file, which were not read"), "{said}");
    let (_, status, said) = scan(&["plain.aof"], &dir);
    assert_eq!(status, 2);
    assert!(said.contains("append-only file (AOF) without an RDB preamble"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_multi_part_append_only_file_is_read_from_its_base() {
    let manifest = b"file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n";
    let dir = directory(&[
        ("aof/a.1.base.rdb", &rdb(10)),
        ("aof/a.1.incr.aof", b"*1\r\n$4\r\nPING\r\n"),
        ("aof/a.manifest", manifest),
    ]);
    for input in ["aof", ".", "aof/a.manifest"] {
        let (report, status, said) = scan(&[input], &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(10)), "{input}: {said}");
        let note = report["sources"][0]["notes"][0].as_str().expect("a note");
        assert!(note.contains("1 incremental file of 14 bytes not read"), "{note}");
        assert!(said.contains(note), "{said}");
    }
}

#[test]
fn directories_and_patterns_make_one_report_and_a_bad_file_does_not_hide_the_good_ones() {
    let half = rdb(10);
    let half = &half[..half.len() / 2];
    let dir = directory(&[
        ("a.rdb", &rdb(3)),
        ("b.dfs", &rdb(4)),
        ("c.rdb", half),
        ("d.rdb", b"not at all"),
        ("e", &gzip(&rdb(5))),
        ("notes.txt", b"nothing to read"),
        ("below/f.rdb", &rdb(6)),
    ]);
    let (report, status, said) = scan(&["."], &dir);
    assert_eq!((status, report["totals"]["keys"].as_u64()), (2, Some(3 + 4 + 4 + 5)), "{said}");
    let complete: Vec<_> = report["sources"]
        .as_array()
        .expect("sources")
        .iter()
        .map(|source| source["coverage"]["complete"].as_bool().expect("known"))
        .collect();
    assert_eq!(complete, [true, true, false, true]);
    assert!(said.contains("d.rdb"), "{said}");
    let (report, _, _) = scan(&[".", "--recursive"], &dir);
    assert_eq!(report["totals"]["keys"], 3 + 4 + 4 + 5 + 6);
    let (report, status, _) = scan(&["[ab].*", "below/*"], &dir);
    assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(3 + 4 + 6)));
    let (_, status, said) = scan(&["*.none"], &dir);
    assert_eq!((status, said.lines().count()), (2, 1), "{said}");
}

#[test]
fn more_files_than_descriptors_can_be_named_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (plain, packed) = (rdb(2), gzip(&rdb(2)));
    for i in 0..1100 {
        let content = if i % 2 == 0 { &plain } else { &packed };
        fs::write(dir.path().join(format!("{i}.rdb")), content).expect("written");
    }
    let (report, status, said) = scan(&["."], &dir);
    assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(2200)), "{said}");
}

#[test]
fn what_is_something_else_is_named_in_one_line() {
    let dir = directory(&[
        ("a.zip", b"PK\x03\x04rest"),
        ("a.xz", b"\xfd7zXZ\x00rest"),
        ("aof.gz", &gzip(b"*1\r\n$4\r\nPING\r\n")),
        ("empty.gz", &gzip(b"")),
        ("text", b"some text"),
        ("new.vcs", b"VCS\x02\x01\0\x01"),
    ]);
    for (name, says) in [
        ("a.zip", "zip archive"),
        ("a.xz", "xz data"),
        ("aof.gz", "inside gzip"),
        ("empty.gz", "is empty"),
        ("text", "not an RDB file"),
        ("new.vcs", "envelope of Valkey, of a version that is not known (2)"),
    ] {
        let (_, status, said) = scan(&[name], &dir);
        assert_eq!((status, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(says), "{said}");
    }
}

/// Runs `bigkeys keys` on a file of `keys` keys, truncates the file to `cut` bytes while the
/// program is stuck in the middle because nobody reads what it prints, and lets it go on.
fn truncated_while_read(keys: usize, cut: usize, io: &str) -> Output {
    let dir = directory(&[("big.rdb", &rdb(keys))]);
    let path = dir.path().join("big.rdb");
    let mut child = bigkeys()
        .args(["keys", "--io", io])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // The first byte of output says that the scan has begun.
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut first = [0];
    stdout.read_exact(&mut first).expect("there is output");
    truncate(&path, cut as u64);
    let mut rest = first.to_vec();
    stdout.read_to_end(&mut rest).expect("reads");
    let mut output = child.wait_with_output().expect("ends");
    output.stdout = rest;
    output
}

fn truncate(path: &Path, bytes: u64) {
    fs::OpenOptions::new().write(true).open(path).expect("opens").set_len(bytes).expect("truncated");
}

#[test]
fn a_mapped_file_that_is_cut_while_it_is_read_ends_in_an_error_and_not_in_a_signal() {
    const KEYS: usize = 90_000;
    // On the border of a page, in the middle of one, and in the last one.
    let whole = PREAMBLE_BYTES + KEYS * KEY_BYTES + 1;
    for (io, cut) in [("mmap", 2 << 20), ("auto", (2 << 20) + 1234), ("mmap", whole - 500), ("read", 2 << 20)]
    {
        let output = truncated_while_read(KEYS, cut, io);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{io} {cut}: {:?} {said}", output.status);
        if io != "read" {
            assert!(
                said.contains(&format!("was truncated from {whole} to {cut} bytes")),
                "{io} {cut}: {said}"
            );
        }
        let lines: Vec<_> =
            output.stdout.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        // Every key before the new end, at most the one across it, and none made of zeros.
        let before = (cut - PREAMBLE_BYTES) / KEY_BYTES;
        assert!((before..=before + 1).contains(&lines.len()), "{io} {cut}: {} lines, {before}", lines.len());
        for (i, line) in lines.iter().enumerate().take(before) {
            let key: Value = serde_json::from_slice(line).expect("an object");
            assert_eq!(key["key"], format!("key:{i:05}"));
        }
    }
}

#[test]
fn check_prints_a_line_for_everything_that_is_wrong() {
    // An intset that says two entries and has one, between two sound keys, and a wrong checksum.
    let intset = b"\x0b\x03\xffi\n\x0a\x02\0\0\0\x02\0\0\0\x01\0";
    let file =
        [&b"REDIS0009\xfe\x00\xfb\x07\x00\x00\x01a\x01v"[..], intset, b"\x00\x01b\x01v\xff12345678"].concat();
    let dir = directory(&[("bad.rdb", &file), ("good.rdb", &rdb(5)), ("cut.gz", &gzip(&rdb(5)[..100]))]);
    let output = run(&["check", "--format", "jsonl", "good.rdb", "bad.rdb", "cut.gz"], &dir);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect();
    let what: Vec<_> = lines
        .iter()
        .map(|line| (line["path"].as_str().expect("a path"), line["code"].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        what,
        [
            ("good.rdb", "-"),
            ("bad.rdb", "corrupt"),
            ("bad.rdb", "resizedb"),
            ("bad.rdb", "checksum"),
            ("bad.rdb", "-"),
            ("cut.gz", "truncated"),
            ("cut.gz", "-")
        ]
    );
    assert_eq!((&lines[1]["key_b64"], &lines[1]["db"]), (&"/2kK".into(), &0.into()));
    assert_eq!(
        (&lines[0]["keys"], &lines[0]["errors"], &lines[0]["complete"]),
        (&5.into(), &0.into(), &true.into())
    );
    assert_eq!(
        (&lines[4]["keys"], &lines[4]["errors"], &lines[4]["warnings"]),
        (&2.into(), &2.into(), &1.into())
    );
    // For people: one line each, and names that do no harm.
    let output = run(&["check", "bad.rdb"], &dir);
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.contains(r#"key "\xffi\x0a""#), "{text}");
    let output = run(&["check", "--format", "json", "bad.rdb", "cut.gz"], &dir);
    let array: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(array.as_array().map(Vec::len), Some(6));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/check.schema.json");
    let schema: Value =
        serde_json::from_slice(&fs::read(schema).expect("the schema is there")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for object in lines.iter().chain(array.as_array().into_iter().flatten()) {
        schema.validate(object).unwrap_or_else(|error| panic!("{object}: {error}"));
    }
    assert_eq!(run(&["check", "good.rdb"], &dir).status.code(), Some(0));
    assert_eq!(run(&["check", "none.rdb"], &dir).status.code(), Some(2));
}

/// A directory with one file, `a.rdb`, of 10 keys, and links to it.
#[cfg(unix)]
fn linked() -> TempDir {
    let dir = directory(&[("a.rdb", &rdb(10)), ("aof/a.manifest", b"file base.rdb seq 1 type b\n")]);
    std::os::unix::fs::symlink("a.rdb", dir.path().join("latest.rdb")).expect("linked");
    std::os::unix::fs::symlink("../a.rdb", dir.path().join("aof/base.rdb")).expect("linked");
    fs::hard_link(dir.path().join("a.rdb"), dir.path().join("hard.rdb")).expect("linked");
    dir
}

#[cfg(unix)]
#[test]
fn a_file_that_is_named_twice_counts_once_with_a_warning() {
    let dir = linked();
    for inputs in [
        &["a.rdb", "a.rdb"][..],
        &["latest.rdb", "a.rdb"],
        &["./a.rdb", "hard.rdb"],
        &["."],
        &["*.rdb"],
        &[".", "a.rdb"],
        &["aof/a.manifest", "a.rdb"],
        &["--shard", "10.0.0.1:6379=./a.rdb", "a.rdb"],
        &["--shard", "10.0.0.1:6379=a.rdb", "--shard", "10.0.0.1:6379=a.rdb"],
        &["--shard", "10.0.0.1:6379=a.rdb", "--shard", "10.0.0.1:6379=latest.rdb"],
    ] {
        let (report, status, said) = scan(inputs, &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(10)), "{inputs:?}: {said}");
        assert!(said.contains("warning") && said.contains("counts once"), "{inputs:?}: {said}");
        let shard = if inputs[0] == "--shard" { "10.0.0.1:6379".into() } else { Value::Null };
        assert_eq!(report["sources"][0]["shard"], shard, "{inputs:?}");
        let keys = run(&[&["keys"], inputs].concat(), &dir);
        assert_eq!(String::from_utf8_lossy(&keys.stdout).lines().count(), 10, "{inputs:?}");
        let check = run(&[&["check"], inputs].concat(), &dir);
        assert_eq!(String::from_utf8_lossy(&check.stdout).matches("10 keys").count(), 1, "{inputs:?}");
    }
    let (_, _, said) = scan(&["--quiet", "a.rdb", "latest.rdb"], &dir);
    assert_eq!(said, "");
}

#[test]
fn a_shard_for_an_input_of_the_same_name_is_no_warning() {
    let dir = directory(&[("a.rdb", &rdb(10)), ("b.rdb", &rdb(5))]);
    for inputs in [&["a.rdb", "b.rdb"][..], &["."]] {
        let path = if inputs.len() == 1 { "./a.rdb" } else { "a.rdb" };
        let shard = format!("10.0.0.1:6379={path}");
        let (report, status, said) = scan(&[inputs, &["--shard", &shard]].concat(), &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (0, Some(15)), "{said}");
        assert_eq!(said, "");
        assert_eq!(report["sources"][0]["shard"], "10.0.0.1:6379");
        assert_eq!(report["sources"][1]["shard"], Value::Null);
    }
}

#[cfg(unix)]
#[test]
fn two_shards_for_one_file_are_an_error_and_nothing_is_scanned() {
    let dir = linked();
    for other in ["a.rdb", "./a.rdb", "latest.rdb", "aof/a.manifest", "."] {
        let shards = ["10.0.0.1:6379=a.rdb".to_owned(), format!("10.0.0.2:6379={other}")];
        for command in ["scan", "keys", "check"] {
            let output = run(&[command, "--shard", &shards[0], "--shard", &shards[1]], &dir);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{other}: {said}");
            assert!(said.contains("10.0.0.1:6379") && said.contains("10.0.0.2:6379"), "{said}");
            assert_eq!(said.lines().filter(|line| line.contains("error")).count(), 1, "{said}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn standard_input_counts_once_also_when_it_is_a_named_file() {
    let dir = directory(&[("a.rdb", &rdb(10))]);
    for inputs in [["-", "-"], ["-", "a.rdb"], ["a.rdb", "-"]] {
        let file = fs::File::open(dir.path().join("a.rdb")).expect("there");
        let mut command = bigkeys();
        let output =
            command.arg("keys").args(inputs).current_dir(dir.path()).stdin(file).output().expect("runs");
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 10, "{inputs:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("counts once"), "{inputs:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_in_a_directory_is_an_error_with_status_2_as_when_it_is_named() {
    let dir = directory(&[("a.rdb", &rdb(10))]);
    std::os::unix::fs::symlink("gone", dir.path().join("b.rdb")).expect("linked");
    std::os::unix::fs::symlink("gone", dir.path().join("notes.txt")).expect("linked");
    for inputs in [&["."][..], &["*.rdb"], &["a.rdb", "b.rdb"]] {
        let (report, status, said) = scan(inputs, &dir);
        assert_eq!((status, report["totals"]["keys"].as_u64()), (2, Some(10)), "{inputs:?}: {said}");
        assert!(said.contains("b.rdb: ") && said.lines().count() == 1, "{inputs:?}: {said}");
    }
}
