//! Every input that the fuzzer of ranges once found to be worth keeping, and small files, run again.

#[path = "../../../fuzz/src/split.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzzers")]
mod split;

use std::fs;
use std::path::{Path, PathBuf};

fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_file()).collect()
}

#[test]
fn findings_stay_fixed() {
    for path in files("fuzz/artifacts/split") {
        split::split(&fs::read(path).expect("a file"));
    }
}

#[test]
fn small_files_are_the_same_in_ranges() {
    let files: Vec<_> =
        files("testdata").into_iter().filter(|path| path.extension().is_some_and(|e| e == "rdb")).collect();
    assert!(!files.is_empty());
    for path in files {
        let file = fs::read(path).expect("a file");
        for kind in [0, 4, 8, 12] {
            split::split(&[&[kind, 60][..], &file].concat());
        }
    }
}
