//! Shards and slots of a cluster.

use std::cmp::Reverse;

use rdb_analysis::{ClusterTable, Report, Skew};
use serde::Serialize;

use crate::text::{self, bytes, count, counted, length, plain, share};

/// Slots of a cluster, and cells of the strip, each of as many slots.
const SLOTS: usize = 16_384;
const CELLS: usize = 256;
const SLOTS_OF_CELL: usize = SLOTS / CELLS;

/// Shades of the strip, besides none.
const SHADES: u64 = 8;

/// Shards, slots and hash tags that have a row each.
const MAX_SHARDS: usize = 1000;
const MAX_ROWS: usize = 20;

/// Bytes of a hash tag that are known.
const MAX_KNOWN_TAG_BYTES: usize = 1024;

/// The cluster of a page.
#[derive(Debug, Serialize)]
pub(super) struct ClusterView {
    shards: Vec<Row>,
    more_shards: usize,
    shard_skew: Option<String>,
    cells: Vec<Cell>,
    slots: Vec<Row>,
    slot_count: String,
    slot_skew: Option<String>,
    /// Slots in the files of several shards.
    shared: Option<String>,
    tags: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    bar: String,
    share: String,
    bytes: String,
    keys: String,
    slots: Option<String>,
}

/// A part of the strip.
#[derive(Debug, Serialize)]
struct Cell {
    x: String,
    width: String,
    shade: u64,
    slots: String,
    bytes: String,
    keys: String,
}

impl ClusterView {
    /// `None`: nothing says that the sources are of a cluster.
    pub(super) fn new(report: &Report, cluster: &ClusterTable) -> Option<Self> {
        let has_slots = report.top.values().flatten().any(|key| key.measure.slot.is_some());
        let has_shards = report.sources.iter().any(|source| source.shard.is_some());
        if !has_slots && !has_shards || cluster.slots.is_empty() {
            return None;
        }
        let total = cluster.slots.iter().map(|slot| slot.bytes).fold(0, u64::saturating_add);
        let row = |name, part: u64, keys, slots: Option<usize>| Row {
            name,
            bar: length(text::percent(part, total)),
            share: share(part, total),
            bytes: bytes(part),
            keys: count(keys),
            slots: slots.map(|slots| count(slots as u64)),
        };
        let shards = cluster.shards.iter().take(MAX_SHARDS).map(|shard| {
            let name = shard.shard.as_deref().map_or_else(|| "(no shard)".to_owned(), plain);
            row(name, shard.bytes, shard.keys, Some(shard.slots))
        });
        let mut heaviest: Vec<_> = cluster.slots.iter().collect();
        heaviest.sort_by_key(|slot| Reverse(slot.bytes));
        let slots = heaviest.iter().take(MAX_ROWS);
        let tags = cluster.tags.iter().take(MAX_ROWS).map(|(tag, group)| {
            let part = group.memory_bytes.unwrap_or(group.rdb_bytes);
            row(text::cut_name(tag, MAX_KNOWN_TAG_BYTES), part, group.keys, None)
        });
        let shared = &cluster.shared_slots;
        Some(Self {
            shards: shards.collect(),
            more_shards: cluster.shards.len().saturating_sub(MAX_SHARDS),
            shard_skew: skew(cluster.shards.iter().map(|shard| shard.bytes)),
            cells: cells(cluster),
            slots: slots.map(|slot| row(slot.slot.to_string(), slot.bytes, slot.keys, None)).collect(),
            slot_count: counted(cluster.slots.len() as u64, "slot"),
            slot_skew: skew(cluster.slots.iter().map(|slot| slot.bytes)),
            shared: (!shared.is_empty()).then(|| {
                format!("{} in the files of more than one shard", counted(shared.len() as u64, "slot"))
            }),
            tags: tags.collect(),
        })
    }
}

/// How unequal parts are.
fn skew(parts: impl Iterator<Item = u64>) -> Option<String> {
    Skew::of(parts).map(|Skew { max_to_mean, gini, .. }| {
        format!("the largest is {max_to_mean:.2} times the mean, Gini coefficient {gini:.2}")
    })
}

/// The strip: a cell for each run of slots, the darker the more bytes it has.
fn cells(cluster: &ClusterTable) -> Vec<Cell> {
    let mut sums = [(0u64, 0u64); CELLS];
    for slot in &cluster.slots {
        if let Some((bytes, keys)) = sums.get_mut(usize::from(slot.slot) / SLOTS_OF_CELL) {
            *bytes = bytes.saturating_add(slot.bytes);
            *keys += slot.keys;
        }
    }
    let most = sums.iter().map(|&(bytes, _)| bytes).max().unwrap_or(0);
    let cell = |(index, &(part, keys)): (usize, &(u64, u64))| Cell {
        x: length(text::percent(index as u64, CELLS as u64)),
        width: length(text::percent(1, CELLS as u64)),
        shade: shade(part, most),
        slots: format!("{} to {}", index * SLOTS_OF_CELL, (index + 1) * SLOTS_OF_CELL - 1),
        bytes: bytes(part),
        keys: count(keys),
    };
    sums.iter().enumerate().map(cell).collect()
}

/// The shade of a cell: 0 for none, and the darkest for the most bytes.
fn shade(part: u64, most: u64) -> u64 {
    let reaches =
        |shade: &u64| u128::from(part) * u128::from(SHADES) <= u128::from(most) * u128::from(*shade);
    (0..SHADES).find(reaches).unwrap_or(SHADES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_anything_in_it_has_a_shade() {
        assert_eq!((shade(0, 0), shade(0, 80), shade(1, 80), shade(80, 80)), (0, 0, 1, 8));
        assert_eq!((shade(10, 80), shade(11, 80), shade(u64::MAX, u64::MAX)), (1, 2, 8));
    }
}
