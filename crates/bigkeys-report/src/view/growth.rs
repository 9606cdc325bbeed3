//! What changed since an earlier backup.

use bigkeys_scan::{ChangedKey, Changes, Diff};
use rdb_analysis::GroupKind;
use serde::Serialize;

use crate::text::{self, bytes, count, counted, growth, length};

/// Groups and keys that have a row each.
const MAX_ROWS: usize = 200;

/// Bytes of the name of a key that are known.
const MAX_KNOWN_NAME_BYTES: usize = 64 << 10;

/// The growth of a page.
#[derive(Debug, Serialize)]
pub(super) struct GrowthView {
    headline: String,
    types: Vec<Row>,
    groups: Vec<Row>,
    keys: Vec<KeyRow>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    growth: String,
    bar: Bar,
    before: String,
    after: String,
    added: String,
    gone: String,
}

/// A bar to the right of the middle for growth, to the left for loss. In percent.
#[derive(Debug, Serialize)]
struct Bar {
    x: String,
    width: String,
    is_loss: bool,
}

#[derive(Debug, Serialize)]
struct KeyRow {
    name: String,
    growth: String,
    change: &'static str,
    data_type: String,
    db: u64,
    before: String,
    after: String,
}

impl GrowthView {
    pub(super) fn new(diff: &Diff, has_memory: bool) -> Self {
        let totals = &diff.totals;
        let measure = if has_memory { "in memory" } else { "in the file" };
        let most =
            |growths: &mut dyn Iterator<Item = i128>| growths.map(i128::unsigned_abs).max().unwrap_or(0);
        let most_of_types = most(&mut diff.by_type.values().map(Changes::growth_bytes));
        let groups = || diff.by_name.iter().take(MAX_ROWS);
        let most_of_groups = most(&mut groups().map(|group| group.changes.growth_bytes()));
        Self {
            headline: format!(
                "{} {measure}: {} before, {} after; {} before, {} after",
                growth(totals.growth_bytes()),
                bytes(totals.old_bytes),
                bytes(totals.new_bytes),
                counted(totals.old_keys, "key"),
                count(totals.new_keys)
            ),
            types: diff
                .by_type
                .iter()
                .map(|(name, changes)| {
                    Row::new(text::name(name.as_bytes(), name.len() as u64), changes, most_of_types)
                })
                .collect(),
            groups: groups()
                .map(|group| {
                    let name = match group.kind {
                        GroupKind::NoSeparator => "(no separator)".to_owned(),
                        _ => text::name(&group.path, group.path.len() as u64),
                    };
                    Row::new(name, &group.changes, most_of_groups)
                })
                .collect(),
            keys: diff.keys.iter().take(MAX_ROWS).map(KeyRow::new).collect(),
        }
    }
}

impl Row {
    fn new(name: String, changes: &Changes, most: u128) -> Self {
        let change = changes.growth_bytes();
        let part = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
        let width = text::percent(part(change.unsigned_abs()), part(most)) / 2.0;
        let is_loss = change < 0;
        Self {
            name,
            growth: growth(change),
            bar: Bar { x: length(if is_loss { 50.0 - width } else { 50.0 }), width: length(width), is_loss },
            before: bytes(changes.old_bytes),
            after: bytes(changes.new_bytes),
            added: count(changes.added_keys),
            gone: count(changes.gone_keys),
        }
    }
}

impl KeyRow {
    fn new(key: &ChangedKey) -> Self {
        let side = key.new.as_ref().or(key.old.as_ref());
        let data_type = side.map_or("", |side| side.data_type.as_str());
        Self {
            name: text::cut_name(&key.key, MAX_KNOWN_NAME_BYTES),
            growth: growth(key.growth_bytes()),
            change: match (&key.old, &key.new) {
                (None, _) => "new",
                (_, None) => "gone",
                _ if key.growth_bytes() < 0 => "shrunk",
                _ if key.growth_bytes() > 0 => "grown",
                _ => "changed",
            },
            data_type: text::name(data_type.as_bytes(), data_type.len() as u64),
            db: key.db,
            before: key.old.as_ref().map(|side| bytes(side.bytes)).unwrap_or_default(),
            after: key.new.as_ref().map(|side| bytes(side.bytes)).unwrap_or_default(),
        }
    }
}
