//! One pass over many sources into one result.

use std::cmp::Reverse;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdb_parser::ErrorKind;

use crate::collect::{Collecting, Collector, EndOfSource, RangeStart};
use crate::measure::KeyView;
use crate::parallel::{RangePlan, scan_in_order, scan_in_ranges};
use crate::scan::{EachKey, OpenSource, Progress, ScanOptions, Sharing, Source, SourceError, SourceFacts};
use crate::threads::{Threads, ThreadsError};

/// What [`analyze()`] gives: the output of a collector. `E` says why a source cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<T, E = Infallible> {
    /// Over all sources that begin as an RDB file, damaged ones included.
    pub output: T,
    /// Sources in `output` that are damaged or were not read to their end.
    /// [`Report::sources`](crate::Report::sources) says which.
    pub damaged_sources: usize,
    /// Sources that could not be opened.
    pub unopened: Vec<E>,
    /// Sources that are no RDB files.
    pub failures: Vec<SourceError>,
    /// Sources that were not opened any more when `stop` was set.
    pub skipped_sources: usize,
}

impl<T, E> Outcome<T, E> {
    /// The same outcome with another output.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Outcome<U, E> {
        let Self { output, damaged_sources, unopened, failures, skipped_sources } = self;
        Outcome { output: make(output), damaged_sources, unopened, failures, skipped_sources }
    }
}

/// Scans sources, several at a time, into the output of a collector.
///
/// The output does not depend on the number of threads. When `stop` is set, it covers what was read
/// up to then.
///
/// # Errors
///
/// If the threads cannot be started.
pub fn analyze<S: OpenSource, C: Collector>(
    sources: Vec<S>,
    collector: C,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Outcome<C::Output, S::Error>, ThreadsError> {
    let threads = Threads::start(options.threads)?;
    let concurrent_sources = threads.count().min(sources.len());
    let sharing = Sharing::new(threads.count(), sources.len());
    let mut sources: Vec<_> = sources.into_iter().enumerate().collect();
    // The long ones first, so that the threads end at the same time.
    sources.sort_by_key(|(_, source)| Reverse(source.length()));
    let queue = Mutex::new(sources.into_iter());
    let scan = |index, source: Source<'_>| {
        let work = Work { options, concurrent_sources, sharing: Some(&sharing), progress, stop };
        threads.run(|| collect_source(source, index, &collector, work))
    };
    let work = || Collected::from_queue(&queue, &collector, &sharing, stop, scan);
    let collected = std::thread::scope(|scope| {
        // This thread is one of those that open sources and wait for their scans. Without the
        // others it opens all sources.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..concurrent_sources).filter_map(spawn).collect();
        others.into_iter().fold(work(), |mut collected, other| {
            match other.join() {
                Ok(more) => collected.merge(&collector, more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            collected
        })
    });
    let skipped_sources = queue.into_inner().unwrap_or_else(PoisonError::into_inner).count();
    Ok(collected.into_outcome(&collector, skipped_sources))
}

/// The keys of some sources. Sources are numbered by their place among all.
struct Collected<C: Collector, E> {
    /// `None` until a source was scanned.
    child: Option<C::Child>,
    damaged_sources: usize,
    unopened: Vec<(usize, E)>,
    failures: Vec<(usize, SourceError)>,
}

impl<C: Collector, E> Collected<C, E> {
    /// Scans source after source from `queue`, until there are no more or `stop` is set.
    fn from_queue<S: OpenSource<Error = E>>(
        queue: &Mutex<impl Iterator<Item = (usize, S)>>,
        collector: &C,
        sharing: &Sharing,
        stop: &AtomicBool,
        scan: impl Fn(usize, Source<'_>) -> Result<(SourceFacts, C::Child), SourceError>,
    ) -> Self {
        let mut collected =
            Self { child: None, damaged_sources: 0, unopened: Vec::new(), failures: Vec::new() };
        let mut is_first = true;
        loop {
            // The first is scanned in any case, so that its report says that it was interrupted.
            if stop.load(Ordering::Relaxed) && !is_first {
                return collected;
            }
            is_first = false;
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, source)) = next else { return collected };
            let outcome = source.open(|source| scan(index, source));
            sharing.end_source();
            match outcome {
                Ok(Ok((facts, child))) => {
                    collected.damaged_sources += usize::from(!facts.is_clean());
                    collected.add(collector, child);
                }
                Ok(Err(error)) => collected.failures.push((index, error)),
                Err(error) => collected.unopened.push((index, error)),
            }
        }
    }

    fn add(&mut self, collector: &C, child: C::Child) {
        match &mut self.child {
            Some(all) => collector.merge(all, child),
            none => *none = Some(child),
        }
    }

    fn merge(&mut self, collector: &C, other: Self) {
        let Self { child, damaged_sources, unopened, failures } = other;
        if let Some(child) = child {
            self.add(collector, child);
        }
        self.damaged_sources += damaged_sources;
        self.unopened.extend(unopened);
        self.failures.extend(failures);
    }

    fn into_outcome(mut self, collector: &C, skipped_sources: usize) -> Outcome<C::Output, E> {
        self.unopened.sort_unstable_by_key(|&(index, _)| index);
        self.failures.sort_unstable_by_key(|&(index, _)| index);
        let nothing = || collector.child(RangeStart { source: 0, is_place_known: true });
        Outcome {
            output: collector.finish(self.child.unwrap_or_else(nothing)),
            damaged_sources: self.damaged_sources,
            unopened: self.unopened.into_iter().map(|(_, error)| error).collect(),
            failures: self.failures.into_iter().map(|(_, error)| error).collect(),
            skipped_sources,
        }
    }
}

/// Scans one source into the output of a collector, on the [current threads](Threads::run).
///
/// # Errors
///
/// If the source does not begin as an RDB file. Damage after the beginning is in the
/// [coverage](SourceFacts::coverage).
pub fn analyze_source<C: Collector>(
    source: Source<'_>,
    collector: C,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<(SourceFacts, C::Output), SourceError> {
    let work = Work { options, concurrent_sources: 1, sharing: None, progress, stop };
    let (facts, child) = collect_source(source, 0, &collector, work)?;
    Ok((facts, collector.finish(child)))
}

/// How sources are scanned.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) options: &'a ScanOptions,
    /// Sources that are scanned at the same time.
    pub(crate) concurrent_sources: usize,
    /// The threads that they share.
    pub(crate) sharing: Option<&'a Sharing>,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) stop: &'a AtomicBool,
}

/// Scans one source on the current threads.
///
/// # Errors
///
/// If the source does not begin as an RDB file.
pub(crate) fn collect_source<C: Collector>(
    source: Source<'_>,
    index: usize,
    collector: &C,
    work: Work<'_>,
) -> Result<(SourceFacts, C::Child), SourceError> {
    let Work { options, concurrent_sources, sharing, progress, stop } = work;
    let (path, shard) = (source.path.clone(), source.shard.clone());
    let plan = RangePlan::for_source(&source.data, options.range_bytes, concurrent_sources);
    let mut collecting = Collecting::new(collector, index);
    match scan_in_ranges(source, options, plan, sharing, progress, stop, &mut collecting) {
        Ok(facts) => {
            let mut child = collecting.into_child();
            let end = EndOfSource { index, path: &path, shard: shard.as_deref(), facts: &facts };
            collector.end_source(&mut child, &end);
            Ok((facts, child))
        }
        Err(error) => Err(SourceError { path, error }),
    }
}

/// Gives each key of a source to `sink`, in file order, until `sink` breaks or `stop` is set.
///
/// # Errors
///
/// If the source does not begin as an RDB file. Damage after the beginning is in the
/// [coverage](SourceFacts::coverage).
pub fn for_each_key(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: impl FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
) -> Result<SourceFacts, SourceError> {
    let path = source.path.clone();
    scan_in_order(source, options, progress, stop, &mut EachKey(sink))
        .map_err(|error| SourceError { path, error })
}
