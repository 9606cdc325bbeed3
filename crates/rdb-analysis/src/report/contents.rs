//! The result of an analysis: plain, owned, sorted data.

use std::collections::BTreeMap;

use rdb_parser::Checksum;
use serde::Serialize;

use crate::collect::{ExpiryBucket, Group, Rank, Summary};
use crate::measure::Encoding;
use crate::measure::{DataType, Measure};
use crate::memory::SourceMemory;
use crate::scan::SourceFacts;

/// What the keys of all sources come to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// One for each source, in the order given.
    pub sources: Vec<SourceReport>,
    /// Over all keys.
    pub totals: Group,
    /// By type.
    pub by_type: Vec<TypeGroup>,
    /// By logical database.
    pub by_db: Vec<DbGroup>,
    /// By type and encoding.
    pub by_encoding: Vec<EncodingGroup>,
    /// By time to expiry; every bucket, empty ones too.
    pub expiry: Vec<ExpiryGroup>,
    /// The measure by which keys rank in `top`.
    pub rank: Rank,
    /// The largest keys of each type that occurs, largest first.
    pub top: BTreeMap<DataType, Vec<KeyRecord>>,
}

/// A source and what was learned of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceReport {
    /// Its path.
    pub path: String,
    /// The node that wrote it, if the user says so.
    pub shard: Option<String>,
    /// The rest.
    pub facts: SourceFacts,
    /// The account of its server's memory. `None`: it was not modelled.
    pub memory: Option<SourceMemory>,
}

/// A key, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// Its name; of a very long one only the beginning.
    pub key: Vec<u8>,
    /// Length of its whole name in bytes.
    pub key_bytes: u64,
    /// Its measures.
    pub measure: Measure,
    /// Index of its source.
    pub source: usize,
    /// The node that wrote it, if the user says so.
    pub shard: Option<String>,
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
    /// Its number; `None` for all beyond the first thousand or so.
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

impl Report {
    pub(crate) fn new(sources: Vec<SourceReport>, rank: Rank, summary: Summary) -> Self {
        let Summary { groups, top } = summary;
        let by_type = groups.by_type().into_iter().map(|(data_type, group)| TypeGroup { data_type, group });
        let by_encoding = groups
            .by_encoding()
            .into_iter()
            .map(|((data_type, encoding), group)| EncodingGroup { data_type, encoding, group });
        let top = top
            .into_lists()
            .map(|(data_type, keys)| {
                let keys = keys.into_iter().map(|key| KeyRecord {
                    shard: sources.get(key.source).and_then(|source| source.shard.clone()),
                    key: key.key,
                    key_bytes: key.key_bytes,
                    measure: key.measure,
                    source: key.source,
                });
                (data_type, keys.collect())
            })
            .collect();
        Self {
            totals: groups.totals(),
            by_type: by_type.collect(),
            by_db: groups.by_db().into_iter().map(|(db, group)| DbGroup { db, group }).collect(),
            by_encoding: by_encoding.collect(),
            expiry: groups.by_expiry().map(|(bucket, group)| ExpiryGroup { bucket, group }).collect(),
            rank,
            top,
            sources,
        }
    }

    /// Whether every source was read to its end and nothing was wrong with any.
    pub fn is_clean(&self) -> bool {
        self.sources.iter().all(|source| source.facts.is_clean())
    }
}

impl SourceFacts {
    /// What the checksum says, in a word: `verified`, `mismatch`, `absent`, or `skipped`, also where
    /// the end was not reached.
    pub fn checksum_name(&self) -> &'static str {
        match self.checksum {
            Some(Checksum::Verified) => "verified",
            Some(Checksum::Mismatch { .. }) => "mismatch",
            Some(Checksum::Absent) => "absent",
            _ => "skipped",
        }
    }

    /// Whether the source was read to its end and nothing was wrong with it.
    pub fn is_clean(&self) -> bool {
        self.coverage.complete && !matches!(self.checksum, Some(Checksum::Mismatch { .. }))
    }
}
