//! Families of servers that hold values in the same way.

use rdb_parser::{Dialect, Flavour, Header};

/// A family of servers that store values the same way. Ordered within each vendor, oldest first.
///
/// A new family starts where the answers of `OBJECT ENCODING` or `MEMORY USAGE` changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Redis 2.4 and older: zipmaps, no embedded strings.
    Redis2_4,
    /// Redis 2.6 and 2.8.
    Redis2_6,
    /// Redis 3.0: short strings are embedded.
    Redis3_0,
    /// Redis 3.2 to 5.0: quicklists.
    Redis5_0,
    /// Redis 6.0.
    Redis6_0,
    /// Redis 6.2.
    Redis6_2,
    /// Redis 7.0: listpacks.
    Redis7_0,
    /// Redis 7.2 (and Valkey 7.2, its fork): small lists and sets are listpacks.
    Redis7_2,
    /// Redis 7.4 and 8.0: field expiry.
    Redis7_4,
    /// Redis 8.2: key and value in one object.
    Redis8_2,
    /// Redis 8.4 to 8.8: the server keeps the sizes of values.
    Redis8_6,
    /// Redis 8.10 and later.
    Redis8_10,
    /// Valkey 8.0.
    Valkey8_0,
    /// Valkey 8.1: key and value in one object.
    Valkey8_1,
    /// Valkey 9.0: field expiry.
    Valkey9_0,
    /// Valkey 9.1 and later: longer embedded strings.
    Valkey9,
}

impl Family {
    /// The family that the file's header suggests.
    ///
    /// This is the oldest server that writes the RDB version. Where one generation of servers
    /// shares an RDB version, it is the newest server of that generation.
    pub fn from_header(header: Header) -> Self {
        match (header.dialect, header.version) {
            (Dialect::Valkey, _) => Self::Valkey9,
            (_, 0..=3) => Self::Redis2_4,
            (_, 4..=5) => Self::Redis2_6,
            (_, 6) => Self::Redis3_0,
            (_, 7..=8) => Self::Redis5_0,
            (_, 9) => Self::Redis6_2,
            (_, 10) => Self::Redis7_0,
            (_, 11) => Self::Redis7_2,
            (_, 12) => Self::Redis7_4,
            (_, 13) => Self::Redis8_6,
            _ => Self::Redis8_10,
        }
    }

    /// The family of the version in the AUX field `redis-ver` or `valkey-ver`.
    ///
    /// KeyDB and Dragonfly hold values in their own ways; the nearest is the Redis they started
    /// from.
    pub fn from_version(flavour: Flavour, version: &str) -> Option<Self> {
        let mut numbers = version.split(['.', '-', '+']).map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
        Some(match (flavour, major, minor) {
            (Flavour::Valkey, ..8, _) => Self::Redis7_2,
            (Flavour::Valkey, 8, 0) => Self::Valkey8_0,
            (Flavour::Valkey, 8, _) => Self::Valkey8_1,
            (Flavour::Valkey, 9, 0) => Self::Valkey9_0,
            (Flavour::Valkey, ..) => Self::Valkey9,
            (Flavour::KeyDb | Flavour::Dragonfly, ..) => Self::Redis6_2,
            (_, ..2, _) | (_, 2, ..=4) => Self::Redis2_4,
            (_, 2, _) => Self::Redis2_6,
            (_, 3, ..=1) => Self::Redis3_0,
            (_, 3..=5, _) => Self::Redis5_0,
            (_, 6, ..=1) => Self::Redis6_0,
            (_, 6, _) => Self::Redis6_2,
            (_, 7, ..=1) => Self::Redis7_0,
            (_, 7, 2..=3) => Self::Redis7_2,
            (_, 7, _) | (_, 8, ..=1) => Self::Redis7_4,
            (_, 8, ..=3) => Self::Redis8_2,
            (_, 8, ..=8) => Self::Redis8_6,
            _ => Self::Redis8_10,
        })
    }

    /// Whether the server uses listpacks instead of ziplists.
    pub(crate) fn has_listpacks(self) -> bool {
        self >= Self::Redis7_0
    }

    /// Whether an item that is longer than a list's node may be is a node of its own that is not packed
    /// (Redis 8.2, Valkey 8.0). Before, 1 GiB is the limit.
    pub(crate) fn has_plain_nodes(self) -> bool {
        self >= Self::Redis8_2
    }

    /// Whether small lists and sets may be single listpacks (Redis 7.2, its successors and forks).
    pub(crate) fn has_small_lists_and_sets(self) -> bool {
        self >= Self::Redis7_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_map_to_the_family_of_their_server() {
        for (version, family) in [
            ("2.8.24", Family::Redis2_6),
            ("3.2.1", Family::Redis5_0),
            ("6.0.9", Family::Redis6_0),
            ("6.2.14", Family::Redis6_2),
            ("7.0.15", Family::Redis7_0),
            ("7.2.6", Family::Redis7_2),
            ("7.4.1", Family::Redis7_4),
            ("8.0.0", Family::Redis7_4),
            ("8.2.3", Family::Redis8_2),
            ("8.6.2", Family::Redis8_6),
            ("8.9.241", Family::Redis8_10),
            ("255.255.255", Family::Redis8_10),
        ] {
            assert_eq!(Family::from_version(Flavour::Redis, version), Some(family), "{version}");
        }
        assert_eq!(Family::from_version(Flavour::Valkey, "8.1.8-rc1"), Some(Family::Valkey8_1));
        assert_eq!(Family::from_version(Flavour::Valkey, "9.0.0"), Some(Family::Valkey9_0));
        assert_eq!(Family::from_version(Flavour::Valkey, "9.1.2"), Some(Family::Valkey9));
        assert_eq!(Family::from_version(Flavour::KeyDb, "255.255.255"), Some(Family::Redis6_2));
        assert_eq!(Family::from_version(Flavour::Redis, "unstable"), None);
    }
}
