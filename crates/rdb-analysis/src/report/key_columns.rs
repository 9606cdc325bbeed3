//! The columns of keys in Arrow and Parquet.

use crate::measure::Measure;

/// Version of [`KEY_COLUMNS`]. A column that is added does not change the version.
pub const KEY_SCHEMA_VERSION: u32 = 1;

/// The field with [`KEY_SCHEMA_VERSION`] in the metadata of an Arrow schema and of a Parquet file.
pub const KEY_SCHEMA_VERSION_FIELD: &str = "bigkeys.key_schema_version";

/// Where the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyColumn {
    /// At this index of [`key_numbers`].
    Number(usize),
    /// The names that are UTF-8.
    Name,
    /// The names that are not UTF-8.
    BinaryName,
    /// The name of the data type.
    Type,
    /// The name of the encoding.
    Encoding,
    /// The node that wrote the key.
    Shard,
}

/// The columns in the order of CSV, and whether a key may lack a value.
pub const KEY_COLUMNS: [(&str, KeyColumn, bool); 16] = {
    use KeyColumn::{BinaryName, Encoding, Name, Number, Shard, Type};
    [
        ("db", Number(0), false),
        ("key", Name, true),
        ("key_binary", BinaryName, true),
        ("type", Type, false),
        ("encoding", Encoding, false),
        ("elements", Number(1), true),
        ("value_bytes", Number(2), true),
        ("rdb_bytes", Number(3), false),
        ("memory_bytes", Number(4), true),
        ("largest_element_bytes", Number(5), true),
        ("expires_at_ms", Number(6), true),
        ("idle_seconds", Number(7), true),
        ("freq", Number(8), true),
        ("slot", Number(9), true),
        ("shard", Shard, true),
        ("offset", Number(10), false),
    ]
};

/// Length of the array that [`key_numbers`] returns.
pub const KEY_NUMBERS: usize = 11;

/// The numbers of a key. Numbers above 2^63-1 become 2^63-1.
#[inline]
pub fn key_numbers(m: &Measure) -> [Option<i64>; KEY_NUMBERS] {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    [
        Some(signed(m.db)),
        m.elements.map(signed),
        m.value_bytes.map(signed),
        Some(signed(m.rdb_bytes)),
        m.memory_bytes.map(signed),
        m.largest_element_bytes.map(signed),
        m.expires_at_ms,
        m.idle_seconds.map(signed),
        m.freq.map(i64::from),
        m.slot.map(i64::from),
        Some(signed(m.offset)),
    ]
}
