//! Whole values. `inside` has the bytes before the elements: the object, with its key if the object
//! holds it.

use rdb_parser::{Layout, ValueType};

use super::dict::{slots_for, slots_grown};
use super::estimator::MemoryEstimator;
use super::float::{averaged, double, rounded};
use super::pairs::{pair_in_entry, pair_in_requested_entry};
use super::skiplist::{self, PARTS};
use super::value::Watched;
use crate::measure::{Encoding, ValueFacts};
use crate::server::{Conversion, Fields, Skiplist, SumOfElements, Tables};

/// Bytes of an array's slot.
const SLOT: u64 = 8;

/// The structs of a sorted set and of its skiplist.
const ZSET: u64 = 16;
const ZSKIPLIST: u64 = 32;

/// The skiplist of servers that keep the sizes of values.
const ZSKIPLIST_WITH_SIZE: u64 = 40;

/// The skiplist with its header, where members are in the nodes.
const ZSKIPLIST_WITH_HEADER: u64 = 528;

/// ID of the template and number of fields, before the values of a hash that has a template.
const TEMPLATE_ARRAY: u64 = 16;

/// Entry of a dict without a value.
const ENTRY_WITHOUT_VALUE: u64 = 16;

impl MemoryEstimator {
    /// The bytes of a struct: its allocated size in servers that keep the sizes of values.
    pub(super) fn kept_bytes(&self, bytes: u64) -> u64 {
        if self.server.profile.sum == SumOfElements::Kept { self.sizes.usable(bytes) } else { bytes }
    }

    /// The bytes of a packed string in memory.
    pub(super) fn packed_bytes(&self, bytes: u64) -> u64 {
        if self.server.profile.rounds_packed { self.sizes.usable(bytes) } else { bytes }
    }

    /// The bytes of a packed string that the server made from one of `stored_bytes`, in an allocation that
    /// it shrank.
    pub(super) fn walked_bytes(&self, stored_bytes: u64) -> u64 {
        let bytes = self.value.packed.bytes();
        if self.server.profile.rounds_packed {
            self.server.allocator.shrunk(stored_bytes, bytes)
        } else {
            bytes
        }
    }

    pub(super) fn packed(&self, inside: u64, encoding: Encoding, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        let packed = match facts.outline.layout {
            Layout::Blob { blob_bytes, .. } if self.value.is_walked => self.walked_bytes(blob_bytes),
            Layout::Blob { blob_bytes, .. } => self.packed_bytes(blob_bytes),
            Layout::Nodes { .. } if self.value.watched != Watched::Items => self.value.last_node_bytes,
            _ if encoding == Encoding::Intset => {
                self.packed_bytes(elements.saturating_mul(self.value.integers.bytes()).saturating_add(8))
            }
            // A set's listpack that began with integers has room for as many of the widest.
            _ if self.server.profile.rounds_packed => {
                let reserved = self.new_packed().bytes().saturating_add(self.value.reserved_bytes);
                self.packed_bytes(self.value.packed.bytes().max(reserved))
            }
            _ => self.packed_bytes(self.value.packed.bytes()),
        };
        let extra = match encoding {
            Encoding::Listpackex => self.sizes.usable(self.server.profile.listpackex),
            _ => 0,
        };
        inside.saturating_add(extra).saturating_add(packed)
    }

    pub(super) fn quicklist(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        if self.value.watched == Watched::Items {
            self.finish_list_node();
        }
        let profile = self.server.profile;
        let elements = facts.outline.elements.unwrap_or(0);
        let count = match profile.sum {
            SumOfElements::MeanOfNodes => self.value.nodes,
            SumOfElements::MeanOfElements | SumOfElements::Kept => elements,
        };
        self.summed(inside + self.kept_bytes(profile.list), self.value.sum, count)
    }

    pub(super) fn set(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(member) = self.mean_entry(facts, 1) {
            self.value.sum = self.sizes.string(member).saturating_mul(elements);
        }
        let (table, entries) = match self.server.profile.tables {
            Tables::Dict { dict, entry, first_member_is_free, .. } => {
                let slots = match self.value.converts_at {
                    Some(at) if !self.server.family.has_small_lists_and_sets() => {
                        self.dicts.slots_converted(Conversion::Set, at, elements)
                    }
                    _ => slots_for(elements),
                };
                let entries = if first_member_is_free {
                    chained_entries(slots, elements)
                } else {
                    elements.saturating_mul(entry)
                };
                (dict + SLOT * slots, entries)
            }
            Tables::Buckets { table, .. } => (table + self.tables.bytes(elements), 0),
        };
        self.summed(inside + table, self.value.sum.saturating_add(entries), elements)
    }

    pub(super) fn zset(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(member) = self.mean_entry(facts, 2) {
            self.value.sum = self.sizes.string(member).saturating_mul(elements);
            let node = self.nodes.embedding_parts(self.sizes.embedded(member));
            self.value.parts = node.saturating_mul(elements);
        }
        let (table, entry) = match self.server.profile.tables {
            Tables::Dict { dict, zset_entry, .. } => {
                let grows = self.value.is_walked && !self.server.family.has_small_lists_and_sets();
                let slots = if grows { slots_grown(elements) } else { slots_for(elements) };
                (dict + SLOT * slots, zset_entry)
            }
            Tables::Buckets { table, .. } => (table + self.tables.bytes(elements), 0),
        };
        let levels = self.server.profile.header_levels;
        let (skiplist, nodes) = match self.server.profile.skiplist {
            Skiplist::Separate => (
                ZSKIPLIST + skiplist::header_bytes(&self.sizes, 24, levels),
                self.value.sum.saturating_add(parts(self.nodes.pointing_parts, elements)),
            ),
            Skiplist::InNode => (ZSKIPLIST_WITH_HEADER, self.value.parts / PARTS),
            Skiplist::InRedisNode => (
                self.sizes.usable(ZSKIPLIST_WITH_SIZE) + skiplist::header_bytes(&self.sizes, 16, levels),
                self.value.parts / PARTS,
            ),
        };
        let sum = nodes.saturating_add(elements.saturating_mul(entry));
        self.summed(inside + ZSET + skiplist + table, sum, elements)
    }

    pub(super) fn hash(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(part) = self.mean_entry(facts, 2) {
            let pair = match self.server.profile.fields {
                Fields::InEntry => pair_in_entry(&self.sizes, part, part),
                Fields::InRequestedEntry => pair_in_requested_entry(&self.sizes, part, part, false),
                _ => 2 * self.sizes.string(part),
            };
            self.value.sum = pair.saturating_mul(elements);
        }
        let has_expiry = matches!(facts.value_type, ValueType::HashExpiry | ValueType::HashExpiryPreRelease);
        let (table, entry) = match self.server.profile.tables {
            Tables::Dict { dict, entry, hash_conversions, grows_with_expiry, .. } => {
                let conversion = hash_conversions[usize::from(has_expiry)];
                let slots = match self.value.converts_at {
                    Some(at) => self.dicts.slots_converted(conversion, at, elements),
                    None if has_expiry && grows_with_expiry => slots_grown(elements),
                    None if self.value.is_walked && !self.server.family.has_listpacks() => {
                        slots_grown(elements)
                    }
                    None => slots_for(elements),
                };
                (dict + SLOT * slots, entry)
            }
            Tables::Buckets { table, hash } => {
                let buckets = match self.value.converts_at {
                    Some(at) => self.tables.bytes_converted(at, elements),
                    None => self.tables.bytes(elements),
                };
                let expiries = match facts.value_type {
                    ValueType::HashExpiryValkey => self.expiries.bytes(&self.sizes, &mut self.tables, table),
                    _ => 0,
                };
                ((table + hash + buckets).saturating_add(expiries), 0)
            }
        };
        let sum = self.value.sum.saturating_add(elements.saturating_mul(entry));
        self.summed(inside.saturating_add(table), sum, elements)
    }

    /// The values of a hash that shares its field names with others. The server adds a share of the
    /// names, which depends on the number of these hashes; the model does not.
    pub(super) fn templated_hash(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(value) = self.mean_entry(facts, 1) {
            self.value.sum = self.sizes.string(value).saturating_mul(elements);
        }
        let array = TEMPLATE_ARRAY.saturating_add(elements.saturating_mul(SLOT));
        inside.saturating_add(array).saturating_add(self.value.sum)
    }

    /// The mean length of a string in a packed value that becomes a table on loading, because it has
    /// more elements than the configured limit. `None`: the elements were seen.
    fn mean_entry(&self, facts: &ValueFacts, strings: u64) -> Option<u64> {
        let Layout::Blob { blob_bytes, .. } = facts.outline.layout else { return None };
        if self.value.is_walked {
            return None;
        }
        let entries = facts.outline.elements?.saturating_mul(strings);
        let entry = blob_bytes.checked_div(entries)?;
        // Without the header and the link of the entry.
        Some(entry.saturating_sub(2))
    }

    /// `base` and the bytes of `count` elements, as the server sums them up.
    fn summed(&self, base: u64, sum: u64, count: u64) -> u64 {
        match self.server.profile.sum {
            SumOfElements::Kept => base.saturating_add(sum),
            SumOfElements::MeanOfNodes | SumOfElements::MeanOfElements => averaged(base, sum, count),
        }
    }
}

/// Expected bytes of the entries of a set whose array holds a member itself if the member is alone
/// or first in its bucket.
fn chained_entries(slots: u64, elements: u64) -> u64 {
    let (m, n) = (double(slots), double(elements));
    let occupied = m * (1.0 - (1.0 - 1.0 / m).powf(n));
    rounded(double(ENTRY_WITHOUT_VALUE) * (n - occupied))
}

/// The bytes of `count` things of `each` [`PARTS`] of a byte.
fn parts(each: u64, count: u64) -> u64 {
    u64::try_from((u128::from(each) * u128::from(count) + u128::from(PARTS / 2)) / u128::from(PARTS))
        .unwrap_or(u64::MAX)
}
