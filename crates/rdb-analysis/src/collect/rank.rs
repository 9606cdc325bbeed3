//! The measures by which keys rank.

use serde::{Deserialize, Serialize};

use crate::measure::{DataType, Measure};

/// The measure by which keys rank. Keys without a known measure come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rank {
    /// The number of elements.
    Elements,
    /// Bytes of payload.
    ValueBytes,
    /// Bytes in the file.
    RdbBytes,
    /// Bytes in the server's memory, as modelled.
    MemoryBytes,
    /// Bytes of the largest element. Only a [deep](crate::ScanOptions::deep) scan knows those of
    /// packed values.
    LargestElementBytes,
    /// The measure of `redis-cli --bigkeys` and of cloud consoles: bytes of payload for strings,
    /// the number of elements for all other types.
    Natural,
}

impl Rank {
    /// The measure of a key by which it ranks.
    #[inline]
    pub fn of(self, measure: &Measure) -> Option<u64> {
        match self {
            Self::ValueBytes => measure.value_bytes,
            Self::RdbBytes => Some(measure.rdb_bytes),
            Self::MemoryBytes => measure.memory_bytes,
            Self::LargestElementBytes => measure.largest_element_bytes,
            Self::Natural if measure.data_type == DataType::String => measure.value_bytes,
            Self::Elements | Self::Natural => measure.elements,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elements => "elements",
            Self::ValueBytes => "value_bytes",
            Self::RdbBytes => "rdb_bytes",
            Self::MemoryBytes => "memory_bytes",
            Self::LargestElementBytes => "largest_element_bytes",
            Self::Natural => "natural",
        }
    }
}
