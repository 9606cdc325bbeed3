//! What the parser reports.

use std::ops::Range;

use crate::format::{Dialect, ModuleId, ValueType};
use crate::outline::Outline;
use crate::string::RdbString;
use crate::warning::{Warning, Warnings};

/// The first nine bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose numbers the file uses.
    pub dialect: Dialect,
    /// The version of the format. Says which server wrote the file only roughly, and does not
    /// limit which value types may follow.
    pub version: u32,
}

/// The kind of server that wrote a file, as far as its AUX fields tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// Redis, or a service that does not say otherwise.
    Redis,
    /// Valkey, in its own dialect or (up to 8) in that of Redis.
    Valkey,
    /// KeyDB.
    KeyDb,
    /// Dragonfly.
    Dragonfly,
}

impl Flavour {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::KeyDb => "keydb",
            Self::Dragonfly => "dragonfly",
        }
    }
}

/// One record of a file, borrowed until the next is asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A named fact about the file or its server. Unknown names are normal.
    Aux {
        /// The name, for example `redis-ver`.
        name: RdbString<'a>,
        /// The value, decoded.
        value: RdbString<'a>,
    },
    /// The records that follow belong to this logical database.
    SelectDb {
        /// Its number.
        db: u64,
    },
    /// A hint on the size of the database; never to be trusted as a capacity.
    ResizeDb {
        /// Keys announced.
        keys: u64,
        /// Keys with an expiry announced.
        expires: u64,
    },
    /// The records that follow belong to this slot of a cluster.
    SlotInfo {
        /// Its number, 0 to 16383.
        slot: u16,
        /// Keys announced.
        keys: u64,
        /// Keys with an expiry announced.
        expires: u64,
    },
    /// A function library.
    Function {
        /// Its source, or for the format of the 7.0 release candidates its code.
        source: RdbString<'a>,
    },
    /// Data of a module that belongs to no key; passed over.
    ModuleAux {
        /// The module.
        module: ModuleId,
    },
    /// A record that says nothing about keys, passed over: a hash template, a slot import, a journal,
    /// the index of a search module.
    Other {
        /// Its opcode.
        opcode: u8,
    },
    /// Something irregular that concerns no single key; what concerns one is in
    /// [`Entry::warnings`].
    Warning {
        /// What.
        warning: Warning,
        /// Absolute offset of the record that shows it.
        offset: u64,
    },
    /// A key and its value, outlined.
    Entry(Entry<'a>),
    /// The end of file opcode and the checksum behind it. Always the last event.
    End {
        /// What the checksum says.
        checksum: Checksum,
    },
}

/// Outcome of the comparison of a file's checksum with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checksum {
    /// The content is as it was written.
    Verified,
    /// It is not.
    Mismatch {
        /// The checksum in the file.
        stored: u64,
        /// The checksum of the content.
        computed: u64,
    },
    /// The file has none: it is older than RDB 5, or was written with `rdbchecksum no`.
    Absent,
    /// Not compared, on request.
    Skipped,
}

/// A key record: everything known of a key without decoding its value.
#[derive(Debug)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The logical database.
    pub db: u64,
    /// The key's name.
    pub key: RdbString<'a>,
    /// How the value is laid out.
    pub value_type: ValueType,
    /// What the opcodes before the record say.
    pub meta: KeyMeta,
    /// Absolute offsets of the record, from its first prefix opcode to the byte after its value.
    /// Other records may stand between the prefix opcodes and the value type (KeyDB writes such
    /// files), so this can be longer than [`rdb_bytes`](Self::rdb_bytes). A key inside a compressed
    /// blob of Dragonfly has the span of the blob, one cut into pieces that of all its pieces.
    pub span: Range<u64>,
    /// Bytes of the file that belong to this key: prefix opcodes, value type, name and value. Inside a
    /// compressed blob, its share of the compressed bytes.
    pub rdb_bytes: u64,
    /// What was measured while the value was passed over.
    pub outline: Outline,
    /// What is irregular about it.
    pub warnings: Warnings,
}

/// Facts about a key that stand in front of its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyMeta {
    /// When the key expires, in milliseconds since 1970; may be in the past.
    pub expires_at_ms: Option<i64>,
    /// Seconds since the key was last used, where the server's eviction policy is LRU.
    pub idle_seconds: Option<u64>,
    /// The logarithmic access counter, where the policy is LFU.
    pub freq: Option<u8>,
    /// The cluster slot that the file says the key is in.
    pub slot: Option<u16>,
}
