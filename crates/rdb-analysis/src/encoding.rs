//! How the server that wrote a file holds a value after loading it again.
//!
//! The file fixes most of it; the rest are the conversions a loader makes, decided by limits in the
//! server's configuration. The file does not tell them: the defaults are assumed.
//! Source: `rdbLoadObject` in `rdb.c` and `object.c` of each family.

use std::fmt;

use rdb_parser::{Layout, Outline, Packed, ValueType};
use serde::{Serialize, Serializer};

use crate::family::Family;
use crate::measure::DataType;

/// `set-max-intset-entries`.
pub(crate) const MAX_INTSET_ENTRIES: u64 = 512;
/// `set-max-listpack-entries`, since 7.2.
const MAX_SET_LISTPACK_ENTRIES: u64 = 128;
/// `hash-max-listpack-entries`, once `hash-max-ziplist-entries`.
const MAX_HASH_LISTPACK_ENTRIES: u64 = 512;
/// `zset-max-listpack-entries`, once `zset-max-ziplist-entries`.
const MAX_ZSET_LISTPACK_ENTRIES: u64 = 128;
/// `list-max-ziplist-entries`, until 3.0.
const MAX_LIST_ZIPLIST_ENTRIES: u64 = 512;
/// `*-max-listpack-value`, once `*-max-ziplist-value`: the longest string in a packed collection.
const MAX_PACKED_STRING_BYTES: u64 = 64;
/// `list-max-listpack-size -2`: the largest node of a list.
const MAX_LIST_NODE_BYTES: u64 = 8192;
/// `OBJ_ENCODING_EMBSTR_SIZE_LIMIT`, and its value in 3.0.
const MAX_EMBEDDED_STRING_BYTES: u64 = 44;
const MAX_EMBEDDED_STRING_BYTES_3_0: u64 = 39;

/// An answer of `OBJECT ENCODING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// `int`
    Int,
    /// `embstr`
    Embstr,
    /// `raw`; also the answer for modules.
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
    /// Not known: the server's name for it has not been seen.
    Unknown,
}

impl Encoding {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 14] = [
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
    ];

    /// The name that the server answers.
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
        }
    }

    /// The encoding in a server of `family`.
    #[inline]
    pub(crate) fn after_loading(family: Family, facts: &Facts<'_>) -> Self {
        match facts.data_type {
            DataType::String => string(family, facts),
            DataType::List => list(family, facts.outline),
            DataType::Set => set(family, facts),
            DataType::Zset => zset(family, facts.outline),
            DataType::Hash => hash(family, facts),
            DataType::Stream => Self::Stream,
            DataType::Module(_) => Self::Raw,
            _ => Self::Unknown,
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

/// What decides an encoding.
pub(crate) struct Facts<'a> {
    pub(crate) data_type: DataType,
    pub(crate) value_type: ValueType,
    pub(crate) outline: &'a Outline,
    /// For strings and small sets: whether the value is, or all members are, canonical integers.
    pub(crate) all_integers: bool,
    /// Length of the key's name.
    pub(crate) key_bytes: u64,
    pub(crate) has_expiry: bool,
}

fn string(family: Family, facts: &Facts<'_>) -> Encoding {
    let value_bytes = facts.outline.value_bytes.unwrap_or(0);
    if facts.all_integers {
        return Encoding::Int;
    }
    let embedded = match family {
        Family::Redis2_4 | Family::Redis2_6 => false,
        Family::Redis3_0 => value_bytes <= MAX_EMBEDDED_STRING_BYTES_3_0,
        Family::Redis6_2 | Family::Redis7_0 | Family::Redis7_2 | Family::Redis7_4 | Family::Valkey8_0 => {
            value_bytes <= MAX_EMBEDDED_STRING_BYTES
        }
        Family::Redis8_2 | Family::Valkey8_1 => {
            value_bytes <= MAX_EMBEDDED_STRING_BYTES
                && embedded_bytes(16, 3, facts.key_bytes, value_bytes, facts.has_expiry) <= 64
        }
        Family::Valkey9 => {
            let key_header = 1 + embedded_header(facts.key_bytes);
            embedded_bytes(8, key_header, facts.key_bytes, value_bytes, facts.has_expiry) <= 128
        }
    };
    if embedded { Encoding::Embstr } else { Encoding::Raw }
}

/// Size of an object that holds its key and a string value, before rounding: the object header, the
/// key with its headers, the expiry, and the value with its header of 3 and its terminator.
fn embedded_bytes(object: u64, key_overhead: u64, key_bytes: u64, value_bytes: u64, has_expiry: bool) -> u64 {
    let expiry = if has_expiry { 8 } else { 0 };
    object.saturating_add(expiry + key_overhead + 4).saturating_add(key_bytes).saturating_add(value_bytes)
}

/// Header and terminator of a key inside its object, by the size of its length field.
fn embedded_header(key_bytes: u64) -> u64 {
    let header = match key_bytes {
        0..32 => 1,
        32..253 => 3,
        253..65_531 => 5,
        _ => 9,
    };
    header + 1
}

fn list(family: Family, outline: &Outline) -> Encoding {
    let elements = outline.elements.unwrap_or(0);
    match outline.layout {
        Layout::Nodes { packed_nodes: 1, plain_nodes: 0, longest_node_bytes }
            if family.has_small_lists_and_sets() && longest_node_bytes <= MAX_LIST_NODE_BYTES =>
        {
            Encoding::Listpack
        }
        Layout::Blob { .. } if family < Family::Redis6_2 => Encoding::Ziplist,
        Layout::Table { longest_string_bytes } if family < Family::Redis6_2 => {
            if elements <= MAX_LIST_ZIPLIST_ENTRIES && longest_string_bytes <= MAX_PACKED_STRING_BYTES {
                Encoding::Ziplist
            } else {
                Encoding::Linkedlist
            }
        }
        _ => Encoding::Quicklist,
    }
}

fn set(family: Family, facts: &Facts<'_>) -> Encoding {
    let elements = facts.outline.elements.unwrap_or(0);
    match facts.outline.layout {
        Layout::Blob { packed: Packed::Intset, .. } if elements <= MAX_INTSET_ENTRIES => Encoding::Intset,
        Layout::Blob { packed: Packed::Listpack, .. } if elements <= MAX_SET_LISTPACK_ENTRIES => {
            Encoding::Listpack
        }
        // Loaded member by member: an intset until the first that is no integer, then a listpack
        // while number and length allow it.
        Layout::Table { .. } if facts.all_integers => Encoding::Intset,
        Layout::Table { longest_string_bytes }
            if family.has_small_lists_and_sets()
                && elements <= MAX_SET_LISTPACK_ENTRIES
                && longest_string_bytes <= MAX_PACKED_STRING_BYTES =>
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

fn zset(family: Family, outline: &Outline) -> Encoding {
    if fits(outline, MAX_ZSET_LISTPACK_ENTRIES) { compact(family) } else { Encoding::Skiplist }
}

fn hash(family: Family, facts: &Facts<'_>) -> Encoding {
    if is_templated(facts.value_type) {
        return Encoding::Unknown;
    }
    if facts.value_type == ValueType::HashExpiryValkey || !fits(facts.outline, MAX_HASH_LISTPACK_ENTRIES) {
        return Encoding::Hashtable;
    }
    match facts.value_type {
        ValueType::HashZipmap if family == Family::Redis2_4 => Encoding::Zipmap,
        ValueType::HashExpiry
        | ValueType::HashExpiryPreRelease
        | ValueType::HashListpackExpiry
        | ValueType::HashListpackExpiryPreRelease => Encoding::Listpackex,
        _ => compact(family),
    }
}

/// Whether a hash refers to a template. What the server calls that has not been seen.
fn is_templated(value_type: ValueType) -> bool {
    matches!(
        value_type,
        ValueType::HashTemplate
            | ValueType::HashTemplateRef
            | ValueType::HashTemplateArray
            | ValueType::HashTemplateArrayRef
            | ValueType::HashPathsValkey
    )
}

/// Whether a collection stays or becomes packed on loading: a packed one is judged by its number of
/// elements only, one stored element by element by its longest string too.
fn fits(outline: &Outline, max_entries: u64) -> bool {
    outline.elements.unwrap_or(0) <= max_entries
        && match outline.layout {
            Layout::Table { longest_string_bytes } => longest_string_bytes <= MAX_PACKED_STRING_BYTES,
            _ => true,
        }
}
