//! Comparison of the memory model with what servers answered.

#![allow(dead_code, reason = "not every program that has this module uses all of it")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "errors are ratios, and quantiles have indices"
)]

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::{Allocator, Assumptions, ScanOptions, Source, SourceFacts, for_each_key};
use serde::Deserialize;

/// What a server answered for a key after it had loaded the file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Truth {
    pub(crate) db: u64,
    /// In base64.
    pub(crate) key: String,
    #[serde(rename = "type")]
    pub(crate) data_type: String,
    pub(crate) encoding: String,
    pub(crate) memory_usage: u64,
}

impl Truth {
    pub(crate) fn new(db: u64, key: &[u8], data_type: String, encoding: String, memory_usage: u64) -> Self {
        Self { db, key: STANDARD.encode(key), data_type, encoding, memory_usage }
    }
}

/// A key of which both sides are known.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) key: Vec<u8>,
    /// Type and encoding, as the server answers them.
    pub(crate) answered: String,
    /// The same, as predicted.
    pub(crate) predicted: String,
    pub(crate) memory_usage: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) is_modelled: bool,
    pub(crate) elements: u64,
}

impl Compared {
    /// One line for a failed test.
    pub(crate) fn line(&self) -> String {
        let Self { answered, memory_usage, memory_bytes, elements, .. } = self;
        let key = self.key.get(..self.key.len().min(40)).unwrap_or_default().escape_ascii();
        format!("  {answered} of {elements}: {memory_usage} answered, {memory_bytes} modelled: {key}")
    }

    /// The error of a skiplist in standard deviations of its random part: the heights of its nodes.
    pub(crate) fn skiplist_deviation(&self, allocator: Allocator) -> f64 {
        let of_a_node = match allocator {
            Allocator::JemallocQ8 => 12.3,
            Allocator::JemallocQ16 | Allocator::Glibc => 10.7,
        };
        (self.memory_usage as f64 - self.memory_bytes as f64) / (of_a_node * (self.elements as f64).sqrt())
    }

    /// In percent of the truth.
    pub(crate) fn error_percent(&self) -> f64 {
        100.0 * self.memory_bytes.abs_diff(self.memory_usage) as f64 / self.memory_usage as f64
    }
}

/// How far off the model is for a group of keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accuracy {
    pub(crate) keys: usize,
    pub(crate) exact_percent: f64,
    pub(crate) median_percent: f64,
    pub(crate) p99_percent: f64,
    pub(crate) max_percent: f64,
    /// Of the sum over all keys; positive if the model says more.
    pub(crate) sum_percent: f64,
}

impl Accuracy {
    pub(crate) fn of<'a>(keys: impl Iterator<Item = &'a Compared> + Clone) -> Self {
        let mut errors: Vec<f64> = keys.clone().map(Compared::error_percent).collect();
        errors.sort_by(f64::total_cmp);
        let exact = errors.iter().filter(|&&error| error == 0.0).count();
        let quantile = |part: f64| errors[((errors.len() - 1) as f64 * part).round() as usize];
        let truth: u64 = keys.clone().map(|key| key.memory_usage).sum();
        let model: u64 = keys.map(|key| key.memory_bytes).sum();
        Self {
            keys: errors.len(),
            exact_percent: 100.0 * exact as f64 / errors.len() as f64,
            median_percent: quantile(0.5),
            p99_percent: quantile(0.99),
            max_percent: quantile(1.0),
            sum_percent: 100.0 * (model as f64 - truth as f64) / truth as f64,
        }
    }
}

/// Every key of `truths` with its prediction.
pub(crate) fn compare(
    file: &[u8],
    assumptions: Assumptions,
    truths: &[Truth],
) -> (SourceFacts, Vec<Compared>) {
    let mut by_key: HashMap<(u64, Vec<u8>), &Truth> = HashMap::new();
    for truth in truths {
        let key = STANDARD.decode(&truth.key).expect("base64");
        assert!(by_key.insert((truth.db, key), truth).is_none(), "a key stands twice in the truth");
    }
    let mut options = ScanOptions::default();
    options.assumptions = assumptions;
    let source = Source::from_bytes("dump", file);
    let mut compared = Vec::new();
    let mut scratch = Vec::new();
    let facts = for_each_key(source, &options, &(), &false.into(), |key| {
        let name = key.key.decode(&mut scratch).expect("a valid name").to_vec();
        // A key that the server dropped while loading, because it had expired, has no truth.
        if let Some(truth) = by_key.remove(&(key.measure.db, name.clone())) {
            compared.push(Compared {
                key: name,
                answered: format!("{} {}", truth.data_type, truth.encoding),
                predicted: format!("{} {}", key.measure.data_type, key.measure.encoding),
                memory_usage: truth.memory_usage,
                memory_bytes: key.measure.memory_bytes.expect("the model is on"),
                is_modelled: key.measure.memory_is_modelled,
                elements: key.measure.elements.unwrap_or(0),
            });
        }
        ControlFlow::Continue(Ok(()))
    })
    .expect("an RDB file");
    assert!(facts.coverage.complete);
    assert!(by_key.is_empty(), "keys that the scan did not see: {}", by_key.len());
    (facts, compared)
}

/// Keys by type and encoding; of those that are not modelled, none.
pub(crate) fn by_encoding(compared: &[Compared]) -> BTreeMap<String, Vec<&Compared>> {
    let mut groups = BTreeMap::<String, Vec<&Compared>>::new();
    for key in compared.iter().filter(|key| key.is_modelled) {
        groups.entry(key.answered.clone()).or_default().push(key);
    }
    groups
}

/// What the name of a fixture's truth ends with.
const SUFFIX: &str = ".truth.jsonl";

/// The allocator of a fixture's server, see `testdata/README.md`.
fn allocator_of(name: &str) -> Allocator {
    match name {
        name if name.contains("-libc") => Allocator::Glibc,
        // The package of Debian is linked to the system's jemalloc, which was loaded before the
        // others.
        "redis-7.0.15" | "valkey-8.1.8" | "valkey-9.1.2" => Allocator::JemallocQ16,
        _ => Allocator::JemallocQ8,
    }
}

/// A dump with the answers of the server that wrote it.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) allocator: Allocator,
    file: PathBuf,
    truth: PathBuf,
}

impl Fixture {
    /// All fixtures that have answers, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fixtures");
        let entries = std::fs::read_dir(&folder).expect("testdata/fixtures");
        let mut fixtures: Vec<Self> = entries
            .map(|entry| entry.expect("readable").path())
            .filter(|path| path.to_string_lossy().ends_with(SUFFIX))
            .map(|path| Self::new(&path))
            .collect();
        fixtures.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(!fixtures.is_empty(), "no fixtures in {}", folder.display());
        fixtures
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::all().into_iter().find(|fixture| fixture.name == name).expect("a fixture of that name")
    }

    fn new(truth: &Path) -> Self {
        let name = truth.file_name().expect("a file").to_string_lossy();
        let name = name.trim_end_matches(SUFFIX).to_owned();
        let file = truth.with_file_name(format!("{name}.rdb"));
        Self { file, truth: truth.to_owned(), allocator: allocator_of(&name), name }
    }

    pub(crate) fn compare(&self) -> (SourceFacts, Vec<Compared>) {
        let file = std::fs::read(&self.file).expect("the fixture");
        let truth = std::fs::read_to_string(&self.truth).expect("the fixture's truth");
        let truths: Vec<Truth> =
            truth.lines().map(|line| serde_json::from_str(line).expect("a truth")).collect();
        let mut assumptions = Assumptions::default();
        assumptions.allocator = self.allocator;
        compare(&file, assumptions, &truths)
    }
}
