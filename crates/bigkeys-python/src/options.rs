//! Options of all functions.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bigkeys_scan::{
    Allocator, Assumptions, Filter, Increments, Input, IoMode, ListingProblem, Rank, Scan, ScanError,
    ServerVersion,
};
use pyo3::prelude::*;

use crate::errors::{option_error, scan_error};
use crate::run::{Counter, run};

/// The measures by which keys rank.
const RANKS: [Rank; 6] = [
    Rank::MemoryBytes,
    Rank::RdbBytes,
    Rank::Elements,
    Rank::ValueBytes,
    Rank::LargestElementBytes,
    Rank::Natural,
];

/// Path, name, shard and length in bytes of an input, and the number and bytes of the files that were
/// written after it.
type ListedInput = (PathBuf, String, Option<String>, Option<u64>, Option<(u64, u64)>);

/// The dictionary that `bigkeys/_options.py` makes. It has every item.
#[derive(Clone, Debug, FromPyObject)]
#[pyo3(from_item_all)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Options {
    paths: Vec<PathBuf>,
    /// Inputs that are listed already, instead of paths.
    inputs: Option<Vec<ListedInput>>,
    /// Nodes, and the paths of their files.
    shards: Vec<(String, PathBuf)>,
    recursive: bool,
    #[pyo3(item("store_options"))]
    store: Vec<(String, String)>,
    threads: Option<usize>,
    verify_checksum: bool,
    deep: bool,
    memory: bool,
    map_files: bool,
    server_version: Option<String>,
    allocator: Option<String>,
    #[pyo3(item("where"))]
    condition: Option<String>,
    top: usize,
    by: String,
    prefixes: usize,
    separator: String,
}

impl Options {
    /// The scan that these options describe, which ends soon after `stop` is set.
    pub(crate) fn scan(&self, py: Python<'_>, stop: &Arc<AtomicBool>) -> PyResult<Scan<'static>> {
        let mut scan = Scan::inputs(&self.paths)
            .recursive(self.recursive)
            .threads(self.threads)
            .io(if self.map_files { IoMode::Auto } else { IoMode::Read })
            .verify_checksum(self.verify_checksum)
            .deep(self.deep || self.by == Rank::ValueBytes.name())
            .memory(self.memory)
            .assumptions(self.assumptions(py)?)
            .rank(self.rank(py)?)
            .top(self.top)
            .prefixes(self.prefixes)
            .separator(self.separator(py)?)
            .stop(Arc::clone(stop));
        for (node, path) in &self.shards {
            scan = scan.shard(node, path);
        }
        for (name, value) in &self.store {
            scan = scan.store_option(name, value);
        }
        if let Some(text) = &self.condition {
            let filter = Filter::default().condition(text).map_err(|error| option_error(py, error))?;
            if filter.needs_memory() && !self.memory {
                return Err(option_error(
                    py,
                    "where: memory needs the memory model, which memory=False switches off",
                ));
            }
            scan = scan.filter(filter);
        }
        Ok(scan)
    }

    /// Length of each input in bytes, where it is known.
    pub(crate) fn lengths(&self, inputs: &[Input]) -> Vec<Option<u64>> {
        match &self.inputs {
            Some(listed) => listed.iter().map(|(_, _, _, length, _)| *length).collect(),
            None => inputs.iter().map(Input::length).collect(),
        }
    }

    /// Whether the scan has a filter.
    pub(crate) fn has_filter(&self) -> bool {
        self.condition.is_some()
    }

    fn rank(&self, py: Python<'_>) -> PyResult<Rank> {
        if !self.memory && self.by == Rank::MemoryBytes.name() {
            return Ok(Rank::RdbBytes);
        }
        RANKS.into_iter().find(|rank| rank.name() == self.by).ok_or_else(|| {
            let names = RANKS.map(Rank::name).join(", ");
            option_error(py, format!("by={:?} is no measure; the measures are {names}", self.by))
        })
    }

    fn separator(&self, py: Python<'_>) -> PyResult<u8> {
        match self.separator.as_bytes() {
            [separator] => Ok(*separator),
            _ => Err(option_error(py, format!("separator={:?} is not one ASCII character", self.separator))),
        }
    }

    fn assumptions(&self, py: Python<'_>) -> PyResult<Assumptions> {
        let mut assumptions = Assumptions::default();
        if let Some(text) = &self.server_version {
            let version = text.parse::<ServerVersion>();
            assumptions.server =
                Some(version.map_err(|error| option_error(py, format!("server_version={text:?}: {error}")))?);
        }
        if let Some(text) = &self.allocator {
            let allocator = text.parse::<Allocator>();
            assumptions.allocator =
                allocator.map_err(|error| option_error(py, format!("allocator={text:?}: {error}")))?;
        }
        Ok(assumptions)
    }
}

/// Lists the inputs of a scan.
///
/// # Errors
///
/// An exception if an input cannot be found.
pub(crate) fn list(
    py: Python<'_>,
    options: &Options,
    scan: &Scan<'_>,
    stop: &AtomicBool,
) -> PyResult<Vec<Input>> {
    if let Some(inputs) = &options.inputs {
        let input = |(path, name, shard, _, increments): &ListedInput| {
            let increments = increments.map(|(files, bytes)| Increments { files, bytes });
            let input = Input::new(path).named(name).with_increments(increments);
            shard.iter().fold(input, Input::with_shard)
        };
        return Ok(inputs.iter().map(input).collect());
    }
    let mut failed: Option<ScanError> = None;
    // A store may take long to list.
    let inputs = run(py, stop, &Counter::default(), None, || {
        scan.list(|problem| {
            if let ListingProblem::Unreadable(error) = problem {
                failed.get_or_insert(error);
            }
        })
    })?;
    let inputs = inputs.map_err(|error| scan_error(py, &error))?;
    if let Some(error) = failed {
        return Err(scan_error(py, &error));
    }
    // A named file that does not exist has no length, and is an input all the same.
    for input in inputs.iter().filter(|input| input.length().is_none()) {
        Scan::open(input.path()).map_err(|error| scan_error(py, &error))?;
    }
    Ok(inputs)
}
