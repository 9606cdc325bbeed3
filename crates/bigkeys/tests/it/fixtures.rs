//! Every key of every fixture against what the server that wrote it answered after loading it
//! again.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::{all_testdata, json, json_lines, stdout, testdata, text};
use serde_json::Value;

fn by_key(rows: Vec<Value>, name: &str) -> BTreeMap<(u64, String), Value> {
    let count = rows.len();
    let keyed: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            ((row["db"].as_u64().expect("a number"), row[name].as_str().expect("a name").to_owned()), row)
        })
        .collect();
    assert_eq!(keyed.len(), count, "no key twice");
    keyed
}

fn compare(fixture: &str) {
    let file = testdata(&format!("fixtures/{fixture}.rdb"));
    let truth = std::fs::read_to_string(file.with_extension("truth.jsonl")).expect("the truth is there");
    let truth = by_key(json_lines(&truth), "key");
    // How Valkey 9 embeds strings depends on the allocator.
    let allocator = if fixture.contains("-libc") { "glibc" } else { "jemalloc-q8" };
    let options = ["--keys-as", "base64", "--allocator", allocator];
    let keys = stdout(&[&["keys", "--format", "jsonl"], &options[..], &[text(&file)]].concat(), 0);
    let keys = by_key(json_lines(&keys), "key_b64");
    assert_eq!(keys.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>(), "no key more or less");
    for (id, want) in &truth {
        let got = &keys[id];
        assert_eq!(got["type"], want["type"], "{id:?}");
        assert_eq!(got["encoding"], want["encoding"], "{id:?}");
        let count = if want["type"] == "string" { &got["value_bytes"] } else { &got["elements"] };
        // The truth has no count for modules' values; some say theirs.
        if !want["count"].is_null() {
            assert_eq!(count, &want["count"], "{id:?}");
        }
        assert_eq!(got["expires_at_ms"], want["expire_at_ms"], "{id:?}");
        if want["type"] == "string" {
            assert_eq!(got["elements"], 1);
        }
    }
}

/// `idle` of the truth may be off by the seconds between saving and asking, and is not kept for the
/// small integers that a server shares.
fn compare_access(fixture: &str, name: &str, truth_name: &str, tolerance: i64) {
    let file = testdata(&format!("fixtures/{fixture}.rdb"));
    let truth = std::fs::read_to_string(file.with_extension("truth.jsonl")).expect("the truth is there");
    let truth = by_key(json_lines(&truth), "key");
    let keys = by_key(json_lines(&stdout(&["keys", "--keys-as", "base64", text(&file)], 0)), "key_b64");
    let mut compared = 0;
    for (id, got) in &keys {
        let shared = got["encoding"] == "int";
        if let (Some(got), Some(want), false) = (got[name].as_i64(), truth[id][truth_name].as_i64(), shared) {
            assert!((got - want).abs() <= tolerance, "{id:?}: {got} and {want}");
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared}");
}

#[test]
fn idle_times_are_those_of_the_server() {
    compare_access("redis-7.2.6-lru", "idle_seconds", "idle", 10);
}

#[test]
fn access_frequencies_are_those_of_the_server() {
    compare_access("valkey-9.1.2-libc-lfu", "freq", "freq", 0);
}

macro_rules! fixtures {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            compare($file);
        })*

        #[test]
        fn every_fixture_is_compared() {
            let named = [$($file),*];
            for file in all_testdata() {
                if file.with_extension("truth.jsonl").exists() {
                    let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8");
                    assert!(named.contains(&stem), "{stem}");
                }
            }
        }
    };
}

fixtures! {
    redis_6_2_5: "redis-6.2.5",
    redis_6_2_14_libc: "redis-6.2.14-libc",
    redis_7_0_15: "redis-7.0.15",
    redis_7_2_6: "redis-7.2.6",
    redis_7_2_6_lru: "redis-7.2.6-lru",
    redis_7_4_1: "redis-7.4.1",
    redis_7_4_1_modules_lru: "redis-7.4.1-modules-lru",
    redis_8_2_3: "redis-8.2.3",
    redis_8_2_3_lfu_nocompress: "redis-8.2.3-lfu-nocompress",
    redis_8_6_2_libc: "redis-8.6.2-libc",
    redis_8_10_2_libc: "redis-8.10.2-libc",
    valkey_8_0_1: "valkey-8.0.1",
    valkey_8_1_8: "valkey-8.1.8",
    valkey_9_0_0_libc: "valkey-9.0.0-libc",
    valkey_9_1_2: "valkey-9.1.2",
    valkey_9_1_2_libc_lfu: "valkey-9.1.2-libc-lfu",
}

/// The two identities of a complete file: every byte belongs to a key or to the container, and
/// every grouping sums to the totals.
fn check_sums(file: &Path) {
    let length = std::fs::metadata(file).expect("there").len();
    let report = json(&stdout(&["scan", "--format", "json", text(file)], 0));
    let source = &report["sources"][0];
    let sum =
        |names: &[&str]| -> u64 { names.iter().map(|name| source[name].as_u64().expect("a number")).sum() };
    assert_eq!(sum(&["key_bytes", "overhead_bytes", "trailing_bytes"]), length);
    assert_eq!(source["bytes"], length);
    let lines = json_lines(&stdout(&["keys", text(file)], 0));
    let rdb_bytes: u64 = lines.iter().map(|row| row["rdb_bytes"].as_u64().expect("a number")).sum();
    assert_eq!(rdb_bytes, report["totals"]["rdb_bytes"].as_u64().expect("a number"));
    assert_eq!(source["key_bytes"], report["totals"]["rdb_bytes"]);
    for grouping in ["by_type", "by_db", "by_encoding", "expiry"] {
        for number in ["keys", "keys_with_expiry", "elements", "value_bytes", "value_bytes_keys", "rdb_bytes"]
        {
            let rows = report[grouping].as_array().expect("an array");
            let sum: u64 = rows.iter().map(|row| row[number].as_u64().expect("a number")).sum();
            assert_eq!(Some(sum), report["totals"][number].as_u64(), "{grouping} {number}");
        }
    }
}

#[test]
fn every_byte_is_accounted_for_and_every_grouping_sums_to_the_totals() {
    for file in all_testdata() {
        check_sums(&file);
    }
}

#[test]
fn a_deep_scan_finds_the_same_counts_and_knows_every_payload() {
    for file in all_testdata() {
        let plain = json_lines(&stdout(&["keys", text(&file)], 0));
        let deep = json_lines(&stdout(&["keys", "--deep", text(&file)], 0));
        assert_eq!(plain.len(), deep.len());
        for (plain, deep) in plain.iter().zip(&deep) {
            assert_eq!(plain["elements"], deep["elements"], "{deep}");
            for name in ["value_bytes", "largest_element_bytes"] {
                // Of types that only some servers have it depends on what is in them, and values
                // that chunked values of Dragonfly are not walked.
                let every_server_has = ["string", "list", "set", "zset", "hash", "stream"];
                let in_pieces = text(&file).contains("dragonfly");
                if !in_pieces && every_server_has.contains(&deep["type"].as_str().expect("text")) {
                    assert!(deep[name].is_u64(), "{deep}");
                }
                assert!(plain[name].is_null() || plain[name] == deep[name], "{plain} {deep}");
            }
        }
    }
}
