//! A rule and its limit.

use std::fmt;

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
    /// That the sums over all of them exceed one of these. `None`: no limit.
    Total {
        /// Number of keys.
        max_keys: Option<u64>,
        /// Bytes in memory.
        max_memory_bytes: Option<u64>,
        /// Bytes in the file.
        max_rdb_bytes: Option<u64>,
        /// Elements.
        max_elements: Option<u64>,
    },
    /// That more than this number of them expire in the same second.
    SameSecond {
        /// Number of keys.
        max_keys: u64,
    },
}
