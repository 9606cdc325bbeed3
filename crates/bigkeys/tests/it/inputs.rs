//! Ways to give the program a file, and what it says of files that are none.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command as StdCommand, Stdio};

use crate::common::{all_testdata, bigkeys, json, json_lines, output, stdout, testdata, text};
use tempfile::TempDir;

fn written(content: &[u8]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    std::fs::write(&path, content).expect("written");
    (dir, path)
}

#[test]
fn a_pipe_and_a_read_give_the_same_bytes_as_a_map() {
    for file in all_testdata() {
        let mapped = stdout(&["keys", "--io", "mmap", text(&file)], 0);
        assert_eq!(mapped, stdout(&["keys", "--io", "read", text(&file)], 0));
        let piped = bigkeys(&["keys", "-"]).pipe_stdin(&file).expect("opens").output().expect("runs");
        assert!(piped.status.success());
        assert_eq!(mapped.as_bytes(), piped.stdout, "{}", file.display());

        let mapped = json(&stdout(&["scan", "--format", "json", text(&file)], 0));
        let piped = bigkeys(&["scan", "--format", "json", "-"])
            .pipe_stdin(&file)
            .expect("opens")
            .output()
            .expect("runs");
        let mut piped = json(&String::from_utf8(piped.stdout).expect("UTF-8"));
        piped["sources"][0]["path"] = mapped["sources"][0]["path"].clone();
        assert_eq!(mapped, piped);
    }
}

#[test]
fn several_files_make_one_report_whatever_the_number_of_threads() {
    let files = all_testdata();
    let with_threads = |threads: &'static str| {
        let mut args = vec!["scan", "--format", "json", "-j", threads];
        args.extend(files.iter().map(|file| text(file)));
        stdout(&args, 0)
    };
    let one = with_threads("1");
    assert_eq!(one, with_threads("4"));
    let report = json(&one);
    let sources = report["sources"].as_array().expect("an array");
    assert_eq!(sources.len(), files.len());
    let keys: u64 = sources.iter().map(|source| source["keys"].as_u64().expect("a number")).sum();
    assert_eq!(report["totals"]["keys"], keys);
}

#[test]
fn keys_are_in_file_order_whatever_the_number_of_threads() {
    let files = all_testdata();
    for format in ["table", "json", "jsonl", "csv"] {
        let with_threads = |threads: &'static str| {
            let mut args = vec!["keys", "--format", format, "-j", threads];
            args.extend(files.iter().map(|file| text(file)));
            stdout(&args, 0)
        };
        let one = with_threads("1");
        assert!(one == with_threads("2"), "{format}");
        assert!(one == with_threads("16"), "{format}");
    }
}

#[test]
fn what_is_no_rdb_file_is_named_in_one_line_with_status_2() {
    let (_a, text_file) = written(b"hello, this is no dump");
    let (_b, empty) = written(b"");
    let (_c, short) = written(b"REDIS");
    let (_d, version) = written(b"REDIS00x9\xff");
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("missing.rdb");
    for (path, part) in [
        (&text_file, "not an RDB file"),
        (&empty, "empty"),
        (&short, "header"),
        (&version, "version"),
        (&missing, "No such file"),
        (&dir.path().to_owned(), "directory"),
    ] {
        for command in ["scan", "keys"] {
            let output = output(&[command, text(path)]);
            assert_eq!(output.status.code(), Some(2));
            let errors = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(errors.lines().count(), 1, "{errors}");
            assert!(errors.contains(part) && errors.contains(text(path)), "{errors}");
        }
    }
    let nothing = bigkeys(&["scan", "-"]).write_stdin("").output().expect("runs");
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn a_bad_file_does_not_hide_a_good_one() {
    let good = testdata("fixtures/redis-7.2.6.rdb");
    let (_dir, bad) = written(b"hello, this is no dump");
    let report = json(&stdout(&["scan", "--format", "json", "no-such-file", text(&bad), text(&good)], 2));
    assert_eq!(report["sources"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["totals"]["keys"], 568);
    assert_eq!(stdout(&["keys", text(&bad), text(&good)], 2).lines().count(), 568);
}

#[test]
fn a_cut_file_gives_what_is_before_the_cut_and_status_3() {
    let file = testdata("fixtures/redis-7.2.6.rdb");
    let whole = std::fs::read(&file).expect("there");
    let all = stdout(&["keys", text(&file)], 0);
    for cut in [10, 500, 50_000, whole.len() / 2, whole.len() - 9, whole.len() - 8, whole.len() - 1] {
        let (_dir, path) = written(&whole[..cut]);
        let keys = stdout(&["keys", text(&path)], 3);
        assert!(all.starts_with(&keys), "the keys before the truncation are intact");
        let report = json(&stdout(&["scan", "--format", "json", text(&path)], 3));
        let coverage = &report["sources"][0]["coverage"];
        assert_eq!(coverage["complete"], false);
        assert_eq!(coverage["stopped_at_offset"], cut);
        assert!(coverage["reason"].as_str().expect("a reason").contains(&format!("offset {cut}")));
        assert_eq!(report["totals"]["keys"], keys.lines().count());
    }
}

#[test]
fn a_changed_byte_is_a_checksum_mismatch_and_status_3() {
    let mut bytes = std::fs::read(testdata("fixtures/redis-7.2.6.rdb")).expect("there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let (_dir, path) = written(&bytes);
    let report = json(&stdout(&["scan", "--format", "json", text(&path)], 3));
    let source = &report["sources"][0];
    assert_eq!((&source["checksum"], &source["coverage"]["complete"]), (&"mismatch".into(), &true.into()));
    assert_ne!(source["checksum_stored"], source["checksum_computed"]);
    let skipped = json(&stdout(&["scan", "--format", "json", "--no-checksum", text(&path)], 0));
    assert_eq!(skipped["sources"][0]["checksum"], "skipped");
}

#[test]
fn a_key_damaged_inside_is_left_out_and_named_and_the_rest_is_read() {
    let file =
        b"REDIS0003\xfe\x00\x00\x01a\x01v\x10\x03bad\x07\x07\x00\x00\x00\x01\x00\x00\x00\x01z\x01v\xff";
    let (_dir, path) = written(file);
    let output = output(&["keys", text(&path)]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(json_lines(&String::from_utf8(output.stdout).expect("UTF-8")).len(), 2);
    let errors = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        errors.contains("corrupt listpack") && errors.contains("\"bad\"") && errors.contains("1 damaged key"),
        "{errors}"
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    // Different files: a file that is named twice counts once.
    let files =
        ["redis-6.2.5", "redis-7.0.15", "redis-7.2.6"].map(|name| testdata(&format!("fixtures/{name}.rdb")));
    let mut child = StdCommand::new(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .arg("keys")
        .args(&files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Sends a whole file but its last byte and then nothing: the program has read all it can and
/// waits.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_prints_what_was_gathered_and_ends_with_130() {
    let bytes = std::fs::read(testdata("fixtures/redis-7.2.6.rdb")).expect("there");
    let mut child = StdCommand::new(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .args(["scan", "--format", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&bytes[..bytes.len() - 1]).expect("read");
    stdin.flush().expect("flushed");
    std::thread::sleep(std::time::Duration::from_millis(300));
    let killed = StdCommand::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("ends");
    drop(stdin);
    assert_eq!(output.status.code(), Some(130));
    let report = json(&String::from_utf8(output.stdout).expect("UTF-8"));
    assert_eq!(report["totals"]["keys"], 568);
    let coverage = &report["sources"][0]["coverage"];
    assert_eq!((&coverage["complete"], &coverage["reason"]), (&false.into(), &"interrupted".into()));
}

#[test]
fn trailing_bytes_are_counted_and_harmless() {
    let mut bytes = std::fs::read(testdata("fixtures/redis-7.2.6.rdb")).expect("there");
    bytes.extend([0; 1000]);
    let (_dir, path) = written(&bytes);
    for io in ["mmap", "read"] {
        let report = json(&stdout(&["scan", "--format", "json", "--io", io, text(&path)], 0));
        assert_eq!(report["sources"][0]["trailing_bytes"], 1000);
    }
    let piped =
        bigkeys(&["scan", "--format", "json", "-"]).pipe_stdin(&path).expect("opens").output().expect("runs");
    assert_eq!(json(&String::from_utf8(piped.stdout).expect("UTF-8"))["sources"][0]["trailing_bytes"], 1000);
}

#[test]
fn a_file_that_is_no_regular_one_cannot_be_mapped_and_is_read_by_default() {
    assert_eq!(output(&["scan", "--io", "mmap", "-"]).status.code(), Some(2));
    let file = File::open(testdata("fixtures/redis-7.2.6.rdb")).expect("there");
    let keys = StdCommand::new(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .args(["keys", "/dev/stdin"])
        .stdin(
            StdCommand::new("cat")
                .stdin(file)
                .stdout(Stdio::piped())
                .spawn()
                .expect("cat")
                .stdout
                .expect("piped"),
        )
        .output()
        .expect("runs");
    assert_eq!(json_lines(&String::from_utf8(keys.stdout).expect("UTF-8")).len(), 568);
}

/// Runs the program, sends it `signal` after `until` is true of its process id, and returns what it
/// gave. It has 3 seconds to end.
#[cfg(target_os = "linux")]
fn signalled(args: &[&str], stdin: Stdio, signal: &str, until: impl Fn(u32) -> bool) -> std::process::Output {
    let mut child = StdCommand::new(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let start = std::time::Instant::now();
    while !until(child.id()) {
        assert!(start.elapsed().as_secs() < 20, "{args:?}: never got there");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let killed = StdCommand::new("kill").args([signal, &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let start = std::time::Instant::now();
    while child.try_wait().expect("can be asked").is_none() {
        if start.elapsed().as_secs() >= 3 {
            child.kill().expect("killed");
            panic!("{args:?}: still running 3 s after {signal}");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.wait_with_output().expect("ends")
}

/// Whether a thread of the process with that name is there, which has its handlers by then.
#[cfg(target_os = "linux")]
fn has_thread(process: u32, name: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .any(|comm| comm.trim_end() == name)
}

#[cfg(target_os = "linux")]
fn fifo(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("fifo");
    assert!(StdCommand::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
    path
}

#[cfg(target_os = "linux")]
#[test]
fn one_signal_ends_a_blocked_open_with_a_status_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = fifo(&dir);
    let status = std::fs::read_to_string("/proc/self/status").expect("there");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("there").trim();
    let is_hangup_ignored = u64::from_str_radix(ignored, 16).expect("a mask") & 1 == 1;
    for (signal, status) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        if signal == "-HUP" && is_hangup_ignored {
            continue;
        }
        for command in ["scan", "keys", "check"] {
            let opens = |process| has_thread(process, "open");
            let output = signalled(&[command, text(&fifo)], Stdio::null(), signal, opens);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(status), "{command} {signal}: {said}");
            assert!(said.contains("interrupted while it was being opened"), "{said}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn one_signal_ends_the_wait_for_a_silent_fifo() {
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = fifo(&dir);
    // Open for reading and writing: that never blocks, and the other side waits for data.
    let _silent = File::options().read(true).write(true).open(&fifo).expect("opens");
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let reads = |process| has_thread(process, "read-ahead");
        let output = signalled(&["scan", text(&fifo)], Stdio::null(), signal, reads);
        assert_eq!(output.status.code(), Some(status), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_a_fifo_is_opened_prints_the_partial_report_of_the_other_inputs() {
    let good = testdata("fixtures/redis-7.2.6.rdb");
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = fifo(&dir);
    let args = ["scan", "--format", "json", "-n", "1", text(&good), text(&fifo)];
    // Only opening the FIFO takes that long.
    let blocks = |process| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        has_thread(process, "open")
    };
    let output = signalled(&args, Stdio::null(), "-TERM", blocks);
    assert_eq!(output.status.code(), Some(143));
    let report = json(&String::from_utf8(output.stdout).expect("UTF-8"));
    let sources = report["sources"].as_array().expect("an array");
    assert_eq!((sources.len(), &sources[0]["path"]), (1, &text(&good).into()));
    assert_eq!((&sources[0]["keys"], &sources[0]["coverage"]["complete"]), (&568.into(), &true.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_while_a_fifo_is_silent_prints_what_was_gathered_of_all_inputs() {
    let good = testdata("fixtures/redis-7.2.6.rdb");
    let bytes = std::fs::read(&good).expect("there");
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = fifo(&dir);
    let (path, end) = (fifo.clone(), bytes.len() - 1);
    let writer = std::thread::spawn(move || {
        let mut file = File::options().read(true).write(true).open(path).expect("opens");
        file.write_all(&bytes[..end]).expect("written");
        file
    });
    // Few keys, so that the pipe holds the whole report.
    let args = ["scan", "--format", "json", "-n", "1", text(&good), text(&fifo)];
    let has_read_all = |_| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        writer.is_finished()
    };
    let output = signalled(&args, Stdio::null(), "-INT", has_read_all);
    drop(writer.join());
    assert_eq!(output.status.code(), Some(130));
    let report = json(&String::from_utf8(output.stdout).expect("UTF-8"));
    let sources = report["sources"].as_array().expect("an array");
    assert_eq!((&sources[0]["keys"], &sources[0]["coverage"]["complete"]), (&568.into(), &true.into()));
    assert_eq!(
        (&sources[1]["keys"], &sources[1]["coverage"]["reason"]),
        (&568.into(), &"interrupted".into())
    );
}

/// Nobody reads the output, so the program blocks in a call that no flag ends.
#[cfg(target_os = "linux")]
#[test]
fn a_call_that_stays_blocked_after_a_signal_is_given_up_with_a_message() {
    let files = all_testdata();
    let mut args = vec!["keys"];
    args.extend(files.iter().map(|file| text(file)));
    let blocks = |process| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        has_thread(process, "watchdog")
    };
    let output = signalled(&args, Stdio::null(), "-TERM", blocks);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{said}");
    assert!(said.contains("still blocked in a read or write 2 s after SIGTERM"), "{said}");
}

#[test]
fn a_compressed_input_is_no_warning() {
    let bytes = std::fs::read(testdata("fixtures/redis-7.2.6.rdb")).expect("there");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&bytes).expect("compresses");
    let (_dir, path) = written(&encoder.finish().expect("compresses"));
    for command in ["scan", "keys", "check"] {
        let output = output(&[command, text(&path)]);
        assert!(output.status.success() && output.stderr.is_empty(), "{command}: {output:?}");
    }
    let report = json(&stdout(&["scan", "--format", "json", text(&path)], 0));
    let note = report["sources"][0]["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("decompressed (gzip)"), "{note}");
    assert!(stdout(&["scan", text(&path)], 0).contains(note));
}

#[test]
fn one_is_counted_without_a_plural() {
    let (_dir, path) = written(b"REDIS0003\xfe\x00\x00\x01a\x01v\x10\x01b\x00\xff");
    let said = stdout(&["check", text(&path)], 3);
    assert!(said.contains("1 key in ") && said.contains(": 1 error, 0 warnings"), "{said}");
}
