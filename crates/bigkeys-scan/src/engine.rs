//! Calls into `rdb-analysis`. No other module of this crate runs an analysis.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(feature = "arrow")]
use arrow_array::RecordBatch;
#[cfg(feature = "arrow")]
use arrow_schema::ArrowError;
#[cfg(feature = "arrow")]
use rdb_analysis::arrow::{BatchOrder, key_batches};
use rdb_analysis::{
    Checked, Collector, Filtered, Finding, KeyView, OpenSource, Outcome, Partial, Partials, Report,
    ReportCollector, ScanOptions, Source, SourceError, SourceFacts, Threads, WireError,
};
use rdb_parser::ErrorKind;
use rdb_source::OpenOptions;

use crate::error::ScanError;
use crate::filter::Filter;
use crate::input::Input;
use crate::monitor::Monitor;

/// Everything that an analysis needs besides the source.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(crate) collector: &'a ReportCollector,
    pub(crate) filter: &'a Filter,
    pub(crate) options: &'a ScanOptions,
    pub(crate) monitor: &'a dyn Monitor,
    pub(crate) stop: &'a Arc<AtomicBool>,
}

impl Engine<'_> {
    /// Scans `inputs` into the output of `collector`, several inputs at a time.
    pub(crate) fn collect<C: Collector>(
        &self,
        inputs: Vec<Input>,
        open: &OpenOptions,
        collector: C,
    ) -> Result<Outcome<C::Output, ScanError>, ScanError> {
        let sources = self.sources(inputs, open);
        let Self { options, monitor, stop, filter, .. } = *self;
        if filter.is_empty() {
            return Ok(rdb_analysis::analyze(sources, collector, options, monitor, stop)?);
        }
        let admits = filter.clone().into_function();
        Ok(if filter.needs_db() {
            let filtered = Filtered::<_, _, true>::new(collector, admits);
            rdb_analysis::analyze(sources, filtered, options, monitor, stop)?
        } else {
            let filtered = Filtered::<_, _, false>::new(collector, admits);
            rdb_analysis::analyze(sources, filtered, options, monitor, stop)?
        })
    }

    /// Scans `inputs` into a part of a report for each, several inputs at a time.
    pub(crate) fn partials(
        &self,
        inputs: Vec<Input>,
        open: &OpenOptions,
    ) -> Result<Outcome<Vec<Partial>, ScanError>, ScanError> {
        self.refuse_filter("a saved report")?;
        let Self { collector, options, monitor, stop, .. } = *self;
        let sources = self.sources(inputs, open);
        Ok(rdb_analysis::analyze(sources, Partials(collector), options, monitor, stop)?)
    }

    /// Gives the keys of `inputs` to `emit` as record batches.
    #[cfg(feature = "arrow")]
    pub(crate) fn key_batches(
        &self,
        inputs: Vec<Input>,
        open: &OpenOptions,
        order: BatchOrder,
        emit: impl FnMut(Result<RecordBatch, ArrowError>) -> ControlFlow<()> + Send,
    ) -> Result<Outcome<Vec<(usize, SourceFacts)>, ScanError>, ScanError> {
        let sources = self.sources(inputs, open);
        let Self { options, monitor, stop, filter, .. } = *self;
        if filter.is_empty() {
            let admits = |_: &KeyView<'_>, _: &[u8]| true;
            return Ok(key_batches(sources, order, options, monitor, stop, admits, emit)?);
        }
        let admits = |key: &KeyView<'_>, name: &[u8]| filter.admits(key, name);
        Ok(key_batches(sources, order, options, monitor, stop, admits, emit)?)
    }

    fn sources<'a>(&'a self, inputs: Vec<Input>, open: &'a OpenOptions) -> Vec<Unopened<'a>> {
        inputs.into_iter().map(|input| Unopened { input, open, engine: *self }).collect()
    }

    /// Scans one source into the output of `collector`, on `threads`.
    pub(crate) fn collect_source<C: Collector<Output: Send> + Send>(
        &self,
        source: Source<'_>,
        threads: &Threads,
        collector: C,
    ) -> Result<(SourceFacts, C::Output), SourceError> {
        let Self { options, monitor, stop, filter, .. } = *self;
        threads.run(|| {
            if filter.is_empty() {
                return rdb_analysis::analyze_source(source, collector, options, monitor, stop);
            }
            let filtered = Filtered::<_, _, true>::new(collector, filter.clone().into_function());
            rdb_analysis::analyze_source(source, filtered, options, monitor, stop)
        })
    }

    /// Scans one source into a part of a report, on `threads`.
    pub(crate) fn partial(&self, source: Source<'_>, threads: &Threads) -> Result<Partial, ScanError> {
        self.refuse_filter("a part of a report")?;
        let Self { collector, options, monitor, stop, .. } = *self;
        Ok(threads.run(|| Partial::scan(source, collector, options, monitor, stop))?)
    }

    /// Scans one source into a part of a report and the child of another collector, on `threads`.
    pub(crate) fn partial_with<C: Collector<Child: Send>>(
        &self,
        source: Source<'_>,
        threads: &Threads,
        other: &C,
    ) -> Result<(Partial, C::Child), ScanError> {
        self.refuse_filter("a part of a report")?;
        let Self { collector, options, monitor, stop, .. } = *self;
        Ok(threads.run(|| Partial::scan_with(source, collector, other, options, monitor, stop))?)
    }

    fn refuse_filter(&self, what: &'static str) -> Result<(), ScanError> {
        if self.filter.is_empty() { Ok(()) } else { Err(ScanError::FilterRefused { what }) }
    }

    /// Reads a part of a report from JSON.
    pub(crate) fn read_partial(&self, json: &str) -> Result<Partial, WireError> {
        Partial::from_json(json, self.collector, self.options)
    }

    /// Joins parts of a report.
    pub(crate) fn join(&self, parts: impl IntoIterator<Item = Partial>) -> Report {
        Partial::join(parts, self.collector)
    }

    /// Calls `key` for each key of a source, in file order, on this thread.
    pub(crate) fn for_each_key(
        &self,
        source: Source<'_>,
        mut key: impl FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
    ) -> Result<SourceFacts, SourceError> {
        let Self { options, monitor, stop, filter, .. } = *self;
        if filter.is_empty() {
            return rdb_analysis::for_each_key(source, options, monitor, stop, key);
        }
        let mut scratch = Vec::new();
        rdb_analysis::for_each_key(source, options, monitor, stop, |view| {
            match view.key.decode(&mut scratch) {
                Ok(name) if filter.admits(view, name) => key(view),
                Ok(_) => ControlFlow::Continue(Ok(())),
                Err(kind) => ControlFlow::Continue(Err(kind)),
            }
        })
    }

    /// Renders each key of a source on `threads` and gives the bytes to `emit`, in file order.
    pub(crate) fn render_keys(
        &self,
        source: Source<'_>,
        threads: &Threads,
        render: impl Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
        emit: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<SourceFacts, SourceError> {
        let Self { options, monitor, stop, filter, .. } = *self;
        let render = |view: &KeyView<'_>, block: &mut Vec<u8>| {
            if filter.is_empty() || filter.admits(view, view.key.decode(&mut Vec::new())?) {
                render(view, block)
            } else {
                Ok(())
            }
        };
        threads.run(|| rdb_analysis::render_keys(source, options, monitor, stop, render, emit))
    }

    /// Checks a source on `threads` and gives each finding to `finding`, in file order.
    pub(crate) fn check(
        &self,
        source: Source<'_>,
        threads: &Threads,
        finding: impl FnMut(&Finding) + Send,
    ) -> Result<Checked, ScanError> {
        self.refuse_filter("a check")?;
        let Self { options, monitor, stop, .. } = *self;
        Ok(threads.run(|| rdb_analysis::check(source, options, monitor, stop, finding))?)
    }
}

/// An input of a report, opened just before its scan.
struct Unopened<'a> {
    input: Input,
    open: &'a OpenOptions,
    engine: Engine<'a>,
}

impl OpenSource for Unopened<'_> {
    type Error = ScanError;

    fn length(&self) -> Option<u64> {
        self.input.length()
    }

    fn open<T>(self, scan: impl FnOnce(Source<'_>) -> T) -> Result<T, ScanError> {
        let Engine { monitor, stop, .. } = self.engine;
        let listed = self.input.length;
        let mut input = self.input.open(self.open, stop).inspect_err(|error| monitor.not_opened(error))?;
        monitor.opened(listed, input.length());
        Ok(scan(input.source()))
    }
}
