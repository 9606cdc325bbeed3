//! The front door: one builder for inputs and options.

#[cfg(feature = "arrow")]
mod batches;
mod steps;

use std::fmt;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rdb_analysis::{
    Assumptions, Collector, KeyView, Outcome, Rank, Report, ReportCollector, ScanOptions, SourceError,
    SourceFacts, Threads,
};
use rdb_parser::ErrorKind;
use rdb_source::{IoMode, OpenError, OpenOptions, STDIN, display_name, is_remote};

use crate::engine::Engine;
use crate::error::{InputError, ScanError};
use crate::filter::Filter;
use crate::input::Input;
use crate::list::{ListingProblem, Name};
use crate::monitor::Monitor;

/// Inputs, and how to scan them.
///
/// ```no_run
/// use bigkeys_scan::Scan;
///
/// let report = Scan::open("dump.rdb.gz")?.top(20).run()?;
/// for group in &report.by_type {
///     println!("{}: {} keys", group.data_type, group.group.keys);
/// }
///
/// let report = Scan::inputs(["a.rdb", "s3://bucket/b.rdb"]).threads(4).deep(true).run()?;
/// # Ok::<(), bigkeys_scan::ScanError>(())
/// ```
pub struct Scan<'a> {
    names: Vec<Name>,
    recursive: bool,
    open: OpenOptions,
    collector: ReportCollector,
    filter: Filter,
    counted: Filter,
    options: ScanOptions,
    monitor: &'a dyn Monitor,
    stop: Arc<AtomicBool>,
    /// Started when first used, for the methods that scan one input.
    threads: OnceLock<Threads>,
}

/// The result of [`Scan::run_inputs`].
#[derive(Debug)]
#[non_exhaustive]
pub struct ScanOutcome {
    /// The report over all inputs that begin as an RDB file, damaged ones included.
    pub report: Report,
    /// Keys that [`Scan::count`] counts.
    pub counted_keys: u64,
    /// Inputs that could not be opened. [`Monitor::not_opened`] received each of these errors, too.
    pub unopened: Vec<ScanError>,
    /// Inputs that are not RDB files.
    pub failures: Vec<SourceError>,
    /// Number of inputs that were not opened because the stop flag was set.
    pub skipped_inputs: usize,
}

/// An input whose keys were all visited.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScannedInput {
    /// The name of the input.
    pub name: String,
    /// The node that wrote the input, `ip:port`, if it was named.
    pub shard: Option<String>,
    /// Properties of the file, and how much of it was read.
    pub facts: SourceFacts,
}

impl Scan<'static> {
    /// Scans `path`: a file, a directory, a pattern such as `backup/*.rdb`, a URL (`s3`, `gs`,
    /// `az`, `http`, `https`), or [`STDIN`].
    ///
    /// The content is read by [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// `path` names no file or directory, and is neither a pattern nor a URL.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, ScanError> {
        let path = path.into();
        let is_pattern = path.to_str().is_some_and(|text| text.contains(['*', '?', '[']));
        let is_named = path.as_os_str() == STDIN || is_remote(&path) || is_pattern;
        if !is_named && let Err(error) = fs::metadata(&path) {
            let name = display_name(&path).into_owned();
            return Err(InputError::new(name.clone(), name, OpenError::Io { path, error }).into());
        }
        Ok(Self::inputs([path]))
    }

    /// Scans several inputs, each as for [`open`](Self::open). A file that is named twice counts
    /// once.
    pub fn inputs<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        let names = paths.into_iter().map(|path| Name { path: path.into(), shard: None }).collect();
        Self {
            names,
            recursive: false,
            open: OpenOptions::default(),
            collector: ReportCollector::default(),
            filter: Filter::default(),
            counted: Filter::default(),
            options: ScanOptions::default(),
            monitor: &(),
            stop: Arc::default(),
            threads: OnceLock::new(),
        }
    }
}

/// Inputs and how they are opened.
impl Scan<'_> {
    /// Adds an input.
    #[must_use]
    pub fn input(mut self, path: impl Into<PathBuf>) -> Self {
        self.names.push(Name { path: path.into(), shard: None });
        self
    }

    /// Adds an input and the node that wrote it, `ip:port`. Reports name the node as the shard of
    /// its keys.
    #[must_use]
    pub fn shard(mut self, node: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.names.push(Name { path: path.into(), shard: Some(node.into()) });
        self
    }

    /// Searches the directories below a named directory, too.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = recursive;
        self
    }

    /// Sets how files are read. By default regular files are mapped.
    #[must_use]
    pub fn io(mut self, mode: IoMode) -> Self {
        self.open.mode = mode;
        self
    }

    /// Overrides a setting of the object store. `name` is the name of an environment variable, such
    /// as `AWS_ENDPOINT`.
    #[must_use]
    pub fn store_option(mut self, name: &str, value: impl Into<String>) -> Self {
        self.open.store.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sends progress to `monitor`.
    #[must_use]
    pub fn monitor(self, monitor: &dyn Monitor) -> Scan<'_> {
        let Self { names, recursive, open, collector, filter, counted, options, stop, threads, .. } = self;
        Scan { names, recursive, open, collector, filter, counted, options, monitor, stop, threads }
    }

    /// Ends the scan soon after `stop` is set. The report then covers what was read, and says so.
    #[must_use]
    pub fn stop(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }
}

/// Options of the analysis.
impl Scan<'_> {
    /// Sets how many keys of each type the report lists. The default is 20.
    #[must_use]
    pub fn top(mut self, keys: usize) -> Self {
        self.collector.top = keys;
        self
    }

    /// Sets the measure by which keys rank. The default is [`Rank::MemoryBytes`].
    ///
    /// [`Rank::LargestElementBytes`] makes the scan [deep](Self::deep) and names the largest element of
    /// each listed key.
    #[must_use]
    pub fn rank(mut self, rank: Rank) -> Self {
        self.collector.rank = rank;
        self.options.names_largest_elements = rank == Rank::LargestElementBytes;
        self
    }

    /// Sets how many prefixes of names the report lists. The default is 20. With 0, names are not
    /// summed up.
    #[must_use]
    pub fn prefixes(mut self, prefixes: usize) -> Self {
        self.collector.prefixes = prefixes;
        self
    }

    /// Sets the byte that ends a prefix. The default is a colon.
    #[must_use]
    pub fn separator(mut self, separator: u8) -> Self {
        self.collector.separator = separator;
        self
    }

    /// Lists no key of a database above `db`. Groups and totals still count such keys.
    #[must_use]
    pub fn max_db(mut self, db: u64) -> Self {
        self.collector.max_db = db;
        self
    }

    /// Decodes packed values, so that `value_bytes` and `largest_element_bytes` are known for them.
    /// Off by default.
    #[must_use]
    pub fn deep(mut self, deep: bool) -> Self {
        self.options.deep = deep || self.filter.needs_deep() || self.counted.needs_deep();
        self
    }

    /// Sets whether checksums are compared. On by default.
    #[must_use]
    pub fn verify_checksum(mut self, verify: bool) -> Self {
        self.options.verify_checksum = verify;
        self
    }

    /// Sets whether the memory of the server is modelled. On by default.
    #[must_use]
    pub fn memory(mut self, memory: bool) -> Self {
        self.options.memory = memory;
        self
    }

    /// Sets the server that the memory model assumes where the file names none.
    #[must_use]
    pub fn assumptions(mut self, assumptions: Assumptions) -> Self {
        self.options.assumptions = assumptions;
        self
    }

    /// Looks only at the keys that `filter` admits. What is said of a file as a whole covers all of
    /// its keys, and there is no account of the server's memory.
    ///
    /// A filter on `value_bytes` or `largest_element_bytes` makes the scan [deep](Self::deep).
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.options.deep |= filter.needs_deep();
        self.filter = filter;
        self
    }

    /// Counts the keys that `counted` admits, of those that the [filter](Self::filter) admits:
    /// [`ScanOutcome::counted_keys`].
    #[must_use]
    pub fn count(mut self, counted: Filter) -> Self {
        self.options.deep |= counted.needs_deep();
        self.counted = counted;
        self
    }

    /// The conditions of the [filter](Self::filter) in one line. `None`: there are none.
    pub fn filter_description(&self) -> Option<String> {
        self.filter.description()
    }

    /// Sets the time by which keys count as expired, in milliseconds since 1970. The default is the
    /// time when a file was written.
    #[must_use]
    pub fn now_ms(mut self, now_ms: impl Into<Option<i64>>) -> Self {
        self.options.now_ms = now_ms.into();
        self
    }

    /// Sets the number of threads. The default is one per core.
    #[must_use]
    pub fn threads(mut self, threads: impl Into<Option<usize>>) -> Self {
        self.options.threads = threads.into();
        self.threads = OnceLock::new();
        self
    }
}

/// Scans over all inputs.
impl Scan<'_> {
    /// Scans all inputs into one report, several inputs at a time.
    ///
    /// The report does not depend on the number of threads. Damage in a file is no error: the
    /// report covers what was readable and says so, see [`Report::is_clean`].
    ///
    /// # Errors
    ///
    /// An input cannot be found, opened, or is not an RDB file; a file was named with two shards;
    /// the threads cannot be started.
    pub fn run(&self) -> Result<Report, ScanError> {
        let outcome = self.run_inputs(self.list_all()?)?;
        if let Some(error) = outcome.unopened.into_iter().next() {
            return Err(error);
        }
        match outcome.failures.into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(outcome.report),
        }
    }

    /// Scans all inputs into the output of `collector`, several inputs at a time, in one pass.
    ///
    /// A tuple of collectors is a collector, so your own runs beside those of this project. The
    /// options [`top`](Self::top), [`rank`](Self::rank) and [`max_db`](Self::max_db) are those of
    /// reports, and change nothing here.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), except for inputs that cannot be opened or are not RDB files:
    /// these are in the outcome.
    pub fn collect<C: Collector>(&self, collector: C) -> Result<Outcome<C::Output, ScanError>, ScanError> {
        self.engine().collect(self.list_all()?, &self.open, collector)
    }

    /// Calls `key` for every key of all inputs, in order, on this thread.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run). The inputs before the failed one were visited.
    pub fn for_each_key(&self, mut key: impl FnMut(&KeyView<'_>)) -> Result<Vec<ScannedInput>, ScanError> {
        self.try_for_each_key(|view| {
            key(view);
            ControlFlow::Continue(Ok(()))
        })
    }

    /// Like [`for_each_key`](Self::for_each_key), until `key` breaks. A key that `key` refuses with
    /// an error, for example because its name cannot be decompressed, counts as damaged.
    ///
    /// # Errors
    ///
    /// As for [`for_each_key`](Self::for_each_key).
    pub fn try_for_each_key(
        &self,
        mut key: impl FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
    ) -> Result<Vec<ScannedInput>, ScanError> {
        let mut scanned = Vec::new();
        let mut has_ended = false;
        for input in self.list_all()? {
            // The first input is opened in any case: its facts say that it was interrupted.
            if has_ended || self.stop.load(Ordering::Relaxed) && !scanned.is_empty() {
                break;
            }
            let mut input = self.open_input(input)?;
            let facts = self.keys_of(&mut input, |view| {
                let flow = key(view);
                has_ended = flow.is_break();
                flow
            })?;
            let (name, shard) = (input.name().to_owned(), input.shard().map(str::to_owned));
            scanned.push(ScannedInput { name, shard, facts });
        }
        Ok(scanned)
    }

    fn list_all(&self) -> Result<Vec<Input>, ScanError> {
        let mut failed = None;
        let inputs = self.list(|problem| match problem {
            ListingProblem::Unreadable(error) => failed = failed.take().or(Some(error)),
            ListingProblem::Interrupted => {
                let error = io::Error::from(io::ErrorKind::Interrupted);
                let name = String::new();
                let error = OpenError::Io { path: PathBuf::new(), error };
                failed = failed.take().or(Some(InputError::new(name.clone(), name, error).into()));
            }
            ListingProblem::NamedAgain { .. } | ListingProblem::SameFile { .. } => {}
        })?;
        failed.map_or(Ok(inputs), Err)
    }
}

impl Scan<'_> {
    fn engine(&self) -> Engine<'_> {
        let Self { collector, filter, options, monitor, stop, .. } = self;
        Engine { collector, filter, options, monitor: *monitor, stop }
    }

    fn threads_of_scan(&self) -> Result<&Threads, ScanError> {
        if let Some(threads) = self.threads.get() {
            return Ok(threads);
        }
        let threads = Threads::start(self.options.threads)?;
        Ok(self.threads.get_or_init(|| threads))
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("names", &self.names)
            .field("recursive", &self.recursive)
            .field("collector", &self.collector)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
