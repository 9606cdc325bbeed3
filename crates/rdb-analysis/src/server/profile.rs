//! What differs between servers, as data: one constant per family, written as its difference from
//! the one it grew out of.
//!
//! Every number is in bytes. They were taken from the servers' sources (`objectComputeSize` in
//! `object.c` and what it calls) and compared with the answers of running servers;
//! `docs/memory-model.md` has the formulas they go into, and how well each was met.

use super::family::Family;

/// The constants of a family of servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) family: Family,
    /// Name in reports.
    pub(crate) name: &'static str,
    /// Charged for the object header with each value; 0 where the key's charge includes it.
    pub(crate) object: u64,
    pub(crate) key: KeyCharge,
    pub(crate) embedding: Embedding,
    pub(crate) headers: StringHeaders,
    /// Whether packed values and nodes of lists are charged as allocated, or by their length alone.
    pub(crate) rounds_packed: bool,
    /// The struct beside a listpack with field expiry.
    pub(crate) listpackex: u64,
    pub(crate) tables: Tables,
    pub(crate) fields: Fields,
    /// Struct of a list, and of a node of it.
    pub(crate) list: u64,
    pub(crate) list_node: u64,
    /// Whether the average of a list's nodes is taken per element. It shows in the last byte only.
    pub(crate) averages_list_elements: bool,
    pub(crate) skiplist: Skiplist,
    pub(crate) stream: StreamCosts,
    /// Whether scores are stored as the shortest text that reads back, or with 17 digits.
    pub(crate) shortest_scores: bool,
}

/// How a key's name and its place in the database are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCharge {
    /// A dictionary entry of 24 and a string.
    Separate,
    /// A dictionary entry of 16 that embeds the name.
    InEntry,
    /// The value's object embeds the name; no entry is charged.
    InObject,
}

/// Which string values are held in one allocation with their object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedding {
    /// Up to 44 bytes; charged unrounded.
    Unrounded,
    /// Up to 44 bytes.
    Rounded,
    /// Up to 44 bytes, if object, name, expiry and value are no more than 64.
    WithKey,
    /// The same, but an expiry is added to the finished object, and may find room in what the
    /// allocator gave beyond the request.
    WithKeyThenExpiry,
    /// If object, name, expiry and value are no more than 128; the value takes the place of the
    /// pointer to it. An expiry is added as above.
    InPlaceThenExpiry,
}

/// Longest strings with a header of 3 and of 5 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringHeaders {
    pub(crate) max_with_3: u64,
    pub(crate) max_with_5: u64,
}

impl StringHeaders {
    /// The header of a string that is an allocation of its own. An empty one is given room to grow.
    pub(crate) fn separate(self, len: u64) -> u64 {
        if len == 0 { 3 } else { self.embedded(len) }
    }

    /// The header of a string inside something else.
    pub(crate) fn embedded(self, len: u64) -> u64 {
        match len {
            0..32 => 1,
            _ if len <= self.max_with_3 => 3,
            _ if len <= self.max_with_5 => 5,
            _ if len < 1 << 32 => 9,
            _ => 17,
        }
    }

    /// A string inside something else: header, bytes and terminator.
    pub(crate) fn embedded_bytes(self, len: u64) -> u64 {
        self.embedded(len).saturating_add(len).saturating_add(1)
    }
}

/// How sets, sorted sets and hashes are held once they are not packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// `dict`: chains of entries.
    Dict {
        /// Its struct.
        dict: u64,
        /// Entry of a sorted set's member.
        zset_entry: u64,
        /// Whether a set's member that is first in its bucket needs no entry.
        first_member_is_free: bool,
        /// How a hash that starts packed becomes a table.
        hash_conversion: Conversion,
        /// Whether hashes with field expiry grow with their fields instead of being sized before.
        grows_with_expiry: bool,
    },
    /// `hashtable`: buckets of seven entries.
    Buckets {
        /// Its struct.
        table: u64,
        /// Charged with a hash besides.
        hash: u64,
    },
}

/// How a collection that converts while it is loaded becomes a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Conversion {
    /// A hash, at its first long pair, into a table that grows: Redis 6.2.
    Hash6_2,
    /// A hash, at its first long pair, into a table sized for what was packed: since 7.0.
    Hash,
    /// A hash with field expiry, before its first long pair.
    HashExpiry,
    /// A set, before its first member that is no integer, until 7.0.
    Set,
}

/// How a hash that is not packed holds its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Strings.
    Strings,
    /// Strings with room for an expiry (`mstr`).
    WithMetadata,
    /// In one entry with the value if that is short.
    InEntry,
}

/// How sorted sets hold their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skiplist {
    /// Header of 32 levels and nodes that point to members.
    Separate,
    /// Nodes embed members.
    InNode,
}

/// What the parts of a stream are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamCosts {
    pub(crate) stream: u64,
    /// Whether nodes are charged as allocated.
    pub(crate) rounds_nodes: bool,
    pub(crate) group: u64,
    /// A consumer, besides its name.
    pub(crate) consumer: u64,
    pub(crate) pending: u64,
    /// Whether radix trees are charged by their nodes' sizes, or by an estimate from their number.
    pub(crate) measures_trees: bool,
}

impl Profile {
    /// The constants for a family, or for the nearest that there are constants of. `patch` is the
    /// third number of the version, where it is known.
    pub(crate) fn of(family: Family, patch: Option<u32>) -> &'static Self {
        match family {
            Family::Redis2_4 | Family::Redis2_6 | Family::Redis3_0 => &REDIS_6_2_EARLY,
            Family::Redis6_2 if patch.is_some_and(|patch| patch < FIRST_6_2_THAT_ROUNDS_STREAMS) => {
                &REDIS_6_2_EARLY
            }
            Family::Redis6_2 => &REDIS_6_2,
            Family::Redis7_0 => &REDIS_7_0,
            Family::Redis7_2 => &REDIS_7_2,
            Family::Redis7_4 => &REDIS_7_4,
            Family::Redis8_2 => &REDIS_8_2,
            Family::Valkey8_0 => &VALKEY_8_0,
            Family::Valkey8_1 => &VALKEY_8_1,
            Family::Valkey9 => &VALKEY_9,
        }
    }
}

/// 6.2.9 does not round yet and 6.2.14 does; between them nobody looked.
const FIRST_6_2_THAT_ROUNDS_STREAMS: u32 = 10;

const REDIS_6_2: Profile = Profile {
    family: Family::Redis6_2,
    name: "Redis 6.2",
    object: 16,
    key: KeyCharge::Separate,
    embedding: Embedding::Unrounded,
    headers: StringHeaders { max_with_3: 255, max_with_5: 65_535 },
    rounds_packed: false,
    listpackex: 32,
    tables: Tables::Dict {
        dict: 96,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversion: Conversion::Hash6_2,
        grows_with_expiry: false,
    },
    fields: Fields::Strings,
    list: 40,
    list_node: 32,
    averages_list_elements: false,
    skiplist: Skiplist::Separate,
    stream: StreamCosts {
        stream: 40,
        rounds_nodes: true,
        group: 32,
        consumer: 24,
        pending: 24,
        measures_trees: false,
    },
    shortest_scores: false,
};

const REDIS_6_2_EARLY: Profile =
    Profile { stream: StreamCosts { rounds_nodes: false, ..REDIS_6_2.stream }, ..REDIS_6_2 };

const REDIS_7_0: Profile = Profile {
    family: Family::Redis7_0,
    name: "Redis 7.0",
    embedding: Embedding::Rounded,
    rounds_packed: true,
    tables: Tables::Dict {
        dict: 56,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversion: Conversion::Hash,
        grows_with_expiry: false,
    },
    list_node: 40,
    stream: StreamCosts { stream: 80, group: 40, ..REDIS_6_2.stream },
    ..REDIS_6_2
};

const REDIS_7_2: Profile = Profile {
    family: Family::Redis7_2,
    name: "Redis 7.2",
    stream: StreamCosts { consumer: 32, ..REDIS_7_0.stream },
    shortest_scores: true,
    ..REDIS_7_0
};

const REDIS_7_4: Profile = Profile {
    family: Family::Redis7_4,
    name: "Redis 7.4",
    fields: Fields::WithMetadata,
    tables: Tables::Dict {
        dict: 56,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversion: Conversion::Hash,
        grows_with_expiry: true,
    },
    ..REDIS_7_2
};

const REDIS_8_2: Profile = Profile {
    family: Family::Redis8_2,
    name: "Redis 8.2",
    object: 0,
    key: KeyCharge::InObject,
    embedding: Embedding::WithKey,
    listpackex: 24,
    tables: Tables::Dict {
        dict: 56,
        zset_entry: 16,
        first_member_is_free: false,
        hash_conversion: Conversion::Hash,
        grows_with_expiry: true,
    },
    averages_list_elements: true,
    stream: StreamCosts { stream: 112, pending: 32, ..REDIS_7_4.stream },
    ..REDIS_7_4
};

const VALKEY_8_0: Profile = Profile {
    family: Family::Valkey8_0,
    name: "Valkey 8.0",
    key: KeyCharge::InEntry,
    tables: Tables::Dict {
        dict: 56,
        zset_entry: 24,
        first_member_is_free: true,
        hash_conversion: Conversion::Hash,
        grows_with_expiry: false,
    },
    ..REDIS_7_2
};

const VALKEY_8_1: Profile = Profile {
    family: Family::Valkey8_1,
    name: "Valkey 8.1",
    object: 0,
    key: KeyCharge::InObject,
    embedding: Embedding::WithKeyThenExpiry,
    headers: StringHeaders { max_with_3: 252, max_with_5: 65_530 },
    tables: Tables::Buckets { table: 72, hash: 0 },
    fields: Fields::InEntry,
    stream: StreamCosts { measures_trees: true, ..VALKEY_8_0.stream },
    ..VALKEY_8_0
};

const VALKEY_9: Profile = Profile {
    family: Family::Valkey9,
    name: "Valkey 9",
    embedding: Embedding::InPlaceThenExpiry,
    tables: Tables::Buckets { table: 80, hash: 8 },
    skiplist: Skiplist::InNode,
    ..VALKEY_8_1
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_without_constants_of_their_own_get_the_nearest() {
        assert_eq!(Profile::of(Family::Redis2_6, None).name, "Redis 6.2");
        assert!(!Profile::of(Family::Redis6_2, Some(9)).stream.rounds_nodes);
        assert!(Profile::of(Family::Redis6_2, Some(14)).stream.rounds_nodes);
        assert!(Profile::of(Family::Redis6_2, None).stream.rounds_nodes);
    }
}
