//! Entry points: a report over many sources, and a walk over the keys of one.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use rdb_parser::ErrorKind;

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
    /// Threads to use; `None` for one per core.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { scan: ScanOptions::default(), top: 20, rank: Rank::MemoryBytes, threads: None }
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
    let scans: Vec<_> = pool.install(|| {
        sources.into_par_iter().map(|source| Partial::scan(source, options, progress, stop)).collect()
    });
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

/// Scans one source into aggregates.
pub(crate) fn summarize(
    source: Source<'_>,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<(SourceReport, Summary), SourceError> {
    let path = source.path.clone();
    let shard = source.shard.clone();
    let mut summary = Summary::new(options.rank, options.top);
    let threads = rayon::current_num_threads() as u64;
    let cut = match options.scan.range_bytes {
        Some(range_bytes) => Some(Cut::Evenly { range_bytes, at_a_time: RANGES_AT_A_TIME }),
        None => (threads > 1).then_some(Cut::ForThreads(threads)),
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

/// Scans one source, if it can be split and `cut` says how on all threads of the current pool.
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
    let (SourceData::Bytes(bytes), Some(cut)) = (&source.data, cut) else {
        return scan_source::<M>(source, options, progress, stop, collector);
    };
    let context = Context { options, progress, stop, guard: source.origin.guard.as_deref() };
    let Origin { prefix_bytes, end_mark, .. } = source.origin;
    let facts = scan_split::<M, _>(
        bytes,
        prefix_bytes,
        cut,
        &context,
        source.fallback_time_ms,
        end_mark.as_ref(),
        collector,
    )?;
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
