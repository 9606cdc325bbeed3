//! Measurements of one key.

use rdb_parser::{RdbString, Warnings};

use super::data_type::DataType;
use super::encoding::Encoding;
use super::largest_element::LargestElement;

/// Measurements of one key, without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// Number of the logical database.
    pub db: u64,
    /// Data type.
    pub data_type: DataType,
    /// The answer of `OBJECT ENCODING` after the assumed server has loaded the file.
    pub encoding: Encoding,
    /// Items, members, field-value pairs, stream entries; 1 for a string. `None` for a module's
    /// value.
    pub elements: Option<u64>,
    /// Payload bytes: the length of a string, or the sum over the elements of a collection. `None`
    /// if the scan did not read the elements.
    pub value_bytes: Option<u64>,
    /// Bytes of the key in the file: prefix opcodes, type, name and value.
    pub rdb_bytes: u64,
    /// What `MEMORY USAGE key SAMPLES 0` would answer after loading. For a module's value, whose
    /// memory nobody outside the module knows, its bytes in the file. `None`: the scan does not
    /// model memory.
    pub memory_bytes: Option<u64>,
    /// Whether `memory_bytes` is from the memory model. If not, it is the bytes in the file.
    pub memory_is_modelled: bool,
    /// Payload bytes of the largest element. `None` if the scan did not read the elements.
    pub largest_element_bytes: Option<u64>,
    /// When the key expires, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// Seconds between the last access to the key and the writing of the file.
    pub idle_seconds: Option<u64>,
    /// Logarithmic access counter (LFU).
    pub freq: Option<u8>,
    /// Cluster slot, if the file states it.
    pub slot: Option<u16>,
    /// Absolute offset of the key's record in the file.
    pub offset: u64,
}

/// A key during a scan, borrowed until the scan reads the next key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyView<'a> {
    /// The key's name.
    pub key: RdbString<'a>,
    /// The key's measurements.
    pub measure: Measure,
    /// The largest element. `None`: the scan does not
    /// [name it](crate::ScanOptions::names_largest_elements), or the parser did not show the elements.
    pub largest_element: Option<&'a LargestElement>,
    /// The time by which keys count as expired, in milliseconds since 1970: when the file was
    /// written, or [`Source::fallback_time_ms`](crate::Source::fallback_time_ms).
    pub time_ms: i64,
    /// What is irregular about the key.
    pub warnings: Warnings,
    /// Whether a member or field is there twice. Only a [check](crate::check()) compares them.
    pub(crate) has_duplicate: bool,
}
