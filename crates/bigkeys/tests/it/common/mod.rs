//! What the tests of the program share.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

/// The program under test.
pub(crate) fn bigkeys(args: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("bigkeys"));
    command.args(args);
    command
}

/// The output of the program, whatever its status.
pub(crate) fn output(args: &[&str]) -> Output {
    bigkeys(args).output().expect("the program runs")
}

/// Standard output of a run that must end with `status`.
pub(crate) fn stdout(args: &[&str], status: i32) -> String {
    let output = output(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {errors}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the output is JSON")
}

/// One JSON object a line.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

/// The content of a file of string keys with values of a length.
pub(crate) fn string_keys(keys: &[(&str, u8)]) -> Vec<u8> {
    let mut file = b"REDIS0003\xfe\x00".to_vec();
    for (key, value_bytes) in keys {
        file.extend([0, u8::try_from(key.len()).expect("short")]);
        file.extend(key.as_bytes());
        file.extend([0x40, *value_bytes]);
        file.extend(vec![b'v'; usize::from(*value_bytes)]);
    }
    file.push(0xff);
    file
}

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

/// Every RDB file in `testdata`, by path.
pub(crate) fn all_testdata() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in [testdata(""), testdata("fixtures")] {
        for entry in std::fs::read_dir(directory).expect("testdata is there") {
            let path = entry.expect("readable").path();
            if path.extension().is_some_and(|extension| extension == "rdb") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() >= 13, "the fixtures are there");
    files
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
