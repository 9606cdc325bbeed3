//! Walks over keys.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use bigkeys_capi::{
    BIGKEYS_NO_EXPIRY, BIGKEYS_UNKNOWN, Code, Key, Options, bigkeys_options_set_deep,
    bigkeys_options_set_memory, bigkeys_options_set_stop_flag, bigkeys_stop_flag_new, bigkeys_stop_flag_set,
};
use bigkeys_scan::{KeyView, Scan};

use crate::common::{SeenError, fixture, fixtures, texts, walk};
use crate::scan::truncated;

/// All that a key says.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: Vec<u8>,
    texts: (String, String),
    numbers: [Option<u64>; 8],
    expires_at_ms: Option<i64>,
    freq_and_slot: [Option<i32>; 2],
    memory_is_modelled: bool,
}

impl Row {
    fn of_key(key: &Key) -> Self {
        let known = |number: i64| (number != BIGKEYS_UNKNOWN).then(|| number.cast_unsigned());
        let (name, data_type, encoding) = texts(key);
        Self {
            name: name.to_owned(),
            texts: (data_type.to_owned(), encoding.to_owned()),
            numbers: [
                Some(key.whole_name_len),
                Some(key.db),
                Some(key.rdb_bytes),
                Some(key.offset),
                known(key.elements),
                known(key.value_bytes),
                known(key.memory_bytes),
                known(key.idle_seconds),
            ],
            expires_at_ms: (key.expires_at_ms != BIGKEYS_NO_EXPIRY).then_some(key.expires_at_ms),
            freq_and_slot: [key.freq, key.slot].map(|number| (number != -1).then_some(number)),
            memory_is_modelled: key.memory_is_modelled == 1,
        }
    }

    fn of_view(view: &KeyView<'_>) -> Self {
        let measure = &view.measure;
        let name = view.key.decode(&mut Vec::new()).expect("a name").to_owned();
        Self {
            texts: (measure.data_type.to_string(), measure.encoding.to_string()),
            numbers: [
                Some(name.len() as u64),
                Some(measure.db),
                Some(measure.rdb_bytes),
                Some(measure.offset),
                measure.elements,
                measure.value_bytes,
                measure.memory_bytes,
                measure.idle_seconds,
            ],
            name,
            expires_at_ms: measure.expires_at_ms,
            freq_and_slot: [measure.freq.map(i32::from), measure.slot.map(i32::from)],
            memory_is_modelled: measure.memory_bytes.is_some() && measure.memory_is_modelled,
        }
    }
}

fn rows(options: &Options, path: &Path) -> (Vec<Row>, Option<SeenError>) {
    let mut rows = Vec::new();
    let error = walk(options, path, |key| {
        rows.push(Row::of_key(key));
        0
    });
    (rows, error)
}

fn expected_rows(scan: &Scan<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    scan.for_each_key(|view| rows.push(Row::of_view(view))).expect("scans");
    rows
}

#[test]
fn keys_are_those_of_the_library() {
    for path in fixtures() {
        let (rows, error) = rows(&Options::default(), &path);
        assert_eq!(error, None, "{}", path.display());
        assert!(!rows.is_empty());
        assert_eq!(rows, expected_rows(&Scan::inputs([&path])), "{}", path.display());
    }
}

#[test]
fn options_decide_what_is_known() {
    let path = fixture();
    let mut options = Options::default();
    bigkeys_options_set_deep(Some(&mut options), 1);
    bigkeys_options_set_memory(Some(&mut options), 0);
    let (rows, _) = rows(&options, &path);
    assert_eq!(rows, expected_rows(&Scan::inputs([&path]).deep(true).memory(false)));
    let mut largest = Vec::new();
    walk(&options, &path, |key| {
        assert_eq!((key.memory_bytes, key.memory_is_modelled), (BIGKEYS_UNKNOWN, 0));
        largest.push(key.largest_element_bytes);
        0
    });
    let mut expected = Vec::new();
    let each = |view: &KeyView<'_>| {
        let bytes = view.measure.largest_element_bytes;
        expected.push(bytes.map_or(BIGKEYS_UNKNOWN, |bytes| bytes.try_into().expect("small")));
    };
    Scan::inputs([&path]).deep(true).for_each_key(each).expect("scans");
    assert!(largest.iter().any(|&bytes| bytes > 0));
    assert_eq!(largest, expected);
}

#[test]
fn names_are_binary_and_decoded() {
    // A name with NUL bytes, one stored as a number, and one that is compressed: 20 times "a".
    let mut dump = b"REDIS0003\xfe\x02\x00\x03\0x\0\x01v\x00\xc0\x07\x01v\x00\xc3\x05\x14".to_vec();
    dump.extend(b"\x00a\xe0\x0a\x00\x01v\xff");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("names.rdb");
    fs::write(&path, dump).expect("written");
    let (rows, error) = rows(&Options::default(), &path);
    assert_eq!(error, None);
    let names: Vec<_> = rows.iter().map(|row| row.name.as_slice()).collect();
    assert_eq!(names, [b"\0x\0".as_slice(), b"7", &[b'a'; 20]]);
    assert!(rows.iter().all(|row| row.numbers[1] == Some(2)));
}

#[test]
fn the_callback_ends_the_walk() {
    let mut calls = 0;
    let error = walk(&Options::default(), fixture(), |_| {
        calls += 1;
        i32::from(calls == 3)
    });
    let error = error.expect("an ending");
    assert_eq!((calls, error.code), (3, Code::Stopped));
    assert!(error.message.ends_with("the callback ended the walk"), "{}", error.message);
    assert!(error.offset > 0);
}

#[test]
fn the_stop_flag_ends_the_walk_from_the_callback() {
    let mut options = Options::default();
    let flag = bigkeys_stop_flag_new().expect("a flag");
    bigkeys_options_set_stop_flag(Some(&mut options), Some(&flag));
    let (all, _) = rows(&options, &fixture());
    let mut calls = 0;
    let error = walk(&options, fixture(), |_| {
        calls += 1;
        bigkeys_stop_flag_set(Some(&flag));
        0
    });
    let error = error.expect("an ending");
    assert_eq!(error.code, Code::Stopped, "{}", error.message);
    assert!(error.message.ends_with("the stop flag ended the walk"), "{}", error.message);
    assert!(calls < all.len());
    let error = walk(&options, fixture(), |_| panic!("the flag is set already")).expect("an ending");
    assert_eq!(error.code, Code::Stopped, "{}", error.message);
}

#[test]
fn damage_is_a_code_after_all_readable_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = truncated(directory.path());
    let (rows, error) = rows(&Options::default(), &path);
    let mut expected = Vec::new();
    let scanned = Scan::inputs([&path]).for_each_key(|view| expected.push(Row::of_view(view)));
    let coverage = &scanned.expect("scans")[0].facts.coverage;
    assert!(!rows.is_empty());
    assert_eq!(rows, expected);
    let error = error.expect("damage");
    let path = path.to_str().expect("UTF-8");
    let reason = coverage.reason.as_deref().expect("a reason");
    assert_eq!((error.code, error.message), (Code::Damaged, format!("{path}: {reason}")));
    assert_eq!(error.path.as_deref(), Some(path));
    assert_eq!(u64::try_from(error.offset).ok(), coverage.stopped_at_offset);
}

#[test]
fn a_wrong_checksum_is_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("checksum.rdb");
    let mut bytes = fs::read(fixture()).expect("a dump");
    *bytes.last_mut().expect("bytes") ^= 1;
    fs::write(&path, bytes).expect("written");
    let (rows, error) = rows(&Options::default(), &path);
    let error = error.expect("damage");
    assert_eq!((error.code, error.offset), (Code::Damaged, BIGKEYS_UNKNOWN));
    assert!(error.message.contains("checksum mismatch: the file says "), "{}", error.message);
    assert_eq!(rows.len(), expected_rows(&Scan::inputs([fixture()])).len());
}

#[test]
fn files_that_are_no_dumps_are_errors() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("text.rdb");
    fs::write(&text, "not a dump at all").expect("written");
    let missing = directory.path().join(OsStr::from_bytes(b"missing\xff.rdb"));
    for (path, code) in [(text, Code::NotRdb), (missing, Code::NotFound)] {
        let (rows, error) = rows(&Options::default(), &path);
        let error = error.expect("an error");
        assert_eq!((rows, error.code), (Vec::new(), code));
        assert_eq!(error.path.as_deref(), Some(&*path.to_string_lossy()));
    }
}

#[test]
fn a_walk_reads_one_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let copy = |name| fs::copy(fixture(), directory.path().join(name)).expect("copied");
    copy("a.rdb");
    let (one, error) = rows(&Options::default(), directory.path());
    assert_eq!((one.is_empty(), error), (false, None));
    copy("b.rdb");
    let (none, error) = rows(&Options::default(), directory.path());
    let error = error.expect("an error");
    assert_eq!((none, error.code), (Vec::new(), Code::InvalidArgument));
    let message = ": these are 2 files, and a walk reads one";
    assert_eq!(error.message, format!("{}{message}", PathBuf::from(directory.path()).display()));
}
