//! What adds up over the elements of a value.

use crate::format::ValueType;
use crate::outline::StreamShape;
use crate::visitor::StreamId;
use crate::warning::Warnings;

/// Running sums over the elements of a value.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "sizes carry their unit in the name")]
pub(crate) struct Tally {
    pub(super) value_bytes: u64,
    pub(super) largest_element_bytes: u64,
    pub(super) longest_string_bytes: u64,
}

impl Tally {
    #[inline]
    pub(super) fn add_element(&mut self, bytes: u64) {
        self.value_bytes = self.value_bytes.saturating_add(bytes);
        self.largest_element_bytes = self.largest_element_bytes.max(bytes);
    }

    pub(super) fn merge(self, other: Self) -> Self {
        Self {
            value_bytes: self.value_bytes.saturating_add(other.value_bytes),
            largest_element_bytes: self.largest_element_bytes.max(other.largest_element_bytes),
            longest_string_bytes: self.longest_string_bytes.max(other.longest_string_bytes),
        }
    }
}

/// How the elements of a counted value are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementLayout {
    Items,
    Members,
    MembersWithScore,
    MembersWithTextScore,
    Pairs,
    PairsThenExpiry,
    ExpiryThenPairs,
    /// With the expiry as a string, as Dragonfly stores them.
    PairsWithExpiry,
    MembersWithExpiry,
}

impl ElementLayout {
    /// The layout of a counted value. `None`: values of this type are stored in another way.
    pub(crate) fn of(value_type: ValueType) -> Option<Self> {
        Some(match value_type {
            ValueType::List => Self::Items,
            ValueType::Set => Self::Members,
            ValueType::ZsetText => Self::MembersWithTextScore,
            ValueType::ZsetBinary => Self::MembersWithScore,
            ValueType::Hash => Self::Pairs,
            ValueType::HashExpiryValkey => Self::PairsThenExpiry,
            ValueType::HashExpiry | ValueType::HashExpiryPreRelease => Self::ExpiryThenPairs,
            ValueType::HashExpiryDragonfly => Self::PairsWithExpiry,
            ValueType::SetExpiryDragonfly => Self::MembersWithExpiry,
            _ => return None,
        })
    }
}

/// Running sums over counted elements.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ElementSums {
    pub(super) tally: Tally,
    /// The latest of the expiries before the strings.
    pub(super) largest_expiry: u64,
    pub(super) warnings: Warnings,
}

/// Running sums over the nodes of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListSums {
    pub(super) elements: u64,
    pub(super) packed_nodes: u64,
    pub(super) plain_nodes: u64,
    pub(super) longest_node_bytes: u64,
    pub(super) tally: Tally,
    /// Whether some nodes were only counted.
    pub(super) has_unseen: bool,
}

/// Running sums over the nodes of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamSums {
    pub(super) shape: StreamShape,
    /// Live entries in the nodes, and their sizes, as far as they were walked.
    pub(super) live: u64,
    pub(super) tally: Tally,
    /// Whether a node's own counts are wrong.
    pub(super) miscounted: bool,
    pub(super) first_node: Option<StreamId>,
    pub(super) last_node: Option<StreamId>,
}

/// The sums over elements that follow each other, or over nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PartSums {
    Elements(ElementLayout, ElementSums),
    List(ListSums),
    Stream(StreamSums),
}

impl PartSums {
    /// The sums over no elements. `None` if values of this type are not read in parts.
    pub(crate) fn new(value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::ListQuicklist | ValueType::ListQuicklist2 => Some(Self::List(ListSums::default())),
            stream if stream.is_stream() => Some(Self::Stream(StreamSums::default())),
            other => ElementLayout::of(other).map(|layout| Self::Elements(layout, ElementSums::default())),
        }
    }

    /// Adds the sums over the elements that follow. Returns false, and adds nothing, if there is
    /// damage where they meet.
    pub(crate) fn append(&mut self, next: &Self) -> bool {
        match (self, next) {
            (Self::Elements(_, sums), Self::Elements(_, next)) => sums.add(next),
            (Self::List(sums), Self::List(next)) => sums.add(next),
            (Self::Stream(sums), Self::Stream(next)) => return sums.append(next),
            _ => return false,
        }
        true
    }

    /// Bytes of the longest string, or of the longest node of a list, that was seen.
    pub(crate) fn longest_bytes(&self) -> u64 {
        match self {
            Self::Elements(_, sums) => sums.longest_string_bytes(),
            Self::List(sums) => sums.longest_node_bytes(),
            Self::Stream(_) => 0,
        }
    }
}
