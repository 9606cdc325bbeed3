//! A key and its measures.

use rdb_parser::RdbString;

use super::data_type::DataType;
use super::encoding::Encoding;

/// Everything measured of one key but its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// Logical database.
    pub db: u64,
    /// Type.
    pub data_type: DataType,
    /// What `OBJECT ENCODING` would answer after loading into the server that wrote the file.
    pub encoding: Encoding,
    /// Items, members, field-value pairs, stream entries; 1 for a string. `None` for a module's
    /// value.
    pub elements: Option<u64>,
    /// Bytes of payload: a string's length, the sum over a collection's elements. `None` where the
    /// scan did not see the elements.
    pub value_bytes: Option<u64>,
    /// Bytes that the key takes in the file: prefix opcodes, type, name and value.
    pub rdb_bytes: u64,
    /// What `MEMORY USAGE key SAMPLES 0` would answer after loading. For a module's value, whose
    /// memory nobody outside the module knows, its bytes in the file. `None`: the scan does not
    /// model memory.
    pub memory_bytes: Option<u64>,
    /// Whether `memory_bytes` is from the memory model, and not just the bytes in the file.
    pub memory_is_modelled: bool,
    /// Bytes of payload of the largest element. `None` where the scan did not see them.
    pub largest_element_bytes: Option<u64>,
    /// When the key expires, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// Seconds since its last use, as of the time the file was written.
    pub idle_seconds: Option<u64>,
    /// Its logarithmic access counter.
    pub freq: Option<u8>,
    /// Its cluster slot, where the file states it.
    pub slot: Option<u16>,
    /// Absolute offset of its record in the file.
    pub offset: u64,
}

/// A key as the scan passes by: borrowed until the next one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyView<'a> {
    /// Its name.
    pub key: RdbString<'a>,
    /// Its measures.
    pub measure: Measure,
    /// The time by which keys count as expired, in milliseconds since 1970: when the file was
    /// written, or [`Source::fallback_time_ms`](crate::Source::fallback_time_ms).
    pub time_ms: i64,
}
