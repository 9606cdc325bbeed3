//! Entry points: a report over many sources, and a walk over the keys of one.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdb_parser::{ErrorKind, SliceInput, Window};

use crate::collect::{Rank, Summary};
use crate::measure::KeyView;
use crate::measure::MemoryGauge;
use crate::memory::{Gauge, reconcile};
use crate::parallel::{BUFFERED_RANGE_BYTES, Collector, Cut, scan_split};
use crate::report::{Report, SourceReport};
use crate::scan::SourceFacts;
use crate::scan::{Context, EachKey, ScanOptions, scan_source};
use crate::scan::{OpenSource, Origin, Progress, Source, SourceData, SourceError};

/// Ranges of a length that the user sets that are scanned before they are put together.
const RANGES_AT_A_TIME: usize = 64;

/// How [`analyze()`] works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How sources are read.
    pub scan: ScanOptions,
    /// Keys kept for each type.
    pub top: usize,
    /// The measure by which they rank.
    pub rank: Rank,
    /// The highest logical database whose keys are kept, for readers that cannot name a higher one. The groups have the
    /// keys of all databases.
    pub max_db: u64,
    /// Threads to use; `None` for one per core.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scan: ScanOptions::default(),
            top: 20,
            rank: Rank::MemoryBytes,
            max_db: u64::MAX,
            threads: None,
        }
    }
}

/// What [`analyze()`] gives. `E` says why a source cannot be opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<E = Infallible> {
    /// Over all sources that begin as an RDB file, damaged ones included.
    pub report: Report,
    /// Sources that could not be opened.
    pub unopened: Vec<E>,
    /// Sources that are no RDB files.
    pub failures: Vec<SourceError>,
    /// Sources that were not opened any more when `stop` was set.
    pub skipped_sources: usize,
}

/// Scans sources, several at a time, into one report.
///
/// The report does not depend on the number of threads. When `stop` is set, it covers what was read up
/// to then and says so.
///
/// # Errors
///
/// If the threads cannot be started.
pub fn analyze<S: OpenSource>(
    sources: Vec<S>,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Outcome<S::Error>, rayon::ThreadPoolBuildError> {
    let pool = thread_pool(options.threads)?;
    let concurrent_sources = pool.current_num_threads().min(sources.len());
    let scan =
        |source: Source<'_>| pool.install(|| summarize(source, concurrent_sources, options, progress, stop));
    let queue = Mutex::new(sources.into_iter().enumerate());
    let work = || Gathered::from_queue(&queue, options, stop, scan);
    let gathered = std::thread::scope(|scope| {
        // This thread is one of those that open sources and wait for their scans. Without the others it opens all.
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..concurrent_sources).filter_map(spawn).collect();
        others.into_iter().fold(work(), |mut gathered, other| {
            match other.join() {
                Ok(more) => gathered.add(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            gathered
        })
    });
    let skipped_sources = queue.into_inner().unwrap_or_else(PoisonError::into_inner).count();
    Ok(gathered.into_outcome(options, skipped_sources))
}

/// What some of the sources come to. Names in the summary refer to sources by their place among all.
struct Gathered<E> {
    summary: Summary,
    sources: Vec<(usize, Result<SourceReport, Failure<E>>)>,
}

/// Why a source is in no report.
enum Failure<E> {
    Unopened(E),
    NoRdb(SourceError),
}

impl<E> Gathered<E> {
    /// Takes source after source from `queue` and scans it, until there are no more or `stop` is set.
    fn from_queue<S: OpenSource<Error = E>>(
        queue: &Mutex<impl Iterator<Item = (usize, S)>>,
        options: &Options,
        stop: &AtomicBool,
        scan: impl Fn(Source<'_>) -> Result<(SourceReport, Summary), SourceError>,
    ) -> Self {
        let mut gathered = Self { summary: Summary::new(options), sources: Vec::new() };
        loop {
            // The first is scanned in any case: the report of it says that it was interrupted.
            if stop.load(Ordering::Relaxed) && !gathered.sources.is_empty() {
                return gathered;
            }
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((index, source)) = next else { return gathered };
            let scanned = match source.open(&scan) {
                Ok(Ok((report, mut summary))) => {
                    summary.change_sources(|_| index);
                    gathered.summary.merge(summary);
                    Ok(report)
                }
                Ok(Err(error)) => Err(Failure::NoRdb(error)),
                Err(error) => Err(Failure::Unopened(error)),
            };
            gathered.sources.push((index, scanned));
        }
    }

    fn add(&mut self, other: Self) {
        self.summary.merge(other.summary);
        self.sources.extend(other.sources);
    }

    fn into_outcome(mut self, options: &Options, skipped_sources: usize) -> Outcome<E> {
        self.sources.sort_unstable_by_key(|&(index, _)| index);
        let mut reports = Vec::new();
        let mut indices = Vec::new();
        let mut unopened = Vec::new();
        let mut failures = Vec::new();
        for (index, source) in self.sources {
            match source {
                Ok(report) => {
                    indices.push(index);
                    reports.push(report);
                }
                Err(Failure::Unopened(error)) => unopened.push(error),
                Err(Failure::NoRdb(error)) => failures.push(error),
            }
        }
        // A report numbers only the sources that are in it.
        self.summary.change_sources(|index| indices.partition_point(|&before| before < index));
        let report = Report::new(reports, options.rank, self.summary);
        Outcome { report, unopened, failures, skipped_sources }
    }
}

/// Threads to scan on: so many, or one per core.
///
/// # Errors
///
/// If they cannot be started.
pub fn thread_pool(threads: Option<usize>) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()
}

/// Scans one source into aggregates, one of `concurrent_sources` that are scanned at the same time.
pub(crate) fn summarize(
    source: Source<'_>,
    concurrent_sources: usize,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<(SourceReport, Summary), SourceError> {
    let path = source.path.clone();
    let shard = source.shard.clone();
    let mut summary = Summary::new(options);
    let threads = rayon::current_num_threads();
    let cut = match (&source.data, options.scan.range_bytes) {
        (SourceData::Bytes(_), Some(range_bytes)) => Some(Cut::forced(range_bytes, RANGES_AT_A_TIME)),
        (SourceData::Bytes(_), None) => (threads > 1).then_some(Cut::ForThreads(threads as u64)),
        // Every thread has a source of its own to read.
        (SourceData::Reader { .. }, None) if concurrent_sources >= threads => None,
        (SourceData::Reader { .. }, range_bytes) => Cut::buffered(range_bytes, BUFFERED_RANGE_BYTES, threads),
    };
    let facts = scan_on_all_threads(source, &options.scan, cut, progress, stop, &mut summary);
    match facts {
        Ok(facts) => {
            let memory = match facts.memory_model {
                Some(_) => reconcile(&facts.rules, &summary.groups, facts.used_memory_bytes),
                None => None,
            };
            Ok((SourceReport { path, shard, facts, memory }, summary))
        }
        Err(error) => Err(SourceError { path, error }),
    }
}

/// Scans one source, if `cut` says how on all threads of the current pool.
pub(crate) fn scan_on_all_threads(
    source: Source<'_>,
    options: &ScanOptions,
    cut: Option<Cut>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    collector: &mut impl Collector,
) -> Result<SourceFacts, rdb_parser::Error> {
    if options.memory {
        scan_modelling::<Gauge>(source, options, cut, progress, stop, collector)
    } else {
        scan_modelling::<()>(source, options, cut, progress, stop, collector)
    }
}

/// The same, with the given model of memory.
fn scan_modelling<M: MemoryGauge>(
    source: Source<'_>,
    options: &ScanOptions,
    cut: Option<Cut>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    collector: &mut impl Collector,
) -> Result<SourceFacts, rdb_parser::Error> {
    let Some(cut) = cut else {
        return scan_source::<M>(source, options, progress, stop, collector);
    };
    let guard = source.origin.guard.as_deref();
    let ready_bytes = source.data.ready_bytes();
    let context = Context { options, progress, stop, guard, ready_bytes: ready_bytes.as_deref() };
    let Origin { prefix_bytes: start, end_mark, .. } = source.origin;
    let (length, time_ms, mark) = (source.data.length(), source.fallback_time_ms, end_mark.as_ref());
    let facts = match source.data {
        SourceData::Bytes(bytes) => {
            let input = SliceInput::starting_at(bytes, start);
            scan_split::<M, _>(input, length, cut, &context, time_ms, mark, collector)?
        }
        SourceData::Reader { reader, length, .. } => {
            let input = Window::starting_at(reader, start, length);
            scan_split::<M, _>(input, length, cut, &context, time_ms, mark, collector)?
        }
    };
    Ok(facts.judged_by(source.origin))
}

/// Gives each key of a source to `sink`, in file order, until `sink` breaks or `stop` is set.
///
/// # Errors
///
/// If the source does not begin as an RDB file. Damage behind that is in the
/// [coverage](SourceFacts::coverage).
pub fn for_each_key(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    mut sink: impl FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
) -> Result<SourceFacts, SourceError> {
    let path = source.path.clone();
    let mut sink = EachKey(|_: i64, key: &KeyView<'_>| sink(key));
    let facts = if options.memory {
        scan_source::<Gauge>(source, options, progress, stop, &mut sink)
    } else {
        scan_source::<()>(source, options, progress, stop, &mut sink)
    };
    facts.map_err(|error| SourceError { path, error })
}
