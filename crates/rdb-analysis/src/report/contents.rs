//! The result of an analysis as plain, owned, sorted data.

use std::collections::BTreeMap;

use crate::collect::{
    DbGroup, EncodingGroup, ExpiryGroup, Group, KeyRecord, LongestPacked, PrefixTable, RaisedLimit, Rank,
    Sums, TypeGroup,
};
use crate::measure::{DataType, LargestElement, Measure};
use crate::memory::{KeysInMemory, SourceMemory};
use crate::scan::SourceFacts;

/// Totals, groups and top lists over the keys of all sources.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// One for each source, in the order in which the sources were given.
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
    /// By the beginnings of names. `None`: names were not summed up.
    pub prefixes: Option<PrefixTable>,
    /// The conditions of the keys that totals, groups and lists have, in one line. `None`: all keys.
    pub filter: Option<String>,
    /// The measure by which keys rank in `top`.
    pub rank: Rank,
    /// The largest keys of each type that occurs, largest first.
    pub top: BTreeMap<DataType, Vec<KeyRecord>>,
}

/// What was learned about one source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourceReport {
    /// Path or another name.
    pub path: String,
    /// The node that wrote the source, if the user says so.
    pub shard: Option<String>,
    /// What the scan learned.
    pub facts: SourceFacts,
    /// The account of the server's memory. `None`: memory was not modelled.
    pub memory: Option<SourceMemory>,
    /// Limits that packed values show to be higher than assumed. Empty if memory was not modelled, or if
    /// the limits were given.
    pub raised_limits: Vec<RaisedLimit>,
    /// From which these limits follow.
    pub(super) longest_packed: LongestPacked,
}

impl SourceReport {
    /// The report of a source whose keys are in `sums`.
    pub(super) fn new(
        path: String,
        shard: Option<String>,
        facts: SourceFacts,
        sums: &Sums,
        longest_packed: LongestPacked,
    ) -> Self {
        let memory = facts.memory_model.and_then(|_| memory(&facts, sums));
        let limits = &facts.server.limits;
        let raised_limits = if memory.is_some() && limits.packed_values_raise_limits {
            longest_packed.above(limits)
        } else {
            Vec::new()
        };
        Self { path, shard, facts, memory, raised_limits, longest_packed }
    }
}

/// The account of a server's memory. `None` if memory was not modelled.
fn memory(facts: &SourceFacts, sums: &Sums) -> Option<SourceMemory> {
    let totals = sums.totals();
    if totals.keys > 0 && totals.memory_bytes.is_none() {
        return None;
    }
    let databases =
        sums.by_db().into_iter().map(|DbGroup { group, .. }| (group.keys, group.keys_with_expiry));
    let encodings = sums.by_encoding().into_iter().map(|group| (group.data_type, group.encoding));
    Some(SourceMemory::new(
        &facts.server,
        KeysInMemory {
            bytes: totals.memory_bytes.unwrap_or(0),
            not_modelled: totals.memory_not_modelled_keys,
            databases: databases.collect(),
            encodings: encodings.collect(),
        },
        facts.used_memory_bytes,
    ))
}

impl Report {
    /// Whether every source was read to its end and nothing was wrong with any.
    pub fn is_clean(&self) -> bool {
        self.sources.iter().all(|source| source.facts.is_clean())
    }
}

/// A key as a row of an export.
#[derive(Clone, Copy, Debug)]
pub struct KeyRow<'a> {
    /// Its decoded name, or the beginning of it.
    pub name: &'a [u8],
    /// Length of its whole name.
    pub key_bytes: u64,
    /// Its measures.
    pub measure: &'a Measure,
    /// The largest element, if the scan names it.
    pub largest_element: Option<&'a LargestElement>,
    /// The node that wrote it, if the user says so.
    pub shard: Option<&'a str>,
}

impl<'a> From<&'a KeyRecord> for KeyRow<'a> {
    fn from(record: &'a KeyRecord) -> Self {
        Self {
            name: &record.key,
            key_bytes: record.key_bytes,
            measure: &record.measure,
            largest_element: record.largest_element.as_ref(),
            shard: record.shard.as_deref(),
        }
    }
}
