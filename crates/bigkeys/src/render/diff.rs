//! What changed between two backups.

use std::cmp::Reverse;
use std::io::{self, Write};

use bigkeys::{ChangedGroup, ChangedKey, Changes, Diff, KeySide, clamped};
use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::GroupKind;
use rdb_analysis::json::{KeysAs, NameJson};
use rdb_parser::escape::Escaped;
use serde::Serialize;

use super::layout::{Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};

/// Version of the shape of the JSON. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Writes totals, types, groups by name, slots and keys.
pub(crate) fn table(
    out: &mut dyn Write,
    diff: &Diff,
    filter: Option<&str>,
    has_memory: bool,
    style: TableStyle,
) -> io::Result<()> {
    let totals = &diff.totals;
    let text = first_line(
        has_memory,
        totals.growth_bytes(),
        [totals.old_bytes, totals.new_bytes],
        [totals.old_keys, totals.new_keys],
    );
    style.width.paragraph(out, &text, "  ")?;
    if let Some(filter) = filter {
        let text = format!("Only keys with: {filter}");
        style.width.paragraph(out, &Escaped::for_terminal(text.as_bytes()).to_string(), "  ")?;
    }
    heading(out, "By type", style)?;
    let types = diff.by_type.iter().map(|(name, changes)| (name.as_bytes().to_vec(), *changes));
    changes_table(out, "type", types.chain([(b"total".to_vec(), *totals)]), style)?;
    if !diff.by_name.is_empty() {
        heading(out, "Changed keys by name, biggest change first", style)?;
        let groups = diff.by_name.iter().take(style.top);
        changes_table(out, "group", groups.map(|group| (label(group), group.changes)), style)?;
        heading(out, "Changed keys by cluster slot, biggest change first", style)?;
        let slots = slots(diff, style.top).into_iter();
        changes_table(
            out,
            "slot",
            slots.map(|(slot, changes)| (slot.to_string().into_bytes(), changes)),
            style,
        )?;
    }
    if !diff.keys.is_empty() {
        heading(out, "Keys, biggest change first", style)?;
        keys_table(out, &diff.keys, style)?;
    }
    Ok(())
}

/// What changed in one line, from bytes and keys before and after.
pub(super) fn first_line(has_memory: bool, growth_bytes: i128, bytes: [u64; 2], keys: [u64; 2]) -> String {
    let measure = if has_memory { "memory" } else { "bytes in the file" };
    let (sizes, keys) = (bytes.map(BinaryBytes), keys.map(HumanCount));
    let growth = signed(growth_bytes);
    format!(
        "{growth} of {measure}: {} before, {} after; {} keys before, {} after",
        sizes[0], sizes[1], keys[0], keys[1]
    )
}

fn changes_table(
    out: &mut dyn Write,
    last: &'static str,
    rows: impl Iterator<Item = (Vec<u8>, Changes)>,
    style: TableStyle,
) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        numbers("before", 2),
        numbers("after", 1),
        numbers("new keys", 3),
        numbers("gone", 4),
        numbers("grown", 5),
        numbers("shrunk", 6),
        numbers("expiry lost", 7),
        numbers("expiry set", 8),
        numbers("re-encoded", 9),
        numbers("other type", 10),
    ];
    let mut table = Table::new(columns, last);
    for (name, changes) in rows {
        let mut cells = vec![
            signed(changes.growth_bytes()),
            cell(Some(BinaryBytes(changes.old_bytes))),
            cell(Some(BinaryBytes(changes.new_bytes))),
        ];
        cells.extend(
            [
                changes.added_keys,
                changes.gone_keys,
                changes.grown_keys,
                changes.shrunk_keys,
                changes.expiry_lost_keys,
                changes.expiry_set_keys,
                changes.encoding_changed_keys,
                changes.type_changed_keys,
            ]
            .map(|keys| cell((keys > 0).then_some(HumanCount(keys)))),
        );
        table.push(cells, name);
    }
    table.write(out, style.width, |name, columns| {
        Name { bytes: name, is_whole: true, keys_as: style.keys_as }.shortened(columns)
    })
}

fn keys_table(out: &mut dyn Write, keys: &[ChangedKey], style: TableStyle) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        words("change", 1),
        numbers("after", 2),
        words("type", 3),
        numbers("elements", 4),
        words("encoding", 5),
        numbers("db", 6),
    ];
    let mut table = Table::new(columns, "key");
    for key in keys {
        let Some(side) = key.new.as_ref().or(key.old.as_ref()) else { continue };
        let cells = vec![
            signed(key.growth_bytes()),
            change(key).to_owned(),
            cell(key.new.as_ref().map(|side| BinaryBytes(side.bytes))),
            Escaped::for_terminal(side.data_type.as_bytes()).to_string(),
            cell(side.elements.map(HumanCount)),
            side.encoding.clone(),
            key.db.to_string(),
        ];
        table.push(cells, &key.key);
    }
    table.write(out, style.width, |name, columns| {
        Name { bytes: name, is_whole: true, keys_as: style.keys_as }.shortened(columns)
    })
}

fn change(key: &ChangedKey) -> &'static str {
    match (&key.old, &key.new) {
        (None, _) => "new",
        (_, None) => "gone",
        _ if key.growth_bytes() > 0 => "grown",
        _ => "shrunk",
    }
}

/// The slots with the most bytes gained or lost.
fn slots(diff: &Diff, top: usize) -> Vec<(u16, Changes)> {
    let mut slots: Vec<_> = diff.by_slot.iter().map(|(&slot, &changes)| (slot, changes)).collect();
    slots.sort_by_key(|(_, changes)| Reverse(changes.growth_bytes().unsigned_abs()));
    slots.truncate(top);
    slots
}

fn label(group: &ChangedGroup) -> Vec<u8> {
    match group.kind {
        GroupKind::NoSeparator => b"(no separator)".to_vec(),
        _ => group.path.clone(),
    }
}

/// Bytes with a sign.
pub(super) fn signed(bytes: i128) -> String {
    let sign = if bytes < 0 { "-" } else { "+" };
    let bytes = u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{sign}{}", BinaryBytes(bytes))
}

/// The comparison as the documented JSON, with at most `top` slots.
pub(crate) fn json<'a>(
    diff: &'a Diff,
    filter: Option<&'a str>,
    has_memory: bool,
    top: usize,
    keys_as: KeysAs,
) -> impl Serialize + 'a {
    DiffJson {
        schema_version: SCHEMA_VERSION,
        bytes_are: if has_memory { "memory_bytes" } else { "rdb_bytes" },
        filter,
        totals: ChangesJson::new(diff.totals),
        by_type: diff
            .by_type
            .iter()
            .map(|(data_type, changes)| TypeJson { data_type, changes: ChangesJson::new(*changes) })
            .collect(),
        by_name: diff
            .by_name
            .iter()
            .map(|group| GroupJson {
                kind: group.kind.name(),
                path: NameJson::new("path", &group.path, keys_as),
                changes: ChangesJson::new(group.changes),
            })
            .collect(),
        by_slot: slots(diff, top)
            .into_iter()
            .map(|(slot, changes)| SlotJson { slot, changes: ChangesJson::new(changes) })
            .collect(),
        keys: diff
            .keys
            .iter()
            .map(|key| KeyJson {
                name: NameJson::new("key", &key.key, keys_as),
                db: key.db,
                change: change(key),
                growth_bytes: clamped(key.growth_bytes()),
                old: key.old.as_ref(),
                new: key.new.as_ref(),
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct DiffJson<'a> {
    schema_version: u32,
    bytes_are: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    totals: ChangesJson,
    by_type: Vec<TypeJson<'a>>,
    by_name: Vec<GroupJson<'a>>,
    by_slot: Vec<SlotJson>,
    keys: Vec<KeyJson<'a>>,
}

#[derive(Serialize)]
struct ChangesJson {
    growth_bytes: i64,
    #[serde(flatten)]
    changes: Changes,
}

impl ChangesJson {
    fn new(changes: Changes) -> Self {
        Self { growth_bytes: clamped(changes.growth_bytes()), changes }
    }
}

#[derive(Serialize)]
struct TypeJson<'a> {
    #[serde(rename = "type")]
    data_type: &'a str,
    #[serde(flatten)]
    changes: ChangesJson,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    kind: &'static str,
    #[serde(flatten)]
    path: NameJson<'a>,
    #[serde(flatten)]
    changes: ChangesJson,
}

#[derive(Serialize)]
struct SlotJson {
    slot: u16,
    #[serde(flatten)]
    changes: ChangesJson,
}

#[derive(Serialize)]
struct KeyJson<'a> {
    #[serde(flatten)]
    name: NameJson<'a>,
    db: u64,
    change: &'static str,
    growth_bytes: i64,
    old: Option<&'a KeySide>,
    new: Option<&'a KeySide>,
}
