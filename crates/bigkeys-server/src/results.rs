//! The result of a big-key analysis: that of a shard, as it is stored until the task's results are
//! joined, and that of the task.

use std::io;
use std::path::PathBuf;
use std::string::FromUtf8Error;

use bigkeys_report::{Page, words};
use bigkeys_scan::{Partial, Rank, Scan, SourceFacts, WireError};
use dcs_bigkeys::{MAX_DB, MAX_KEYS_PER_TYPE, bigkeys as big_keys};
use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{Cluster, Collector, Distributions, NameGroups, NameRule, Portable, Report};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::store::{AnalysisKind, PrefixSummary, ResultSummary, ShardEnding, TaskEnding};

/// Prefixes of a shard that are kept for the report of its task, which lists a few of them.
const MAX_PREFIXES: usize = 1000;

/// Prefixes in the report of a task.
const REPORTED_PREFIXES: usize = 100;

/// Prefixes in the summary of a task.
const SUMMARY_PREFIXES: usize = 3;

/// First bytes of a name that are kept. Backups may have names of any length, and every answer has the
/// names of a result.
const MAX_NAME_BYTES: usize = 1024;

/// Groups by name that are kept of a shard, and hash tags that a page lists.
const MAX_GROUPS: usize = 1000;
const TOP_TAGS: usize = 20;

/// What the page of a report shows besides the report.
pub(crate) type PageCollector = (NameGroups, Distributions, Cluster);

pub(crate) fn page_collector() -> PageCollector {
    let groups = NameGroups::new(NameRule::new(b":")).max_groups(MAX_GROUPS);
    (groups, Distributions, Cluster::new(TOP_TAGS))
}

/// The result of a shard's big-key analysis, as it is stored until the task's results are joined.
#[derive(Serialize, Deserialize)]
struct BigkeysResult<P = <PageCollector as Portable>::Wire> {
    /// A [`Partial`] as JSON.
    report: String,
    page: P,
}

/// The reason why a result cannot be written, read or joined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResultError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the result cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("the result cannot be written: {0}")]
    Text(#[from] FromUtf8Error),
    #[error("the result of a shard cannot be written or read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("joining the results panicked")]
    JoinPanicked,
}

impl From<ResultError> for TaskEnding {
    fn from(error: ResultError) -> Self {
        Self { failure: Some(error.to_string()), ..Self::default() }
    }
}

/// The options of every scan of big keys, without inputs. Results are joined with the same options.
pub(crate) fn bigkeys_scan() -> Scan<'static> {
    Scan::inputs(None::<PathBuf>)
        .top(MAX_KEYS_PER_TYPE)
        .rank(Rank::Natural)
        .max_db(MAX_DB)
        .prefixes(REPORTED_PREFIXES)
}

/// The facts of a scanned partial result, and the result of its shard as text.
///
/// # Errors
///
/// The result cannot be written.
pub(crate) fn shard_result(
    mut partial: Partial,
    parts: <PageCollector as Collector>::Child,
) -> Result<(SourceFacts, String), ResultError> {
    partial.forget_prefixes(MAX_PREFIXES);
    partial.shorten_names(MAX_NAME_BYTES);
    let facts = partial.facts().clone();
    let report = partial.to_json()?;
    let result = BigkeysResult { report, page: page_collector().to_wire(parts) };
    Ok((facts, serde_json::to_string(&result)?))
}

/// Joins the results of a task's shards, in their order.
pub(crate) fn join(kind: AnalysisKind, shards: Vec<ShardEnding>) -> TaskEnding {
    let failures: Vec<_> = shards.iter().filter_map(|shard| shard.failure.clone()).collect();
    let failure = (!failures.is_empty()).then(|| failures.join("; "));
    let mut results = shards.into_iter().filter_map(|shard| shard.result);
    let joined = match kind {
        AnalysisKind::Bigkeys => join_bigkeys(results, failure.as_deref()),
        // An offline analysis has one node, whose result is the whole.
        AnalysisKind::Offline => {
            let text = results.next();
            Ok(TaskEnding { body: text.clone(), report: text, ..TaskEnding::default() })
        }
    };
    match joined {
        Ok(ending) if failure.is_none() => ending,
        // The contract has no result for a failed task. The report has what was readable.
        Ok(TaskEnding { report, page, .. }) => TaskEnding { failure, report, page, ..TaskEnding::default() },
        Err(error) => error.into(),
    }
}

fn join_bigkeys(
    results: impl Iterator<Item = String>,
    failure: Option<&str>,
) -> Result<TaskEnding, ResultError> {
    let (scan, collector) = (bigkeys_scan(), page_collector());
    let mut partials = Vec::new();
    let mut parts = None;
    for text in results {
        // The report first, because it has the version.
        match serde_json::from_str::<BigkeysResult<IgnoredAny>>(&text) {
            Ok(BigkeysResult { report, .. }) => partials.push(scan.read_partial(&report)?),
            // Before version 7, the result was the report alone.
            Err(error) => return Err(scan.read_partial(&text).err().map_or(error.into(), Into::into)),
        }
        let BigkeysResult { page, .. } = serde_json::from_str(&text)?;
        let child = collector.child_of(page);
        match &mut parts {
            None => parts = Some(child),
            Some(parts) => collector.merge(parts, child),
        }
    }
    let (report, parts) = (scan.join(partials), parts.map(|parts| collector.finish(parts)));
    let keys = big_keys(&report);
    Ok(TaskEnding {
        failure: None,
        num: i32::try_from(keys.len()).unwrap_or(i32::MAX),
        body: Some(to_text(|out| json::write_compact(out, &keys))?),
        report: Some(to_text(|out| json::write_compact(out, &json::report(&report, KeysAs::Auto)))?),
        page: Some(page(&report, parts.as_ref(), failure)?),
        summary: Some(summary(&report)),
    })
}

/// The report as an HTML page, which begins with the reason of a failure.
fn page(
    report: &Report,
    parts: Option<&<PageCollector as Collector>::Output>,
    failure: Option<&str>,
) -> Result<String, ResultError> {
    let page = Page::new(report);
    let page = failure.map_or(page, |failure| page.failure(failure));
    let page = match parts {
        Some((groups, distributions, cluster)) => {
            page.groups(groups).distributions(distributions).cluster(cluster)
        }
        None => page,
    };
    to_text(|out| page.write(out))
}

fn summary(report: &Report) -> ResultSummary {
    let prefixes = report.prefixes.iter().flat_map(|table| &table.groups).take(SUMMARY_PREFIXES);
    let prefixes = prefixes.map(|(prefix, group)| PrefixSummary {
        prefix: words::name(prefix, prefix.len() as u64),
        keys: group.keys,
        bytes: group.memory_bytes.unwrap_or(group.rdb_bytes),
    });
    ResultSummary {
        keys: report.totals.keys,
        rdb_bytes: report.totals.rdb_bytes,
        memory_bytes: report.totals.memory_bytes,
        prefixes: prefixes.collect(),
    }
}

pub(crate) fn to_text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Result<String, ResultError> {
    let mut bytes = Vec::new();
    write(&mut bytes)?;
    Ok(String::from_utf8(bytes)?)
}
