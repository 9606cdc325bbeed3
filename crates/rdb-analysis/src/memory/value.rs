//! What the model has seen of the current value.

use crate::server::{PackedLength, PackedString};

/// Bytes of the entry for an expiry in a listpack with field expiry, and of the entry for no
/// expiry.
const EXPIRY_ENTRY: u64 = 10;
const NO_EXPIRY_ENTRY: u64 = 2;

/// The measures of the value so far.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub(super) struct Value {
    pub(super) watched: Watched,
    /// Whether the elements are examined one by one, because the value may become packed or change
    /// its encoding while it loads.
    pub(super) in_detail: bool,
    /// Whether a set that is not an intset may become packed.
    pub(super) may_be_packed: bool,
    /// Bytes of the elements, without the part that all elements have in common.
    pub(super) sum: u64,
    /// Bytes of the elements in [`PARTS`](super::skiplist::PARTS) of a byte.
    pub(super) parts: u64,
    /// Nodes of a list.
    pub(super) nodes: u64,
    /// Lengths of the current field and its value.
    pub(super) field_bytes: u64,
    pub(super) held_bytes: u64,
    pub(super) expires: bool,
    /// Elements examined so far.
    pub(super) index: u64,
    /// The first element that is too long for a listpack, or not an integer: the value converts
    /// there.
    pub(super) converts_at: Option<u64>,
    pub(super) packed: PackedLength,
    /// The integers of a set, as long as it has nothing else.
    pub(super) integers: Integers,
    /// Bytes that a listpack keeps for the integers with which it began, besides its header.
    pub(super) reserved_bytes: u64,
    /// Elements above which a packed value becomes a table.
    pub(super) max_packed: u64,
    /// Whether the entries of the packed value are shown, because the server does not keep it as it is.
    pub(super) is_walked: bool,
    /// Bytes of the last node of a list, in memory, without its struct. They are those of the list if it
    /// becomes a listpack.
    pub(super) last_node_bytes: u64,
    /// Whether the shown pending entries are those of a group.
    pub(super) in_group: bool,
}

/// What the shown strings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// Entries of a packed value, which the model does not need.
    Nothing,
    /// Items of a list whose nodes the server builds while loading.
    Items,
    /// Nodes of a list, which the server may compress.
    Nodes,
    SetMembers,
    ZsetMembers,
    ZsetMembersInNodes,
    /// Values of a hash that has a template.
    Values,
    Pairs,
    PairsWithMetadata,
    PairsInEntries,
    /// Pairs in entries that are counted by their requested size, each after its expiry.
    PairsInRequestedEntries,
    /// Pairs in entries, each before its expiry.
    PairsInEntriesThenExpiry,
}

impl Value {
    pub(super) fn new(watched: Watched, in_detail: bool, packed: PackedLength) -> Self {
        Self {
            watched,
            in_detail,
            may_be_packed: false,
            sum: 0,
            parts: 0,
            nodes: 0,
            field_bytes: 0,
            held_bytes: 0,
            expires: false,
            index: 0,
            converts_at: None,
            packed,
            integers: Integers::default(),
            reserved_bytes: 0,
            max_packed: u64::MAX,
            is_walked: false,
            last_node_bytes: 0,
            in_group: false,
        }
    }

    #[inline]
    pub(super) fn add(&mut self, bytes: u64) {
        self.sum = self.sum.saturating_add(bytes);
    }

    pub(super) fn add_node(&mut self, bytes: u64) {
        self.add(bytes);
        self.nodes += 1;
    }

    pub(super) fn push_expiry(&mut self, expires: bool) {
        self.packed.push_opaque(if expires { EXPIRY_ENTRY } else { NO_EXPIRY_ENTRY });
    }
}

/// The least and the greatest of some integers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Integers {
    least: i64,
    greatest: i64,
}

impl Integers {
    /// Adds an integer. 0 counts as one of them, which changes no width.
    pub(super) fn add(&mut self, integer: i64) {
        self.least = self.least.min(integer);
        self.greatest = self.greatest.max(integer);
    }

    /// Bytes of each in an intset.
    pub(super) fn bytes(self) -> u64 {
        let fits = |least: i64, greatest: i64| least <= self.least && self.greatest <= greatest;
        if fits(i16::MIN.into(), i16::MAX.into()) {
            2
        } else if fits(i32::MIN.into(), i32::MAX.into()) {
            4
        } else {
            8
        }
    }

    /// Bytes of the widest as an entry of a listpack.
    pub(super) fn widest_entry_bytes(self) -> u64 {
        PackedString::entry_bytes(self.least).max(PackedString::entry_bytes(self.greatest))
    }
}
