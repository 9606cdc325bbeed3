//! The analysis of one source, which is joined with others here or on another machine.

use std::sync::atomic::AtomicBool;

use super::collector::{ReportCollector, ReportParts};
use super::contents::{Report, SourceReport};
use crate::analyze::{Work, collect_source};
use crate::collect::{Collector as _, PrefixSums, RangeStart, Sums, TopLists};
use crate::scan::{Progress, ScanOptions, Source, SourceError, SourceFacts};

/// The analysis of one source.
///
/// Partial analyses [join](Self::join) to the [`Report`] that [`analyze()`](crate::analyze()) gives
/// for all sources at once, wherever they were made: [`to_json`](Self::to_json) and
/// [`from_json`](Self::from_json) carry them.
#[derive(Debug)]
pub struct Partial {
    pub(super) source: SourceReport,
    pub(super) sums: Sums,
    pub(super) top: TopLists,
    pub(super) prefixes: Option<PrefixSums<()>>,
}

impl Partial {
    /// Scans a source on the [current threads](crate::Threads::run). When `stop` is set, it covers
    /// what was read up to then.
    ///
    /// # Errors
    ///
    /// If the source does not begin as an RDB file.
    pub fn scan(
        source: Source<'_>,
        collector: &ReportCollector,
        options: &ScanOptions,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<Self, SourceError> {
        let (path, shard) = (source.path.clone(), source.shard.clone());
        let work = Work { options, concurrent_sources: 1, sharing: None, progress, stop };
        let (facts, parts) = collect_source(source, 0, collector, work)?;
        let ReportParts { sums, top, prefixes, sources: _ } = parts;
        Ok(Self { source: SourceReport::new(path, shard, facts, &sums), sums, top, prefixes })
    }

    /// What was learned of the source besides its keys.
    pub fn facts(&self) -> &SourceFacts {
        &self.source.facts
    }

    /// The report over several sources, in the given order. All were scanned with `collector`.
    pub fn join(partials: impl IntoIterator<Item = Self>, collector: &ReportCollector) -> Report {
        let mut all = collector.child(RangeStart { source: 0, is_place_known: true });
        for (index, Self { source, sums, mut top, prefixes }) in partials.into_iter().enumerate() {
            top.change_sources(|_| index);
            collector.merge(&mut all, ReportParts { sums, top, prefixes, sources: vec![(index, source)] });
        }
        collector.finish(all)
    }
}
