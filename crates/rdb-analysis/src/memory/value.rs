//! What the model has seen of the value that is going by.

use super::packed::PackedLength;

/// Entry of a listpack with field expiry that holds the expiry, or none.
const EXPIRY_ENTRY: u64 = 10;
const NO_EXPIRY_ENTRY: u64 = 2;

/// What was seen of the value so far.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a state")]
pub(super) struct Value {
    pub(super) watched: Watched,
    /// Whether the value may become packed, or change its encoding on the way, so that its elements are
    /// looked at one by one.
    pub(super) in_detail: bool,
    /// Whether a set that is no intset may become packed.
    pub(super) may_be_packed: bool,
    /// Bytes of the elements, without what all of them have in common.
    pub(super) sum: u64,
    /// The same in [`PARTS`](super::skiplist::PARTS) of a byte.
    pub(super) parts: u64,
    /// Nodes of a list.
    pub(super) nodes: u64,
    /// Lengths of the field, and of what it holds, that are being looked at.
    pub(super) field_bytes: u64,
    pub(super) held_bytes: u64,
    pub(super) expires: bool,
    /// Elements looked at in detail.
    pub(super) index: u64,
    /// Whether the pair has a string that is too long for a listpack.
    pub(super) long: bool,
    /// The first element that is too long for a listpack, or no integer: where the value converts.
    pub(super) converts_at: Option<u64>,
    pub(super) packed: PackedLength,
    /// Bytes of the widest integer.
    pub(super) integer_bytes: u64,
    /// Whether the pending entries shown are a group's.
    pub(super) in_group: bool,
}

/// What the strings shown are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// Of no concern: entries of a packed value.
    Nothing,
    /// Items of a list that is built anew.
    Items,
    SetMembers,
    ZsetMembers,
    ZsetMembersInNodes,
    Pairs,
    PairsWithMetadata,
    PairsInEntries,
    /// The expiry comes after them.
    PairsInEntriesThenExpiry,
}

impl Value {
    pub(super) fn new(watched: Watched, in_detail: bool, ziplist: bool) -> Self {
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
            long: false,
            converts_at: None,
            packed: PackedLength::new(ziplist),
            integer_bytes: 2,
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
