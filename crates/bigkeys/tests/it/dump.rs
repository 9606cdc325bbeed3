//! `bigkeys dump`.

use std::fs;

use crate::common::{all_testdata, bigkeys, json, json_lines, output, stdout, string_keys, testdata, text};
use rdb_parser::escape::Escaped;
use serde_json::{Value, json};

/// The contents of a key, and of all keys of its name.
fn dump(file: &str, key: &str) -> Vec<Value> {
    json_lines(&stdout(&["dump", key, file], 0))
}

#[test]
fn every_key_of_a_dump_has_as_many_elements_as_keys_says() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let file = text(&file);
    let mut compared = 0;
    // One key in five, of every type.
    for key in json_lines(&stdout(&["keys", file], 0)).iter().step_by(5) {
        let name = match key["key"].as_str() {
            Some(name) => name.as_bytes().to_vec(),
            None => continue,
        };
        let (Some(elements), db) = (key["elements"].as_u64(), key["db"].to_string()) else { continue };
        let name = Escaped::for_terminal(&name).to_string();
        let found = json(&stdout(&["dump", "--db", &db, "--", &name, file], 0));
        let contents = found["contents"].as_array().expect("an array");
        let groups =
            contents.iter().filter(|element| !element["group"].is_null() || !element["consumer"].is_null());
        assert_eq!((contents.len() - groups.count()) as u64, elements, "{name}: {}", key["type"]);
        for field in ["type", "encoding", "rdb_bytes", "db"] {
            assert_eq!(found[field], key[field], "{name}");
        }
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[test]
fn elements_are_json_of_their_kind() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    let mut file = b"REDIS0003".to_vec();
    file.extend(b"\x00\x01s\x02\xff\x00");
    file.extend(b"\x01\x01l\x02\x01a\xc0\x07");
    file.extend(b"\x03\x01z\x02\x01m\x031.5\x01n\xfe");
    file.extend(b"\x04\x01h\x01\x01f\x03v\x1bw");
    file.push(0xff);
    fs::write(&path, file).expect("written");
    let contents = |key: &str| dump(text(&path), key)[0]["contents"].clone();
    assert_eq!(contents("s"), json!([{"b64": "/wA="}]));
    assert_eq!(contents("l"), json!(["a", "7"]));
    assert_eq!(contents("z"), json!([{"member": "m", "score": 1.5}, {"member": "n", "score": "inf"}]));
    assert_eq!(contents("h"), json!([{"field": "f", "value": "v\u{1b}w"}]));
    let shown = stdout(&["dump", "h", text(&path)], 0);
    assert!(!shown.contains('\u{1b}'), "harmless on a terminal: {shown}");
}

#[test]
fn raw_is_the_bytes_of_a_string_and_of_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    let mut file = b"REDIS0003\x00\x01k\x80\x00\x01\x00\x00".to_vec();
    let value: Vec<u8> = (0..=255u8).cycle().take(1 << 16).collect();
    file.extend(&value);
    file.extend(b"\x01\x01l\x01\x01a\xff");
    fs::write(&path, file).expect("written");
    let raw = output(&["dump", "--format", "raw", "k", text(&path)]);
    assert_eq!((raw.status.code(), &raw.stdout), (Some(0), &value));
    let refused = output(&["dump", "--format", "raw", "l", text(&path)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("only a string has raw bytes"));
}

#[test]
fn commands_write_the_key_and_when_it_expires() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    let mut file = b"REDIS0003\xfe\x03\xfc".to_vec();
    file.extend(1_700_000_000_000u64.to_le_bytes());
    file.extend(b"\x04\x01h\x01\x01f\x01v\xff");
    fs::write(&path, file).expect("written");
    let commands = stdout(&["dump", "--format", "resp", "h", text(&path)], 0);
    let expected =
        "*2|$6|SELECT|$1|3|*2|$3|DEL|$1|h|*4|$4|HSET|$1|h|$1|f|$1|v|*3|$9|PEXPIREAT|$1|h|$13|1700000000000|";
    assert_eq!(commands.replace("\r\n", "|"), expected);
}

#[test]
fn a_key_that_is_not_there_and_one_that_is_damaged_have_a_status_of_their_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("dump.rdb");
    fs::write(&path, string_keys(&[("a", 10), ("b", 10)])).expect("written");
    let none = output(&["dump", "none", text(&path)]);
    assert_eq!((none.status.code(), none.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&none.stderr).contains("none: there is no such key"));
    let whole = fs::read(&path).expect("readable");
    fs::write(&path, &whole[..whole.len() - 5]).expect("written");
    assert_eq!(dump_status(text(&path), "a"), Some(3), "the rest of the file is damaged");
    assert_eq!(dump_status(text(&path), "none"), Some(3), "the key may be in what cannot be read");
}

#[test]
fn what_cannot_be_written_as_commands_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, other) = (dir.path().join("a.rdb"), dir.path().join("b.rdb"));
    // A sorted set of which a score is no number.
    fs::write(&path, b"REDIS0003\x03\x01z\x01\x01m\xfd\xff").expect("written");
    fs::write(&other, string_keys(&[("z", 3)])).expect("written");
    for (inputs, message) in
        [(vec![text(&path)], "a score is no number"), (vec![text(&path), text(&other)], "several records")]
    {
        let refused = output(&[&["dump", "--format", "resp", "z"], inputs.as_slice()].concat());
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(errors.contains(message), "{errors}");
    }
    let refused = output(&["dump", "z", "-"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("dump reads twice"));
}

fn dump_status(file: &str, key: &str) -> Option<i32> {
    bigkeys(&["dump", key, file]).output().expect("the program runs").status.code()
}

#[test]
fn no_key_of_a_bundled_file_makes_the_program_fail_in_another_way() {
    for file in all_testdata() {
        let file = text(&file);
        let keys = output(&["keys", file]).stdout;
        for key in json_lines(&String::from_utf8(keys).expect("UTF-8")).iter().take(2) {
            let Some(name) = key["key"].as_str() else { continue };
            let name = Escaped::for_terminal(name.as_bytes()).to_string();
            for format in ["json", "resp"] {
                let found = output(&["dump", "--format", format, "--", &name, file]);
                let errors = String::from_utf8_lossy(&found.stderr).into_owned();
                let status = found.status.code();
                assert!(
                    matches!(status, Some(0 | 2 | 3)) && !errors.contains("panicked"),
                    "{file} {name}: {status:?} {errors}"
                );
            }
        }
    }
}
