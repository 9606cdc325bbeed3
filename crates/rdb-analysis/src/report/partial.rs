//! The analysis of one source, which is joined with others here or on another machine.

use std::sync::atomic::AtomicBool;

use rdb_parser::ErrorKind;

use super::collector::{ReportCollector, ReportParts};
use super::contents::{Report, SourceReport};
use crate::analyze::{Work, collect_source};
use crate::collect::{
    Collector, EndOfSource, LongestPacked, Observe, PlaceUse, PrefixSums, RangeStart, Sums, TopLists,
};
use crate::measure::KeyView;
use crate::parallel::Place;
use crate::scan::{Progress, ScanOptions, Source, SourceError, SourceFacts};

/// The analysis of one source.
///
/// Partial analyses [join](Self::join) to the [`Report`] that [`analyze()`](crate::analyze()) gives
/// for all sources at once, wherever they were made: [`to_json`](Self::to_json) and
/// [`from_json`](Self::from_json) carry them.
#[derive(Clone, Debug)]
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
        Ok(Self::new(path, shard, facts, parts))
    }

    /// As [`scan`](Self::scan), with the child of another collector over the same keys.
    ///
    /// # Errors
    ///
    /// As for [`scan`](Self::scan).
    pub fn scan_with<C: Collector>(
        source: Source<'_>,
        collector: &ReportCollector,
        other: &C,
        options: &ScanOptions,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<(Self, C::Child), SourceError> {
        let (path, shard) = (source.path.clone(), source.shard.clone());
        let work = Work { options, concurrent_sources: 1, sharing: None, progress, stop };
        let (facts, (parts, child)) = collect_source(source, 0, &(collector, other), work)?;
        Ok((Self::new(path, shard, facts, parts), child))
    }

    fn new(path: String, shard: Option<String>, facts: SourceFacts, parts: ReportParts) -> Self {
        let ReportParts { sums, top, prefixes, longest_packed, mut sources } = parts;
        let source = match sources.pop() {
            Some((_, source)) => source,
            None => SourceReport::new(path, shard, facts, &sums, longest_packed),
        };
        Self { source, sums, top, prefixes }
    }

    /// Forgets the lighter prefixes until there are at most `max`, so that less has to be carried. The
    /// [error](crate::PrefixTable::error_bytes) of a report then says what was forgotten.
    pub fn forget_prefixes(&mut self, max: usize) {
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.forget_down_to(max);
        }
    }

    /// Keeps the first `max_bytes` of the names of the largest keys, so that less has to be carried. The
    /// [length](crate::KeyRecord::key_bytes) of the whole name stays.
    pub fn shorten_names(&mut self, max_bytes: usize) {
        self.top.shorten_names(max_bytes);
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
            // The source has its own already.
            let longest_packed = LongestPacked::default();
            let sources = vec![(index, source)];
            collector.merge(&mut all, ReportParts { sums, top, prefixes, longest_packed, sources });
        }
        collector.finish(all)
    }
}

/// Collects a [`Partial`] of each source, in the order of the sources.
///
/// With it, [`analyze()`](crate::analyze()) scans several sources at a time, and their analyses can be
/// kept and joined later:
///
/// ```
/// use rdb_analysis::{Partial, Partials, ReportCollector, ScanOptions, Source, analyze};
///
/// let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
/// let sources = vec![Source::from_bytes("a.rdb", file), Source::from_bytes("b.rdb", file)];
/// let collector = ReportCollector::default();
/// let partials = analyze(sources, Partials(&collector), &ScanOptions::default(), &(), &false.into())?.output;
/// assert_eq!(Partial::join(partials, &collector).totals.keys, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Partials<'c>(
    /// Collects what the partial analyses are made of.
    pub &'c ReportCollector,
);

/// The child of [`Partials`].
#[derive(Debug)]
pub struct PartialParts {
    /// Of the source that is being read.
    parts: ReportParts,
    /// Of the sources that were read, with their places among all, in no order.
    partials: Vec<(usize, Partial)>,
}

impl Observe for PartialParts {
    const PLACE: PlaceUse = ReportParts::PLACE;

    #[inline(always)]
    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.parts.check(key)
    }

    #[inline(always)]
    fn observe(&mut self, key: &KeyView<'_>) {
        self.parts.observe(key);
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.parts.is_full()
    }

    fn correct_place(&mut self, place: Place) {
        self.parts.correct_place(place);
    }
}

impl Collector for Partials<'_> {
    type Child = PartialParts;
    type Output = Vec<Partial>;

    fn child(&self, start: RangeStart) -> PartialParts {
        PartialParts { parts: self.0.child(start), partials: Vec::new() }
    }

    fn merge(&self, all: &mut PartialParts, child: PartialParts) {
        self.0.merge(&mut all.parts, child.parts);
        all.partials.extend(child.partials);
    }

    fn end_source(&self, all: &mut PartialParts, source: &EndOfSource<'_>) {
        self.0.end_source(&mut all.parts, source);
        let nothing = self.0.child(RangeStart { source: source.index, is_place_known: true });
        let parts = std::mem::replace(&mut all.parts, nothing);
        let (path, shard) = (source.path.to_owned(), source.shard.map(str::to_owned));
        all.partials.push((source.index, Partial::new(path, shard, source.facts.clone(), parts)));
    }

    fn finish(&self, all: PartialParts) -> Vec<Partial> {
        let mut partials = all.partials;
        partials.sort_unstable_by_key(|&(index, _)| index);
        partials.into_iter().map(|(_, partial)| partial).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a file whose prefix n has n + 1 keys.
    fn partial(collector: &ReportCollector) -> Partial {
        let mut file = b"REDIS0003".to_vec();
        for (prefix, n) in (0..50).flat_map(|prefix| (0..=prefix).map(move |n| (prefix, n))) {
            let name = format!("{prefix}:{n}");
            file.extend([0, u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            file.extend(b"\x01v");
        }
        file.push(0xff);
        let source = Source::from_bytes("dump.rdb", &file);
        Partial::scan(source, collector, &ScanOptions::default(), &(), &false.into()).expect("an RDB file")
    }

    #[test]
    fn forgotten_prefixes_are_among_the_others_and_the_error_bounds_them() {
        let collector = ReportCollector::default().prefixes(100);
        let whole = Partial::join([partial(&collector)], &collector).prefixes.expect("prefixes");
        assert_eq!((whole.groups.len(), whole.error_bytes), (50, 0));
        let mut shortened = partial(&collector);
        shortened.forget_prefixes(10);
        let report = Partial::join([shortened], &collector);
        let table = report.prefixes.expect("prefixes");
        assert!((1..=10).contains(&table.groups.len()));
        assert_eq!(table.groups[0], whole.groups[0], "the heaviest stays");
        let heaviest_forgotten = &whole.groups[table.groups.len()].1;
        assert!(heaviest_forgotten.memory_bytes.expect("modelled") <= table.error_bytes);
        let sum = table.groups.iter().fold(table.others, |sum, (_, group)| sum.plus(group));
        assert_eq!((sum.keys, sum.rdb_bytes), (report.totals.keys, report.totals.rdb_bytes));
    }

    #[test]
    fn a_shortened_name_keeps_its_length_and_keys_their_order() {
        let collector = ReportCollector::default();
        let whole = Partial::join([partial(&collector)], &collector);
        let mut shortened = partial(&collector);
        shortened.shorten_names(3);
        let shortened = Partial::join([shortened], &collector);
        let keys = |report: &Report| report.top.values().flatten().cloned().collect::<Vec<_>>();
        let (whole, shortened) = (keys(&whole), keys(&shortened));
        assert!(whole.iter().any(|key| key.key.len() > 3));
        assert_eq!(whole.len(), shortened.len());
        for key in &shortened {
            let original = whole.iter().find(|whole| whole.measure.offset == key.measure.offset);
            let original = original.expect("the same key");
            assert_eq!(key.key, original.key[..original.key.len().min(3)]);
            assert_eq!(key.key_bytes, original.key_bytes);
        }
    }

    #[test]
    fn a_part_without_prefixes_leaves_a_report_without_them() {
        let (with, without) = (ReportCollector::default(), ReportCollector::default().prefixes(0));
        let parts = [partial(&with), partial(&without), partial(&with)];
        let report = Partial::join(parts, &with);
        assert_eq!((report.totals.keys, report.prefixes), (3 * 1275, None));
    }
}
