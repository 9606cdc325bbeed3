//! What changed between two saved reports.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{all_testdata, json, output, stdout, string_keys, testdata, text};

/// A report of a file of string keys with values of a length, which lists three keys of each type.
fn report(directory: &Path, name: &str, keys: &[(&str, u8)]) -> String {
    let (path, saved) = (directory.join(format!("{name}.rdb")), directory.join(format!("{name}.report")));
    std::fs::write(&path, string_keys(keys)).expect("written");
    stdout(&["scan", "-n", "3", "--no-memory", "--save", text(&saved), text(&path)], 0);
    text(&saved).to_owned()
}

fn diff(options: &[&str], old: &str, new: &str) -> String {
    stdout(&[&["diff"], options, &[old, new]].concat(), 0)
}

#[test]
fn listed_keys_grow_shrink_and_enter_or_leave_the_lists() {
    let directory = tempfile::tempdir().expect("a directory");
    let old = report(directory.path(), "old", &[("a:1", 100), ("a:2", 90), ("b:1", 80), ("c", 10)]);
    let new = report(directory.path(), "new", &[("a:1", 150), ("a:2", 50), ("b:2", 200), ("c", 10)]);
    let result = json(&diff(&["--format", "json"], &old, &new));
    let keys = |result: &Value| -> Vec<(String, String, Option<i64>)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let rows = result["keys"].as_array().expect("keys").iter();
        rows.map(|key| (text(&key["key"]), text(&key["change"]), key["growth_bytes"].as_i64())).collect()
    };
    let key = |name: &str, change: &str, growth| (name.to_owned(), change.to_owned(), growth);
    assert_eq!(
        keys(&result),
        [
            key("a:1", "grown", Some(50)),
            key("a:2", "shrunk", Some(-40)),
            key("b:2", "entered", None),
            key("b:1", "left", None),
        ]
    );
    let prefixes = &result["prefixes"];
    let growth: Vec<_> = prefixes["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| (group["prefix"].as_str().expect("text"), group["growth_bytes"].as_i64()))
        .collect();
    assert_eq!(growth, [("b:", Some(120)), ("a:", Some(10))]);
    let folded = json(&diff(&["--format", "json", "-n", "1"], &old, &new));
    assert_eq!(folded["prefixes"]["others"]["growth_bytes"], 10);
    assert_eq!(folded["keys"].as_array().map(Vec::len), Some(1));

    let table = diff(&[], &old, &new);
    for shown in ["+130 B of bytes in the file", "b:2", "entered", "Changed prefixes", "a:"] {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    let redacted = diff(&["--redact"], &old, &new) + &diff(&["--redact", "--format", "json"], &old, &new);
    for secret in ["a:", "b:", ":1", ":2"] {
        assert!(
            !redacted.contains(&format!("\"{secret}")) && !redacted.contains(&format!(" {secret}")),
            "{redacted}"
        );
    }

    // With lists of all keys, what is not listed is not there.
    let few = report(directory.path(), "few", &[("x", 1)]);
    let none = report(directory.path(), "none", &[]);
    assert_eq!(keys(&json(&diff(&["--format", "json"], &none, &few))), [key("x", "new", Some(6))]);
    assert_eq!(keys(&json(&diff(&["--format", "json"], &few, &none))), [key("x", "gone", Some(-6))]);
}

/// A report of a file, with all of its keys.
fn saved(directory: &Path, file: &Path) -> PathBuf {
    let path = directory.join("saved").join(file.file_name().expect("a name"));
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    stdout(&["scan", "-n", "100000", "--save", text(&path), text(file)], 0);
    path
}

#[test]
fn every_grouping_grows_as_the_totals_do_and_as_the_files_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/report-diff.schema.json");
    let schema = json(&std::fs::read_to_string(schema).expect("the schema"));
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let mut before: Option<(PathBuf, PathBuf)> = None;
    for file in all_testdata() {
        let saved = saved(directory.path(), &file);
        if let Some((old_file, old)) = before.replace((file.clone(), saved.clone())) {
            for options in [&["--format=json"][..], &["--format=json", "--no-memory", "-n", "2"]] {
                let result = json(&diff(options, text(&old), text(&saved)));
                let errors: Vec<_> = schema.iter_errors(&result).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{}: {errors:?}", file.display());
                let growth = |value: &Value| value["growth_bytes"].as_i64().expect("a number");
                let total = growth(&result["totals"]);
                let sum = |rows: &Value| rows.as_array().expect("rows").iter().map(growth).sum::<i64>();
                for rows in ["by_type", "by_encoding", "by_db", "expiry"] {
                    assert_eq!(sum(&result[rows]), total, "{rows} of {}", file.display());
                }
                let prefixes = &result["prefixes"];
                let rest = growth(&prefixes["no_prefix"]) + growth(&prefixes["others"]);
                assert_eq!(sum(&prefixes["groups"]) + rest, total, "{}", file.display());
                let files = json(&diff(options, text(&old_file), text(&file)));
                if files["totals"]["new_keys"] == result["totals"]["new"]["keys"]
                    && files["totals"]["old_keys"] == result["totals"]["old"]["keys"]
                {
                    // No key is twice in a file.
                    assert_eq!(growth(&files["totals"]), total, "{}", file.display());
                }
            }
        }
    }
}

#[test]
fn options_that_need_keys_and_a_backup_on_one_side_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let saved = saved(directory.path(), &file);
    let refused = |arguments: &[&str]| {
        let output = output(&[&["diff"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    for option in [
        "--match=a*",
        "--where=true",
        "--depth=4",
        "--separator=.",
        "--deep",
        "--server-version=7.2.6",
        "--now=2026-01-01T00:00:00Z",
    ] {
        let message = refused(&[option, text(&saved), text(&saved)]);
        let name = option.split('=').next().expect("a name");
        assert!(message.contains(name), "{message}");
    }
    assert!(refused(&[text(&saved), text(&file)]).contains("is a backup; scan --save"));
    assert!(refused(&[text(&file), text(&saved)]).contains("is a backup; scan --save"));
    assert!(refused(&[text(&saved), "no.report"]).contains("no.report: No such file"));
    let by_elements = directory.path().join("elements.report");
    stdout(&["scan", "--by", "elements", "--save", text(&by_elements), text(&file)], 0);
    assert!(refused(&[text(&saved), text(&by_elements)]).contains("measure of rank"));
    let same = stdout(&["diff", "-q", "-j", "2", text(&saved), text(&saved)], 0);
    assert!(same.starts_with("+0 B of memory"), "{same}");
}

#[test]
fn reports_that_assume_different_servers_say_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let reports = ["6.2.0", "7.2.6"].map(|version| {
        let path = text(&directory.path().join(version)).to_owned();
        stdout(&["scan", "--server-version", version, "--save", &path, text(&file)], 0);
        path
    });
    let warning = |arguments: &[&str]| {
        let output = output(&[&["diff"], arguments].concat());
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).expect("text").contains("assume different servers")
    };
    let [old, new] = reports.each_ref().map(String::as_str);
    assert!(warning(&[old, new]));
    assert!(!warning(&[old, old]) && !warning(&["--no-memory", old, new]));
}

#[test]
fn keys_of_one_name_in_several_shards_are_several_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    let reports = [("old", [10, 5]), ("new", [3, 5])].map(|(name, lengths)| {
        let mut arguments = vec!["scan".to_owned(), "--no-memory".to_owned()];
        for (shard, length) in ["10.0.0.1:6379", "10.0.0.2:6379"].iter().zip(lengths) {
            let path = directory.path().join(format!("{name}-{length}.rdb"));
            std::fs::write(&path, string_keys(&[("config", length)])).expect("written");
            arguments.push(format!("--shard={shard}={}", text(&path)));
        }
        let saved = text(&directory.path().join(name)).to_owned();
        arguments.push(format!("--save={saved}"));
        stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        saved
    });
    let result = json(&diff(&["--format", "json"], &reports[0], &reports[1]));
    let keys = result["keys"].as_array().expect("keys");
    assert_eq!((keys.len(), &keys[0]["growth_bytes"]), (1, &Value::from(-7)));
}

#[test]
fn a_damaged_source_of_a_report_is_reported() {
    let directory = tempfile::tempdir().expect("a directory");
    let content = std::fs::read(testdata("fixtures/redis-8.2.3.rdb")).expect("the file");
    let truncated = directory.path().join("truncated.rdb");
    std::fs::write(&truncated, &content[..content.len() / 2]).expect("written");
    let old = directory.path().join("old.report");
    stdout(&["scan", "--save", text(&old), text(&truncated)], 3);
    let new = saved(directory.path(), &testdata("fixtures/redis-8.2.3.rdb"));
    let output = output(&["diff", text(&old), text(&new)]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the result is partial"));
}
