//! Every input that a fuzzer once found to be worth keeping, and the seeds of the corpus, run
//! again.
#![cfg(feature = "dragonfly")]
#![allow(clippy::cast_possible_truncation, reason = "the harness is that of the fuzzers")]

#[path = "../../../fuzz/src/harness.rs"]
#[allow(unreachable_pub, reason = "public in the crate of the fuzzers")]
mod harness;

use std::path::Path;

#[test]
fn findings_stay_fixed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/artifacts");
    for (name, target) in harness::TARGETS {
        for path in files(&root.join(name)) {
            target(&std::fs::read(path).expect("a file"));
        }
    }
}

#[test]
fn small_files_pass_all_targets() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let files: Vec<_> =
        files(&testdata).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rdb")).collect();
    assert!(!files.is_empty());
    for path in files {
        let bytes = std::fs::read(path).expect("a file");
        for (_, target) in harness::TARGETS {
            target(&bytes);
            target(&bytes[9..]);
        }
    }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_file()).collect()
}
