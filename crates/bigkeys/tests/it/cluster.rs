//! Shards, slots and hash tags of a cluster.

use std::path::Path;

use serde_json::Value;

use crate::common::{all_testdata, json, output, stdout, string_keys, text};

/// A file of string keys with values of a length.
fn file(directory: &Path, name: &str, keys: &[(&str, u8)]) -> String {
    let path = directory.join(name);
    std::fs::write(&path, string_keys(keys)).expect("written");
    text(&path).to_owned()
}

#[test]
fn shards_slots_and_tags_are_those_of_the_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    // foo has slot 12182, bar and {bar}:x 5061, hello 866.
    let a = file(directory.path(), "a.rdb", &[("bar", 10), ("{bar}:x", 200), ("hello", 3), ("foo", 5)]);
    let b = file(directory.path(), "b.rdb", &[("foo", 5)]);
    let shards = [format!("--shard=10.0.0.1:6379={a}"), format!("--shard=10.0.0.2:6379={b}")];
    let run = |options: &[&str]| {
        let shards = shards.iter().map(String::as_str);
        let arguments: Vec<&str> =
            ["cluster"].into_iter().chain(shards).chain(options.iter().copied()).collect();
        stdout(&arguments, 0)
    };
    let result = json(&run(&["--format", "json"]));
    let keys = |rows: &Value| -> Vec<(String, u64)> {
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| (row["shard"].to_string(), row["keys"].as_u64().expect("a number"))).collect()
    };
    let of = |name: &str, keys| (name.to_owned(), keys);
    assert_eq!(keys(&result["shards"]), [of("\"10.0.0.1:6379\"", 4), of("\"10.0.0.2:6379\"", 1)]);
    assert_eq!(result["shared_slots"], json("[12182]"));
    assert_eq!((&result["slots"][0]["slot"], &result["slots"][0]["keys"]), (&5061.into(), &2.into()));
    assert_eq!((&result["tags"][0]["tag"], &result["tags"][0]["keys"]), (&"bar".into(), &1.into()));

    let map = directory.path().join("map.toml");
    std::fs::write(&map, "\"10.0.0.1:6379\" = \"0-8191\"\n\"10.0.0.2:6379\" = \"8192-16383\"\n")
        .expect("written");
    let result = json(&run(&["--map", text(&map), "--format", "json"]));
    assert_eq!(keys(&result["shards"]), [of("\"10.0.0.1:6379\"", 3), of("\"10.0.0.2:6379\"", 2)]);
    assert_eq!(result["shards"][0]["misplaced_keys"], 1);
    assert_eq!(result["shards"][1]["misplaced_keys"], 0);
    let table = run(&["--map", text(&map)]);
    for shown in
        ["By shard; the largest has", "misplaced", "1 slot in the files of more than one shard: 12182", "bar"]
    {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    std::fs::write(&map, "nonsense").expect("written");
    assert_eq!(output(&["cluster", "--map", text(&map), &a]).status.code(), Some(2));
}

#[test]
fn keys_of_several_shards_are_named_with_all_their_copies() {
    let directory = tempfile::tempdir().expect("a directory");
    let a = file(directory.path(), "a.rdb", &[("bar", 10), ("foo", 5), ("both\u{1b}", 90), ("only a", 1)]);
    let b = file(directory.path(), "b.rdb", &[("foo", 50), ("both\u{1b}", 90), ("only b", 1)]);
    let c = file(directory.path(), "c.rdb", &[("foo", 20), ("only c", 1)]);
    let of_node = |number: u8, file: &str| format!("--shard=10.0.0.{number}:6379={file}");
    let shards = [of_node(1, &a), of_node(2, &b), of_node(3, &c)];
    let run = |options: &[&str]| {
        let shards = shards.iter().map(String::as_str);
        let arguments: Vec<&str> = ["cluster", "--shared-keys", "--no-memory"]
            .into_iter()
            .chain(shards)
            .chain(options.iter().copied())
            .collect();
        stdout(&arguments, 0)
    };
    let result = json(&run(&["--format", "json"]));
    let shared = &result["shared_keys"];
    assert_eq!(shared["keys"], 2);
    let copies: Vec<_> = shared["largest"]
        .as_array()
        .expect("keys")
        .iter()
        .map(|key| (key["key"].as_str().expect("text"), key["copies"].as_array().expect("copies").len()))
        .collect();
    assert_eq!(copies, [("both\u{1b}", 2), ("foo", 3)]);
    let foo = &shared["largest"][1];
    assert_eq!(foo["copies"][1]["shard"], "10.0.0.2:6379");
    let bytes = foo["copies"].as_array().expect("copies").iter().map(|copy| copy["bytes"].as_u64());
    assert_eq!(bytes.sum::<Option<u64>>(), foo["bytes"].as_u64());
    assert_eq!(json(&run(&["--format", "json", "-n", "1"]))["shared_keys"]["largest"][1], Value::Null);
    assert_eq!(json(&run(&["--format", "json", "--match", "foo"]))["shared_keys"]["keys"], 1);

    let table = run(&[]);
    for shown in ["Largest of 2 keys in more than one shard", "10.0.0.1:6379, 10.0.0.2:6379", "both\\x1b"] {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    let redacted = run(&["--redact"]) + &run(&["--redact", "--format", "json"]);
    assert!(!redacted.contains("both") && !redacted.contains("foo"), "{redacted}");

    let alone = stdout(&["cluster", "--shared-keys", &a], 0);
    assert!(alone.contains("No key is in more than one shard."), "{alone}");
    let refused = output(&["cluster", "--shared-keys", "-"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8(refused.stderr).expect("text");
    assert!(message.contains("can be read once only"), "{message}");
}

#[test]
fn shards_and_slots_add_up_on_every_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schema =
        json(&std::fs::read_to_string(root.join("docs/schema/cluster.schema.json")).expect("the schema"));
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for file in all_testdata() {
        for memory in [&[][..], &["--no-memory"]] {
            let search = ["cluster", "--shared-keys", "--format", "json", "-n", "16384"];
            let options = [&search[..], memory, &[text(&file)]].concat();
            let cluster = json(&stdout(&options, 0));
            let errors: Vec<_> = schema.iter_errors(&cluster).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", file.display());
            let report = json(&stdout(&[&["scan", "--format", "json"], memory, &[text(&file)]].concat(), 0));
            let measure = cluster["bytes_are"].as_str().expect("text");
            let sum = |rows: &str, field: &str| -> u64 {
                let rows = cluster[rows].as_array().expect("rows").iter();
                rows.map(|row| row[field].as_u64().expect("a number")).sum()
            };
            for rows in ["slots", "shards"] {
                assert_eq!(sum(rows, "keys"), report["totals"]["keys"], "{}", file.display());
                assert_eq!(
                    sum(rows, "bytes"),
                    report["totals"][measure].as_u64().unwrap_or(0),
                    "{}",
                    file.display()
                );
            }
        }
    }
}
