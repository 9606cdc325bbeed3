//! The shards, slots and hash tags of a cluster.

use std::cmp::Reverse;
use std::io::{self, Write};

use bigkeys::{KeyCopy, SharedKey, SharedKeyTable};
use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::{KeysAs, NameJson, provenance};
use rdb_analysis::{ClusterTable, Group, Report, ShardGroup, Skew, SlotGroup, SlotOwners};
use serde::Serialize;

use super::layout::{Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};
use super::table::share;
use super::{memory, sources};
use crate::messages::count;

/// Version of the shape of the JSON. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Slots that a table lists of those that several shards have.
const SHARED_SLOTS: usize = 20;

/// Columns that the names of the shards of a key may take.
const SHARDS_COLUMNS: usize = 48;

/// The result of `bigkeys cluster`.
#[derive(Debug)]
pub(crate) struct ClusterResult {
    pub(crate) table: ClusterTable,
    /// `None`: nobody asked for them, or the search failed or was stopped.
    pub(crate) shared_keys: Option<SharedKeyTable>,
}

/// Writes shards, slots and hash tags.
pub(crate) fn table(
    out: &mut dyn Write,
    report: &Report,
    result: &ClusterResult,
    owners: Option<&SlotOwners>,
    style: TableStyle,
) -> io::Result<()> {
    let ClusterResult { table: cluster, shared_keys } = result;
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    let measure = if report.totals.memory_bytes.is_some() { "in memory" } else { "in file" };
    let total: u64 = cluster.slots.iter().map(|slot| slot.bytes).fold(0, u64::saturating_add);

    let shard_bytes = cluster.shards.iter().map(|shard| shard.bytes);
    heading(out, &format!("By shard{}", skew_text(Skew::of(shard_bytes))), style)?;
    let columns = vec![
        numbers("share", 0),
        numbers(measure, 1),
        numbers("keys", 2),
        numbers("slots", 3),
        numbers("misplaced", 0),
    ];
    let mut table = Table::new(columns, "shard");
    for shard in &cluster.shards {
        let cells = vec![
            share(shard.bytes, total),
            cell(Some(BinaryBytes(shard.bytes))),
            cell(Some(HumanCount(shard.keys))),
            cell(Some(HumanCount(shard.slots as u64))),
            cell(shard.misplaced_keys.map(HumanCount)),
        ];
        table.push(cells, shard.shard.clone().unwrap_or_else(|| "(no shard)".to_owned()).into_bytes());
    }
    table.write(out, style.width, |name, columns| plain(name).shortened(columns))?;
    shared_slots(out, cluster, shared_keys.is_some(), style)?;
    if let Some(keys) = shared_keys {
        shared_key_table(out, keys, style)?;
    }

    let slot_bytes = cluster.slots.iter().map(|slot| slot.bytes);
    let slots = count(cluster.slots.len() as u64, "slot");
    let title = format!("Heaviest of {slots} with keys{}", skew_text(Skew::of(slot_bytes)));
    heading(out, &title, style)?;
    let columns = vec![numbers("share", 0), numbers(measure, 1), numbers("keys", 2), words("shard", 3)];
    let mut table = Table::new(columns, "slot");
    for slot in heaviest(cluster, style.top) {
        let owner = owners.and_then(|owners| owners.owner(slot.slot));
        let owner = owner.map(|owner| plain(owner.as_bytes()).shortened(usize::MAX));
        let cells = vec![
            share(slot.bytes, total),
            cell(Some(BinaryBytes(slot.bytes))),
            cell(Some(HumanCount(slot.keys))),
            cell(owner),
        ];
        table.push(cells, slot.slot.to_string());
    }
    table.write(out, style.width, |slot, _| slot.clone())?;
    tags(out, cluster, total, style)
}

/// Slots that should be of one shard, and are in the files of several.
fn shared_slots(
    out: &mut dyn Write,
    cluster: &ClusterTable,
    has_keys: bool,
    style: TableStyle,
) -> io::Result<()> {
    let shared = &cluster.shared_slots;
    if shared.is_empty() {
        return Ok(());
    }
    let listed: Vec<_> = shared.iter().take(SHARED_SLOTS).map(u16::to_string).collect();
    let more = if shared.len() > listed.len() { ", …" } else { "" };
    let text = format!(
        "{} in the files of more than one shard: {}{more}.{}",
        count(shared.len() as u64, "slot"),
        listed.join(","),
        if has_keys { "" } else { " --shared-keys lists the keys that several shards have." }
    );
    style.width.paragraph(out, &text, "  ")
}

fn shared_key_table(out: &mut dyn Write, shared: &SharedKeyTable, style: TableStyle) -> io::Result<()> {
    if shared.keys == 0 {
        return style.width.paragraph(out, "No key is in more than one shard.", "  ");
    }
    let keys = count(shared.keys, "key");
    heading(out, &format!("Largest of {keys} in more than one shard, {}", BinaryBytes(shared.bytes)), style)?;
    let columns = vec![numbers("all copies", 0), words("shards", 1), numbers("db", 2)];
    let mut table = Table::new(columns, "key");
    for key in &shared.largest {
        let shards: Vec<_> = key.copies.iter().map(|copy| copy.shard.as_str()).collect();
        let cells = vec![
            BinaryBytes(key.bytes()).to_string(),
            plain(shards.join(", ").as_bytes()).shortened(SHARDS_COLUMNS),
            key.db.to_string(),
        ];
        let is_whole = key.key_bytes == key.key.len() as u64;
        table.push(cells, Name { bytes: &key.key, is_whole, keys_as: style.keys_as });
    }
    table.write(out, style.width, Name::shortened)
}

fn tags(out: &mut dyn Write, cluster: &ClusterTable, total: u64, style: TableStyle) -> io::Result<()> {
    if cluster.tags.is_empty() {
        return Ok(());
    }
    heading(out, "Heaviest hash tags", style)?;
    let columns = vec![
        numbers("share", 0),
        numbers("in memory", 1),
        numbers("in file", 3),
        numbers("keys", 2),
        numbers("elements", 4),
    ];
    let mut table = Table::new(columns, "tag");
    for (tag, group) in &cluster.tags {
        let cells = vec![
            share(group.memory_bytes.unwrap_or(group.rdb_bytes), total),
            cell(memory::of_group(group)),
            cell(Some(BinaryBytes(group.rdb_bytes))),
            cell(Some(HumanCount(group.keys))),
            cell(Some(HumanCount(group.elements))),
        ];
        table.push(cells, Name { bytes: tag, is_whole: true, keys_as: style.keys_as });
    }
    table.write(out, style.width, Name::shortened)?;
    if cluster.tags_error_bytes > 0 {
        let text = format!(
            "There are too many hash tags to count all of them: each of these may have {} more.",
            BinaryBytes(cluster.tags_error_bytes)
        );
        style.width.paragraph(out, &text, "  ")?;
    }
    Ok(())
}

fn plain(name: &[u8]) -> Name<'_> {
    Name { bytes: name, is_whole: true, keys_as: KeysAs::Auto }
}

fn skew_text(skew: Option<Skew>) -> String {
    let text = |skew: Skew| {
        format!("; the largest has {:.2} times the mean, Gini {:.3}", skew.max_to_mean, skew.gini)
    };
    skew.map(text).unwrap_or_default()
}

/// The heaviest slots, heaviest first.
fn heaviest(cluster: &ClusterTable, listed: usize) -> Vec<SlotGroup> {
    let mut slots = cluster.slots.clone();
    slots.sort_by_key(|slot| (Reverse(slot.bytes), slot.slot));
    slots.truncate(listed);
    slots
}

/// Shards, the heaviest `listed` slots and hash tags.
pub(crate) fn json<'a>(
    report: &'a Report,
    result: &'a ClusterResult,
    owners: Option<&'a SlotOwners>,
    listed: usize,
    keys_as: KeysAs,
) -> impl Serialize + 'a {
    let ClusterResult { table: cluster, shared_keys } = result;
    let tag = |(tag, group): &'a (Vec<u8>, Group)| TagJson {
        tag: NameJson::new("tag", tag, keys_as),
        group: *group,
    };
    let slot =
        |group: SlotGroup| SlotJson { group, shard: owners.and_then(|owners| owners.owner(group.slot)) };
    ClusterJson {
        schema_version: SCHEMA_VERSION,
        provenance: provenance(report, keys_as),
        bytes_are: if report.totals.memory_bytes.is_some() { "memory_bytes" } else { "rdb_bytes" },
        shard_skew: Skew::of(cluster.shards.iter().map(|shard| shard.bytes)),
        slot_skew: Skew::of(cluster.slots.iter().map(|slot| slot.bytes)),
        shards: &cluster.shards,
        used_slots: cluster.slots.len(),
        shared_slots: &cluster.shared_slots,
        shared_keys: shared_keys.as_ref().map(|shared| SharedKeysJson {
            keys: shared.keys,
            bytes: shared.bytes,
            largest: shared.largest.iter().map(|key| SharedKeyJson::new(key, keys_as)).collect(),
        }),
        slots: heaviest(cluster, listed).into_iter().map(slot).collect(),
        tags: cluster.tags.iter().map(tag).collect(),
        tags_error_bytes: cluster.tags_error_bytes,
    }
}

#[derive(Serialize)]
struct ClusterJson<'a, P> {
    schema_version: u32,
    #[serde(flatten)]
    provenance: P,
    bytes_are: &'static str,
    shard_skew: Option<Skew>,
    slot_skew: Option<Skew>,
    shards: &'a [ShardGroup],
    used_slots: usize,
    shared_slots: &'a [u16],
    #[serde(skip_serializing_if = "Option::is_none")]
    shared_keys: Option<SharedKeysJson<'a>>,
    slots: Vec<SlotJson<'a>>,
    tags: Vec<TagJson<'a>>,
    tags_error_bytes: u64,
}

#[derive(Serialize)]
struct SlotJson<'a> {
    #[serde(flatten)]
    group: SlotGroup,
    shard: Option<&'a str>,
}

#[derive(Serialize)]
struct SharedKeysJson<'a> {
    keys: u64,
    bytes: u64,
    largest: Vec<SharedKeyJson<'a>>,
}

#[derive(Serialize)]
struct SharedKeyJson<'a> {
    #[serde(flatten)]
    name: NameJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_truncated_from_bytes: Option<u64>,
    db: u64,
    bytes: u64,
    copies: &'a [KeyCopy],
}

impl<'a> SharedKeyJson<'a> {
    fn new(key: &'a SharedKey, keys_as: KeysAs) -> Self {
        let name = NameJson::new("key", &key.key, keys_as);
        Self {
            name,
            key_truncated_from_bytes: (key.key_bytes > key.key.len() as u64).then_some(key.key_bytes),
            db: key.db,
            bytes: key.bytes(),
            copies: &key.copies,
        }
    }
}

#[derive(Serialize)]
struct TagJson<'a> {
    #[serde(flatten)]
    tag: NameJson<'a>,
    #[serde(flatten)]
    group: Group,
}
