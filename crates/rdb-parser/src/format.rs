//! Every number of the format: magic, versions, opcodes, value types.
//!
//! Source: `rdb.h` of Redis 2.8 to 8.2 and of Valkey 8.0 to 9.1; what is newer, and what other
//! servers add, as listed in `docs/format-notes.md`.

use std::fmt;
use std::ops::RangeInclusive;

/// Length of the magic and version that open a file.
pub(crate) const HEADER_BYTES: usize = 9;

/// The magic of Redis, before four digits of a version.
pub(crate) const REDIS_MAGIC: &[u8] = b"REDIS";

/// The magic of Valkey from 9.0, before three digits of a version.
pub(crate) const VALKEY_MAGIC: &[u8] = b"VALKEY";

/// First bytes of a file that Valkey 9.2 compressed as a whole. This crate does not decompress such
/// files.
pub(crate) const VALKEY_ENVELOPE_MAGIC: &[u8] = b"VCS";

/// First version with a checksum after the end of file opcode.
pub(crate) const FIRST_VERSION_WITH_CHECKSUM: u32 = 5;

/// First version of the numbering that Valkey began with its own magic.
pub(crate) const FIRST_VALKEY_VERSION: u32 = 80;

/// Versions after the magic `REDIS` whose records are all known.
pub const KNOWN_REDIS_VERSIONS: RangeInclusive<u32> = 1..=15;

/// Versions after the magic `VALKEY` whose records are all known.
pub const KNOWN_VALKEY_VERSIONS: RangeInclusive<u32> = FIRST_VALKEY_VERSION..=81;

/// First version of Valkey that can compress more than strings.
pub(crate) const FIRST_VALKEY_VERSION_WITH_ENVELOPE: u32 = 81;

/// First version in which type 33 of Redis is a rate limiter.
const FIRST_VERSION_WITH_GCRA: u32 = 15;

/// First version in which a Dragonfly file may use type 20 as Redis does.
const FIRST_VERSION_WITH_SET_LISTPACK: u32 = 10;

/// Whether all records of a file of this version are known.
pub(crate) fn is_known_version(dialect: Dialect, version: u32) -> bool {
    let known = match dialect {
        Dialect::Valkey => KNOWN_VALKEY_VERSIONS,
        Dialect::Redis | Dialect::Dragonfly => KNOWN_REDIS_VERSIONS,
    };
    version <= *known.end()
}

/// Slots of a cluster (`CLUSTER_SLOTS` in `cluster.h`).
pub(crate) const SLOTS: u64 = 16_384;

/// Opcodes that all servers share. They stand where a value type can stand.
pub(crate) mod opcode {
    pub(crate) const SLOT_INFO: u8 = 244;
    pub(crate) const FUNCTION2: u8 = 245;
    pub(crate) const FUNCTION_PRE_GA: u8 = 246;
    pub(crate) const MODULE_AUX: u8 = 247;
    pub(crate) const IDLE: u8 = 248;
    pub(crate) const FREQ: u8 = 249;
    pub(crate) const AUX: u8 = 250;
    pub(crate) const RESIZE_DB: u8 = 251;
    pub(crate) const EXPIRE_TIME_MS: u8 = 252;
    pub(crate) const EXPIRE_TIME: u8 = 253;
    pub(crate) const SELECT_DB: u8 = 254;
    pub(crate) const EOF: u8 = 255;
}

/// Opcodes inside the data of a module, each before its payload (`RDB_MODULE_OPCODE_*` in `rdb.h`).
pub(crate) mod module_opcode {
    pub(crate) const END: u64 = 0;
    pub(crate) const SIGNED: u64 = 1;
    pub(crate) const UNSIGNED: u64 = 2;
    pub(crate) const FLOAT: u64 = 3;
    pub(crate) const DOUBLE: u64 = 4;
    pub(crate) const STRING: u64 = 5;
}

/// The value type of a plain string, in all dialects. Most keys of most files have it.
pub(crate) const STRING_TYPE: u8 = 0;

/// The highest value type of all dialects.
const HIGHEST_VALUE_TYPE: u8 = 64;

/// The lowest opcode of a key's prefix.
const LOWEST_PREFIX_OPCODE: u8 = opcode::IDLE;

/// The lowest opcode that can follow a key, except those of Dragonfly and Redis Enterprise.
const LOWEST_OPCODE: u8 = 242;

/// The lower of the two opcodes of Dragonfly's compressed blobs.
const LOWEST_BLOB_OPCODE: u8 = 201;

/// What the first byte of a record with a key can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstByte {
    /// A value type.
    ValueType,
    /// An opcode of the key's prefix.
    Prefix,
}

impl FirstByte {
    /// What `byte` can be. `None` for most bytes of text.
    #[inline]
    pub(crate) fn of_key(byte: u8) -> Option<Self> {
        if byte <= HIGHEST_VALUE_TYPE {
            Some(Self::ValueType)
        } else if byte >= LOWEST_PREFIX_OPCODE {
            Some(Self::Prefix)
        } else {
            None
        }
    }
}

/// Whether `byte` can be the opcode of a compressed blob or a later opcode of Dragonfly.
#[inline]
pub(crate) fn may_be_blob_opcode(byte: u8) -> bool {
    byte >= LOWEST_BLOB_OPCODE
}

/// Whether a record can begin with `byte`.
#[inline]
pub(crate) fn may_begin_record(byte: u8, dialect: Dialect, version: u32) -> bool {
    byte >= LOWEST_OPCODE || ValueType::from_byte(byte, dialect, version).is_some()
}

/// Bytes of the backlen, which follows an entry of a listpack and repeats the entry's length.
///
/// `entry_bytes` is the length of the entry without the backlen. Valkey 9 writes one byte less at
/// three lengths. Source: `lpEncodeBacklenBytes` in `listpack.c`.
#[inline]
pub fn listpack_backlen_bytes(entry_bytes: u64) -> u8 {
    match entry_bytes {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

/// A record that most files do not have, distinguished by dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RareRecord {
    /// 242 of Redis: the fields that hashes refer to.
    HashTemplate,
    /// 243 of Redis: metadata of the key that follows.
    KeyMetadata,
    /// 243 of Valkey: slots being imported.
    SlotImport,
    /// 121: Redis Enterprise's slot number.
    SlotNumber,
    /// 107: Redis Enterprise's access time of the key that follows.
    RamLru,
    /// Known by name only.
    Unskippable(&'static str),
    /// 200: the end of Dragonfly's full synchronisation.
    FullSyncEnd,
    /// 201: records in a zstd frame.
    ZstdBlob,
    /// 202: records in an LZ4 frame.
    Lz4Blob,
    /// 203: the end of a blob.
    BlobEnd,
    /// 210: commands since the snapshot began.
    Journal,
    /// 211: position in the journal.
    JournalOffset,
    /// 220: Dragonfly's flags of the key that follows.
    KeyFlags,
    /// 222: the graph of a vector index.
    VectorIndex,
    /// 223: the documents of an index.
    DocumentIndex,
    /// 224: a chunk of a value.
    TaggedChunk,
}

impl RareRecord {
    /// The record that `byte` begins in a file of this dialect.
    ///
    /// Redis leaves the numbers of Dragonfly and of Redis Enterprise unassigned, so any file with
    /// the magic of Redis may use them.
    pub(crate) fn from_byte(byte: u8, dialect: Dialect) -> Option<Self> {
        Some(match (byte, dialect) {
            (6, _) => Self::Unskippable("a module value of a 4.0 release candidate (type 6)"),
            (242, Dialect::Redis) => Self::HashTemplate,
            (243, Dialect::Redis) => Self::KeyMetadata,
            (243, Dialect::Valkey) => Self::SlotImport,
            (_, Dialect::Valkey) => return None,
            (101, _) => Self::Unskippable("a GCAS record of Redis Enterprise (opcode 101)"),
            (102, _) => Self::Unskippable("a GFLAGS record of Redis Enterprise (opcode 102)"),
            (107, _) => Self::RamLru,
            (121, _) => Self::SlotNumber,
            (200, _) => Self::FullSyncEnd,
            (201, _) => Self::ZstdBlob,
            (202, _) => Self::Lz4Blob,
            (203, _) => Self::BlobEnd,
            (210, _) => Self::Journal,
            (211, _) => Self::JournalOffset,
            (220, _) => Self::KeyFlags,
            (222, _) => Self::VectorIndex,
            (223, _) => Self::DocumentIndex,
            (224, _) => Self::TaggedChunk,
            _ => return None,
        })
    }
}

/// Which server's opcode and type numbering applies: that of the magic ([`Header`](crate::Header)),
/// or Dragonfly's if the file has the AUX field with which Dragonfly begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Magic `REDIS`: Redis, KeyDB, Valkey up to 8, and Dragonfly before its AUX field.
    Redis,
    /// Magic `VALKEY`: Valkey from 9.0.
    Valkey,
    /// Magic `REDIS` and an AUX field `df-ver`.
    Dragonfly,
}

/// How a value is stored in the file: the type byte of its record, distinguished by dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// 0: one string.
    String,
    /// 1: a list, item by item.
    List,
    /// 2: a set, member by member.
    Set,
    /// 3: a sorted set, scores as text.
    ZsetText,
    /// 4: a hash, field by field.
    Hash,
    /// 5: a sorted set, scores as doubles.
    ZsetBinary,
    /// 7: a module value, self-describing.
    Module,
    /// 9: a hash in one zipmap.
    HashZipmap,
    /// 10: a list in one ziplist.
    ListZiplist,
    /// 11: a set in one intset.
    SetIntset,
    /// 12: a sorted set in one ziplist.
    ZsetZiplist,
    /// 13: a hash in one ziplist.
    HashZiplist,
    /// 14: a list of ziplists.
    ListQuicklist,
    /// 15: a stream as Redis 5 writes it.
    Stream,
    /// 16: a hash in one listpack.
    HashListpack,
    /// 17: a sorted set in one listpack.
    ZsetListpack,
    /// 18: a list of listpacks and single large items.
    ListQuicklist2,
    /// 19: a stream as Redis 7.0 writes it.
    Stream2,
    /// 20: a set in one listpack.
    SetListpack,
    /// 21: a stream as Redis 7.2 writes it.
    Stream3,
    /// 22 of Redis: a hash with field expiry of the 7.4 release candidates.
    HashExpiryPreRelease,
    /// 22 of Valkey: a hash with field expiry.
    HashExpiryValkey,
    /// 23 of Redis: a hash with field expiry in one listpack, of the 7.4 release candidates.
    HashListpackExpiryPreRelease,
    /// 24: a hash with field expiry.
    HashExpiry,
    /// 25: a hash with field expiry in one listpack.
    HashListpackExpiry,
    /// 23 of Valkey: a hash of fields below paths.
    HashPathsValkey,
    /// 26: a stream as Redis 8.6 writes it.
    Stream4,
    /// 27: a stream as Redis 8.8 writes it.
    Stream5,
    /// 28: a sparse array.
    Array,
    /// 29: a hash with its template, in one listpack.
    HashTemplate,
    /// 30 of Redis: a hash in one listpack that names its template.
    HashTemplateRef,
    /// 31 of Redis: a hash with its template, value by value.
    HashTemplateArray,
    /// 32 of Redis: a hash that names its template, value by value.
    HashTemplateArrayRef,
    /// 33 of Redis: the state of a rate limiter.
    Gcra,
    /// 64: a scheduled script of KeyDB.
    Cron,
    /// 30 of Dragonfly, and 20 in its older files: JSON text.
    Json,
    /// 31 of Dragonfly: a hash with field expiry.
    HashExpiryDragonfly,
    /// 32 of Dragonfly: a set with member expiry.
    SetExpiryDragonfly,
    /// 33 of Dragonfly: a Bloom filter.
    Bloom,
    /// 34 of Dragonfly: a Bloom filter in chunks.
    BloomChunked,
    /// 35 of Dragonfly: a count-min sketch.
    CountMin,
    /// 36 of Dragonfly: the most frequent items.
    TopK,
    /// 37 of Dragonfly: a cuckoo filter.
    Cuckoo,
}

impl ValueType {
    /// The type that `byte` means in a file of this dialect and version. Only two numbers depend on
    /// the version.
    #[inline]
    pub(crate) fn from_byte(byte: u8, dialect: Dialect, version: u32) -> Option<Self> {
        Some(match byte {
            0 => Self::String,
            1 => Self::List,
            2 => Self::Set,
            3 => Self::ZsetText,
            4 => Self::Hash,
            5 => Self::ZsetBinary,
            7 => Self::Module,
            9 => Self::HashZipmap,
            10 => Self::ListZiplist,
            11 => Self::SetIntset,
            12 => Self::ZsetZiplist,
            13 => Self::HashZiplist,
            14 => Self::ListQuicklist,
            15 => Self::Stream,
            16 => Self::HashListpack,
            17 => Self::ZsetListpack,
            18 => Self::ListQuicklist2,
            19 => Self::Stream2,
            20 if dialect != Dialect::Dragonfly => Self::SetListpack,
            21 => Self::Stream3,
            22 if dialect == Dialect::Valkey => Self::HashExpiryValkey,
            22 => Self::HashExpiryPreRelease,
            23 if dialect == Dialect::Valkey => Self::HashPathsValkey,
            23 => Self::HashListpackExpiryPreRelease,
            24 => Self::HashExpiry,
            25 => Self::HashListpackExpiry,
            _ => return Self::from_rare_byte(byte, dialect, version),
        })
    }

    #[cold]
    fn from_rare_byte(byte: u8, dialect: Dialect, version: u32) -> Option<Self> {
        Some(match (byte, dialect) {
            (20, Dialect::Dragonfly) if version >= FIRST_VERSION_WITH_SET_LISTPACK => Self::SetListpack,
            (20 | 30, Dialect::Dragonfly) => Self::Json,
            (31, Dialect::Dragonfly) => Self::HashExpiryDragonfly,
            (32, Dialect::Dragonfly) => Self::SetExpiryDragonfly,
            (33, Dialect::Dragonfly) => Self::Bloom,
            (34, Dialect::Dragonfly) => Self::BloomChunked,
            (35, Dialect::Dragonfly) => Self::CountMin,
            (36, Dialect::Dragonfly) => Self::TopK,
            (37, Dialect::Dragonfly) => Self::Cuckoo,
            (26, Dialect::Redis) => Self::Stream4,
            (27, Dialect::Redis) => Self::Stream5,
            (28, Dialect::Redis) => Self::Array,
            (29, Dialect::Redis) => Self::HashTemplate,
            (30, Dialect::Redis) => Self::HashTemplateRef,
            (31, Dialect::Redis) => Self::HashTemplateArray,
            (32, Dialect::Redis) => Self::HashTemplateArrayRef,
            (33, Dialect::Redis) if version >= FIRST_VERSION_WITH_GCRA => Self::Gcra,
            (64, Dialect::Redis) => Self::Cron,
            _ => return None,
        })
    }

    /// Whether a server is expected to write this type in a file of Redis of this version. Files
    /// may still have it.
    pub fn is_expected_in(self, version: u32) -> bool {
        let first = match self {
            Self::HashListpack | Self::ZsetListpack | Self::ListQuicklist2 | Self::Stream2 => 10,
            Self::SetListpack | Self::Stream3 => 11,
            Self::HashExpiryPreRelease
            | Self::HashListpackExpiryPreRelease
            | Self::HashExpiry
            | Self::HashListpackExpiry => 12,
            _ => 0,
        };
        version >= first
    }

    /// Whether the value is a stream.
    pub fn is_stream(self) -> bool {
        matches!(self, Self::Stream | Self::Stream2 | Self::Stream3 | Self::Stream4 | Self::Stream5)
    }
}

/// A module type: nine characters and a version of its encoding, packed in 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// The version of the module's own encoding: the low ten bits.
    pub fn encoding_version(self) -> u16 {
        (self.0 & 1023) as u16
    }

    /// The id without the version: what makes two values of one type.
    #[must_use]
    pub fn without_version(self) -> Self {
        Self(self.0 & !1023)
    }
}

/// The nine characters of the type name, as `TYPE` prints them.
impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for i in (0..9).rev() {
            let index = (self.0 >> (10 + 6 * i) & 63) as usize;
            let character = ALPHABET.get(index).copied().unwrap_or(b'?');
            write!(f, "{}", char::from(character))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleId({self} v{})", self.encoding_version())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_ids_of_real_files() {
        for (id, name, version) in [
            (0x45e2_5238_df91_2c03, "ReJSON-RL", 3),
            (0xbde7_2da2_bb1e_b400, "vectorset", 0),
            (0x82b6_a985_d6ad_6812, "graphdata", 18),
        ] {
            assert_eq!(ModuleId(id).to_string(), name);
            assert_eq!(ModuleId(id).encoding_version(), version);
        }
    }

    #[test]
    fn the_dialect_decides_what_a_shared_number_means() {
        let redis = |byte| ValueType::from_byte(byte, Dialect::Redis, 15);
        let valkey = |byte| ValueType::from_byte(byte, Dialect::Valkey, 81);
        let dragonfly = |byte| ValueType::from_byte(byte, Dialect::Dragonfly, 9);
        assert_eq!(redis(22), Some(ValueType::HashExpiryPreRelease));
        assert_eq!(valkey(22), Some(ValueType::HashExpiryValkey));
        assert_eq!(redis(23), Some(ValueType::HashListpackExpiryPreRelease));
        assert_eq!(valkey(23), Some(ValueType::HashPathsValkey));
        assert_eq!(redis(20), Some(ValueType::SetListpack));
        assert_eq!(dragonfly(20), Some(ValueType::Json));
        assert_eq!(ValueType::from_byte(20, Dialect::Dragonfly, 12), Some(ValueType::SetListpack));
        assert_eq!((redis(32), valkey(32)), (Some(ValueType::HashTemplateArrayRef), None));
        assert_eq!(dragonfly(32), Some(ValueType::SetExpiryDragonfly));
        assert_eq!(ValueType::from_byte(33, Dialect::Redis, 14), None);
        assert_eq!(redis(33), Some(ValueType::Gcra));
        for unassigned in [6, 8, 38, 65, 192, 200] {
            assert_eq!(redis(unassigned), None);
            assert_eq!(valkey(unassigned), None);
            assert_eq!(dragonfly(unassigned), None);
        }
    }

    #[test]
    fn opcode_243_is_two_records() {
        assert_eq!(RareRecord::from_byte(243, Dialect::Redis), Some(RareRecord::KeyMetadata));
        assert_eq!(RareRecord::from_byte(243, Dialect::Valkey), Some(RareRecord::SlotImport));
        assert_eq!(RareRecord::from_byte(243, Dialect::Dragonfly), None);
    }
}
