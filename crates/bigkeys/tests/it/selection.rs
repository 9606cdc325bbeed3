//! Filters and groups: which keys are looked at, and how they are summed up.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{json, json_lines, output, stdout, text};

/// A file of strings and sets with expiries, in two databases.
fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let mut file = b"REDIS0009\xfa\x05ctime\xc2\x00\xf1\x53\x65\xfe\x00".to_vec();
    let mut string = |name: &str, value_bytes: u16, expires_at_ms: Option<u64>| {
        if let Some(at_ms) = expires_at_ms {
            file.push(0xfc);
            file.extend(at_ms.to_le_bytes());
        }
        file.extend([0, u8::try_from(name.len()).expect("short")]);
        file.extend(name.as_bytes());
        file.extend((0x4000 | value_bytes).to_be_bytes());
        file.extend(std::iter::repeat_n(b'v', value_bytes.into()));
    };
    let written_ms = 1_700_000_000_000;
    string("user:1:name", 10, None);
    string("user:2:name", 300, None);
    string("user:2:session", 2000, Some(written_ms + 60_000));
    string("user:3:session", 3000, Some(written_ms + 8 * 86_400_000));
    string("old", 5, Some(written_ms - 1));
    string("{user:7}:cart", 5, None);
    file.extend(b"\xfe\x05\x02\x06tags:a\x03\x01a\x01b\x01c\x02\x06tags:b\x01\x01a");
    file.extend(b"\xff\0\0\0\0\0\0\0\0");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("dump.rdb");
    std::fs::write(&path, file).expect("written");
    (directory, path)
}

fn names(path: &Path, options: &[&str]) -> Vec<String> {
    let rows = json_lines(&stdout(&[&["keys"], options, &[text(path)]].concat(), 0));
    rows.iter().map(|row| row["key"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn every_condition_selects_the_keys_for_which_it_holds() {
    let (_directory, path) = file();
    for (options, expected) in [
        (&["--match", "user:*"][..], &["user:1:name", "user:2:name", "user:2:session", "user:3:session"][..]),
        (&["--match", "*:cart", "--regex", "^o.d$"], &["old", "{user:7}:cart"]),
        (&["--match", "{user:*"], &["{user:7}:cart"]),
        (&["--exclude", "*user*"], &["old", "tags:a", "tags:b"]),
        (&["--type", "set"], &["tags:a", "tags:b"]),
        (&["--type", "set,string", "--min-elements", "3"], &["tags:a"]),
        (&["--encoding", "listpack,hashtable"], &["tags:a", "tags:b"]),
        (&["--db", "1-5"], &["tags:a", "tags:b"]),
        (&["--ttl", "none", "--db", "0"], &["user:1:name", "user:2:name", "{user:7}:cart"]),
        (&["--ttl", "<1h"], &["user:2:session"]),
        (&["--ttl", ">7d"], &["user:3:session"]),
        (&["--ttl", "any"], &["user:2:session", "user:3:session", "old"]),
        (&["--ttl", "expired"], &["old"]),
        (
            &["--ttl", "expired", "--now", "2033-01-01T00:00:00Z"],
            &["user:2:session", "user:3:session", "old"],
        ),
        (&["--min-memory", "2KB"], &["user:2:session", "user:3:session"]),
        (&["--slot", "5474", "--match", "user*"], &[]),
        (
            &["--where", r#"memory_bytes > 1KB && key.endsWith("session") && ttl_seconds < 3600"#],
            &["user:2:session"],
        ),
        (&["--where", "elements == 3", "--where", r#"type == "set" && db == 5"#], &["tags:a"]),
        // The set's frequency is not known, so no comparison with it is true.
        (&["--where", "freq > 0 || freq <= 0"], &[]),
        (
            &["--sample", "1"],
            &[
                "user:1:name",
                "user:2:name",
                "user:2:session",
                "user:3:session",
                "old",
                "{user:7}:cart",
                "tags:a",
                "tags:b",
            ],
        ),
    ] {
        assert_eq!(names(&path, options), expected, "{options:?}");
        // The same keys in a report and in groups.
        for command in ["scan", "groups"] {
            let shown = stdout(&[&[command, "--format=json"], options, &[text(&path)]].concat(), 0);
            let shown = json(&shown);
            let totals = if command == "scan" { &shown["totals"] } else { &shown["root"] };
            assert_eq!(totals["keys"], expected.len(), "{command} {options:?}");
            assert!(shown["filter"].is_string(), "{command} {options:?}");
            // What is said of the file covers all keys.
            assert_eq!(shown["sources"][0]["keys"], 8);
            assert_eq!(shown["sources"][0]["memory"], Value::Null);
        }
        // Every format has the same rows.
        let array = json(&stdout(&[&["keys", "--format=json"], options, &[text(&path)]].concat(), 0));
        assert_eq!(array.as_array().map(Vec::len), Some(expected.len()), "{options:?}");
        let csv = stdout(&[&["keys", "--format=csv", "-j2"], options, &[text(&path)]].concat(), 0);
        assert_eq!(csv.lines().count(), expected.len() + 1, "{options:?}");
    }
}

#[test]
fn a_key_in_the_slot_of_its_hash_tag_is_found_there() {
    let (_directory, path) = file();
    let of_tag = |slot: u16| names(&path, &["--slot", &slot.to_string(), "--match", "{*"]);
    let found: Vec<u16> = [rdb_analysis::slot_of_name(b"user:7"), 0]
        .into_iter()
        .filter(|&slot| !of_tag(slot).is_empty())
        .collect();
    assert_eq!(found, [rdb_analysis::slot_of_name(b"user:7")]);
}

#[test]
fn a_condition_that_cannot_be_meant_is_refused() {
    let (_directory, path) = file();
    for options in [
        &["--match", "[a"][..],
        &["--regex", "("],
        &["--encoding", "listpak"],
        &["--type", "string,hsah"],
        &["--db", "x"],
        &["--slot", "5-1"],
        &["--ttl", "1h"],
        &["--min-memory", "10 apples"],
        &["--where", "memory > 3"],
        &["--where", "memory_bytes >"],
        &["--sample", "0"],
        &["--now", "soon"],
        &["--min-memory", "1KB", "--no-memory"],
    ] {
        for command in ["scan", "keys", "groups"] {
            let output = output(&[&[command], options, &[text(&path)]].concat());
            assert_eq!(output.status.code(), Some(2), "{command} {options:?}");
            assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{command} {options:?}");
        }
    }
    // A check is one of all keys.
    assert_eq!(output(&["check", "--match", "a", text(&path)]).status.code(), Some(2));
}

#[test]
fn with_fail_a_key_that_is_printed_is_the_exit_status() {
    let (_directory, path) = file();
    for format in ["table", "json", "jsonl", "csv"] {
        for (options, status) in [
            (&["--min-memory", "1KB", "--fail"][..], 1),
            (&["--min-memory", "1MB", "--fail"], 0),
            (&["--min-memory", "1KB"], 0),
        ] {
            let arguments = [&["keys", "--format", format], options, &[text(&path)]].concat();
            assert_eq!(output(&arguments).status.code(), Some(status), "{format} {options:?}");
        }
    }
    // An input that is damaged takes precedence.
    let bytes = std::fs::read(&path).expect("written");
    std::fs::write(&path, &bytes[..bytes.len() - 12]).expect("written");
    assert_eq!(output(&["keys", "--fail", text(&path)]).status.code(), Some(3));
}

/// Paths of all groups, and their keys.
fn groups_of(path: &Path, options: &[&str]) -> BTreeMap<String, u64> {
    fn add(group: &Value, all: &mut BTreeMap<String, u64>) {
        let name =
            format!("{} {}", group["kind"].as_str().expect("a kind"), group["path"].as_str().unwrap_or("?"));
        all.insert(name, group["keys"].as_u64().expect("a number"));
        group["children"].as_array().into_iter().flatten().for_each(|child| add(child, all));
    }
    let shown = json(&stdout(&[&["groups", "--format=json"], options, &[text(path)]].concat(), 0));
    let mut all = BTreeMap::new();
    shown["root"]["children"].as_array().into_iter().flatten().for_each(|child| add(child, &mut all));
    all
}

#[test]
fn groups_have_placeholders_or_literal_prefixes() {
    let (_directory, path) = file();
    let groups = |options: &[&str]| -> Vec<(String, u64)> { groups_of(&path, options).into_iter().collect() };
    let of = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter().map(|&(name, keys)| (name.to_owned(), keys)).collect()
    };
    assert_eq!(
        groups(&[]),
        of(&[
            ("no_separator ", 1),
            ("segments tags:", 2),
            ("segments tags:a", 1),
            ("segments tags:b", 1),
            ("segments user:", 4),
            ("segments user:{int}:", 4),
            ("segments user:{int}:name", 2),
            ("segments user:{int}:session", 2),
            ("segments {tag}:", 1),
            ("segments {tag}:cart", 1),
        ])
    );
    assert_eq!(
        groups(&["--literal", "--depth", "2", "--match", "user:*"]),
        of(&[
            ("segments user:", 4),
            ("segments user:1:", 1),
            ("segments user:2:", 2),
            ("segments user:3:", 1),
        ])
    );
    assert_eq!(
        groups(&["--depth", "1", "--group", "sessions=:session$"]),
        of(&[
            ("named sessions", 2),
            ("no_separator ", 1),
            ("segments tags:", 2),
            ("segments user:", 2),
            ("segments {tag}:", 1),
        ])
    );
    // Eight keys, of which four take nearly all memory.
    assert_eq!(groups(&["--depth", "1", "--min-share", "20"]), of(&[("folded ", 4), ("segments user:", 4)]));
    let output = output(&["groups", "--max-groups", "3", text(&path)]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("more than 3 groups"));
}

#[test]
fn a_scan_fails_if_a_key_meets_an_expression() {
    let (_directory, path) = file();
    let run = |options: &[&str], status| {
        stdout(&[&["scan", "--format", "json"], options, &[text(&path)]].concat(), status)
    };
    let found = run(&["--fail-on", "memory_bytes > 2KB"], 1);
    assert_eq!(found, run(&[], 0), "the report is the same");
    run(&["--fail-on", "memory_bytes > 1MB"], 0);
    run(&["--fail-on", "db == 5 && elements == 3"], 1);
    run(&["--fail-on", "db == 5 && elements == 3", "--match", "user:*"], 0);
    run(&["--fail-on", "largest_element_bytes > 1000"], 1);
    for refused in [&["--fail-on", "memory_bytes >"][..], &["--fail-on", "memory_bytes > 1", "--no-memory"]] {
        assert!(run(refused, 2).is_empty(), "{refused:?}");
    }
    let quiet = output(&["scan", "--fail-on", "rdb_bytes > 2000", text(&path)]);
    assert!(String::from_utf8_lossy(&quiet.stderr).contains("2 keys with rdb_bytes > 2000"));
}

#[test]
fn folded_stacks_add_up_to_the_total() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("testdata/fixtures/redis-8.2.3.rdb");
    let folded = stdout(&["groups", "--format", "folded", "--min-share", "0.5", text(&file)], 0);
    let bytes = |line: &str| line.rsplit_once(' ').and_then(|(_, bytes)| bytes.parse::<u64>().ok());
    let sum: u64 = folded.lines().map(|line| bytes(line).expect("a number of bytes")).sum();
    let report = json(&stdout(&["scan", "--format", "json", text(&file)], 0));
    assert_eq!(Some(sum), report["totals"]["memory_bytes"].as_u64());
    assert!(folded.lines().any(|line| line.starts_with("str:;{int}MiB:;random:;{int}: ")), "{folded}");
    assert!(folded.lines().any(|line| line.contains(" smaller groups) ")), "{folded}");
}

#[test]
fn the_questions_of_the_documentation_are_answered() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/questions.md")).expect("the page");
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(root.join("testdata/fixtures/redis-8.2.3.rdb"), directory.path().join("dump.rdb"))
        .expect("copied");
    std::fs::copy(root.join("testdata/fixtures/redis-7.2.6.rdb"), directory.path().join("tuesday.rdb"))
        .expect("copied");
    let program = assert_cmd::cargo::cargo_bin!("bigkeys");
    let mut commands = 0;
    for command in page.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output = Command::new("sh")
            .args(["-c", &format!("bigkeys() {{ \"$PROGRAM\" \"$@\"; }}; {command}")])
            .env("PROGRAM", program)
            .current_dir(directory.path())
            .output()
            .expect("starts");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let is_written = (command.contains('>') || command.contains("--export")) && command.contains("keys.");
        assert!(is_written || !output.stdout.is_empty(), "{command}");
        commands += 1;
    }
    assert!(commands > 15);
    for written in ["keys.csv", "keys.jsonl", "keys.parquet"] {
        assert!(std::fs::metadata(directory.path().join(written)).expect("written").len() > 1000);
    }
}
