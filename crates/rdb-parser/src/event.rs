//! Events: what the parser returns for a record.

use std::ops::Range;

use crate::format::{Dialect, ModuleId, ValueType};
use crate::outline::Outline;
use crate::string::RdbString;
use crate::warning::{Warning, Warnings};

/// The first nine bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which server's opcode and type numbering applies, by the magic.
    pub dialect: Dialect,
    /// The version of the format. Servers write value types of later versions, too.
    pub version: u32,
}

/// The kind of server that wrote a file, by its magic and its AUX fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// Redis, or a server that names itself in no AUX field.
    Redis,
    /// Valkey, in its own dialect, or up to version 8 in that of Redis.
    Valkey,
    /// KeyDB.
    KeyDb,
    /// Dragonfly.
    Dragonfly,
}

impl Flavour {
    /// The name in reports: `redis`, `valkey`, `keydb` or `dragonfly`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::KeyDb => "keydb",
            Self::Dragonfly => "dragonfly",
        }
    }
}

/// One record of a file, borrowed until the parser reads on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An AUX field: a named fact about the file or its server. New servers add names.
    Aux {
        /// The name, for example `redis-ver`.
        name: RdbString<'a>,
        /// The value.
        value: RdbString<'a>,
    },
    /// The records that follow belong to this logical database.
    SelectDb {
        /// The number of the database.
        db: u64,
    },
    /// The number of keys that the server announces. A file can announce any number.
    ResizeDb {
        /// Announced keys.
        keys: u64,
        /// Announced keys with an expiry.
        expires: u64,
    },
    /// The records that follow belong to this slot of a cluster.
    SlotInfo {
        /// The number of the slot, 0 to 16383.
        slot: u16,
        /// Announced keys.
        keys: u64,
        /// Announced keys with an expiry.
        expires: u64,
    },
    /// A function library.
    Function {
        /// The source, or the code in files of the 7.0 release candidates.
        source: RdbString<'a>,
    },
    /// Data of a module that belongs to no key, skipped.
    ModuleAux {
        /// The module.
        module: ModuleId,
    },
    /// A skipped record that says nothing about keys: a hash template, a slot import, a journal, a
    /// search index.
    Other {
        /// The opcode of the record.
        opcode: u8,
    },
    /// Something irregular that concerns no single key. Warnings about one key are in
    /// [`Entry::warnings`].
    Warning {
        /// What is irregular.
        warning: Warning,
        /// Absolute offset of the record that shows it.
        offset: u64,
    },
    /// A key and its value, outlined.
    Entry(Entry<'a>),
    /// The end of file opcode and the checksum. Always the last event.
    End {
        /// Whether the content has the checksum of the file.
        checksum: Checksum,
    },
}

/// Whether the content of a file has the file's checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// The content has the checksum.
    Verified,
    /// The content has another checksum.
    Mismatch {
        /// The checksum in the file.
        stored: u64,
        /// The checksum of the content.
        computed: u64,
    },
    /// The file has no checksum: it is older than RDB 5, or was written with `rdbchecksum no`.
    Absent,
    /// The checksum was not compared, see [`Options`](crate::Options).
    Skipped,
}

/// A key: what its record says without the value being decoded.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The logical database.
    pub db: u64,
    /// The key's name.
    pub key: RdbString<'a>,
    /// How the value is stored.
    pub value_type: ValueType,
    /// What the prefix opcodes say.
    pub meta: KeyMeta,
    /// Absolute offsets of the record, from its first prefix opcode to the byte after its value.
    /// KeyDB writes other records between the prefix opcodes and the value type, so the span can be
    /// longer than [`rdb_bytes`](Self::rdb_bytes). In Dragonfly files, a key in a compressed blob
    /// has the span of the blob, and a chunked value the span of all its chunks.
    pub span: Range<u64>,
    /// Bytes of the file that belong to this key: prefix opcodes, value type, name and value. In a
    /// compressed blob, the key's share of the compressed bytes.
    pub rdb_bytes: u64,
    /// The measures of the value.
    pub outline: Outline,
    /// What is irregular about the key.
    pub warnings: Warnings,
}

/// What the opcodes before a key say about the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMeta {
    /// When the key expires, in milliseconds since 1970. May be in the past.
    pub expires_at_ms: Option<i64>,
    /// Seconds since the key was last used, if the eviction policy of the server is LRU.
    pub idle_seconds: Option<u64>,
    /// The logarithmic access counter, if the eviction policy is LFU.
    pub freq: Option<u8>,
    /// The cluster slot of the key, if the file names it.
    pub slot: Option<u16>,
}
