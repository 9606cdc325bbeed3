//! Every input that the fuzzer of ranges once found to be worth keeping, and small files, run
//! again.

#[path = "../../../fuzz/src/split.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzzers")]
#[allow(clippy::cast_possible_truncation, reason = "the harness is that of the fuzzers")]
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

/// Every order of two neighbouring records that the fuzzer chooses from, behind the mark of
/// Dragonfly.
#[test]
fn every_record_of_the_fuzzer_is_the_same_in_ranges() {
    for first in 0..=255u8 {
        let choices: Vec<u8> =
            [19, 0, first, 1].into_iter().chain((0..64).flat_map(|i| [first.wrapping_add(i), i])).collect();
        for kind in [2, 3, 6, 10] {
            split::split(&[&[kind, 40][..], &choices].concat());
        }
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
