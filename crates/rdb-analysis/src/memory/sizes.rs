//! Bytes of the servers' strings, by length.

use crate::server::Allocator;
use crate::server::{Profile, RoundsStrings, StringHeaders, Trees};

/// Length from which on [`RoundsStrings::Long`] applies.
const SHORT: u64 = 32;

/// The struct of a radix tree in Valkey.
const TREE: u64 = 32;

/// A node of a radix tree for a key: a header, padded, and a pointer to the value.
pub(crate) const LEAF: u64 = 16;

/// Lengths below this are looked up, which are almost all.
const TABLED: usize = 512;

/// Bytes of a field's expiry and of its string's flags, if they stand before the string.
const FIELD_EXPIRY_BYTES: u64 = 18;

/// Bytes of strings in a server, by their length.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    pub(crate) allocator: Allocator,
    headers: StringHeaders,
    rounds_strings: RoundsStrings,
    /// The struct of a radix tree, and a node of a tree of IDs for an ID.
    pub(crate) tree: u64,
    pub(crate) id_leaf: u64,
    usable: [u16; TABLED],
    string: [u16; TABLED],
    field: [u16; TABLED],
    expiring_field: [u16; TABLED],
}

impl Sizes {
    pub(crate) fn new(profile: &Profile, allocator: Allocator) -> Self {
        let headers = profile.headers;
        let tabled = |size: &dyn Fn(u64) -> u64| {
            let mut table = [0; TABLED];
            for (len, entry) in (0..).zip(&mut table) {
                *entry = u16::try_from(size(len)).unwrap_or(u16::MAX);
            }
            table
        };
        Self {
            allocator,
            headers,
            rounds_strings: profile.rounds_strings,
            tree: allocator.usable(match profile.stream.trees {
                Trees::All { tree, .. } => tree,
                Trees::Estimated | Trees::OfIds => TREE,
            }),
            id_leaf: match profile.stream.trees {
                Trees::All { has_leaves: false, .. } => 0,
                _ => allocator.usable(LEAF),
            },
            usable: tabled(&|request| allocator.usable(request)),
            string: tabled(&|len| string(|request| allocator.usable(request), profile, len)),
            field: tabled(&|len| field(allocator, len, 0)),
            expiring_field: tabled(&|len| field(allocator, len, FIELD_EXPIRY_BYTES)),
        }
    }

    /// The size class of an allocation of `request` bytes.
    #[inline]
    pub(crate) fn usable(&self, request: u64) -> u64 {
        match look_up(&self.usable, request) {
            Some(size) => size,
            None => self.allocator.usable(request),
        }
    }

    /// A string in its own allocation (`sds`).
    #[inline]
    pub(crate) fn string(&self, len: u64) -> u64 {
        match look_up(&self.string, len) {
            Some(size) => size,
            // Not a short one.
            None => {
                string_of(|request| self.allocator.usable(request), self.rounds_strings, self.headers, len)
            }
        }
    }

    /// The field of a hash of Redis 7.4 to 8.2 (`mstr`).
    #[inline]
    pub(crate) fn field(&self, len: u64, expires: bool) -> u64 {
        let table = if expires { &self.expiring_field } else { &self.field };
        match look_up(table, len) {
            Some(size) => size,
            None => field(self.allocator, len, if expires { FIELD_EXPIRY_BYTES } else { 0 }),
        }
    }

    /// A string inside an allocation, unrounded: header, bytes and terminator.
    #[inline]
    pub(crate) fn embedded(&self, len: u64) -> u64 {
        self.headers.embedded_bytes(len)
    }

    /// The same where the header must be able to hold flags, so that it is at least 3.
    pub(crate) fn embedded_with_flags(&self, len: u64) -> u64 {
        self.headers.embedded(len).max(3).saturating_add(len).saturating_add(1)
    }
}

/// As [`Sizes::string`].
pub(crate) fn string(usable: impl Fn(u64) -> u64, profile: &Profile, len: u64) -> u64 {
    string_of(usable, profile.rounds_strings, profile.headers, len)
}

fn string_of(
    usable: impl Fn(u64) -> u64,
    rounds_strings: RoundsStrings,
    headers: StringHeaders,
    len: u64,
) -> u64 {
    let request = headers.separate(len).saturating_add(len).saturating_add(1);
    match rounds_strings {
        RoundsStrings::None => request,
        RoundsStrings::Long if (1..SHORT).contains(&len) => request,
        RoundsStrings::Long | RoundsStrings::All => usable(request),
    }
}

fn field(allocator: Allocator, len: u64, metadata: u64) -> u64 {
    let header = match len {
        0..32 => 1,
        32..65_536 => 3,
        _ => 9,
    };
    allocator.usable(len.saturating_add(header + 1 + metadata))
}

#[inline]
fn look_up(table: &[u16; TABLED], len: u64) -> Option<u64> {
    let index = usize::try_from(len).ok()?;
    table.get(index).map(|&size| u64::from(size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Family;
    use proptest::prelude::*;

    fn sizes(family: Family) -> Sizes {
        Sizes::new(Profile::of(family, None), Allocator::JemallocQ8)
    }

    #[test]
    fn headers_grow_with_the_string() {
        let redis = sizes(Family::Redis7_2);
        for (len, size) in [(0, 8), (1, 8), (6, 8), (7, 16), (31, 40), (32, 40), (255, 320), (256, 320)] {
            assert_eq!(redis.string(len), size, "{len}");
        }
        assert_eq!(redis.embedded(0), 2, "an embedded empty string has the smallest header");
        assert_eq!(redis.embedded(255), 259);
        assert_eq!(sizes(Family::Valkey8_1).embedded(252), 256);
        assert_eq!(sizes(Family::Valkey8_1).embedded(253), 259);
    }

    #[test]
    fn an_expiry_takes_18_bytes_of_a_field() {
        let redis = sizes(Family::Redis7_4);
        assert_eq!(redis.field(5, false), 8);
        assert_eq!(redis.field(5, true), 32);
        assert_eq!(redis.field(0, false), 8);
    }

    proptest! {
        #[test]
        fn the_tables_hold_what_the_formulas_say(len in 0u64..2000) {
            for family in [Family::Redis5_0, Family::Redis6_2, Family::Redis8_10, Family::Valkey9] {
                for allocator in Allocator::ALL {
                    let profile = Profile::of(family, None);
                    let sizes = Sizes::new(profile, allocator);
                    let by_formula = string(|request| allocator.usable(request), profile, len);
                    prop_assert_eq!(sizes.string(len), by_formula);
                    prop_assert_eq!(sizes.usable(len), allocator.usable(len));
                    prop_assert_eq!(sizes.field(len, true), field(allocator, len, FIELD_EXPIRY_BYTES));
                }
            }
        }
    }
}
