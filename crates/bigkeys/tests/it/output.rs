//! What the program prints, by format.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::common::{all_testdata, json, json_lines, output, stdout, testdata, text};
use dcs_bigkeys::{KeyType, Status, Task, Unit};
use serde_json::Value;
use tempfile::TempDir;

/// A file whose keys attack a terminal, a spreadsheet, and the reader that decodes them.
fn hostile_names() -> (TempDir, PathBuf) {
    let names: [&[u8]; 8] = [
        b"\x1b]0;owned\x07",
        "c1\u{9b}2J".as_bytes(),
        "rtl\u{202e}txt.exe".as_bytes(),
        b"=cmd|'/c calc'!A0",
        b"\xff\xfe",
        b"back\\x41slash",
        b"line\r\nbreak,\"quoted\"",
        b"",
    ];
    let mut file = b"REDIS0003\xfe\x00".to_vec();
    for name in names {
        file.push(0);
        file.push(u8::try_from(name.len()).expect("short"));
        file.extend(name);
        file.extend(b"\x01v");
    }
    file.push(0xff);
    named("names.rdb", &file)
}

/// A file in a directory of its own.
fn named(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join(name);
    std::fs::write(&path, content).expect("written");
    (dir, path)
}

#[test]
fn no_format_lets_a_control_character_through() {
    let (_dir, path) = hostile_names();
    for command in ["scan", "keys"] {
        for format in ["table", "json", "jsonl", "csv"] {
            for keys_as in ["auto", "base64"] {
                let shown = stdout(&[command, "--format", format, "--keys-as", keys_as, text(&path)], 0);
                let bad = shown.chars().find(|&c| c != '\n' && rdb_parser::escape::is_unprintable(c));
                assert_eq!(bad, None, "{command} {format}: {shown:?}");
            }
        }
    }
    for format in ["table", "json", "csv", "folded"] {
        for keys_as in ["auto", "base64"] {
            let options = ["--format", format, "--keys-as", keys_as, "--min-share=0", "-s", "d", "-s", "t"];
            let shown = stdout(&[&["groups"], &options[..], &[text(&path)]].concat(), 0);
            let bad = shown.chars().find(|&c| c != '\n' && rdb_parser::escape::is_unprintable(c));
            assert_eq!(bad, None, "groups {format}: {shown:?}");
            assert!(shown.contains("owne") || keys_as == "base64", "the names are in it: {shown:?}");
        }
    }
    let (_other, empty) = named("empty.rdb", b"REDIS0009\xff\0\0\0\0\0\0\0\0");
    for format in ["table", "json"] {
        for keys_as in ["auto", "base64"] {
            let shown =
                stdout(&["diff", "--format", format, "--keys-as", keys_as, text(&empty), text(&path)], 0);
            let bad = shown.chars().find(|&c| c != '\n' && rdb_parser::escape::is_unprintable(c));
            assert_eq!(bad, None, "diff {format}: {shown:?}");
            let reports = [(&empty, "empty.report"), (&path, "names.report")].map(|(file, name)| {
                let report = file.with_file_name(name);
                stdout(&["scan", "--save", text(&report), text(file)], 0);
                report
            });
            let [old, new] = reports.each_ref().map(|report| text(report));
            let shown = stdout(&["diff", "--format", format, "--keys-as", keys_as, old, new], 0);
            let bad = shown.chars().find(|&c| c != '\n' && rdb_parser::escape::is_unprintable(c));
            assert_eq!(bad, None, "diff of reports, {format}: {shown:?}");
        }
    }
    let shown = stdout(&["scan", "--format", "dcs", text(&path)], 0);
    assert!(!shown.chars().any(|c| c != '\n' && rdb_parser::escape::is_unprintable(c)), "{shown:?}");
    // A file name is as hostile as a key's.
    let errors = output(&["scan", "no\u{1b}[2Jfile"]).stderr;
    assert!(!errors.contains(&0x1b));
}

#[test]
fn a_name_comes_back_from_every_format() {
    let (_dir, path) = hostile_names();
    let rows = json_lines(&stdout(&["keys", "--keys-as", "base64", text(&path)], 0));
    let auto = json_lines(&stdout(&["keys", text(&path)], 0));
    let shown = stdout(&["keys", "--format", "csv", text(&path)], 0);
    let mut csv = csv::Reader::from_reader(shown.as_bytes());
    let cells: Vec<_> = csv.records().map(|record| record.expect("valid")).collect();
    assert_eq!((rows.len(), cells.len()), (8, 8));
    for ((row, auto), cells) in rows.iter().zip(&auto).zip(&cells) {
        let name = decode(row);
        assert_eq!(decode(auto), name);
        assert_eq!(auto["key"].is_string(), std::str::from_utf8(&name).is_ok());
        assert_eq!(rdb_parser::escape::unescape(&cells[1]), name);
        assert!(!cells[1].starts_with(['=', '+', '-', '@']), "no formula");
    }
}

fn decode(row: &Value) -> Vec<u8> {
    use base64::Engine as _;
    match (&row["key"], &row["key_b64"]) {
        (Value::String(text), Value::Null) => text.as_bytes().to_vec(),
        (Value::Null, Value::String(text)) => {
            base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
        }
        other => panic!("exactly one name: {other:?}"),
    }
}

fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema").join(name);
    let schema = json(&std::fs::read_to_string(path).expect("the schema is there"));
    jsonschema::draft202012::new(&schema).expect("the schema is valid")
}

fn check(validator: &jsonschema::Validator, instance: &Value) {
    if let Err(error) = validator.validate(instance) {
        panic!("{error} at {}", error.instance_path());
    }
}

#[test]
fn reports_and_keys_are_as_their_schemas_say() {
    let report_schema = validator("report.schema.json");
    let key_schema = validator("key.schema.json");
    let groups_schema = validator("groups.schema.json");
    let diff_schema = validator("diff.schema.json");
    let mut before = None;
    for file in all_testdata() {
        let other = before.replace(file.clone()).unwrap_or_else(|| file.clone());
        let diff = json(&stdout(&["diff", "--format", "json", text(&other), text(&file)], 0));
        check(&diff_schema, &diff);
        // Two of the files have a key twice.
        let rows = json_lines(&stdout(&["keys", text(&file)], 0));
        let name = |row: &Value| [&row["db"], &row["key"], &row["key_b64"]].map(ToString::to_string);
        let keys: HashMap<_, _> = rows.iter().map(|row| (name(row), row["memory_bytes"].as_u64())).collect();
        assert_eq!(diff["totals"]["new_bytes"], keys.values().flatten().sum::<u64>());
        check(&report_schema, &json(&stdout(&["scan", "--format", "json", text(&file)], 0)));
        check(&groups_schema, &json(&stdout(&["groups", "--format", "json", text(&file)], 0)));
        for row in json_lines(&stdout(&["keys", text(&file)], 0)) {
            check(&key_schema, &row);
        }
    }
    let (_dir, path) = hostile_names();
    let truncated = path.with_extension("truncated");
    std::fs::write(&truncated, &std::fs::read(&path).expect("there")[..30]).expect("written");
    check(&report_schema, &json(&stdout(&["scan", "--format", "json", text(&truncated)], 3)));
    assert!(report_schema.validate(&json("{}")).is_err(), "the schema does refuse");
}

#[test]
fn the_json_array_of_keys_holds_the_lines() {
    let file = testdata("fixtures/valkey-9.1.2.rdb");
    let array = json(&stdout(&["keys", "--format", "json", text(&file)], 0));
    assert_eq!(array.as_array(), Some(&json_lines(&stdout(&["keys", "--format", "jsonl", text(&file)], 0))));
}

/// The `keys`, sorted and truncated: what a top list must be.
fn expected_top(file: &Path, deep: bool, data_type: &str, measure: &str, n: usize) -> Vec<Value> {
    let mut args = vec!["keys", "--keys-as", "base64", text(file)];
    if deep {
        args.push("--deep");
    }
    let mut rows = json_lines(&stdout(&args, 0));
    rows.retain(|row| row["type"] == data_type);
    rows.sort_by_key(|row| {
        let sizes = [measure, "value_bytes", "elements"].map(|measure| row[measure].as_u64());
        (std::cmp::Reverse(sizes), decode(row), row["db"].as_u64(), row["offset"].as_u64())
    });
    rows.truncate(n);
    rows
}

#[test]
fn the_top_lists_are_the_whole_list_sorted_and_cut() {
    for name in ["redis-6.2.5", "redis-7.4.1-modules-lru", "valkey-9.1.2"] {
        let file = testdata(&format!("fixtures/{name}.rdb"));
        for (measure, n) in
            [("elements", 3), ("value_bytes", 7), ("rdb_bytes", 20), ("rdb_bytes", 0), ("rdb_bytes", 999)]
        {
            let args = [
                "scan",
                "--format",
                "json",
                "--keys-as",
                "base64",
                "--by",
                measure,
                "-n",
                &n.to_string(),
                text(&file),
            ];
            let report = json(&stdout(&args, 0));
            assert_eq!(report["ranked_by"], measure);
            for row in report["by_type"].as_array().expect("an array") {
                let data_type = row["type"].as_str().expect("text");
                let top = report["top"][data_type].as_array().cloned().unwrap_or_default();
                let expected = expected_top(&file, measure == "value_bytes", data_type, measure, n);
                assert_eq!(top, expected, "{name} {data_type} {measure} {n}");
            }
        }
    }
}

#[test]
fn csv_and_jsonl_of_a_scan_list_the_same_keys() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let lines = stdout(&["scan", "-n", "5", "--format", "jsonl", text(&file)], 0);
    let rows = stdout(&["scan", "-n", "5", "--format", "csv", text(&file)], 0);
    assert_eq!(json_lines(&lines).len(), 6 * 5 + 1, "six types and one vector set");
    let mut rows = csv::Reader::from_reader(rows.as_bytes());
    let offsets: Vec<String> = rows.records().map(|row| row.expect("valid")[14].to_owned()).collect();
    let expected: Vec<String> = json_lines(&lines).iter().map(|row| row["offset"].to_string()).collect();
    assert_eq!(offsets, expected);
}

#[test]
fn the_largest_element_of_each_key_is_named_in_every_format() {
    let long = [&[b'\x43', 0][..], &[b'm'; 0x300]].concat();
    let file = [
        b"REDIS0009\x04\x04hash\x03\x01a\x011\x03bio\x0along field\x05plain\x02xy",
        &b"\x01\x04list\x03\x01a\x03bcd\x03efg"[..],
        b"\x02\x03set\x02\x04\xff=\x1b[\x01b",
        &[b"\x05\x04zset\x01", &long[..], &[0; 8]].concat(),
        b"\x00\x06string\x05value\xff",
        &[0; 8],
    ]
    .concat();
    let (_dir, path) = named("elements.rdb", &file);
    let scan =
        |format| stdout(&["scan", "--by", "largest_element_bytes", "--format", format, text(&path)], 0);
    let expected = serde_json::json!({
        "hash": {"field": "bio"},
        "list": {"index": 1},
        "set": {"member_b64": "/z0bWw=="},
        "zset": {"member": "m".repeat(256), "truncated_from_bytes": 768},
        "string": null,
    });
    let report = json(&scan("json"));
    check(&validator("report.schema.json"), &report);
    for row in json_lines(&scan("jsonl")) {
        check(&validator("key.schema.json"), &row);
        let data_type = row["type"].as_str().expect("text");
        assert_eq!(row["largest_element"], expected[data_type]);
        assert_eq!(report["top"][data_type][0], row);
    }
    let rows = scan("csv");
    let mut rows = csv::Reader::from_reader(rows.as_bytes());
    let rows: Vec<_> = rows.records().map(|row| row.expect("valid")).collect();
    let named: Vec<_> = rows.iter().map(|row| (&row[2], &row[15], row[16].len().min(9))).collect();
    assert_eq!(
        named,
        [
            ("string", "", 0),
            ("list", "index", 1),
            ("set", "member", 9),
            ("zset", "member", 9),
            ("hash", "field", 3)
        ]
    );
    let table = scan("table");
    for text in ["field bio ", "index 1 ", "member \\xff=\\x1b[ ", "member mmmmmmmmmm"] {
        assert!(table.contains(text), "{text}: {table}");
    }
    let no_names = json(&stdout(&["scan", "--deep", "--format", "json", text(&path)], 0));
    assert_eq!(no_names["top"]["hash"][0]["largest_element"], Value::Null);
}

#[test]
fn dcs_is_a_finished_task_of_the_contract() {
    let file = testdata("fixtures/redis-7.4.1.rdb");
    let shown = stdout(&["scan", "--format", "dcs", "--instance-id", "i-1", text(&file)], 0);
    let task: Task = serde_json::from_str(&shown).expect("no unknown field, every known one");
    assert_eq!((task.status, task.instance_id.as_str()), (Status::Success, "i-1"));
    let keys = task.keys.expect("a result");
    assert_eq!(usize::try_from(task.num).expect("positive"), keys.len());
    assert_eq!(keys.len(), 100, "20 of each of five types");
    for (key_type, measure, unit) in [
        (KeyType::String, "value_bytes", Unit::Byte),
        (KeyType::List, "elements", Unit::Count),
        (KeyType::Set, "elements", Unit::Count),
        (KeyType::Zset, "elements", Unit::Count),
        (KeyType::Hash, "elements", Unit::Count),
    ] {
        let name = serde_json::to_value(key_type).expect("writes");
        let expected = expected_top(&file, false, name.as_str().expect("text"), measure, 20);
        let expected: Vec<_> = expected.iter().map(|row| row[measure].as_i64().expect("known")).collect();
        let of_type: Vec<_> = keys.iter().filter(|key| key.key_type == key_type).collect();
        assert_eq!(of_type.iter().map(|key| key.size).collect::<Vec<_>>(), expected);
        assert!(of_type.iter().all(|key| key.unit == unit && key.shard.is_none()));
    }
}

#[test]
fn a_shard_is_in_every_format_and_only_where_the_user_gave_one() {
    let a = testdata("fixtures/redis-7.4.1.rdb");
    let b = testdata("fixtures/redis-7.0.15.rdb");
    let mapped = format!("10.0.0.7:6379={}", text(&a));
    let report = json(&stdout(&["scan", "--format", "json", "--shard", &mapped, text(&b)], 0));
    let sources = report["sources"].as_array().expect("an array");
    assert_eq!(sources.len(), 2);
    assert_eq!((&sources[0]["shard"], &sources[1]["shard"]), (&Value::Null, &"10.0.0.7:6379".into()));
    // Naming the file as an input too does not read it twice.
    let named = json(&stdout(&["scan", "--format", "json", "--shard", &mapped, text(&b), text(&a)], 0));
    assert_eq!(named["totals"], report["totals"]);
    let task: Task = serde_json::from_str(&stdout(&["scan", "--format", "dcs", "--shard", &mapped], 0))
        .expect("the contract's");
    assert!(task.keys.expect("a result").iter().all(|key| key.shard.as_deref() == Some("10.0.0.7:6379")));
    assert!(stdout(&["keys", "--shard", &mapped], 0).contains("\"shard\":\"10.0.0.7:6379\""));
    assert_eq!(output(&["scan", "--shard", "not-an-address=x"]).status.code(), Some(2));
}

#[test]
fn without_an_input_or_with_an_unknown_option_the_usage_is_an_error() {
    for args in
        [&["scan"][..], &["keys"], &["scan", "--by", "size", "x"], &["keys", "--format", "dcs", "x"], &[]]
    {
        assert_eq!(output(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_table_says_what_was_irregular() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("next.rdb");
    std::fs::write(&path, b"REDIS0099\xfe\x00\x00\x01a\x01b\xff\0\0\0\0\0\0\0\0").expect("written");
    let shown = stdout(&["scan", text(&path)], 0);
    let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("  irregular: ")).collect();
    assert_eq!(lines.len(), 1, "{shown}");
    assert!(lines[0].contains("version") && lines[0].ends_with("at offset 0 (0x0)"), "{}", lines[0]);
    let clean = testdata("fixtures/redis-7.2.6.rdb");
    assert!(!stdout(&["scan", text(&clean)], 0).contains("irregular"));
}

#[test]
fn the_version_names_the_formats_that_are_read() {
    let long = stdout(&["--version"], 0);
    for server in ["Redis, KeyDB   RDB 1 to 15", "RDB 80 to 81", "Dragonfly", env!("CARGO_PKG_VERSION")] {
        assert!(long.contains(server), "{server}: {long}");
    }
    assert_eq!(stdout(&["-V"], 0).lines().count(), 1);
}

#[test]
fn colours_come_only_when_asked_for() {
    let file = testdata("fixtures/redis-7.4.1.rdb");
    assert!(!stdout(&["scan", text(&file)], 0).contains('\u{1b}'));
    assert!(stdout(&["scan", "--color", "always", text(&file)], 0).contains('\u{1b}'));
    assert!(output(&["scan", text(&file)]).stderr.is_empty(), "no progress bar where there is no terminal");
}

/// A file with a damaged key of that name.
fn damaged_key(name: &[u8]) -> (TempDir, PathBuf) {
    let mut file = b"REDIS0003\xfe\x00\x10".to_vec();
    file.push(u8::try_from(name.len()).expect("short"));
    file.extend(name);
    file.extend(b"\x05short\xff");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("damaged.rdb");
    std::fs::write(&path, file).expect("written");
    (dir, path)
}

#[test]
fn a_name_in_a_message_is_escaped_once() {
    for (name, shown, in_json) in [
        (&b"\x1b[2J"[..], r"\x1b[2J", "\u{1b}[2J"),
        (b"say \"hi\"", r#"say "hi""#, r#"say "hi""#),
        (br"a\b", r"a\b", r"a\b"),
        (br"\x41", r"\x5cx41", r"\x5cx41"),
        (b"caf\xe9", r"caf\xe9", r"caf\xe9"),
    ] {
        let (_dir, path) = damaged_key(name);
        let quoted = format!("in key \"{shown}\",");
        let scan = output(&["scan", text(&path)]);
        let (table, warnings) = (String::from_utf8(scan.stdout), String::from_utf8(scan.stderr));
        let (table, warnings) = (table.expect("UTF-8"), warnings.expect("UTF-8"));
        assert!(warnings.contains("the result is partial") && warnings.contains(&quoted), "{warnings}");
        assert!(table.lines().any(|line| line.contains("PARTIAL") && line.contains(&quoted)), "{table}");
        let check = stdout(&["check", text(&path)], 3);
        assert!(check.contains(&format!(", key \"{shown}\": ")), "{check}");
        let report = json(&stdout(&["scan", "--format", "json", text(&path)], 3));
        let reason = report["sources"][0]["coverage"]["reason"].as_str().expect("a reason");
        assert!(reason.contains(&format!("in key \"{in_json}\",")), "{reason}");
    }
}

#[test]
fn a_path_in_a_message_is_escaped_once() {
    let (dir, path) = damaged_key(b"k");
    let odd = dir.path().join("a\u{1b}b\\x41.rdb");
    std::fs::rename(path, &odd).expect("renamed");
    let warnings = String::from_utf8(output(&["scan", text(&odd)]).stderr).expect("UTF-8");
    assert!(warnings.contains(r"a\x1bb\x5cx41.rdb: the result is partial"), "{warnings}");
}

/// A name of a module type as the file has it: nine characters of six bits each, and ten bits of
/// version.
fn module_id(name: &str) -> u64 {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = |c| ALPHABET.find(c).and_then(|at| u64::try_from(at).ok()).expect("of the alphabet");
    name.chars().fold(0, |id, c| id << 6 | place(c)) << 10
}

#[test]
fn no_text_cell_of_csv_is_a_formula() {
    let mut file = b"REDIS0009\xfe\x00".to_vec();
    for name in ["=1", "\u{ff1d}1", "  @a", "\t=1", "a;=1"] {
        file.extend([0, u8::try_from(name.len()).expect("short")]);
        file.extend(name.as_bytes());
        file.extend(b"\x01v");
    }
    // A string that expired before 1970, and a value of a module.
    file.push(0xfc);
    file.extend((-5i64).to_le_bytes());
    file.extend(b"\x00\x01n\x01v\x07\x01m\x81");
    file.extend(module_id("-cmd-type").to_be_bytes());
    file.extend(b"\x00\xff\0\0\0\0\0\0\0\0");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cells.rdb");
    std::fs::write(&path, file).expect("written");
    for keys_as in ["auto", "base64"] {
        let shown = stdout(&["keys", "--format", "csv", "--keys-as", keys_as, text(&path)], 0);
        let mut reader = csv::Reader::from_reader(shown.as_bytes());
        let header = reader.headers().expect("a header").clone();
        let rows: Vec<_> = reader.records().map(|record| record.expect("valid")).collect();
        assert_eq!(rows.len(), 7, "{shown}");
        for row in &rows {
            for (column, cell) in header.iter().zip(row) {
                let is_number = column == "expires_at_ms" && cell.parse::<i64>().is_ok();
                let first = cell.trim_start().chars().next();
                let is_formula = first.is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(c));
                assert!(is_number || !is_formula, "{column}: {cell:?}");
            }
        }
        let cell = |row: usize, name: &str| {
            let column = header.iter().position(|column| column == name).expect("a column");
            rows[row][column].to_owned()
        };
        assert_eq!(cell(5, "expires_at_ms"), "-5", "a number stays a number");
        assert!(
            cell(6, "type").contains(r"\x2dcmd-type") || cell(6, "type").starts_with("module"),
            "{shown}"
        );
    }
}

#[test]
fn dcs_lists_are_filled_with_keys_of_databases_that_the_contract_can_number() {
    let mut file = b"REDIS0003".to_vec();
    for (db, value) in [(1u32 << 31, b"\x05large"), (7, b"\x05small")] {
        file.extend([0xfe, 0x80]);
        file.extend(db.to_be_bytes());
        for i in 0..20 {
            file.extend([0, 1, b'a' + i]);
            file.extend(value);
        }
    }
    file.push(0xff);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("databases.rdb");
    std::fs::write(&path, file).expect("written");
    for by in ["elements", "rdb_bytes"] {
        let shown = stdout(&["scan", "--format", "dcs", "--by", by, text(&path)], 0);
        let task: Task = serde_json::from_str(&shown).expect("the contract's");
        let keys = task.keys.expect("a result");
        assert_eq!(keys.len(), 20, "{by}");
        assert!(keys.iter().all(|key| key.db == 7), "{by}");
    }
}

/// `value` with every integer as a string.
fn with_string_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if !number.is_f64() => Value::String(number.to_string()),
        Value::Array(items) => items.into_iter().map(with_string_numbers).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, with_string_numbers(value))).collect()
        }
        other => other,
    }
}

#[test]
fn integers_are_strings_where_the_user_asks_for_it() {
    let file = testdata("fixtures/redis-7.4.1.rdb");
    for args in [
        &["scan", "--format", "json"][..],
        &["scan", "--format", "jsonl"],
        &["keys"],
        &["keys", "--format", "json"],
        &["check", "--format", "json"],
        &["check", "--format", "jsonl"],
    ] {
        let parse = |shown: &str| -> Vec<Value> {
            serde_json::Deserializer::from_str(shown)
                .into_iter()
                .map(|value| value.expect("the output is JSON"))
                .collect()
        };
        let plain = parse(&stdout(&[args, &[text(&file)]].concat(), 0));
        let named = parse(&stdout(&[args, &["--numbers-as", "number", text(&file)]].concat(), 0));
        let strings = parse(&stdout(&[args, &["--numbers-as", "string", text(&file)]].concat(), 0));
        assert_eq!(plain, named, "numbers are the default");
        assert!(!strings.is_empty() && plain != strings, "{args:?}");
        let expected: Vec<_> = plain.into_iter().map(with_string_numbers).collect();
        assert_eq!(strings, expected, "{args:?}");
    }
    // The contract of DCS says what a number is.
    let shown = stdout(&["scan", "--format", "dcs", "--numbers-as", "string", text(&file)], 0);
    assert!(serde_json::from_str::<Task>(&shown).is_ok());
}

/// The longest expiry that a file can state is no double.
#[test]
fn an_integer_beyond_2_to_the_53_is_exact() {
    let expiry = i64::MAX - 1;
    let mut file = b"REDIS0003\xfc".to_vec();
    file.extend(expiry.to_le_bytes());
    file.extend(b"\x00\x01k\x01v\xff");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("expiry.rdb");
    std::fs::write(&path, file).expect("written");
    assert!(stdout(&["keys", text(&path)], 0).contains(&format!("\"expires_at_ms\":{expiry},")));
    let shown = stdout(&["keys", "--numbers-as", "string", text(&path)], 0);
    assert!(shown.contains(&format!("\"expires_at_ms\":\"{expiry}\",")), "{shown}");
}
