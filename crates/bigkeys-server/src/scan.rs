//! Scans one shard: finds the backup, reads it, makes a result. Blocks.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use bigkeys_scan::{Input, IoMode, OpenInput, Scan, ScanError, SourceFacts};
use dcs_bigkeys::OfflineResult;
use rdb_analysis::json;

use super::catalog::{BackupError, Catalog, FoundBackup, file_name};
use super::config::{Instance, Shard};
use super::results::{ResultError, bigkeys_scan, page_collector, shard_result, to_text};
use super::running::Running;
use super::store::{AnalysisKind, ShardEnding, ShardTarget};

/// Niceness of a scan's threads, so that threads that answer requests run first.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Limits of a scan.
#[derive(Clone, Debug)]
pub(crate) struct ScanLimits {
    pub(crate) max_time: Duration,
    pub(crate) max_backup_bytes: Option<u64>,
}

/// Result of the scan of a shard.
#[derive(Debug)]
pub(crate) enum ShardOutcome {
    Ended(ShardEnding),
    /// The scan was stopped.
    Interrupted,
}

/// The reason why a shard has no result. The texts are stored with the task and shown to clients,
/// so they name no directory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShardError {
    #[error("the instance is no longer configured")]
    NoInstance,
    #[error("the node is no longer configured")]
    NoNode,
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("the backup cannot be opened: {0}")]
    Open(io::Error),
    /// The backup cannot be opened, or is not an RDB file.
    #[error(transparent)]
    Scan(ScanError),
    #[error("the scan cannot start: {0}")]
    Threads(Box<dyn std::error::Error + Send + Sync>),
    #[error("the scan took longer than {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("the scan panicked")]
    Panicked,
    #[error(transparent)]
    Result(#[from] ResultError),
}

impl From<ScanError> for ShardError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Threads(error) => Self::Threads(Box::new(error)),
            error => Self::Scan(error),
        }
    }
}

impl From<ShardError> for ShardOutcome {
    fn from(error: ShardError) -> Self {
        Self::Ended(ShardEnding { failure: Some(error.to_string()), result: None })
    }
}

/// Scans a shard of an instance for one of the analyses, on `threads` threads.
pub(crate) fn shard(
    kind: AnalysisKind,
    catalog: &Arc<Catalog>,
    instance: &Instance,
    target: &ShardTarget,
    limits: &ScanLimits,
    running: &Running,
    threads: usize,
) -> ShardOutcome {
    match try_shard(kind, catalog, instance, target, limits, running, threads) {
        Ok(outcome) => outcome,
        // An error after a stop is likely one of the stop.
        Err(_) if running.stop.load(Ordering::Relaxed) => ShardOutcome::Interrupted,
        Err(error) => error.into(),
    }
}

fn try_shard(
    kind: AnalysisKind,
    catalog: &Arc<Catalog>,
    instance: &Instance,
    target: &ShardTarget,
    limits: &ScanLimits,
    running: &Running,
    threads: usize,
) -> Result<ShardOutcome, ShardError> {
    let shard = instance.shards.iter().find(|shard| shard.node_id == target.node);
    let shard = shard.ok_or(ShardError::NoNode)?;
    let scan = match kind {
        AnalysisKind::Bigkeys => bigkeys_scan(),
        AnalysisKind::Offline => Scan::inputs(None::<PathBuf>),
    };
    // Read and not mapped: a backup that shrinks during the scan must fail its task only, and what
    // is read does not count as memory of the process.
    let scan = scan.io(IoMode::Read).threads(threads).monitor(running).stop(Arc::clone(&running.stop));
    let mut opened = OpenBackup::open(catalog, instance, shard, target, limits, running, &scan)?;
    let input = &mut opened.input;
    let (facts, result) = on_nice_thread(|| match kind {
        AnalysisKind::Bigkeys => bigkeys(&scan, input),
        AnalysisKind::Offline => offline(&scan, input),
    })?;
    if facts.coverage.interrupted {
        return Ok(ShardOutcome::Interrupted);
    }
    let mut failures: Vec<_> = damage(&file_name(&opened.path), &facts).into_iter().collect();
    failures.extend(opened.changed());
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    Ok(ShardOutcome::Ended(ShardEnding { failure, result: Some(result) }))
}

/// Runs `scan` on a thread that yields to those that answer requests. The threads that `scan`
/// starts do so, too.
///
/// # Errors
///
/// The thread cannot be started.
fn on_nice_thread<T: Send>(scan: impl FnOnce() -> Result<T, ShardError> + Send) -> Result<T, ShardError> {
    thread::scope(|scope| {
        let work = thread::Builder::new().name("scan".to_owned()).spawn_scoped(scope, || {
            // Niceness is that of a thread and of those it starts on Linux, and of the whole
            // process elsewhere. A failure changes the speed of the service only.
            #[cfg(target_os = "linux")]
            let _ = rustix::process::nice(NICE);
            scan()
        });
        let work = work.map_err(|error| ShardError::Threads(Box::new(error)))?;
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn bigkeys(scan: &Scan<'_>, input: &mut OpenInput) -> Result<(SourceFacts, String), ShardError> {
    let (partial, parts) = scan.partial_with(input, &page_collector())?;
    Ok(shard_result(partial, parts)?)
}

fn offline(scan: &Scan<'_>, input: &mut OpenInput) -> Result<(SourceFacts, String), ShardError> {
    let (facts, output) = scan.collect_from(input, OfflineResult::collectors())?;
    let result = OfflineResult::new(output);
    Ok((facts, to_text(|out| json::write_compact(out, &result))?))
}

/// An opened backup.
struct OpenBackup {
    path: PathBuf,
    /// The file, and its metadata before it was read. `None`: an object.
    file: Option<(File, Metadata)>,
    input: OpenInput,
}

impl OpenBackup {
    /// Opens the backup of a shard. Looking for the file may block for ever, as on a mount whose
    /// server is gone, so it ends when the scan is stopped.
    fn open(
        catalog: &Arc<Catalog>,
        instance: &Instance,
        shard: &Shard,
        target: &ShardTarget,
        limits: &ScanLimits,
        running: &Running,
        scan: &Scan<'_>,
    ) -> Result<Self, ShardError> {
        let (catalog, of_shard, wanted) = (Arc::clone(catalog), shard.clone(), target.backup.clone());
        let max_bytes = limits.max_backup_bytes;
        let find = move || catalog.backup(&of_shard, wanted.as_ref(), max_bytes);
        let found = rdb_source::unless_stopped(&running.stop, find).map_err(ShardError::Open)??;
        // Clients see the name in reports and errors. They need not know the directories.
        let input = |path: &Path| {
            let input = Input::new(path).named(file_name(path));
            match shard.address.filter(|_| instance.is_cluster) {
                Some(address) => input.with_shard(address.to_string()),
                None => input,
            }
        };
        let opened = match found {
            FoundBackup::Object(path) => {
                let input = scan.open_input(input(&path))?;
                Self { path, file: None, input }
            }
            FoundBackup::File { name: _, path, file, metadata } => {
                let handle = file.try_clone().map_err(ShardError::Open)?;
                let input = scan.open_file(file, input(&path))?;
                Self { path, file: Some((handle, metadata)), input }
            }
        };
        let bytes = match &opened.file {
            Some((_, metadata)) => metadata.len(),
            None => opened.input.length().unwrap_or_default(),
        };
        if limits.max_backup_bytes.is_some_and(|limit| bytes > limit) {
            return Err(BackupError::TooLarge { path: opened.path, bytes }.into());
        }
        running.total_bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(opened)
    }

    /// A message if the file was written to during the scan. A file that was replaced by another is
    /// no problem: the opened file was read to its end.
    fn changed(&self) -> Option<String> {
        let (file, before) = self.file.as_ref()?;
        let now = file.metadata().ok()?;
        let is_changed = now.len() != before.len() || now.modified().ok() != before.modified().ok();
        is_changed.then(|| format!("{}: changed while it was read", file_name(&self.path)))
    }
}

/// The reason why the facts of a source are incomplete.
fn damage(path: &str, facts: &SourceFacts) -> Option<String> {
    if facts.is_clean() {
        return None;
    }
    let reason = facts.coverage.reason.as_deref();
    Some(match reason {
        Some(reason) => format!("{path}: {reason}"),
        None => format!("{path}: the checksum is wrong"),
    })
}
