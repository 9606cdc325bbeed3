//! The numbers of the format: magic, opcodes, value types. They stand nowhere else.
//!
//! Source: `rdb.h` of Redis 2.8 to 8.2 and of Valkey 8.0 to 9.1.

use std::fmt;

/// Length of the magic and version that open a file.
pub(crate) const HEADER_BYTES: usize = 9;

/// First version with a checksum after the end of file opcode.
pub(crate) const FIRST_VERSION_WITH_CHECKSUM: u32 = 5;

/// First version of the numbering that Valkey began with its own magic.
pub(crate) const FIRST_VALKEY_VERSION: u32 = 80;

/// Bytes in the position of a value type that are not one.
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

/// Who defined the numbers in a file. Settled by the magic alone; see [`Header`](crate::Header).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Magic `REDIS`: Redis, KeyDB, Dragonfly, Valkey up to 8.
    Redis,
    /// Magic `VALKEY`: Valkey from 9.0.
    Valkey,
}

/// How a value is laid out in the file: the type byte of its record, told apart by dialect.
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
}

impl ValueType {
    /// The type that `byte` stands for in a file of this dialect.
    #[inline]
    pub(crate) fn from_byte(byte: u8, dialect: Dialect) -> Option<Self> {
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
            20 => Self::SetListpack,
            21 => Self::Stream3,
            22 => match dialect {
                Dialect::Redis => Self::HashExpiryPreRelease,
                Dialect::Valkey => Self::HashExpiryValkey,
            },
            23 if dialect == Dialect::Redis => Self::HashListpackExpiryPreRelease,
            24 => Self::HashExpiry,
            25 => Self::HashListpackExpiry,
            _ => return None,
        })
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
    fn only_the_magic_tells_the_two_types_22_apart() {
        assert_eq!(ValueType::from_byte(22, Dialect::Redis), Some(ValueType::HashExpiryPreRelease));
        assert_eq!(ValueType::from_byte(22, Dialect::Valkey), Some(ValueType::HashExpiryValkey));
        assert_eq!(ValueType::from_byte(23, Dialect::Valkey), None);
        for unassigned in [6, 8, 26, 64, 200] {
            assert_eq!(ValueType::from_byte(unassigned, Dialect::Redis), None);
        }
    }
}
