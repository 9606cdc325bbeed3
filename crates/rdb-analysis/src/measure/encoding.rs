//! Encoding of a value after the server has loaded the file again.
//!
//! The file determines most encodings. The server converts some values while loading, depending on
//! limits in its configuration. RDB files do not state the configuration, so the default limits are
//! assumed unless the user gives others. Source: `rdbLoadObject` in `rdb.c` and `object.c` of each family.

use std::fmt;

use rdb_parser::outline::Packed;
use rdb_parser::{Layout, Outline, ValueType};
use serde::{Serialize, Serializer};

use super::data_type::DataType;
use crate::server::{AssumedServer, Family, Key, Limits, embedded_bytes};

/// `list-max-ziplist-entries` and `list-max-ziplist-value`, up to Redis 3.0.
const MAX_LIST_ZIPLIST_ENTRIES: u64 = 512;
const MAX_LIST_ZIPLIST_VALUE: u64 = 64;
/// `REDIS_ENCODING_EMBSTR_SIZE_LIMIT` of Redis 3.0. `server/embedding.rs` has the limits of later
/// servers.
const MAX_EMBEDDED_STRING_BYTES_3_0: u64 = 39;

/// The encoding of a value, as `OBJECT ENCODING` returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `int`
    Int,
    /// `embstr`
    Embstr,
    /// `raw`; also returned for module values
    Raw,
    /// `linkedlist`
    Linkedlist,
    /// `ziplist`
    Ziplist,
    /// `zipmap`
    Zipmap,
    /// `listpack`
    Listpack,
    /// `listpackex`: a listpack with field expiry
    Listpackex,
    /// `quicklist`
    Quicklist,
    /// `intset`
    Intset,
    /// `hashtable`
    Hashtable,
    /// `skiplist`
    Skiplist,
    /// `stream`
    Stream,
    /// `unknown`: the server has no name for the encoding, or the name is not known.
    Unknown,
    /// `template-listpack`: the values of a hash that shares its field names with others
    TemplateListpack,
    /// `template-array`: the same with more fields, or longer values
    TemplateArray,
    /// `sliced-array`
    SlicedArray,
}

impl Encoding {
    /// All encodings, in the order of their discriminants.
    pub(crate) const ALL: [Self; 17] = [
        Self::Int,
        Self::Embstr,
        Self::Raw,
        Self::Linkedlist,
        Self::Ziplist,
        Self::Zipmap,
        Self::Listpack,
        Self::Listpackex,
        Self::Quicklist,
        Self::Intset,
        Self::Hashtable,
        Self::Skiplist,
        Self::Stream,
        Self::Unknown,
        Self::TemplateListpack,
        Self::TemplateArray,
        Self::SlicedArray,
    ];

    /// The names of all encodings.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|encoding| encoding.name()).collect()
    }

    /// The name that `OBJECT ENCODING` returns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Embstr => "embstr",
            Self::Raw => "raw",
            Self::Linkedlist => "linkedlist",
            Self::Ziplist => "ziplist",
            Self::Zipmap => "zipmap",
            Self::Listpack => "listpack",
            Self::Listpackex => "listpackex",
            Self::Quicklist => "quicklist",
            Self::Intset => "intset",
            Self::Hashtable => "hashtable",
            Self::Skiplist => "skiplist",
            Self::Stream => "stream",
            Self::Unknown => "unknown",
            Self::TemplateListpack => "template-listpack",
            Self::TemplateArray => "template-array",
            Self::SlicedArray => "sliced-array",
        }
    }

    /// The encoding after the assumed server has loaded the value.
    #[inline(always)]
    pub(crate) fn after_loading(server: &AssumedServer, facts: ValueFacts) -> Self {
        match facts.data_type {
            DataType::String => string(server, &facts),
            _ => collection(server, facts),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What decides an encoding, and the memory that goes with it. Handed on by value: that keeps those
/// of a string in registers.
#[derive(Clone, Copy)]
pub(crate) struct ValueFacts {
    pub(crate) data_type: DataType,
    pub(crate) value_type: ValueType,
    pub(crate) outline: Outline,
    /// Whether a string, or every member of a small set, is a canonical integer. Other values:
    /// `false`.
    pub(crate) all_integers: bool,
    /// Length of the key's name.
    pub(crate) key_bytes: u64,
    pub(crate) has_expiry: bool,
}

impl ValueFacts {
    #[inline(always)]
    pub(crate) fn key(&self) -> Key {
        Key { bytes: self.key_bytes, expires: self.has_expiry }
    }
}

#[inline(always)]
fn string(server: &AssumedServer, facts: &ValueFacts) -> Encoding {
    let value_bytes = facts.outline.value_bytes.unwrap_or(0);
    if facts.all_integers {
        return Encoding::Int;
    }
    let key = facts.key();
    let embedded = match server.family {
        Family::Redis2_4 | Family::Redis2_6 => false,
        Family::Redis3_0 => value_bytes <= MAX_EMBEDDED_STRING_BYTES_3_0,
        _ => embedded_bytes(server.profile, |request| server.allocator.usable(request), key, value_bytes)
            .is_some(),
    };
    if embedded { Encoding::Embstr } else { Encoding::Raw }
}

#[inline(never)]
#[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value, reason = "see `ValueFacts`")]
fn collection(server: &AssumedServer, facts: ValueFacts) -> Encoding {
    match facts.data_type {
        DataType::List => list(server, &facts.outline),
        DataType::Set => set(server, &facts),
        DataType::Zset => zset(server, &facts.outline),
        DataType::Hash => hash(server, &facts),
        // Redis 5.0 has no name for the encoding of streams.
        DataType::Stream if server.family == Family::Redis5_0 => Encoding::Unknown,
        DataType::Stream => Encoding::Stream,
        DataType::Module(_) => Encoding::Raw,
        DataType::Array => Encoding::SlicedArray,
        _ => Encoding::Unknown,
    }
}

fn list(server: &AssumedServer, outline: &Outline) -> Encoding {
    let elements = outline.elements.unwrap_or(0);
    match outline.layout {
        Layout::Nodes { packed_nodes: 1, plain_nodes: 0, longest_node_bytes }
            if server.family.has_small_lists_and_sets()
                && server.limits.list_becomes_listpack(longest_node_bytes, elements) =>
        {
            Encoding::Listpack
        }
        Layout::Blob { .. } if server.family < Family::Redis5_0 => Encoding::Ziplist,
        Layout::Elements { longest_string_bytes } if server.family < Family::Redis5_0 => {
            if elements <= MAX_LIST_ZIPLIST_ENTRIES && longest_string_bytes <= MAX_LIST_ZIPLIST_VALUE {
                Encoding::Ziplist
            } else {
                Encoding::Linkedlist
            }
        }
        _ => Encoding::Quicklist,
    }
}

fn set(server: &AssumedServer, facts: &ValueFacts) -> Encoding {
    let limits = &server.limits;
    let elements = facts.outline.elements.unwrap_or(0);
    match facts.outline.layout {
        Layout::Blob { packed: Packed::Intset, .. }
            if limits.keeps_packed(elements, limits.set_max_intset_entries) =>
        {
            Encoding::Intset
        }
        Layout::Blob { packed: Packed::Listpack, .. }
            if limits.keeps_packed(elements, limits.set_max_listpack_entries) =>
        {
            Encoding::Listpack
        }
        // The server loads member by member: into an intset until the first member that is not an
        // integer, then into a listpack while the number and length of members are within the
        // limits.
        Layout::Elements { .. } if facts.all_integers => Encoding::Intset,
        Layout::Elements { longest_string_bytes }
            if server.family.has_small_lists_and_sets()
                && elements <= limits.set_max_intset_entries
                && elements <= limits.set_max_listpack_entries
                && longest_string_bytes <= limits.set_max_listpack_value =>
        {
            Encoding::Listpack
        }
        _ => Encoding::Hashtable,
    }
}

/// The packed encoding of hashes and sorted sets.
fn compact(family: Family) -> Encoding {
    if family.has_listpacks() { Encoding::Listpack } else { Encoding::Ziplist }
}

fn zset(server: &AssumedServer, outline: &Outline) -> Encoding {
    let limits = &server.limits;
    if fits(limits, outline, limits.zset_max_listpack_entries, limits.zset_max_listpack_value) {
        compact(server.family)
    } else {
        Encoding::Skiplist
    }
}

fn hash(server: &AssumedServer, facts: &ValueFacts) -> Encoding {
    let limits = &server.limits;
    let elements = facts.outline.elements.unwrap_or(0);
    match facts.value_type {
        ValueType::HashTemplate | ValueType::HashTemplateRef
            if limits.keeps_packed(elements, limits.hash_max_listpack_entries) =>
        {
            return Encoding::TemplateListpack;
        }
        ValueType::HashTemplate
        | ValueType::HashTemplateRef
        | ValueType::HashTemplateArray
        | ValueType::HashTemplateArrayRef => return Encoding::TemplateArray,
        // The server's name for this encoding is not known.
        ValueType::HashPathsValkey => return Encoding::Unknown,
        _ => {}
    }
    if facts.value_type == ValueType::HashExpiryValkey
        || !fits(limits, &facts.outline, limits.hash_max_listpack_entries, limits.hash_max_listpack_value)
    {
        return Encoding::Hashtable;
    }
    match facts.value_type {
        ValueType::HashZipmap if server.family == Family::Redis2_4 => Encoding::Zipmap,
        ValueType::HashExpiry
        | ValueType::HashExpiryPreRelease
        | ValueType::HashListpackExpiry
        | ValueType::HashListpackExpiryPreRelease => Encoding::Listpackex,
        _ => compact(server.family),
    }
}

/// Whether a collection stays or becomes packed on loading. For a packed one, the number of
/// elements decides. For one that is stored element by element, its longest string decides, too.
fn fits(limits: &Limits, outline: &Outline, max_entries: u64, max_string_bytes: u64) -> bool {
    let elements = outline.elements.unwrap_or(0);
    match outline.layout {
        Layout::Elements { longest_string_bytes } => {
            elements <= max_entries && longest_string_bytes <= max_string_bytes
        }
        Layout::Blob { .. } => limits.keeps_packed(elements, max_entries),
        _ => elements <= max_entries,
    }
}
