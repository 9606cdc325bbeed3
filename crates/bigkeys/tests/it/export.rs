//! Parquet, and results that are written to files.

use std::fs::File;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

use crate::common::{all_testdata, json, json_lines, output, stdout, testdata, text};

/// The rows of a Parquet file as JSON objects.
fn rows(path: &Path) -> Vec<Map<String, Value>> {
    let file = SerializedFileReader::new(File::open(path).expect("written")).expect("Parquet");
    let rows = file.get_row_iter(None).expect("rows");
    rows.map(|row| {
        let row = row.expect("a row");
        let value = |field: &Field| match field {
            Field::Null => Value::Null,
            Field::Long(number) => Value::from(*number),
            Field::Str(text) => Value::from(text.as_str()),
            Field::Bytes(bytes) => Value::from(STANDARD.encode(bytes.data())),
            other => panic!("no column has {other:?}"),
        };
        row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
    })
    .collect()
}

/// A row of JSON with the columns of Parquet.
fn expected(row: &Value) -> Map<String, Value> {
    let mut row = row.as_object().expect("an object").clone();
    row.remove("memory_not_modelled");
    let binary = row.remove("key_b64").unwrap_or(Value::Null);
    row.insert("key_binary".to_owned(), binary);
    row.entry("key").or_insert(Value::Null);
    row
}

#[test]
fn parquet_has_the_rows_of_jsonl() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.parquet");
    let export = format!("parquet={}", text(&path));
    for file in all_testdata() {
        for threads in ["1", "3"] {
            let options = ["keys", "--deep", "--threads", threads, "--shard"];
            let shard = format!("10.0.0.1:6379={}", text(&file));
            let shown = output(&[&options[..], &[&shard, "--format", "jsonl", "--export", &export]].concat());
            let lines = String::from_utf8(shown.stdout).expect("text");
            let expected: Vec<_> = json_lines(&lines).iter().map(expected).collect();
            assert_eq!(rows(&path), expected, "{}", file.display());
        }
    }
}

#[test]
fn names_are_base64_in_parquet_where_the_user_asks_for_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.parquet");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let export = format!("parquet={}", text(&path));
    stdout(&["keys", "--keys-as", "base64", "--export", &export, text(&file)], 0);
    let lines = json_lines(&stdout(&["keys", "--keys-as", "base64", text(&file)], 0));
    let names = |rows: &mut dyn Iterator<Item = Value>| rows.collect::<Vec<_>>();
    assert_eq!(
        names(&mut rows(&path).into_iter().map(|row| row["key_b64"].clone())),
        names(&mut lines.into_iter().map(|row| row["key_b64"].clone()))
    );
}

#[test]
fn each_export_has_what_standard_output_would_have() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let file = text(&file);
    for (command, formats) in [
        ("keys", &["json", "jsonl", "csv", "parquet"][..]),
        ("scan", &["json", "jsonl", "csv", "prometheus"]),
    ] {
        let exports = formats.iter().map(|format| format!("--export={format}={}", text(&at(format))));
        let exports: Vec<String> = exports.collect();
        let arguments: Vec<&str> = exports.iter().map(String::as_str).chain([command, file]).collect();
        let (command_first, rest) = (arguments[arguments.len() - 2], &arguments[..arguments.len() - 2]);
        let shown = stdout(&[&[command_first], rest, &[file]].concat(), 0);
        assert_eq!(shown.is_empty(), command == "keys", "a table is shown beside exports of a report");
        for format in formats {
            let alone = output(&[command, "--format", format, file]).stdout;
            assert_eq!(std::fs::read(at(format)).expect("written"), alone, "{command} {format}");
        }
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("there").count(), 5, "no temporary file is left");
}

#[test]
fn an_export_that_cannot_be_written_changes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys.csv");
    std::fs::write(&path, "before").expect("written");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let export = format!("csv={}", text(&path));
    for wrong in ["csv=", "xml=a", "table=a", "csv=/no/such/folder/a", "csv=/dev/null"] {
        let output = output(&["keys", "--export", &export, "--export", wrong, text(&file)]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "before", "{wrong}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("there").count(), 1);
}

#[test]
fn metrics_are_those_of_the_report() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let shown = stdout(&["scan", "--format", "prometheus", text(&file)], 0);
    let report = json(&stdout(&["scan", "--format", "json", text(&file)], 0));
    let mut types = 0;
    for row in report["by_type"].as_array().expect("types") {
        for measure in ["keys", "memory_bytes", "rdb_bytes"] {
            let line = format!("bigkeys_{measure}{{type={}}} {}\n", row["type"], row[measure]);
            assert!(shown.contains(&line), "{line}: {shown}");
        }
        let largest = &report["top"][row["type"].as_str().expect("text")][0]["memory_bytes"];
        let line = format!("bigkeys_largest_key_memory_bytes{{type={}}} {largest}\n", row["type"]);
        assert!(shown.contains(&line), "{line}: {shown}");
        types += 1;
    }
    assert!(types > 5);
    assert!(shown.contains("bigkeys_source_clean{path="), "{shown}");
    // Quotes and line feeds of a path are escaped.
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a\"b\nc\\.rdb");
    std::fs::copy(&file, &path).expect("copied");
    let shown = stdout(&["scan", "--format", "prometheus", text(&path)], 0);
    assert!(shown.lines().all(|line| line.starts_with('#') || line.starts_with("bigkeys_")), "{shown}");
    assert!(shown.contains(r#"a\"b"#), "{shown}");
}
