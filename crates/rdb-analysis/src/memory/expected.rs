//! The expected error of the model, by encoding.
//!
//! The figures come from the comparisons with servers in `docs/benchmarks.md`.

use serde::Serialize;

use crate::measure::DataType;
use crate::measure::Encoding;
use crate::server::Allocator;
use crate::server::{AssumedServer, Family};

/// The expected error of a key's memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "accuracy", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Expected {
    /// Exact to the byte.
    Exact,
    /// Exact to the byte, except for one key in a number of keys.
    Almost {
        /// One of this number of keys is off.
        one_in: u32,
        /// The largest error of that key, in percent of its memory.
        max_percent: f64,
    },
    /// A part depends on chance in the server, and the model gives the expectation.
    Random {
        /// The standard error for a value of 100 elements, in percent of its memory. For a hundred
        /// times as many elements it is a tenth.
        percent_at_100_elements: f64,
    },
    /// The allocator may leave a remainder with an allocation.
    Remainders {
        /// One of this number of allocations has a remainder.
        one_allocation_in: u32,
        /// Bytes of a remainder.
        bytes: u32,
    },
    /// Unknown, because the model was not compared with a server of this version and allocator.
    Extrapolated,
    /// A lower bound, because the server adds a share of what the key shares with other keys: the
    /// field names of a hash that has a template.
    LowerBound,
    /// Unknown, because the value is not modelled and counts with its bytes in the file.
    NotModelled,
}

/// The expectation for the keys of an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExpectedError {
    /// Their type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Their encoding.
    pub encoding: Encoding,
    /// The expectation.
    #[serde(flatten)]
    pub expected: Expected,
}

impl Expected {
    /// For the keys of a type and encoding in a server, if the assumptions on its allocator and
    /// configuration are right.
    pub(crate) fn of(server: &AssumedServer, data_type: DataType, encoding: Encoding) -> Self {
        match (data_type, encoding) {
            (DataType::Stream, _) => {}
            (_, Encoding::Unknown) | (DataType::Module(_), _) => return Self::NotModelled,
            _ => {}
        }
        if !server.is_measured() {
            return Self::Extrapolated;
        }
        let (family, allocator) = (server.family, server.allocator);
        let random = |percent_at_100_elements| Self::Random { percent_at_100_elements };
        match (data_type, encoding, family) {
            (_, Encoding::TemplateListpack | Encoding::TemplateArray, _) => Self::LowerBound,
            // Heights of nodes.
            (_, Encoding::Skiplist, _) => random(1.1),
            // Which members share a bucket depends on the server's hash seed.
            (DataType::Set, Encoding::Hashtable, Family::Valkey8_0) => random(0.8),
            (DataType::Set, Encoding::Hashtable, Family::Valkey8_1 | Family::Valkey9_0 | Family::Valkey9) => {
                random(1.5)
            }
            (
                DataType::Hash,
                Encoding::Hashtable,
                Family::Valkey8_1 | Family::Valkey9_0 | Family::Valkey9,
            ) => random(1.0),
            _ if allocator == Allocator::Glibc => Self::Remainders { one_allocation_in: 100, bytes: 16 },
            // As does whether the rehash of a collection that was converted while loading has
            // finished.
            (DataType::Hash, Encoding::Hashtable, _) => Self::Almost { one_in: 50, max_percent: 10.0 },
            (DataType::Set, Encoding::Hashtable, family) if !family.has_small_lists_and_sets() => {
                Self::Almost { one_in: 50, max_percent: 10.0 }
            }
            _ => Self::Exact,
        }
    }
}
