//! Entry points: a report over many sources, and a walk over the keys of one.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;
use rdb_parser::ErrorKind;

use crate::collect::{Rank, Summary};
use crate::measure::KeyView;
use crate::report::{Report, SourceReport};
use crate::scan::{ScanOptions, SourceFacts, scan_source};
use crate::source::{Progress, Source, SourceError};

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
        Self { scan: ScanOptions::default(), top: 20, rank: Rank::RdbBytes, threads: None }
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
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads.unwrap_or(0)).build()?;
    let scans: Vec<_> = pool.install(|| {
        let numbered: Vec<_> = sources.into_iter().enumerate().collect();
        numbered
            .into_par_iter()
            .map(|(index, source)| summarize(index, source, options, progress, stop))
            .collect()
    });
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    let mut total = Summary::new(options.rank, options.top);
    for scan in scans {
        match scan {
            Ok((report, summary)) => {
                reports.push(report);
                total = total.merge(summary);
            }
            Err(failure) => failures.push(failure),
        }
    }
    Ok(Outcome { report: Report::new(reports, options.rank, total), failures })
}

/// Scans one source into aggregates.
fn summarize(
    index: usize,
    source: Source<'_>,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<(SourceReport, Summary), SourceError> {
    let path = source.path.clone();
    let shard = source.shard.clone();
    let mut summary = Summary::new(options.rank, options.top);
    let facts = scan_source(source, &options.scan, progress, stop, |now_ms, key| {
        ControlFlow::Continue(summary.observe(index, now_ms, key))
    });
    match facts {
        Ok(facts) => Ok((SourceReport { path, shard, facts }, summary)),
        Err(error) => Err(SourceError { path, error }),
    }
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
    scan_source(source, options, progress, stop, |_, key| sink(key))
        .map_err(|error| SourceError { path, error })
}
