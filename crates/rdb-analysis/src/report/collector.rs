//! The collector that makes a report.

use rdb_parser::ErrorKind;

use super::contents::{Report, SourceReport};
use crate::collect::{
    Collector, EndOfSource, GroupTables, LongestPacked, Observe, PlaceUse, PrefixSums, RangeStart, Rank,
    Sums, TopKeys, TopLists,
};
use crate::measure::KeyView;
use crate::parallel::Place;

/// Collects a [`Report`].
///
/// ```
/// use rdb_analysis::{Rank, ReportCollector, ScanOptions, Source, analyze};
///
/// let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
/// let source = Source::from_bytes("dump.rdb", file);
/// let collector = ReportCollector::default().top(5).rank(Rank::Elements);
/// let outcome = analyze(vec![source], collector, &ScanOptions::default(), &(), &false.into())?;
/// assert_eq!(outcome.output.totals.elements, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReportCollector {
    /// Keys kept for each type.
    pub top: usize,
    /// The measure by which they rank.
    pub rank: Rank,
    /// The highest logical database whose keys are kept, for readers that cannot name a higher one.
    /// The groups have the keys of all databases.
    pub max_db: u64,
    /// Prefixes of names that the report lists. 0: names are not summed up by prefix.
    pub prefixes: usize,
    /// The byte that ends a prefix.
    pub separator: u8,
}

impl Default for ReportCollector {
    fn default() -> Self {
        Self { top: 20, rank: Rank::MemoryBytes, max_db: u64::MAX, prefixes: 20, separator: b':' }
    }
}

impl ReportCollector {
    /// Sets [`top`](Self::top).
    #[must_use]
    pub fn top(self, top: usize) -> Self {
        Self { top, ..self }
    }

    /// Sets [`rank`](Self::rank).
    #[must_use]
    pub fn rank(self, rank: Rank) -> Self {
        Self { rank, ..self }
    }

    /// Sets [`max_db`](Self::max_db).
    #[must_use]
    pub fn max_db(self, max_db: u64) -> Self {
        Self { max_db, ..self }
    }

    /// Sets [`prefixes`](Self::prefixes).
    #[must_use]
    pub fn prefixes(self, prefixes: usize) -> Self {
        Self { prefixes, ..self }
    }

    /// Sets [`separator`](Self::separator).
    #[must_use]
    pub fn separator(self, separator: u8) -> Self {
        Self { separator, ..self }
    }

    pub(super) fn new_prefixes(&self) -> Option<PrefixSums<()>> {
        (self.prefixes > 0).then(|| PrefixSums::new(self.separator))
    }

    pub(super) fn top_keys(&self) -> TopKeys {
        TopKeys::new(self.rank, self.top).max_db(self.max_db)
    }
}

/// What a report is made of. The child of [`ReportCollector`].
#[derive(Debug)]
pub struct ReportParts {
    pub(super) sums: Sums,
    pub(super) top: TopLists,
    pub(super) prefixes: Option<PrefixSums<()>>,
    /// Of the source that is being read.
    pub(super) longest_packed: LongestPacked,
    /// With their places among the sources of the scan, in no order.
    pub(super) sources: Vec<(usize, SourceReport)>,
}

impl Observe for ReportParts {
    const PLACE: PlaceUse = PlaceUse::Corrected;

    #[inline(always)]
    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.top.check(key)
    }

    #[inline(always)]
    fn observe(&mut self, key: &KeyView<'_>) {
        self.top.observe(key);
        self.sums.observe(key);
        self.longest_packed.observe(key);
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.observe(key);
        }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.top.is_full() || self.prefixes.as_ref().is_some_and(PrefixSums::is_full)
    }

    fn correct_place(&mut self, place: Place) {
        self.top.correct_place(place);
        self.sums.correct_place(place);
        self.longest_packed.correct_place(place);
    }
}

impl Collector for ReportCollector {
    type Child = ReportParts;
    type Output = Report;

    fn child(&self, start: RangeStart) -> ReportParts {
        ReportParts {
            sums: Sums::default(),
            top: self.top_keys().child(start),
            prefixes: self.new_prefixes(),
            longest_packed: LongestPacked::default(),
            sources: Vec::new(),
        }
    }

    fn merge(&self, all: &mut ReportParts, child: ReportParts) {
        let ReportParts { sums, top, prefixes, longest_packed, sources } = child;
        all.sums.merge(sums);
        all.longest_packed.merge(longest_packed);
        match (&mut all.prefixes, prefixes) {
            (Some(all), Some(prefixes)) => all.merge(&prefixes),
            // A part that was made without prefixes leaves the others without meaning.
            (_, None) => all.prefixes = None,
            (None, Some(_)) => {}
        }
        self.top_keys().merge(&mut all.top, top);
        all.sources.extend(sources);
    }

    fn end_source(&self, all: &mut ReportParts, source: &EndOfSource<'_>) {
        self.top_keys().end_source(&mut all.top, source);
        let (path, shard) = (source.path.to_owned(), source.shard.map(str::to_owned));
        // Those of other sources are theirs.
        let longest_packed = std::mem::take(&mut all.longest_packed);
        let facts = source.facts.clone();
        all.sources.push((source.index, SourceReport::new(path, shard, facts, &all.sums, longest_packed)));
    }

    fn finish(&self, all: ReportParts) -> Report {
        let ReportParts { sums, mut top, prefixes, longest_packed: _, mut sources } = all;
        sources.sort_unstable_by_key(|&(index, _)| index);
        let (indices, sources): (Vec<_>, Vec<_>) = sources.into_iter().unzip();
        // A report numbers only the sources that are in it.
        top.change_sources(|index| indices.partition_point(|&before| before < index));
        let GroupTables { totals, by_type, by_db, by_encoding, expiry } = sums.into();
        let top = self.top_keys().finish(top);
        let prefixes = prefixes.map(|prefixes| prefixes.table(self.prefixes, &totals));
        let (rank, filter) = (self.rank, None);
        Report { sources, totals, by_type, by_db, by_encoding, expiry, prefixes, filter, rank, top }
    }
}
