//! Metrics of instances, from the last successful big-key analysis of each.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use rdb_parser::escape::Escaped;
use serde::Deserialize;

use crate::config::Instance;
use crate::store::{ReportForm, StoreError, TaskRow, TaskStore};

/// Maximum number of instances with metrics of their own. A directory may have more backups.
const MAX_INSTANCES: usize = 1000;

/// Maximum numbers of sources, types and prefixes of an instance. A hostile backup may have any
/// number of types of modules.
const MAX_SOURCES: usize = 128;
const MAX_TYPES: usize = 32;
const MAX_PREFIXES: usize = 10;

/// Maximum length of a value of a label, in characters.
const MAX_LABEL_CHARS: usize = 256;

/// Holds what the reports of instances say, so that each report is read once.
#[derive(Debug, Default)]
pub(crate) struct InstanceMetrics {
    /// By [key](Instance::key) of the instance: the task, and what it found.
    found: Mutex<HashMap<String, (String, Arc<Found>)>>,
}

/// The part of a report that becomes metrics.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Found {
    sources: Vec<FoundSource>,
    by_type: Vec<FoundType>,
    prefixes: Option<FoundPrefixes>,
    top: BTreeMap<String, Vec<FoundKey>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundSource {
    path: String,
    shard: Option<String>,
    bytes: u64,
    keys: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundType {
    r#type: String,
    keys: u64,
    rdb_bytes: u64,
    memory_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundPrefixes {
    groups: Vec<FoundPrefix>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundPrefix {
    prefix: Option<String>,
    prefix_b64: Option<String>,
    keys: u64,
    memory_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundKey {
    elements: Option<u64>,
    value_bytes: Option<u64>,
}

impl Found {
    /// A report that cannot be read gives no metrics.
    fn new(report: &str) -> Self {
        let mut found: Self = serde_json::from_str(report).unwrap_or_else(|error| {
            tracing::warn!(%error, "a stored report cannot be read");
            Self::default()
        });
        found.sources.truncate(MAX_SOURCES);
        found.by_type.truncate(MAX_TYPES);
        if let Some(prefixes) = &mut found.prefixes {
            prefixes.groups.truncate(MAX_PREFIXES);
        }
        while found.top.len() > MAX_TYPES {
            found.top.pop_last();
        }
        // The first key of a type is the largest.
        found.top.values_mut().for_each(|keys| keys.truncate(1));
        found
    }
}

impl InstanceMetrics {
    /// Renders the metrics of the given instances.
    ///
    /// # Errors
    ///
    /// The store fails.
    pub(crate) async fn render(
        &self,
        store: &TaskStore,
        instances: &[Instance],
    ) -> Result<String, StoreError> {
        let mut tasks: HashMap<_, _> =
            store.last_successes().await?.into_iter().map(|task| (task.instance.clone(), task)).collect();
        let mut rows = Vec::new();
        for instance in instances {
            if rows.len() == MAX_INSTANCES {
                break;
            }
            if let Some(task) = tasks.remove(&instance.key) {
                rows.push((instance, self.found(store, &task).await?, task));
            }
        }
        Ok(render(&rows))
    }

    /// What a task found.
    async fn found(&self, store: &TaskStore, task: &TaskRow) -> Result<Arc<Found>, StoreError> {
        let known = || {
            let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.get(&task.instance).filter(|(id, _)| *id == task.id).map(|(_, found)| Arc::clone(found))
        };
        if let Some(found) = known() {
            return Ok(found);
        }
        let report = match store.report(task, ReportForm::Json).await {
            Err(error @ StoreError::Unsigned { .. }) => {
                tracing::error!(%error, "an instance has no metrics");
                None
            }
            report => report?,
        };
        // A report may be long, and requests must not wait for its end.
        let read = tokio::task::spawn_blocking(move || Found::new(report.as_deref().unwrap_or("{}")));
        let new = Arc::new(read.await.unwrap_or_default());
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        // Instances may come and go. Those that are still there are read again.
        if found.len() >= MAX_INSTANCES && !found.contains_key(&task.instance) {
            found.clear();
        }
        found.insert(task.instance.clone(), (task.id.clone(), Arc::clone(&new)));
        Ok(new)
    }
}

type Row<'a> = (&'a Instance, Arc<Found>, TaskRow);

fn render(rows: &[Row<'_>]) -> String {
    let mut out = Gauges(String::new());
    out.gauge("info", "The name of an instance.", rows, |instance, _, _, sample| {
        sample(&[("name", &instance.name)], 1);
    });
    let help = "When the last successful analysis ended.";
    out.gauge("last_success_timestamp_seconds", help, rows, |_, _, task, sample| {
        if let Some(at) = task.finished_at.and_then(|at| u64::try_from(at.as_second()).ok()) {
            sample(&[], at);
        }
    });
    out.gauge("keys", "Keys by type.", rows, |_, found, _, sample| {
        found.by_type.iter().for_each(|row| sample(&[("type", &row.r#type)], row.keys));
    });
    out.gauge("rdb_bytes", "Bytes of keys in the backup by type.", rows, |_, found, _, sample| {
        found.by_type.iter().for_each(|row| sample(&[("type", &row.r#type)], row.rdb_bytes));
    });
    let help = "Bytes of keys in the server's memory by type, as modelled.";
    out.gauge("memory_bytes", help, rows, |_, found, _, sample| {
        for row in &found.by_type {
            if let Some(bytes) = row.memory_bytes {
                sample(&[("type", &row.r#type)], bytes);
            }
        }
    });
    out.gauge("largest_string_bytes", "Bytes of the largest string.", rows, |_, found, _, sample| {
        if let Some(bytes) = found.top.get("string").and_then(|keys| keys.first()?.value_bytes) {
            sample(&[], bytes);
        }
    });
    let help = "Elements of the key with the most elements by type.";
    out.gauge("largest_key_elements", help, rows, |_, found, _, sample| {
        for (data_type, keys) in found.top.iter().filter(|(data_type, _)| *data_type != "string") {
            if let Some(elements) = keys.first().and_then(|key| key.elements) {
                sample(&[("type", data_type)], elements);
            }
        }
    });
    out.gauge("prefix_keys", "Keys by the heaviest prefixes.", rows, |_, found, _, sample| {
        found.for_each_prefix(|name, row| sample(&[("prefix", name)], row.keys));
    });
    let help = "Bytes in the server's memory by the heaviest prefixes, as modelled.";
    out.gauge("prefix_memory_bytes", help, rows, |_, found, _, sample| {
        found.for_each_prefix(|name, row| {
            if let Some(bytes) = row.memory_bytes {
                sample(&[("prefix", name)], bytes);
            }
        });
    });
    out.gauge("source_keys", "Keys by backup.", rows, |_, found, _, sample| {
        found.sources.iter().for_each(|source| sample(&source.labels(), source.keys));
    });
    out.gauge("source_bytes", "Bytes by backup.", rows, |_, found, _, sample| {
        found.sources.iter().for_each(|source| sample(&source.labels(), source.bytes));
    });
    out.0
}

impl Found {
    fn for_each_prefix(&self, mut row: impl FnMut(&str, &FoundPrefix)) {
        for group in self.prefixes.iter().flat_map(|prefixes| &prefixes.groups) {
            if let Some(name) = group.prefix.as_deref().or(group.prefix_b64.as_deref()) {
                row(name, group);
            }
        }
    }
}

impl FoundSource {
    fn labels(&self) -> [(&str, &str); 2] {
        [("path", &self.path), ("shard", self.shard.as_deref().unwrap_or_default())]
    }
}

/// Gauges in the text format of Prometheus.
struct Gauges(String);

impl Gauges {
    /// Adds a gauge. `samples` calls its last argument with labels and a value.
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        rows: &[Row<'_>],
        samples: impl Fn(&Instance, &Found, &TaskRow, &mut dyn FnMut(&[(&str, &str)], u64)),
    ) {
        let out = &mut self.0;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# HELP bigkeys_instance_{name} {help}\n# TYPE bigkeys_instance_{name} gauge");
        // Two names that were shortened may be the same; a scraper refuses a series that is repeated.
        let mut seen = HashSet::new();
        for (instance, found, task) in rows {
            samples(instance, found, task, &mut |labels, value| {
                let mut series = format!("bigkeys_instance_{name}{{instance_id=\"{}\"", label(&instance.id));
                for (label_name, text) in labels {
                    let _ = write!(series, ",{label_name}=\"{}\"", label(text));
                }
                if !seen.contains(&series) {
                    let _ = writeln!(out, "{series}}} {value}");
                    seen.insert(series);
                }
            });
        }
    }
}

/// A value of a label: printable, shortened, and escaped as the format demands.
fn label(text: &str) -> String {
    let printable = Escaped::for_terminal(text.as_bytes()).to_string();
    let mut label = String::new();
    for character in printable.chars().take(MAX_LABEL_CHARS) {
        if matches!(character, '\\' | '"') {
            label.push('\\');
        }
        label.push(character);
    }
    label
}

#[cfg(test)]
mod tests {
    use dcs_bigkeys::{ScanType, Status};
    use jiff::Timestamp;

    use super::*;
    use crate::store::{AnalysisKind, Origin};

    fn row<'a>(instance: &'a Instance, report: &str) -> Row<'a> {
        let task = TaskRow {
            id: "1".to_owned(),
            kind: AnalysisKind::Bigkeys,
            instance: instance.key.clone(),
            node: None,
            backup: None,
            scan_type: ScanType::Manual,
            status: Status::Success,
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            finished_at: Timestamp::from_second(1_700_000_000).ok(),
            shards: 1,
            open_shards: 0,
            num: 1,
            failure: None,
            origin: Origin::default(),
            summary: None,
        };
        (instance, Arc::new(Found::new(report)), task)
    }

    fn instance(name: &str) -> Instance {
        Instance {
            id: "i1".to_owned(),
            key: "i1".to_owned(),
            project: None,
            name: name.to_owned(),
            is_cluster: false,
            shards: Vec::new(),
        }
    }

    #[test]
    fn names_cannot_leave_their_label_and_no_series_is_repeated() {
        let long = "x".repeat(300);
        let report = serde_json::json!({
            "sources": [{"path": "a\nb.rdb", "bytes": 7, "keys": 2}],
            "by_type": [{"type": "hash", "keys": 2, "rdb_bytes": 5, "memory_bytes": 90}],
            "prefixes": {"groups": [
                {"prefix": "a\"} 1\nevil ", "keys": 1, "memory_bytes": 3},
                {"prefix": format!("{long}1"), "keys": 1, "memory_bytes": 2},
                {"prefix": format!("{long}2"), "keys": 1, "memory_bytes": 1},
                {"prefix_b64": "/w==", "keys": 1, "memory_bytes": 1},
            ]},
            "top": {"hash": [{"elements": 9}, {"elements": 8}], "string": [{"value_bytes": 4}]},
        });
        let instance = instance("shop \\ \"1\"");
        let text = render(&[row(&instance, &report.to_string())]);
        for line in [
            r#"bigkeys_instance_info{instance_id="i1",name="shop \\ \"1\""} 1"#,
            r#"bigkeys_instance_last_success_timestamp_seconds{instance_id="i1"} 1700000000"#,
            r#"bigkeys_instance_keys{instance_id="i1",type="hash"} 2"#,
            r#"bigkeys_instance_memory_bytes{instance_id="i1",type="hash"} 90"#,
            r#"bigkeys_instance_largest_string_bytes{instance_id="i1"} 4"#,
            r#"bigkeys_instance_largest_key_elements{instance_id="i1",type="hash"} 9"#,
            r#"bigkeys_instance_prefix_keys{instance_id="i1",prefix="a\"} 1\\x0aevil "} 1"#,
            r#"bigkeys_instance_prefix_keys{instance_id="i1",prefix="/w=="} 1"#,
            r#"bigkeys_instance_source_bytes{instance_id="i1",path="a\\x0ab.rdb",shard=""} 7"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
        let shortened = text.lines().filter(|line| line.contains("xxx") && line.contains("prefix_keys"));
        assert_eq!(shortened.count(), 1);
        let is_known = |line: &str| line.starts_with("bigkeys_instance_") || line.starts_with("# ");
        assert!(text.lines().all(is_known), "{text}");
    }

    #[test]
    fn a_hostile_report_has_a_bounded_number_of_series() {
        let types: Vec<_> = (0..1000).map(|n| serde_json::json!({"type": format!("t{n}")})).collect();
        let top: serde_json::Map<_, _> =
            (0..1000).map(|n| (format!("t{n}"), serde_json::json!([{"elements": n}]))).collect();
        let groups: Vec<_> = (0..1000).map(|n| serde_json::json!({"prefix": format!("p{n}")})).collect();
        let report =
            serde_json::json!({"by_type": types, "top": top, "prefixes": {"groups": groups}}).to_string();
        let instance = instance("i");
        let text = render(&[row(&instance, &report)]);
        assert!(text.lines().count() < 200, "{}", text.lines().count());
        assert_eq!(
            render(&[row(&instance, "no report")]).lines().filter(|line| line.starts_with('b')).count(),
            2
        );
    }
}
