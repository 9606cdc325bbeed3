//! Readers of damaged files for the tests of hostile input.

use rdb_parser::{Checksum, Warning};

use super::{Content, file, key, string};

/// A sound key.
pub(crate) fn good(name: &str) -> Vec<u8> {
    key(0, name, string("v"))
}

/// Reads `record` between two good keys, of which the first must be read. Returns the error.
#[track_caller]
pub(crate) fn error_of(magic: &str, record: impl AsRef<[u8]>) -> rdb_parser::Error {
    let bytes = file(magic, [&good("before"), record.as_ref(), &good("after")].concat());
    let mut content = Content::of(&bytes, true);
    assert_eq!(content.names().first().map(String::as_str), Some("before"));
    assert_eq!(content.errors.len(), 1, "{:?} {:?}", content.errors, content.names());
    content.errors.remove(0)
}

/// As [`error_of`], for damage after which the next key must be read.
#[track_caller]
pub(crate) fn damage(magic: &str, record: impl AsRef<[u8]>) -> rdb_parser::Error {
    let bytes = file(magic, [&good("before"), record.as_ref(), &good("after")].concat());
    let mut content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["before", "after"], "{:?}", content.errors);
    assert!(content.adds_up, "every byte belongs to a key or to none");
    assert_eq!(content.checksum, Some(Checksum::Verified));
    assert_eq!(content.errors.len(), 1, "{:?}", content.errors);
    let error = content.errors.remove(0);
    assert!(error.is_contained());
    error
}

/// Damage that is also found without a walk of a packed value.
#[track_caller]
pub(crate) fn shallow_damage(magic: &str, record: impl AsRef<[u8]>) {
    damage(magic, &record);
    let bytes = file(magic, [record.as_ref(), &good("after")].concat());
    let content = Content::of(&bytes, false);
    assert_eq!((content.names(), content.errors.len()), (vec!["after".to_owned()], 1));
}

/// Reads a record that is irregular but readable; returns its warnings.
#[track_caller]
pub(crate) fn warnings_of(magic: &str, record: impl AsRef<[u8]>) -> Vec<Warning> {
    let bytes = file(magic, [record.as_ref(), &good("after")].concat());
    let content = Content::of(&bytes, true);
    assert!(content.errors.is_empty(), "{:?}", content.errors);
    assert!(content.adds_up);
    content.keys.first().map(|key| key.warnings.iter().collect()).unwrap_or_default()
}
