//! One task's scan: finds the backups, reads them, makes the result. Blocks.

use std::fs::Metadata;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{Options, Origin, Rank, ScanOptions, Source, SourceData, SourceFacts};
use rdb_source::{Data, IoMode};

use super::catalog::{Catalog, file_name};
use super::config::{Instance, Shard};
use super::keyspace::Keyspace;
use super::runner::Running;
use super::store::Ending;
use crate::convert::{MAX_KEYS_PER_TYPE, bigkeys as big_keys};

/// What a scan may take.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Threads; `None` for one per core.
    pub(crate) threads: Option<usize>,
    pub(crate) max_time: Duration,
    pub(crate) max_backup_bytes: Option<u64>,
}

/// How a scan ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Ended(Ending),
    /// It was told to stop.
    Interrupted,
}

/// An opened backup.
struct OpenBackup {
    path: PathBuf,
    before: Metadata,
    shard: Option<String>,
    input: rdb_source::Opened,
}

/// The big-key analysis of all shards.
pub(crate) fn bigkeys(catalog: &Catalog, instance: &Instance, limits: &Limits, running: &Running) -> Outcome {
    outcome(try_bigkeys(catalog, instance, limits, running))
}

/// The offline analysis of one node.
pub(crate) fn offline(
    catalog: &Catalog,
    instance: &Instance,
    node: Option<&str>,
    limits: &Limits,
    running: &Running,
) -> Outcome {
    outcome(try_offline(catalog, instance, node, limits, running))
}

fn outcome(result: Result<Outcome, String>) -> Outcome {
    result.unwrap_or_else(|failure| Outcome::Ended(Ending { failure: Some(failure), ..Ending::default() }))
}

fn try_bigkeys(
    catalog: &Catalog,
    instance: &Instance,
    limits: &Limits,
    running: &Running,
) -> Result<Outcome, String> {
    let mut opened = Vec::new();
    for shard in &instance.shards {
        opened.push(open(catalog, instance, shard, limits, running)?);
    }
    let mut options = Options::default();
    options.top = MAX_KEYS_PER_TYPE;
    options.rank = Rank::Natural;
    options.threads = limits.threads;
    let sources = opened.iter_mut().map(OpenBackup::source).collect();
    let outcome = rdb_analysis::analyze(sources, &options, running, &running.stop)
        .map_err(|error| format!("the scan cannot start: {error}"))?;
    let report = outcome.report;
    if report.sources.iter().any(|source| source.facts.coverage.interrupted) {
        return Ok(Outcome::Interrupted);
    }
    let mut failures: Vec<_> = outcome.failures.iter().map(ToString::to_string).collect();
    for source in &report.sources {
        failures.extend(damage(&source.path, &source.facts));
    }
    for backup in &opened {
        failures.extend(backup.changed());
    }
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    let text = to_json(|out| json::write_compact(out, &json::report(&report, KeysAs::Auto)))?;
    let mut ending = Ending { failure, report: Some(text), ..Ending::default() };
    if ending.failure.is_none() {
        let keys = big_keys(&report);
        ending.num = i32::try_from(keys.len()).unwrap_or(i32::MAX);
        ending.body = Some(to_json(|out| json::write_compact(out, &keys))?);
    }
    Ok(Outcome::Ended(ending))
}

fn try_offline(
    catalog: &Catalog,
    instance: &Instance,
    node: Option<&str>,
    limits: &Limits,
    running: &Running,
) -> Result<Outcome, String> {
    let shard = instance.shards.iter().find(|shard| Some(shard.node_id.as_str()) == node);
    let shard = shard.ok_or("the node is no longer configured")?;
    let mut opened = open(catalog, instance, shard, limits, running)?;
    let mut keyspace = Keyspace::default();
    let facts =
        rdb_analysis::for_each_key(opened.source(), &ScanOptions::default(), running, &running.stop, |key| {
            std::ops::ControlFlow::Continue(keyspace.observe(key))
        })
        .map_err(|error| error.to_string())?;
    if facts.coverage.interrupted {
        return Ok(Outcome::Interrupted);
    }
    let mut failures: Vec<_> = damage(&file_name(&opened.path), &facts).into_iter().collect();
    failures.extend(opened.changed());
    let result = keyspace.into_result();
    let text = to_json(|out| json::write_compact(out, &result))?;
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    let body = failure.is_none().then(|| text.clone());
    Ok(Outcome::Ended(Ending { failure, num: 0, body, report: Some(text) }))
}

fn open(
    catalog: &Catalog,
    instance: &Instance,
    shard: &Shard,
    limits: &Limits,
    running: &Running,
) -> Result<OpenBackup, String> {
    let path = catalog.backup(shard, limits.max_backup_bytes).map_err(|error| error.to_string())?;
    let before = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", file_name(&path)))?;
    // Read and not mapped: a backup that is cut short under us must fail its task and not end the service,
    // and what is read does not count as our memory.
    let input = rdb_source::open(&path, IoMode::Read, &Arc::clone(&running.stop))
        .map_err(|error| error.to_string().replace(&*path.to_string_lossy(), &file_name(&path)))?;
    running.total_bytes.fetch_add(before.len(), Ordering::Relaxed);
    let shard = shard.address.filter(|_| instance.is_cluster).map(|address| address.to_string());
    Ok(OpenBackup { path, before, shard, input })
}

impl OpenBackup {
    fn source(&mut self) -> Source<'_> {
        Source {
            // Reports are answered to clients, who need not know our directories.
            path: file_name(&self.path),
            shard: self.shard.clone(),
            fallback_time_ms: self
                .input
                .modified_ms
                .unwrap_or_else(|| jiff::Timestamp::now().as_millisecond()),
            data: match &mut self.input.data {
                Data::Mapped(mapping) => SourceData::Bytes(mapping),
                Data::Stream { reader, length } => {
                    // Given away, so that a file is closed when the analysis is done with it.
                    let nothing: Box<dyn Read + Send> = Box::new(std::io::empty());
                    SourceData::Reader { reader: std::mem::replace(reader, nothing), length: *length }
                }
            },
            origin: Origin {
                prefix_bytes: self.input.wrapper.prefix_bytes,
                end_mark: self.input.wrapper.mark,
                announced_bytes: self.input.wrapper.announced_bytes,
                ..Origin::default()
            },
        }
    }

    /// Whether the file was written to while it was read. One that was replaced by another is no matter: the
    /// one that was opened was read to its end.
    fn changed(&self) -> Option<String> {
        let now = std::fs::metadata(&self.path).ok()?;
        let is_same = is_same_file(&self.before, &now);
        let is_changed = now.len() != self.before.len() || now.modified().ok() != self.before.modified().ok();
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
