//! What the model has seen of the current value.

use super::packed::PackedLength;

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
    /// Bytes of the widest integer.
    pub(super) integer_bytes: u64,
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
