//! What changed between two saved reports.

use std::io::{self, Write};

use bigkeys::{GroupChange, KeySide, ListedKey, PrefixChanges, ReportDiff};
use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::{KeysAs, NameJson};
use rdb_analysis::{DataType, ExpiryBucket, Group};
use rdb_parser::escape::Escaped;
use serde::Serialize;

use super::diff::{clamped, first_line, signed};
use super::layout::{NONE, Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};

/// Version of the shape of the JSON. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Writes totals, types, prefixes, databases and keys.
pub(crate) fn table(out: &mut dyn Write, diff: &ReportDiff, style: TableStyle) -> io::Result<()> {
    let totals = &diff.totals;
    let text = first_line(
        diff.has_memory,
        totals.growth_bytes(),
        [totals.old_bytes, totals.new_bytes],
        [totals.old.keys, totals.new.keys],
    );
    style.width.paragraph(out, &text, "  ")?;
    heading(out, "By type", style)?;
    let types = diff.by_type.iter().map(|(data_type, change)| (data_type.to_string().into_bytes(), *change));
    changes_table(out, "type", types.chain([(b"total".to_vec(), *totals)]), style)?;
    if let Some(prefixes) = &diff.prefixes {
        prefix_table(out, prefixes, style)?;
    }
    if diff.by_db.len() > 1 {
        heading(out, "By database", style)?;
        let name = |db: &Option<u64>| db.map_or_else(|| "others".to_owned(), |db| db.to_string());
        let dbs = diff.by_db.iter().map(|(db, change)| (name(db).into_bytes(), *change));
        changes_table(out, "db", dbs, style)?;
    }
    if !diff.keys.is_empty() {
        heading(out, "Listed keys, biggest change first", style)?;
        keys_table(out, &diff.keys, style)?;
        let text = "A report lists the biggest keys of each type. The size of a key that entered or \
                    left the lists is not known in the other report.";
        if diff.keys.iter().any(|key| key.growth_bytes().is_none()) {
            style.width.paragraph(out, text, "  ")?;
        }
    }
    Ok(())
}

fn prefix_table(out: &mut dyn Write, prefixes: &PrefixChanges, style: TableStyle) -> io::Result<()> {
    let changed = prefixes.groups.iter().filter(|(_, change)| change.old != change.new);
    let rows: Vec<_> = changed.map(|(prefix, change)| (prefix.clone(), *change)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    heading(out, "Changed prefixes, biggest change first", style)?;
    changes_table(out, "prefix", rows.into_iter(), style)?;
    if prefixes.error_bytes > 0 {
        let text = format!(
            "There were too many prefixes to count all of them: each change may be wrong by up to {}.",
            BinaryBytes(prefixes.error_bytes)
        );
        style.width.paragraph(out, &text, "  ")?;
    }
    Ok(())
}

fn changes_table(
    out: &mut dyn Write,
    last: &'static str,
    rows: impl Iterator<Item = (Vec<u8>, GroupChange)>,
    style: TableStyle,
) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        numbers("before", 2),
        numbers("after", 1),
        numbers("keys before", 4),
        numbers("keys after", 3),
    ];
    let mut table = Table::new(columns, last);
    for (name, change) in rows {
        let cells = vec![
            signed(change.growth_bytes()),
            cell(Some(BinaryBytes(change.old_bytes))),
            cell(Some(BinaryBytes(change.new_bytes))),
            cell(Some(HumanCount(change.old.keys))),
            cell(Some(HumanCount(change.new.keys))),
        ];
        table.push(cells, name);
    }
    table.write(out, style.width, |name, columns| {
        Name { bytes: name, is_whole: true, keys_as: style.keys_as }.shortened(columns)
    })
}

fn keys_table(out: &mut dyn Write, keys: &[ListedKey], style: TableStyle) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        words("change", 1),
        numbers("before", 3),
        numbers("after", 2),
        words("type", 4),
        numbers("elements", 5),
        numbers("db", 6),
    ];
    let mut table = Table::new(columns, "key");
    for key in keys {
        let Some(side) = key.new.as_ref().or(key.old.as_ref()) else { continue };
        let bytes = |side: &Option<KeySide>| cell(side.as_ref().map(|side| BinaryBytes(side.bytes)));
        let cells = vec![
            key.growth_bytes().map_or_else(|| NONE.to_owned(), signed),
            key.change.name().to_owned(),
            bytes(&key.old),
            bytes(&key.new),
            Escaped::for_terminal(side.data_type.as_bytes()).to_string(),
            cell(side.elements.map(HumanCount)),
            key.db.to_string(),
        ];
        let is_whole = key.key_bytes == key.key.len() as u64;
        table.push(cells, Name { bytes: &key.key, is_whole, keys_as: style.keys_as });
    }
    table.write(out, style.width, Name::shortened)
}

/// The comparison as the documented JSON.
pub(crate) fn json(diff: &ReportDiff, keys_as: KeysAs) -> impl Serialize + '_ {
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
