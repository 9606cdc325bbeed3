//! Scans to JSON.

use std::fs;
use std::path::Path;

use bigkeys_capi::{
    Code, Options, bigkeys_options_set_deep, bigkeys_options_set_map_files, bigkeys_options_set_memory,
    bigkeys_options_set_prefixes, bigkeys_options_set_recursive, bigkeys_options_set_separator,
    bigkeys_options_set_stop_flag, bigkeys_options_set_threads, bigkeys_options_set_top,
    bigkeys_options_set_verify_checksum, bigkeys_stop_flag_free, bigkeys_stop_flag_new,
    bigkeys_stop_flag_set,
};
use bigkeys_scan::{Rank, Report, Scan};
use rdb_analysis::json::{KeysAs, report, write_pretty};

use crate::common::{fixture, fixtures, scan};

fn json_of(result: &Report) -> String {
    let mut json = Vec::new();
    write_pretty(&mut json, &report(result, KeysAs::Auto)).expect("in memory");
    json.push(b'\n');
    String::from_utf8(json).expect("UTF-8")
}

#[test]
fn the_json_is_that_of_the_library() {
    let paths = fixtures();
    let expected = json_of(&Scan::inputs(&paths).run().expect("scans"));
    assert_eq!(scan(&Options::default(), &paths), (Some(expected), None));
}

#[test]
fn options_reach_the_scan() {
    let path = fixture();
    let mut options = Options::default();
    for code in [
        bigkeys_options_set_threads(Some(&mut options), 2),
        bigkeys_options_set_top(Some(&mut options), 3),
        bigkeys_options_set_prefixes(Some(&mut options), 2),
        bigkeys_options_set_separator(Some(&mut options), b'e'),
        bigkeys_options_set_deep(Some(&mut options), 1),
        bigkeys_options_set_memory(Some(&mut options), 0),
        bigkeys_options_set_verify_checksum(Some(&mut options), 0),
        bigkeys_options_set_map_files(Some(&mut options), 0),
    ] {
        assert_eq!(code, Code::Ok);
    }
    let expected = Scan::inputs([&path]).top(3).prefixes(2).separator(b'e').deep(true).memory(false);
    let expected = json_of(&expected.rank(Rank::RdbBytes).verify_checksum(false).run().expect("scans"));
    assert_ne!(expected, json_of(&Scan::inputs([&path]).run().expect("scans")));
    assert_eq!(scan(&options, &[path]), (Some(expected), None));
}

#[test]
fn directories_are_searched_as_the_option_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = directory.path().join("inner");
    fs::create_dir(&inner).expect("created");
    fs::copy(fixture(), inner.join("dump.rdb")).expect("copied");
    let mut options = Options::default();
    let (json, error) = scan(&options, &[directory.path()]);
    assert_eq!((json, error.map(|error| error.code)), (None, Some(Code::NotFound)));
    bigkeys_options_set_recursive(Some(&mut options), 1);
    let expected = json_of(&Scan::inputs([directory.path()]).recursive(true).run().expect("scans"));
    assert_eq!(scan(&options, &[directory.path()]), (Some(expected), None));
}

#[test]
fn inputs_that_cannot_be_scanned_are_errors() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.rdb");
    let text = directory.path().join("text.rdb");
    let empty = directory.path().join("empty.rdb");
    fs::write(&text, "not a dump at all").expect("written");
    fs::write(&empty, "").expect("written");
    for (path, code) in [(&missing, Code::NotFound), (&text, Code::NotRdb), (&empty, Code::NotRdb)] {
        let path_text = path.to_str().expect("UTF-8");
        let (json, error) = scan(&Options::default(), &[&fixture(), path]);
        let error = error.expect("an error");
        assert_eq!((json, error.code, error.path.as_deref()), (None, code, Some(path_text)));
        let expected = Scan::inputs([path]).run().expect_err("fails").to_string();
        assert_eq!(error.message, expected);
        assert!(error.message.starts_with(path_text), "{}", error.message);
    }
}

#[test]
fn damage_is_in_the_json() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = truncated(directory.path());
    let report = Scan::inputs([&path]).run().expect("scans");
    assert!(!report.is_clean());
    assert_eq!(scan(&Options::default(), &[path]), (Some(json_of(&report)), None));
}

#[test]
fn a_stopped_scan_says_so_and_has_a_report() {
    let mut options = Options::default();
    let flag = bigkeys_stop_flag_new().expect("a flag");
    assert_eq!(bigkeys_options_set_stop_flag(Some(&mut options), Some(&flag)), Code::Ok);
    let (_, error) = scan(&options, &[fixture()]);
    assert_eq!(error, None);
    assert_eq!(bigkeys_stop_flag_set(Some(&flag)), Code::Ok);
    bigkeys_stop_flag_free(Some(flag));
    let (json, error) = scan(&options, &[fixture()]);
    assert_eq!(error.map(|error| error.code), Some(Code::Stopped));
    assert!(json.expect("a report").contains("\"schema_version\""));
}

#[cfg(not(feature = "remote"))]
#[test]
fn a_build_without_object_stores_says_so() {
    let (json, error) = scan(&Options::default(), &["s3://bucket/dump.rdb"]);
    assert_eq!((json, error.map(|error| error.code)), (None, Some(Code::Unsupported)));
}

/// Writes the first two thirds of a dump to `directory`.
pub(crate) fn truncated(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("truncated.rdb");
    let mut bytes = fs::read(fixture()).expect("a dump");
    bytes.truncate(bytes.len() / 3 * 2);
    fs::write(&path, bytes).expect("written");
    path
}
