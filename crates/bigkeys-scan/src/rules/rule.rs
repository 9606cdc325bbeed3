//! A rule and its limit.

use std::fmt;

use rdb_analysis::Group;
use serde::Serialize;

use crate::filter::Filter;

/// A rule.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, unique among the rules.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// Why it hurts.
    pub message: String,
    /// The keys that it is about.
    pub filter: Filter,
    /// What must not be true of these keys.
    pub limit: Limit,
}

/// How much a rule matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely to hurt.
    Warning,
    /// Must not be.
    Error,
}

impl Severity {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What must not be true of the keys of a [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// That there is such a key. Each is a finding.
    NoKey,
    /// That the sums over all of them exceed one of these.
    Total(MaxSums),
    /// That more than this number of them expire in the same second.
    SameSecond {
        /// Number of keys.
        max_keys: u64,
    },
}

/// What the sums over keys may be. `None`: no limit.
#[allow(clippy::struct_field_names, reason = "the names of the fields of a rule")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MaxSums {
    /// Number of keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_keys: Option<u64>,
    /// Bytes in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory_bytes: Option<u64>,
    /// Bytes in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rdb_bytes: Option<u64>,
    /// Elements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_elements: Option<u64>,
}

/// A sum that exceeds its maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Excess {
    /// What is summed up: `keys`, `memory_bytes`, `rdb_bytes` or `elements`.
    pub of: &'static str,
    /// The sum.
    pub sum: u64,
    /// What it may be.
    pub max: u64,
}

impl MaxSums {
    /// The sums that exceed their maximum.
    pub fn excesses(&self, sums: &Group) -> impl Iterator<Item = Excess> {
        let all = [
            ("keys", sums.keys, self.max_keys),
            ("memory_bytes", sums.memory_bytes.unwrap_or(0), self.max_memory_bytes),
            ("rdb_bytes", sums.rdb_bytes, self.max_rdb_bytes),
            ("elements", sums.elements, self.max_elements),
        ];
        let excess = |(of, sum, max): (_, _, Option<u64>)| {
            Some(Excess { of, sum, max: max.filter(|&max| sum > max)? })
        };
        all.into_iter().filter_map(excess)
    }
}
