//! One shard's scan: finds the backup, reads it, makes a result; and what the results of a task's shards come
//! to. Blocks.

use std::fs::Metadata;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{
    Origin, Partial, Rank, ReportCollector, ScanOptions, Source, SourceData, SourceFacts, Threads,
};
use rdb_source::{Data, IoMode};

use super::catalog::{BackupError, Catalog, file_name};
use super::config::{Backup, Instance, Shard};
use super::keyspace::Keyspace;
use super::runner::Running;
use super::store::{Ending, Family, ShardEnding, ShardResult};
use dcs_bigkeys::{MAX_DB, MAX_KEYS_PER_TYPE, bigkeys as big_keys};

/// How much nicer than others the threads of a scan are.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What a scan may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_time: Duration,
    pub(crate) max_backup_bytes: Option<u64>,
}

/// How the scan of a shard ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ended(ShardEnding),
    /// It was told to stop.
    Interrupted,
}

/// An opened backup.
struct OpenBackup {
    path: PathBuf,
    /// Of a file.
    before: Option<Metadata>,
    shard: Option<String>,
    input: rdb_source::Opened,
}

/// How big-key analyses are made.
fn collector() -> ReportCollector {
    ReportCollector::default().top(MAX_KEYS_PER_TYPE).rank(Rank::Natural).max_db(MAX_DB)
}

/// Scans a shard of an instance for one of the analyses, on so many threads.
pub(crate) fn shard(
    family: Family,
    catalog: &Catalog,
    instance: &Instance,
    node: &str,
    limits: &Limits,
    running: &Running,
    threads: usize,
) -> Outcome {
    let outcome = try_shard(family, catalog, instance, node, limits, running, threads);
    outcome.unwrap_or_else(|failure| Outcome::Ended(ShardEnding { failure: Some(failure), result: None }))
}

fn try_shard(
    family: Family,
    catalog: &Catalog,
    instance: &Instance,
    node: &str,
    limits: &Limits,
    running: &Running,
    threads: usize,
) -> Result<Outcome, String> {
    let shard = instance.shards.iter().find(|shard| shard.node_id == node);
    let shard = shard.ok_or("the node is no longer configured")?;
    let mut opened = open(catalog, instance, shard, limits, running)?;
    let (facts, result) = match family {
        Family::Bigkeys => bigkeys(&mut opened, running, threads)?,
        Family::Offline => offline(&mut opened, running)?,
    };
    if facts.coverage.interrupted {
        return Ok(Outcome::Interrupted);
    }
    let mut failures: Vec<_> = damage(&file_name(&opened.path), &facts).into_iter().collect();
    failures.extend(opened.changed());
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    Ok(Outcome::Ended(ShardEnding { failure, result: Some(result) }))
}

fn bigkeys(
    opened: &mut OpenBackup,
    running: &Running,
    threads: usize,
) -> Result<(SourceFacts, String), String> {
    let threads = Threads::start(Some(threads)).map_err(|error| error.to_string())?;
    threads.run_on_each(yield_to_requests);
    let source = opened.source();
    let partial = threads
        .run(|| Partial::scan(source, &collector(), &ScanOptions::default(), running, &running.stop))
        .map_err(|error| error.to_string())?;
    Ok((partial.facts().clone(), partial.to_json().map_err(|error| error.to_string())?))
}

/// Lets threads that answer requests go before this one.
fn yield_to_requests() {
    // Of one thread on Linux, of the whole process elsewhere. Without it scans are as right as with it.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

fn offline(opened: &mut OpenBackup, running: &Running) -> Result<(SourceFacts, String), String> {
    let mut keyspace = Keyspace::default();
    let facts =
        rdb_analysis::for_each_key(opened.source(), &ScanOptions::default(), running, &running.stop, |key| {
            std::ops::ControlFlow::Continue(keyspace.observe(key))
        })
        .map_err(|error| error.to_string())?;
    let result = keyspace.into_result();
    Ok((facts, to_json(|out| json::write_compact(out, &result))?))
}

/// What a task comes to, from what its shards came to, in their order.
pub(crate) fn join(family: Family, shards: Vec<ShardResult>) -> Ending {
    let failures: Vec<_> = shards.iter().filter_map(|shard| shard.failure.clone()).collect();
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    let mut results = shards.into_iter().filter_map(|shard| shard.result);
    let joined = match family {
        Family::Bigkeys => join_bigkeys(results),
        // Of one node, whose result is the whole.
        Family::Offline => {
            let text = results.next();
            Ok(Ending { body: text.clone(), report: text, ..Ending::default() })
        }
    };
    match joined {
        Ok(ending) if failure.is_none() => ending,
        // The contract has nothing for a failed task; the report has what was readable.
        Ok(ending) => Ending { failure, report: ending.report, ..Ending::default() },
        Err(error) => Ending { failure: Some(error), ..Ending::default() },
    }
}

fn join_bigkeys(results: impl Iterator<Item = String>) -> Result<Ending, String> {
    let (collector, options) = (collector(), ScanOptions::default());
    let mut partials = Vec::new();
    for result in results {
        partials.push(Partial::from_json(&result, &collector, &options).map_err(|error| error.to_string())?);
    }
    let report = Partial::join(partials, &collector);
    let keys = big_keys(&report);
    Ok(Ending {
        failure: None,
        num: i32::try_from(keys.len()).unwrap_or(i32::MAX),
        body: Some(to_json(|out| json::write_compact(out, &keys))?),
        report: Some(to_json(|out| json::write_compact(out, &json::report(&report, KeysAs::Auto)))?),
    })
}

fn open(
    catalog: &Catalog,
    instance: &Instance,
    shard: &Shard,
    limits: &Limits,
    running: &Running,
) -> Result<OpenBackup, String> {
    let path = catalog.backup(shard, limits.max_backup_bytes).map_err(|error| error.to_string())?;
    let before = match &shard.backup {
        Backup::Object(_) => None,
        _ => Some(std::fs::metadata(&path).map_err(|error| format!("{}: {error}", file_name(&path)))?),
    };
    // Read and not mapped: a backup that is cut short under us must fail its task and not end the service,
    // and what is read does not count as our memory.
    let input = rdb_source::open(&path, IoMode::Read, &Arc::clone(&running.stop))
        .map_err(|error| error.to_string().replace(&*rdb_source::display_name(&path), &file_name(&path)))?;
    let bytes = match (&before, &input.data) {
        (Some(before), _) => before.len(),
        (None, Data::Stream { length: Some(length), .. }) => *length,
        _ => 0,
    };
    if limits.max_backup_bytes.is_some_and(|limit| bytes > limit) {
        let path = path.clone();
        return Err(BackupError::TooLarge { path, bytes }.to_string());
    }
    running.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    let shard = shard.address.filter(|_| instance.is_cluster).map(|address| address.to_string());
    Ok(OpenBackup { path, before, shard, input })
}

impl OpenBackup {
    fn source(&mut self) -> Source<'_> {
        let now_ms = || jiff::Timestamp::now().as_millisecond();
        let modified_ms = self.input.modified_ms.unwrap_or_else(now_ms);
        let origin = Origin {
            prefix_bytes: self.input.wrapper.prefix_bytes,
            end_mark: self.input.wrapper.mark,
            announced_bytes: self.input.wrapper.announced_bytes,
            ..Origin::default()
        };
        let data = match &mut self.input.data {
            Data::Mapped(mapping) => SourceData::Bytes(mapping),
            Data::Stream { reader, length, ready_bytes } => {
                // Given away, so that a file is closed when the analysis is done with it.
                let nothing: Box<dyn Read + Send> = Box::new(std::io::empty());
                let reader = std::mem::replace(reader, nothing);
                SourceData::Reader { reader, length: *length, ready_bytes: ready_bytes.clone() }
            }
        };
        // Reports are answered to clients, who need not know our directories.
        Source::new(file_name(&self.path), data)
            .shard(self.shard.clone())
            .fallback_time_ms(modified_ms)
            .origin(origin)
    }

    /// Whether the file was written to while it was read. One that was replaced by another is no matter: the
    /// one that was opened was read to its end.
    fn changed(&self) -> Option<String> {
        let before = self.before.as_ref()?;
        let now = std::fs::metadata(&self.path).ok()?;
        let is_same = is_same_file(before, &now);
        let is_changed = now.len() != before.len() || now.modified().ok() != before.modified().ok();
        (is_same && is_changed).then(|| format!("{}: changed while it was read", file_name(&self.path)))
    }
}

#[cfg(unix)]
fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    a.created().ok() == b.created().ok()
}

/// Why the facts of a source are not the whole truth.
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

fn to_json(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> Result<String, String> {
    let mut bytes = Vec::new();
    write(&mut bytes).map_err(|error| format!("the result cannot be written: {error}"))?;
    String::from_utf8(bytes).map_err(|error| format!("the result cannot be written: {error}"))
}
