//! Saved reports, and results without the names of keys.

use std::path::Path;

use serde_json::Value;

use crate::common::{all_testdata, json, output, stdout, testdata, text};

/// A report without what differs between a scan of several files and one after the other: nothing.
fn report(arguments: &[&str], status: i32) -> Value {
    json(&stdout(&[arguments, &["--format", "json"]].concat(), status))
}

#[test]
fn saved_reports_merge_to_the_report_of_one_scan() {
    let directory = tempfile::tempdir().expect("a directory");
    let files = all_testdata();
    let by = "--by=largest_element_bytes";
    let options = [by, "-n", "3", "--server-version", "valkey-8.1", "--hash-max-listpack-entries", "7"];
    let mut saved = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let path = directory.path().join(format!("{index}.report"));
        let save = format!("--save={}", text(&path));
        let alone = report(&[&["scan", &save], &options[..], &[text(file)]].concat(), 0);
        assert_eq!(
            alone,
            report(&[&["scan"], &options[..], &[text(file)]].concat(), 0),
            "{}",
            file.display()
        );
        assert_eq!(alone, report(&["report", text(&path)], 0), "{}", file.display());
        saved.push(text(&path).to_owned());
    }
    let names: Vec<&str> = files.iter().map(|file| text(file)).collect();
    let all = report(&[&["scan"], &options[..], &names].concat(), 0);
    let saved: Vec<&str> = saved.iter().map(String::as_str).collect();
    let merged = directory.path().join("all.report");
    let save = format!("--save={}", text(&merged));
    assert_eq!(report(&[&["report", &save], &saved[..]].concat(), 0), all);
    assert_eq!(report(&["report", text(&merged)], 0), all);
    // Several files in one scan, and files one behind the other, are the same.
    let together = format!("--save={}", text(&merged));
    assert_eq!(report(&[&["scan", &together], &options[..], &names].concat(), 0), all);
    assert_eq!(report(&["report", text(&merged)], 0), all);
}

#[test]
fn a_damaged_source_stays_damaged_in_a_saved_report() {
    let directory = tempfile::tempdir().expect("a directory");
    let content = std::fs::read(testdata("fixtures/redis-8.2.3.rdb")).expect("the file");
    let truncated = directory.path().join("truncated.rdb");
    std::fs::write(&truncated, &content[..content.len() / 2]).expect("written");
    let saved = directory.path().join("saved");
    let save = format!("--save={}", text(&saved));
    let scanned = report(&["scan", &save, text(&truncated)], 3);
    assert_eq!(report(&["report", text(&saved)], 3), scanned);
}

#[test]
fn what_cannot_be_merged_or_read_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let at = |name: &str| text(&directory.path().join(name)).to_owned();
    for (name, by) in [("a", "memory_bytes"), ("b", "elements")] {
        stdout(&["scan", "--by", by, "--save", &at(name), text(&file)], 0);
    }
    let refused = |arguments: &[&str]| {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(refused(&["report", &at("a"), &at("b")]).contains("measure of rank"));
    assert!(refused(&["report", text(&file)]).contains("error"));
    assert!(refused(&["report", &at("no")]).contains("No such file"));
    assert!(refused(&["report", "--format", "dcs", &at("a")]).contains("needs a scan"));
    assert!(refused(&["scan", "--match", "a*", "--save", &at("c"), text(&file)]).contains("no filter"));
    assert!(!Path::new(&at("c")).exists());
    let content = std::fs::read_to_string(at("a")).expect("written");
    std::fs::write(at("d"), &content[..content.len() - 100]).expect("written");
    assert!(refused(&["report", &at("d")]).contains("damaged"));
    std::fs::write(at("e"), content.replace("\"bigkeys_saved_report\":1", "\"bigkeys_saved_report\":9"))
        .expect("written");
    assert!(refused(&["report", &at("e")]).contains("version 9"));
}

/// Parts of names that must not be seen.
pub(crate) const SECRETS: [&str; 9] =
    ["alice", "bob", "carol", "dave", "erika", "frida", "greta", "mail", "cart"];

/// A file of keys with such names, one of them irregular.
pub(crate) fn secrets(directory: &Path) -> String {
    let mut file = b"REDIS0003\xfe\x00".to_vec();
    for name in ["user:alice:mail", "user:bob:mail", "{carol}:cart", "dave"] {
        file.extend([0, u8::try_from(name.len()).expect("short")]);
        file.extend(name.as_bytes());
        file.extend(b"\x01v");
    }
    let path = directory.join("secrets.rdb");
    // A hash with a field that must not be seen either.
    file.extend(b"\x04\x01h\x01\x05frida\x01v");
    // A set that shows its server's limit, so the report names it.
    file.extend(b"\x0b\x05greta\x80");
    file.extend((8 + 2 * 600u32).to_be_bytes());
    file.extend([2u32.to_le_bytes(), 600u32.to_le_bytes()].concat());
    file.extend((0..600u16).flat_map(u16::to_le_bytes));
    // A key whose value is cut off.
    file.extend(b"\x10\x05erika\x05short\xff");
    std::fs::write(&path, file).expect("written");
    text(&path).to_owned()
}

#[test]
fn no_result_names_a_key_that_is_redacted() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = secrets(directory.path());
    let rules = directory.path().join("rules.toml");
    std::fs::write(&rules, "[[rule]]\nid = \"r\"\nmatch = \"*\"\nmessage = \"m\"\n").expect("written");
    let other = text(&testdata("fixtures/redis-8.2.3.rdb")).to_owned();
    let saved = text(&directory.path().join("saved")).to_owned();
    output(&["scan", "--save", &saved, &file]);
    let lint = ["lint", "--rules", text(&rules)];
    for (command, formats) in [
        (&["scan", "--all"][..], &["table", "json", "jsonl", "csv", "prometheus", "dcs"][..]),
        (&["scan"], &["table"]),
        (&["scan", "--by", "largest_element_bytes"], &["table", "json", "jsonl", "csv"]),
        (&["report", "--all", &saved], &["table", "json"]),
        (&["keys"], &["table", "json", "jsonl", "csv"]),
        (&["groups"], &["table", "json", "csv", "folded"]),
        (&["groups", "--literal"], &["json"]),
        (&["cluster"], &["table", "json"]),
        (&["stats"], &["table", "json"]),
        (&["diff", &other], &["table", "json"]),
        (&lint, &["table", "json", "junit", "sarif"]),
    ] {
        for format in formats {
            let file = if command[0] == "report" { &[][..] } else { &[file.as_str()] };
            let run = |options: &[&str]| output(&[command, options, &["--format", format], file].concat());
            let redacted = run(&["--redact", "--redact-keep", "user:"]);
            let shown = [redacted.stdout, redacted.stderr].concat();
            let shown = String::from_utf8(shown).expect("text");
            for secret in SECRETS {
                assert!(!shown.contains(secret), "{command:?} {format} has {secret}: {shown}");
            }
            assert!(!shown.is_empty(), "{command:?} {format}");
            let plain = run(&[]);
            let plain = String::from_utf8([plain.stdout, plain.stderr].concat()).expect("text");
            assert!(plain.contains("erika"), "{command:?} {format}: {plain}");
        }
    }
}

#[test]
fn the_secret_decides_on_the_hashes() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = secrets(directory.path());
    let run = |secret: Option<&str>| {
        let mut command = crate::common::bigkeys(&["keys", "--redact", &file]);
        if let Some(secret) = secret {
            command.env("BIGKEYS_REDACT_KEY", secret);
        }
        command.output().expect("starts").stdout
    };
    assert_eq!(run(Some("a")), run(Some("a")));
    assert_ne!(run(Some("a")), run(Some("b")));
    assert_ne!(run(None), run(None));
}
