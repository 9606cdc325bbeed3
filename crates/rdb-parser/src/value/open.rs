//! Where a value is left before its end, and what is kept of it.

use super::sums::PartSums;
use crate::format::ValueType;

/// Grains by which a value must be expected to end behind the bound to be left.
const SLACK_GRAINS: u64 = 4;

/// Where a value is left before its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A value that is expected to end far behind this offset is left.
    pub(crate) bound: u64,
    /// Bytes of a value that are read before it may be left. A quarter of what is far.
    pub(crate) grain_bytes: u64,
    /// The value is left where an element ends at or behind this offset.
    pub(crate) stop_at: u64,
}

impl Pace {
    /// Every value is read to its end.
    pub(crate) const WHOLE: Self = Self::until(u64::MAX);

    /// Every value is left where an element ends at or behind this offset.
    pub(crate) const fn until(stop_at: u64) -> Self {
        Self { bound: u64::MAX, grain_bytes: u64::MAX, stop_at }
    }

    /// Bytes that may be read from `position` on before [`is_over`](Self::is_over) is asked again,
    /// at most `most`.
    #[inline]
    pub(super) fn step(self, position: u64, most: usize) -> usize {
        let bytes = self.stop_at.saturating_sub(position).min(self.grain_bytes);
        usize::try_from(bytes).map_or(most, |bytes| bytes.min(most))
    }

    /// Whether to leave a value at `position`. `done` elements were read since `from`, and `left`
    /// are left.
    #[inline]
    pub(super) fn is_over(self, position: u64, from: u64, done: u64, left: u64) -> bool {
        let walked = position - from;
        let is_long = || {
            let rest = walked.saturating_mul(left) / done.max(1);
            let slack = self.grain_bytes.saturating_mul(SLACK_GRAINS);
            position.saturating_add(rest) > self.bound.saturating_add(slack)
        };
        position >= self.stop_at || self.bound < u64::MAX && walked >= self.grain_bytes && is_long()
    }
}

/// A value of which some elements were read.
#[derive(Debug)]
pub(crate) struct OpenValue {
    pub(crate) value_type: ValueType,
    /// Offset of the number of elements.
    pub(super) at: u64,
    /// What the expiries of the elements are relative to.
    pub(super) base_expiry: u64,
    /// Elements, or nodes of a list or stream.
    pub(super) count: u64,
    /// Those that are left.
    pub(crate) left: u64,
    pub(crate) sums: PartSums,
}

/// Of what an element consists, or a node of a list or stream, for those who look at it from
/// outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElementParts {
    /// Whether they are nodes of a list or stream.
    pub(crate) are_nodes: bool,
    /// Whether a length stands first: an expiry, or the kind of a list's node.
    pub(crate) leading_length: bool,
    pub(crate) strings: usize,
    /// Whether a double as text stands last.
    pub(crate) text_double: bool,
    /// Bytes that stand last otherwise.
    pub(crate) tail_bytes: usize,
}

impl ElementParts {
    pub(crate) const MAX_STRINGS: usize = 3;

    /// Of a value of this type. `None` if such values are not read in parts.
    pub(crate) fn of(value_type: ValueType) -> Option<Self> {
        let nodes = |leading_length, strings| Self {
            are_nodes: true,
            leading_length,
            strings,
            text_double: false,
            tail_bytes: 0,
        };
        Some(match PartSums::new(value_type)? {
            PartSums::Elements(layout, _) => layout.parts(),
            PartSums::List(_) => nodes(value_type == ValueType::ListQuicklist2, 1),
            PartSums::Stream(_) => nodes(false, 2),
        })
    }

    /// Whether an element is two strings and nothing else.
    pub(crate) fn is_plain_pair(self) -> bool {
        self.strings == 2
            && !self.are_nodes
            && !self.leading_length
            && !self.text_double
            && self.tail_bytes == 0
    }
}
