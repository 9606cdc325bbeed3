//! Sums over a group of keys.

use serde::{Deserialize, Serialize};

use super::bounded::Add;
use super::expiry::ExpiryBucket;
use crate::measure::{DataType, Encoding, Measure};

/// Sums over a group of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Group {
    /// Keys in the group.
    pub keys: u64,
    /// Keys with an expiry.
    pub keys_with_expiry: u64,
    /// Elements of all keys that have a number of elements.
    pub elements: u64,
    /// Payload of the keys whose payload is known.
    pub value_bytes: u64,
    /// Keys whose payload is known and counted in `value_bytes`.
    pub value_bytes_keys: u64,
    /// Bytes in the file.
    pub rdb_bytes: u64,
    /// Bytes in the server's memory. `None`: not modelled, or no keys.
    pub memory_bytes: Option<u64>,
    /// Keys in `memory_bytes` that are not modelled. They count with their bytes in the file.
    pub memory_not_modelled_keys: u64,
}

impl Group {
    /// The sums over these keys and others.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.merge(other);
        self
    }

    #[inline(always)]
    pub(super) fn add(&mut self, measure: &Measure) {
        self.keys += 1;
        self.keys_with_expiry += u64::from(measure.expires_at_ms.is_some());
        self.elements = self.elements.saturating_add(measure.elements.unwrap_or(0));
        self.value_bytes = self.value_bytes.saturating_add(measure.value_bytes.unwrap_or(0));
        self.value_bytes_keys += u64::from(measure.value_bytes.is_some());
        self.rdb_bytes += measure.rdb_bytes;
        if let Some(bytes) = measure.memory_bytes {
            self.memory_bytes = Some(self.memory_bytes.unwrap_or(0).saturating_add(bytes));
            self.memory_not_modelled_keys += u64::from(!measure.memory_is_modelled);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.keys_with_expiry += other.keys_with_expiry;
        self.elements = self.elements.saturating_add(other.elements);
        self.value_bytes = self.value_bytes.saturating_add(other.value_bytes);
        self.value_bytes_keys += other.value_bytes_keys;
        self.rdb_bytes += other.rdb_bytes;
        if let Some(bytes) = other.memory_bytes {
            self.memory_bytes = Some(self.memory_bytes.unwrap_or(0).saturating_add(bytes));
        }
        self.memory_not_modelled_keys += other.memory_not_modelled_keys;
    }
}

impl Group {
    /// Takes away the sums over keys that are among these. A sum that is not known for all keys, or
    /// was cut off at its maximum, stays at least 0.
    pub(super) fn subtract(&mut self, part: &Self) {
        self.keys -= part.keys.min(self.keys);
        self.keys_with_expiry -= part.keys_with_expiry.min(self.keys_with_expiry);
        self.elements = self.elements.saturating_sub(part.elements);
        self.value_bytes = self.value_bytes.saturating_sub(part.value_bytes);
        self.value_bytes_keys -= part.value_bytes_keys.min(self.value_bytes_keys);
        self.rdb_bytes = self.rdb_bytes.saturating_sub(part.rdb_bytes);
        self.memory_bytes =
            self.memory_bytes.map(|bytes| bytes.saturating_sub(part.memory_bytes.unwrap_or(0)));
        self.memory_not_modelled_keys -= part.memory_not_modelled_keys.min(self.memory_not_modelled_keys);
    }
}

impl Add for Group {
    fn add_all(&mut self, other: Self) {
        self.merge(&other);
    }
}

/// The keys of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TypeGroup {
    /// The type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Its sums.
    #[serde(flatten)]
    pub group: Group,
}

/// The keys of a logical database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DbGroup {
    /// Its number. `None` for all databases beyond the 1,024 smallest numbers.
    pub db: Option<u64>,
    /// Its sums.
    #[serde(flatten)]
    pub group: Group,
}

/// The keys of a type and encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EncodingGroup {
    /// The type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// The encoding.
    pub encoding: Encoding,
    /// Their sums.
    #[serde(flatten)]
    pub group: Group,
}

/// The keys with about the same time to expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExpiryGroup {
    /// The time.
    pub bucket: ExpiryBucket,
    /// Their sums.
    #[serde(flatten)]
    pub group: Group,
}
