//! What differs between servers, as data: one constant per family, written as its difference from
//! the one it grew out of.
//!
//! Every number is in bytes. They were taken from the servers' sources (`objectComputeSize` in
//! `object.c` and what it calls) and compared with the answers of running servers;
//! `docs/memory-model.md` has the formulas they go into, and how well each was met.

use super::allocator::Allocator;
use super::family::Family;

/// Size constants of one family of servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile {
    pub(crate) family: Family,
    /// Name of the model in reports.
    pub(crate) name: &'static str,
    /// The allocators of the servers whose answers were compared with the model.
    pub(crate) measured: Measured,
    /// Bytes of each value's object header; 0 where the key's bytes include the header.
    pub(crate) object: u64,
    pub(crate) key: KeyCharge,
    /// Additional bytes of a key's entry in the database if the server is a node of a cluster.
    pub(crate) cluster_links: u64,
    pub(crate) embedding: Embedding,
    pub(crate) headers: StringHeaders,
    /// Whether `MEMORY USAGE` counts packed values and list nodes by their allocated size. If not,
    /// it counts their length.
    pub(crate) rounds_packed: bool,
    pub(crate) rounds_strings: RoundsStrings,
    /// The struct that points to a listpack with field expiry.
    pub(crate) listpackex: u64,
    pub(crate) tables: Tables,
    pub(crate) fields: Fields,
    /// Structs of a list and of a list node. Servers that keep the sizes of values count their
    /// allocated sizes.
    pub(crate) list: u64,
    pub(crate) list_node: u64,
    pub(crate) sum: SumOfElements,
    pub(crate) skiplist: Skiplist,
    /// Levels of the header of a skiplist.
    pub(crate) header_levels: u64,
    pub(crate) stream: StreamCosts,
    /// Whether a score is stored as the shortest text that reads back as the same number. If not,
    /// it is stored with 17 digits.
    pub(crate) shortest_scores: bool,
}

/// Allocators of measured servers. Both quanta of jemalloc have the same rule, so one stands for the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    Jemalloc,
    Glibc,
    Both,
}

impl Measured {
    pub(crate) fn covers(self, allocator: Allocator) -> bool {
        match allocator {
            Allocator::JemallocQ8 | Allocator::JemallocQ16 => self != Self::Glibc,
            Allocator::Glibc => self != Self::Jemalloc,
        }
    }
}

/// Which strings `MEMORY USAGE` counts by their allocated size. It counts the others by their requested
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RoundsStrings {
    None,
    /// Those of 32 bytes or more, and the empty string.
    Long,
    All,
}

/// How `MEMORY USAGE` sums up the elements of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SumOfElements {
    /// From the mean of an element, in doubles; that of a list from the mean of a node.
    MeanOfNodes,
    /// The same; that of a list from the mean of an element. The result differs by at most one byte.
    MeanOfElements,
    /// The server keeps the sum.
    Kept,
}

/// How `MEMORY USAGE` counts a key's name and its entry in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCharge {
    /// A dictionary entry of 24 bytes and a string.
    Separate,
    /// A dictionary entry of 16 bytes that embeds the name.
    InEntry,
    /// The value's object embeds the name; the entry is not counted.
    InObject,
    /// The same, by the requested size and not by the allocated one.
    InRequestedObject,
}

/// The rule for string values that share one allocation with their object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Embedding {
    /// Values of up to 44 bytes. The requested size is counted.
    Unrounded,
    /// Values of up to 44 bytes. The allocated size is counted.
    Rounded,
    /// Values of up to 44 bytes, if object, name, expiry and value have at most 64 bytes together.
    WithKey,
    /// The same, whether there is an expiry or not.
    WithKeyAndAnyExpiry,
    /// As [`WithKey`](Self::WithKey), but an expiry is added to the finished object, and may find
    /// room in what the allocator gave beyond the request.
    WithKeyThenExpiry,
    /// The same, by the bytes that the object really has: a name of 32 bytes or more has one byte
    /// more than the rule before takes.
    WithWholeKeyThenExpiry,
    /// If object, name, expiry and value are no more than 128; the value takes the place of the
    /// pointer to it. An expiry is added as above.
    InPlaceThenExpiry,
}

/// Longest strings with a header of 3 and 5 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringHeaders {
    pub(crate) max_with_3: u64,
    pub(crate) max_with_5: u64,
}

impl StringHeaders {
    /// The header of a string in an allocation of its own. An empty string gets a larger header,
    /// because the servers expect it to grow.
    pub(crate) fn separate(self, len: u64) -> u64 {
        if len == 0 { 3 } else { self.embedded(len) }
    }

    /// The header of a string inside another allocation.
    pub(crate) fn embedded(self, len: u64) -> u64 {
        match len {
            0..32 => 1,
            _ if len <= self.max_with_3 => 3,
            _ if len <= self.max_with_5 => 5,
            _ if len < 1 << 32 => 9,
            _ => 17,
        }
    }

    /// A string inside another allocation: header, bytes and terminator.
    pub(crate) fn embedded_bytes(self, len: u64) -> u64 {
        self.embedded(len).saturating_add(len).saturating_add(1)
    }
}

/// The hash table of sets, sorted sets and hashes that are not packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tables {
    /// `dict`: chains of entries.
    Dict {
        /// The table's struct.
        dict: u64,
        /// Entry of a set or a hash.
        entry: u64,
        /// Entry of a member of a sorted set.
        zset_entry: u64,
        /// Whether the first member in a bucket of a set needs no entry.
        first_member_is_free: bool,
        /// How a hash that starts packed converts to a table, without and with field expiry.
        hash_conversions: [Conversion; 2],
        /// Whether the table of a hash with field expiry grows field by field. If not, it is sized
        /// beforehand.
        grows_with_expiry: bool,
    },
    /// `hashtable`: buckets of seven entries.
    Buckets {
        /// The table's struct.
        table: u64,
        /// Additional bytes of a hash.
        hash: u64,
    },
}

/// How a packed collection converts to a table while the server loads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Conversion {
    /// A hash, at its first long pair, to a table that grows: Redis 6.2.
    Hash6_2,
    /// A hash, at its first long pair, to a table sized for the packed pairs, and then for the rest:
    /// since Redis 7.0.
    Hash,
    /// The same, and then for all pairs: since Redis 8.4.
    HashOfAll,
    /// As [`HashExpiry`](Self::HashExpiry), but to a table sized for all pairs: since Redis 8.4.
    HashExpiryOfAll,
    /// A hash with field expiry, before its first long pair.
    HashExpiry,
    /// A set, before its first member that is not an integer: up to Redis 7.0.
    Set,
}

/// How a hash that is not packed stores its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Strings.
    Strings,
    /// Strings with room for an expiry (`mstr`).
    WithMetadata,
    /// In one allocation with the value, if both are short. The allocated size is counted.
    InEntry,
    /// The same, with room for an expiry. The requested size is counted.
    InRequestedEntry,
}

/// The skiplist of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skiplist {
    /// A header of 32 levels, and nodes that point to members.
    Separate,
    /// Nodes embed members.
    InNode,
    /// The same. Struct and header are counted by their allocated sizes.
    InRedisNode,
}

/// Bytes of the parts of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamCosts {
    pub(crate) stream: u64,
    /// Whether `MEMORY USAGE` counts nodes by their allocated size.
    pub(crate) rounds_nodes: bool,
    pub(crate) group: u64,
    /// A consumer without its name.
    pub(crate) consumer: u64,
    pub(crate) pending: u64,
    pub(crate) trees: Trees,
}

/// How `MEMORY USAGE` counts the radix trees of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trees {
    /// Those of IDs, by an estimate from the number of their nodes.
    Estimated,
    /// Those of IDs, by the sizes of their nodes.
    OfIds,
    /// Those of IDs and of names, and that of all pending IDs of the stream, by the sizes of their
    /// nodes. Structs are counted by their allocated sizes, too.
    All {
        /// The struct of a tree.
        tree: u64,
        /// Whether the trees of IDs have a node for each ID.
        has_leaves: bool,
    },
}

impl Profile {
    /// The constants for a family, or for the nearest that there are constants of. `patch` is the
    /// third number of the version, where it is known.
    pub(crate) fn of(family: Family, patch: Option<u32>) -> &'static Self {
        match family {
            Family::Redis2_4 | Family::Redis2_6 | Family::Redis3_0 | Family::Redis5_0 => &REDIS_5_0,
            Family::Redis6_0 => &REDIS_6_0,
            Family::Redis6_2 if patch.is_some_and(|patch| patch < FIRST_6_2_THAT_ROUNDS_STREAMS) => {
                &REDIS_6_2_EARLY
            }
            Family::Redis6_2 => &REDIS_6_2,
            Family::Redis7_0 => &REDIS_7_0,
            Family::Redis7_2 => &REDIS_7_2,
            Family::Redis7_4 => &REDIS_7_4,
            Family::Redis8_2 => &REDIS_8_2,
            Family::Redis8_6 => &REDIS_8_6,
            Family::Redis8_10 => &REDIS_8_10,
            Family::Valkey8_0 => &VALKEY_8_0,
            Family::Valkey8_1 => &VALKEY_8_1,
            Family::Valkey9_0 => &VALKEY_9_0,
            Family::Valkey9 => &VALKEY_9,
        }
    }
}

/// First patch version of Redis 6.2 that is assumed to round stream nodes. 6.2.9 does not round and
/// 6.2.14 does; the versions between them were not measured.
const FIRST_6_2_THAT_ROUNDS_STREAMS: u32 = 10;

const REDIS_6_2: Profile = Profile {
    family: Family::Redis6_2,
    name: "Redis 6.2",
    measured: Measured::Both,
    object: 16,
    key: KeyCharge::Separate,
    cluster_links: 0,
    embedding: Embedding::Unrounded,
    headers: StringHeaders { max_with_3: 255, max_with_5: 65_535 },
    rounds_packed: false,
    rounds_strings: RoundsStrings::All,
    listpackex: 32,
    tables: Tables::Dict {
        dict: 96,
        entry: 24,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversions: [Conversion::Hash6_2; 2],
        grows_with_expiry: false,
    },
    fields: Fields::Strings,
    list: 40,
    list_node: 32,
    sum: SumOfElements::MeanOfNodes,
    skiplist: Skiplist::Separate,
    header_levels: 32,
    stream: StreamCosts {
        stream: 40,
        rounds_nodes: true,
        group: 32,
        consumer: 24,
        pending: 24,
        trees: Trees::Estimated,
    },
    shortest_scores: false,
};

const REDIS_6_2_EARLY: Profile =
    Profile { stream: StreamCosts { rounds_nodes: false, ..REDIS_6_2.stream }, ..REDIS_6_2 };

/// The constants are those of 6.0.9.
const REDIS_6_0: Profile = Profile {
    family: Family::Redis6_0,
    name: "Redis 6.0",
    measured: Measured::Jemalloc,
    stream: StreamCosts { stream: 0, ..REDIS_6_2_EARLY.stream },
    ..REDIS_6_2
};

/// The constants are those of 5.0.7.
const REDIS_5_0: Profile = Profile {
    family: Family::Redis5_0,
    name: "Redis 5.0",
    rounds_strings: RoundsStrings::None,
    header_levels: 64,
    ..REDIS_6_0
};

const REDIS_7_0: Profile = Profile {
    family: Family::Redis7_0,
    name: "Redis 7.0",
    measured: Measured::Jemalloc,
    cluster_links: 16,
    embedding: Embedding::Rounded,
    rounds_packed: true,
    tables: Tables::Dict {
        dict: 56,
        entry: 24,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversions: [Conversion::Hash, Conversion::HashExpiry],
        grows_with_expiry: false,
    },
    list_node: 40,
    stream: StreamCosts { stream: 80, group: 40, ..REDIS_6_2.stream },
    ..REDIS_6_2
};

const REDIS_7_2: Profile = Profile {
    family: Family::Redis7_2,
    name: "Redis 7.2",
    cluster_links: 8,
    stream: StreamCosts { consumer: 32, ..REDIS_7_0.stream },
    shortest_scores: true,
    ..REDIS_7_0
};

const REDIS_7_4: Profile = Profile {
    family: Family::Redis7_4,
    name: "Redis 7.4",
    cluster_links: 0,
    fields: Fields::WithMetadata,
    tables: Tables::Dict {
        dict: 56,
        entry: 24,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversions: [Conversion::Hash, Conversion::HashExpiry],
        grows_with_expiry: true,
    },
    ..REDIS_7_2
};

const REDIS_8_2: Profile = Profile {
    family: Family::Redis8_2,
    name: "Redis 8.2",
    measured: Measured::Both,
    object: 0,
    key: KeyCharge::InObject,
    embedding: Embedding::WithKey,
    listpackex: 24,
    tables: Tables::Dict {
        dict: 56,
        entry: 24,
        zset_entry: 16,
        first_member_is_free: false,
        hash_conversions: [Conversion::Hash, Conversion::HashExpiry],
        grows_with_expiry: true,
    },
    sum: SumOfElements::MeanOfElements,
    stream: StreamCosts { stream: 112, pending: 32, ..REDIS_7_4.stream },
    ..REDIS_7_4
};

/// Since 8.4 the server keeps the sizes of values. The constants are those of 8.6.2.
const REDIS_8_6: Profile = Profile {
    family: Family::Redis8_6,
    name: "Redis 8.6",
    embedding: Embedding::WithKeyAndAnyExpiry,
    headers: StringHeaders { max_with_3: 252, max_with_5: 65_530 },
    rounds_packed: false,
    rounds_strings: RoundsStrings::Long,
    tables: Tables::Dict {
        dict: 56,
        entry: 24,
        zset_entry: 24,
        first_member_is_free: false,
        hash_conversions: [Conversion::HashOfAll, Conversion::HashExpiryOfAll],
        grows_with_expiry: true,
    },
    fields: Fields::InRequestedEntry,
    list: 48,
    sum: SumOfElements::Kept,
    skiplist: Skiplist::InRedisNode,
    stream: StreamCosts {
        stream: 160,
        rounds_nodes: false,
        group: 56,
        consumer: 32,
        pending: 64,
        trees: Trees::All { tree: 32, has_leaves: true },
    },
    ..REDIS_8_2
};

/// The constants are those of 8.10.2.
const REDIS_8_10: Profile = Profile {
    family: Family::Redis8_10,
    name: "Redis 8.10",
    key: KeyCharge::InRequestedObject,
    tables: Tables::Dict {
        dict: 56,
        entry: 16,
        zset_entry: 16,
        first_member_is_free: false,
        hash_conversions: [Conversion::HashOfAll, Conversion::HashExpiryOfAll],
        grows_with_expiry: true,
    },
    stream: StreamCosts { group: 64, trees: Trees::All { tree: 40, has_leaves: false }, ..REDIS_8_6.stream },
    ..REDIS_8_6
};

const VALKEY_8_0: Profile = Profile {
    family: Family::Valkey8_0,
    name: "Valkey 8.0",
    measured: Measured::Jemalloc,
    key: KeyCharge::InEntry,
    cluster_links: 0,
    tables: Tables::Dict {
        dict: 56,
        entry: 24,
        zset_entry: 24,
        first_member_is_free: true,
        hash_conversions: [Conversion::Hash, Conversion::HashExpiry],
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
    stream: StreamCosts { trees: Trees::OfIds, ..VALKEY_8_0.stream },
    ..VALKEY_8_0
};

const VALKEY_9_0: Profile = Profile {
    family: Family::Valkey9_0,
    name: "Valkey 9.0",
    measured: Measured::Glibc,
    embedding: Embedding::WithWholeKeyThenExpiry,
    tables: Tables::Buckets { table: 72, hash: 8 },
    ..VALKEY_8_1
};

const VALKEY_9: Profile = Profile {
    family: Family::Valkey9,
    name: "Valkey 9",
    measured: Measured::Both,
    embedding: Embedding::InPlaceThenExpiry,
    tables: Tables::Buckets { table: 80, hash: 8 },
    skiplist: Skiplist::InNode,
    ..VALKEY_8_1
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_without_constants_get_those_of_the_nearest_family() {
        assert_eq!(Profile::of(Family::Redis2_6, None).name, "Redis 5.0");
        assert!(!Profile::of(Family::Redis6_2, Some(9)).stream.rounds_nodes);
        assert!(Profile::of(Family::Redis6_2, Some(14)).stream.rounds_nodes);
        assert!(Profile::of(Family::Redis6_2, None).stream.rounds_nodes);
    }
}
