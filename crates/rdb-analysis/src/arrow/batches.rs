//! Scans sources into record batches.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::columns::Columns;
use super::schema::key_schema;
use crate::analyze::Outcome;
use crate::blocks::for_each_block;
use crate::measure::KeyView;
use crate::scan::{OpenSource, Progress, ScanOptions, Sharing, SourceFacts};
use crate::threads::{Threads, ThreadsError};

/// The order of batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BatchOrder {
    /// The keys of a source follow those of the source before, all in file order. Sources are scanned
    /// one after the other.
    #[default]
    File,
    /// Batches of several sources alternate. Sources are scanned at the same time, which is faster for
    /// sources that one thread reads, such as compressed ones. The keys of one source keep their order.
    Any,
}

/// Makes record batches of the keys of `sources` on all threads, and gives them to `emit` until it
/// breaks or `stop` is set. The columns are those of [`key_schema`].
///
/// Only keys that `admits` accepts get a row; it sees the decoded name. A batch takes 4 MiB, or more if
/// one name does. Up to 4 batches for each thread wait for `emit`, so memory does not grow with the
/// sources. The rows and their order within a source do not depend on the number of threads; the sizes
/// of batches do.
///
/// The output has what was learned of each source that begins as an RDB file, with its index.
///
/// # Errors
///
/// If the threads cannot be started.
#[allow(clippy::type_complexity, reason = "an index, and facts")]
pub fn key_batches<S: OpenSource>(
    sources: Vec<S>,
    order: BatchOrder,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    admits: impl Fn(&KeyView<'_>, &[u8]) -> bool + Sync,
    emit: impl FnMut(Result<RecordBatch, ArrowError>) -> ControlFlow<()> + Send,
) -> Result<Outcome<Vec<(usize, SourceFacts)>, S::Error>, ThreadsError> {
    let threads = Threads::start(options.threads)?;
    let concurrent_sources = match order {
        BatchOrder::File => 1,
        BatchOrder::Any => threads.count().min(sources.len()),
    };
    let sharing = Sharing::new(threads.count(), sources.len());
    let sharing = (concurrent_sources > 1).then_some(&sharing);
    let schema = key_schema();
    let queue = Mutex::new(sources.into_iter().enumerate());
    let emit = Mutex::new(emit);
    let has_ended = AtomicBool::new(false);
    let is_over = || stop.load(Ordering::Relaxed) || has_ended.load(Ordering::Relaxed);
    let work = || {
        let mut done = Vec::new();
        loop {
            // The first source is scanned in any case, so that its facts say that it was interrupted.
            if is_over() && !done.is_empty() {
                return done;
            }
            let next = lock(&queue).next();
            let Some((index, source)) = next else { return done };
            let outcome = source.open(|source| {
                let shard = source.shard.clone();
                let new_block = || Columns::new(&schema, shard.as_deref(), &admits);
                let mut emit = |columns: &mut Columns<'_, _>| {
                    let batch = columns.take_batch();
                    let mut emit = lock(&emit);
                    // Another source may have ended while this one waited.
                    if !has_ended.load(Ordering::Relaxed) && emit(batch).is_break() {
                        has_ended.store(true, Ordering::Relaxed);
                    }
                    if has_ended.load(Ordering::Relaxed) {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                };
                threads.run(|| for_each_block(source, options, sharing, progress, stop, new_block, &mut emit))
            });
            sharing.inspect(|sharing| sharing.end_source());
            done.push((index, outcome));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let spawn = |_| std::thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..concurrent_sources).filter_map(spawn).collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|&(index, _)| index);
    let skipped_sources = lock(&queue).len();
    let mut outcome = Outcome {
        output: Vec::new(),
        damaged_sources: 0,
        unopened: Vec::new(),
        failures: Vec::new(),
        skipped_sources,
    };
    for (index, result) in done {
        match result {
            Ok(Ok(facts)) => {
                outcome.damaged_sources += usize::from(!facts.is_clean());
                outcome.output.push((index, facts));
            }
            Ok(Err(error)) => outcome.failures.push(error),
            Err(error) => outcome.unopened.push(error),
        }
    }
    Ok(outcome)
}

/// Nothing panics while it holds one of these locks, except the caller's `emit`.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
