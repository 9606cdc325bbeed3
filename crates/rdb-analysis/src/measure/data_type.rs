//! Data types of keys.

use std::borrow::Cow;
use std::fmt;

use rdb_parser::{Layout, ModuleId, ValueType};
use serde::{Serialize, Serializer};

/// The data type of a key, as `TYPE` returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// `string`
    String,
    /// `list`
    List,
    /// `set`
    Set,
    /// `zset`
    Zset,
    /// `hash`
    Hash,
    /// `stream`
    Stream,
    /// `array`: a sparse array of Redis 8.8
    Array,
    /// `json`: JSON of Dragonfly; JSON of Redis is a module type
    Json,
    /// `bloom`: a Bloom filter of Dragonfly
    Bloom,
    /// `cuckoo`: a cuckoo filter of Dragonfly
    Cuckoo,
    /// `cms`: a count-min sketch of Dragonfly
    CountMin,
    /// `topk`: a top-k sketch of Dragonfly
    TopK,
    /// `gcra`: a rate limiter of Redis
    Gcra,
    /// `cron`: a scheduled script of KeyDB
    Cron,
    /// `unknown`: of a value type that the parser skips and this crate has no name for
    Unknown,
    /// The type of a module, without the version of its encoding.
    Module(ModuleId),
}

impl DataType {
    /// The types that every server has, in report order.
    pub const BUILT_IN: [Self; 6] =
        [Self::String, Self::List, Self::Set, Self::Zset, Self::Hash, Self::Stream];

    /// Index in [`BUILT_IN`](Self::BUILT_IN). `None` for a type that only some servers have.
    #[inline(always)]
    pub(crate) fn built_in_index(self) -> Option<usize> {
        Some(match self {
            Self::String => 0,
            Self::List => 1,
            Self::Set => 2,
            Self::Zset => 3,
            Self::Hash => 4,
            Self::Stream => 5,
            _ => return None,
        })
    }

    #[inline(always)]
    pub(super) fn of(value_type: ValueType, layout: &Layout) -> Self {
        match (layout, value_type) {
            (Layout::Module(id), _) => Self::Module(id.without_version()),
            (_, ValueType::String) => Self::String,
            (
                _,
                ValueType::List
                | ValueType::ListZiplist
                | ValueType::ListQuicklist
                | ValueType::ListQuicklist2,
            ) => Self::List,
            (
                _,
                ValueType::Set
                | ValueType::SetIntset
                | ValueType::SetListpack
                | ValueType::SetExpiryDragonfly,
            ) => Self::Set,
            (
                _,
                ValueType::ZsetText
                | ValueType::ZsetBinary
                | ValueType::ZsetZiplist
                | ValueType::ZsetListpack,
            ) => Self::Zset,
            (Layout::Stream(_), _) => Self::Stream,
            (_, rare) => Self::of_rare(rare),
        }
    }

    #[cold]
    fn of_rare(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Array => Self::Array,
            ValueType::Json => Self::Json,
            ValueType::Bloom | ValueType::BloomChunked => Self::Bloom,
            ValueType::Cuckoo => Self::Cuckoo,
            ValueType::CountMin => Self::CountMin,
            ValueType::TopK => Self::TopK,
            ValueType::Gcra => Self::Gcra,
            ValueType::Cron => Self::Cron,
            ValueType::Hash
            | ValueType::HashZipmap
            | ValueType::HashZiplist
            | ValueType::HashListpack
            | ValueType::HashExpiry
            | ValueType::HashExpiryPreRelease
            | ValueType::HashExpiryValkey
            | ValueType::HashExpiryDragonfly
            | ValueType::HashListpackExpiry
            | ValueType::HashListpackExpiryPreRelease
            | ValueType::HashPathsValkey
            | ValueType::HashTemplate
            | ValueType::HashTemplateRef
            | ValueType::HashTemplateArray
            | ValueType::HashTemplateArrayRef => Self::Hash,
            _ => Self::Unknown,
        }
    }
}

impl DataType {
    /// The types that are not of modules.
    const PLAIN: [Self; 15] = [
        Self::String,
        Self::List,
        Self::Set,
        Self::Zset,
        Self::Hash,
        Self::Stream,
        Self::Array,
        Self::Json,
        Self::Bloom,
        Self::Cuckoo,
        Self::CountMin,
        Self::TopK,
        Self::Gcra,
        Self::Cron,
        Self::Unknown,
    ];

    /// Whether a type may have this name: one of ours, or the nine characters of a module's type.
    pub fn is_name(name: &str) -> bool {
        let is_module_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        Self::PLAIN.iter().any(|plain| plain.plain_name() == Some(name))
            || name.len() == 9 && name.bytes().all(is_module_char)
    }

    /// The name of a type, as reports have it. Only that of a module's type is made for the call.
    pub fn name(self) -> Cow<'static, str> {
        self.plain_name().map_or_else(|| Cow::Owned(self.to_string()), Cow::Borrowed)
    }

    /// The name of a type that is not of a module.
    pub(crate) fn plain_name(self) -> Option<&'static str> {
        Some(match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Array => "array",
            Self::Json => "json",
            Self::Bloom => "bloom",
            Self::Cuckoo => "cuckoo",
            Self::CountMin => "cms",
            Self::TopK => "topk",
            Self::Gcra => "gcra",
            Self::Cron => "cron",
            Self::Unknown => "unknown",
            Self::Module(_) => return None,
        })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(id) => f.pad(&id.to_string()),
            plain => f.pad(plain.plain_name().unwrap_or_default()),
        }
    }
}

impl Serialize for DataType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
