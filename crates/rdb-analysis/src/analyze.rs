//! Entry points: a report over many sources, and a walk over the keys of one.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use rdb_parser::{ErrorKind, SliceInput, Window};

use crate::collect::{Rank, Summary};
use crate::facts::SourceFacts;
use crate::measure::KeyView;
use crate::memory::{Gauge, MemoryGauge, reconcile};
use crate::partial::Partial;
use crate::report::{Report, SourceReport};
use crate::scan::{Context, EachKey, ScanOptions, scan_source};
use crate::source::{Origin, Progress, Source, SourceData, SourceError};
use crate::split::{Collector, Cut, scan_split};

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

/// What [`analyze()`] gives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// Over all sources that begin as an RDB file, damaged ones included.
    pub report: Report,
    /// The other sources.
    pub failures: Vec<SourceError>,
}

/// Scans sources, several at a time, into one report.
///
/// The report does not depend on the number of threads. When `stop` is set, it covers what was read up
/// to then and says so.
///
/// # Errors
///
/// If the threads cannot be started.
pub fn analyze(
    sources: Vec<Source<'_>>,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Outcome, rayon::ThreadPoolBuildError> {
    let pool = thread_pool(options.threads)?;
    let among = sources.len();
    let scan = |source| Partial::scan_among(among, source, options, progress, stop);
    let scans: Vec<_> = pool.install(|| sources.into_par_iter().map(scan).collect());
    let mut partials = Vec::new();
    let mut failures = Vec::new();
    for scan in scans {
        match scan {
            Ok(partial) => partials.push(partial),
            Err(failure) => failures.push(failure),
        }
    }
    Ok(Outcome { report: Partial::join(partials, options), failures })
}

/// Threads to scan on: so many, or one per core.
///
/// # Errors
///
/// If they cannot be started.
pub fn thread_pool(threads: Option<usize>) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()
}

/// Scans one source into aggregates, one `among` so many that are scanned side by side.
pub(crate) fn summarize(
    source: Source<'_>,
    among: usize,
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
        // A thread that waits for its ranges may take up another source meanwhile, and so on. Each holds a
        // buffer, so there must not be many.
        (SourceData::Reader { .. }, None) if among >= threads => None,
        (SourceData::Reader { .. }, range_bytes) => Cut::buffered(range_bytes, threads),
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
