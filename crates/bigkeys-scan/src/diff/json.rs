//! The JSON of what changed between two saved reports.

use rdb_analysis::json::{KeysAs, NameJson};
use rdb_analysis::{DataType, ExpiryBucket, Group};
use serde::Serialize;

use super::changes::KeySide;
use super::reports::{GroupChange, ListedKey, PrefixChanges, ReportDiff};

/// Version of the shape of the JSON. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Converts a difference of sums of bytes to 64 bits. Only a hostile file exceeds them.
pub fn clamped(bytes: i128) -> i64 {
    i64::try_from(bytes).unwrap_or(if bytes < 0 { i64::MIN } else { i64::MAX })
}

/// The comparison of two saved reports as the documented JSON.
pub fn report_diff_json(diff: &ReportDiff, keys_as: KeysAs) -> impl Serialize + '_ {
    ReportDiffJson {
        schema_version: SCHEMA_VERSION,
        bytes_are: if diff.has_memory { "memory_bytes" } else { "rdb_bytes" },
        totals: ChangeJson::new(&diff.totals),
        by_type: diff
            .by_type
            .iter()
            .map(|(data_type, change)| TypeJson { data_type: *data_type, change: ChangeJson::new(change) })
            .collect(),
        by_encoding: diff
            .by_encoding
            .iter()
            .map(|((data_type, encoding), change)| EncodingJson {
                data_type: *data_type,
                encoding: encoding.name(),
                change: ChangeJson::new(change),
            })
            .collect(),
        by_db: diff
            .by_db
            .iter()
            .map(|(db, change)| DbJson { db: *db, change: ChangeJson::new(change) })
            .collect(),
        expiry: diff
            .by_expiry
            .iter()
            .map(|(bucket, change)| ExpiryJson { bucket: *bucket, change: ChangeJson::new(change) })
            .collect(),
        prefixes: diff.prefixes.as_ref().map(|prefixes| PrefixesJson::new(prefixes, keys_as)),
        keys: diff.keys.iter().map(|key| KeyJson::new(key, keys_as)).collect(),
    }
}

#[derive(Serialize)]
struct ReportDiffJson<'a> {
    schema_version: u32,
    bytes_are: &'static str,
    totals: ChangeJson<'a>,
    by_type: Vec<TypeJson<'a>>,
    by_encoding: Vec<EncodingJson<'a>>,
    by_db: Vec<DbJson<'a>>,
    expiry: Vec<ExpiryJson<'a>>,
    prefixes: Option<PrefixesJson<'a>>,
    keys: Vec<KeyJson<'a>>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    growth_bytes: i64,
    old: &'a Group,
    new: &'a Group,
}

impl<'a> ChangeJson<'a> {
    fn new(change: &'a GroupChange) -> Self {
        Self { growth_bytes: clamped(change.growth_bytes()), old: &change.old, new: &change.new }
    }
}

#[derive(Serialize)]
struct TypeJson<'a> {
    #[serde(rename = "type")]
    data_type: DataType,
    #[serde(flatten)]
    change: ChangeJson<'a>,
}

#[derive(Serialize)]
struct EncodingJson<'a> {
    #[serde(rename = "type")]
    data_type: DataType,
    encoding: &'static str,
    #[serde(flatten)]
    change: ChangeJson<'a>,
}

#[derive(Serialize)]
struct DbJson<'a> {
    db: Option<u64>,
    #[serde(flatten)]
    change: ChangeJson<'a>,
}

#[derive(Serialize)]
struct ExpiryJson<'a> {
    bucket: ExpiryBucket,
    #[serde(flatten)]
    change: ChangeJson<'a>,
}

#[derive(Serialize)]
struct PrefixesJson<'a> {
    groups: Vec<PrefixJson<'a>>,
    no_prefix: ChangeJson<'a>,
    others: ChangeJson<'a>,
    error_bytes: u64,
}

impl<'a> PrefixesJson<'a> {
    fn new(prefixes: &'a PrefixChanges, keys_as: KeysAs) -> Self {
        let group = |(prefix, change): &'a (Vec<u8>, GroupChange)| PrefixJson {
            prefix: NameJson::new("prefix", prefix, keys_as),
            change: ChangeJson::new(change),
        };
        Self {
            groups: prefixes.groups.iter().map(group).collect(),
            no_prefix: ChangeJson::new(&prefixes.no_prefix),
            others: ChangeJson::new(&prefixes.others),
            error_bytes: prefixes.error_bytes,
        }
    }
}

#[derive(Serialize)]
struct PrefixJson<'a> {
    #[serde(flatten)]
    prefix: NameJson<'a>,
    #[serde(flatten)]
    change: ChangeJson<'a>,
}

#[derive(Serialize)]
struct KeyJson<'a> {
    #[serde(flatten)]
    name: NameJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_truncated_from_bytes: Option<u64>,
    db: u64,
    change: &'static str,
    growth_bytes: Option<i64>,
    old: Option<&'a KeySide>,
    new: Option<&'a KeySide>,
}

impl<'a> KeyJson<'a> {
    fn new(key: &'a ListedKey, keys_as: KeysAs) -> Self {
        Self {
            name: NameJson::new("key", &key.key, keys_as),
            key_truncated_from_bytes: (key.key_bytes > key.key.len() as u64).then_some(key.key_bytes),
            db: key.db,
            change: key.change.name(),
            growth_bytes: key.growth_bytes().map(clamped),
            old: key.old.as_ref(),
            new: key.new.as_ref(),
        }
    }
}
