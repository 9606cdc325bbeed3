//! Steps of a scan, for programs that report each failure and continue.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use rdb_analysis::{
    Checked, Collector, Filtered, Finding, KeyRecord, KeyView, Outcome, Partial, Rank, Report,
    ReportCollector, SourceFacts, TopKeys, Totals, WireError,
};
use rdb_parser::ErrorKind;

use super::{Scan, ScanOutcome};
use crate::engine::Engine;
use crate::error::ScanError;
use crate::filter::Filter;
use crate::input::{Input, OpenInput};
use crate::list::{self, ListingProblem};
use crate::rules::{self, RuleResult, Rules};
use crate::saved::{SavedError, SavedReport};

/// Keys of one type that [`Scan::find`] finds at most, the largest. A backup has one in each database.
const MAX_FOUND_KEYS: usize = 1 << 16;

/// Steps of a scan, for programs that report each failure and continue.
impl Scan<'_> {
    /// Lists the inputs without opening them, each file once, and calls `problem` for each problem.
    ///
    /// # Errors
    ///
    /// A file was named with two different shards.
    pub fn list(&self, problem: impl FnMut(ListingProblem)) -> Result<Vec<Input>, ScanError> {
        list::list(&self.names, self.recursive, &self.open.store, &self.stop, problem)
    }

    /// Scans `inputs` into one report. Inputs that cannot be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    pub fn run_inputs(&self, inputs: Vec<Input>) -> Result<ScanOutcome, ScanError> {
        if self.counted.is_empty() {
            let outcome = self.engine().collect(inputs, &self.open, &self.collector)?;
            return Ok(self.outcome(outcome, |report| (report, 0)));
        }
        let counted = Filtered::<_, _, true>::new(Totals, self.counted.clone().into_function());
        let outcome = self.engine().collect(inputs, &self.open, (&self.collector, counted))?;
        Ok(self.outcome(outcome, |(report, counted)| (report, counted.keys)))
    }

    /// The outcome of a scan into a report and a number of counted keys.
    fn outcome<T>(
        &self,
        outcome: Outcome<T, ScanError>,
        parts: impl FnOnce(T) -> (Report, u64),
    ) -> ScanOutcome {
        let (mut report, counted_keys) = parts(outcome.output);
        report.filter = self.filter_description();
        ScanOutcome {
            report,
            counted_keys,
            unopened: outcome.unopened,
            failures: outcome.failures,
            skipped_inputs: outcome.skipped_sources,
        }
    }

    /// Scans `inputs` into the output of `collector`, several inputs at a time. Inputs that cannot
    /// be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    pub fn collect_inputs<C: Collector>(
        &self,
        inputs: Vec<Input>,
        collector: C,
    ) -> Result<Outcome<C::Output, ScanError>, ScanError> {
        self.engine().collect(inputs, &self.open, collector)
    }

    /// Scans `inputs` into a report without lists and the output of `collector`, both over the same
    /// keys, several inputs at a time. Inputs that cannot be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    #[allow(clippy::type_complexity, reason = "a report, and another output")]
    pub fn collect_with_report<C: Collector>(
        &self,
        inputs: Vec<Input>,
        collector: C,
    ) -> Result<Outcome<(Report, C::Output), ScanError>, ScanError> {
        self.collect_beside_report(self.engine(), inputs, self.collector_without_lists(), collector)
    }

    /// Checks the keys of `inputs` against `rules`, several inputs at a time, beside a report without
    /// lists. The largest keys rank by the [rank](Self::rank) of this scan.
    /// Inputs that cannot be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    #[allow(clippy::type_complexity, reason = "a report, and a result for each rule")]
    pub fn check_rules(
        &self,
        inputs: Vec<Input>,
        rules: &Rules,
    ) -> Result<Outcome<(Report, Vec<RuleResult>), ScanError>, ScanError> {
        let outcome = self.check_beside(inputs, rules, self.collector_without_lists(), None::<Totals>)?;
        Ok(outcome.map(|(report, results, _)| (report, results)))
    }

    /// Scans `inputs` into a report, the result of each rule, and the output of `collector`, all over
    /// the same keys, several inputs at a time. Inputs that cannot be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    #[allow(clippy::type_complexity, reason = "a report, a result for each rule, and another output")]
    pub fn collect_and_check<C: Collector>(
        &self,
        inputs: Vec<Input>,
        rules: &Rules,
        collector: C,
    ) -> Result<Outcome<(Report, Vec<RuleResult>, C::Output), ScanError>, ScanError> {
        self.check_beside(inputs, rules, self.collector.clone(), collector)
    }

    #[allow(clippy::type_complexity, reason = "as above")]
    fn check_beside<C: Collector>(
        &self,
        inputs: Vec<Input>,
        rules: &Rules,
        report: ReportCollector,
        collector: C,
    ) -> Result<Outcome<(Report, Vec<RuleResult>, C::Output), ScanError>, ScanError> {
        let rank = self.collector.rank;
        let mut options = self.options.clone();
        options.deep |= rules.needs_deep();
        let engine = Engine { options: &options, ..self.engine() };
        let outcome = if rules.needs_db() {
            let checks = rules::checks::<true>(rules, rank);
            self.collect_beside_report(engine, inputs, report, (checks, collector))?
        } else {
            let checks = rules::checks::<false>(rules, rank);
            self.collect_beside_report(engine, inputs, report, (checks, collector))?
        };
        Ok(outcome.map(|(report, (checked, output))| (report, rules::results(rules, checked, rank), output)))
    }

    fn collector_without_lists(&self) -> ReportCollector {
        self.collector.clone().top(0).prefixes(0)
    }

    #[allow(clippy::type_complexity, reason = "a report, and another output")]
    fn collect_beside_report<C: Collector>(
        &self,
        engine: Engine<'_>,
        inputs: Vec<Input>,
        report: ReportCollector,
        collector: C,
    ) -> Result<Outcome<(Report, C::Output), ScanError>, ScanError> {
        let outcome = engine.collect(inputs, &self.open, (report, collector))?;
        Ok(outcome.map(|(mut report, output)| {
            report.filter = self.filter_description();
            (report, output)
        }))
    }

    /// Opens an input, which one of the methods below then reads.
    ///
    /// # Errors
    ///
    /// The input cannot be opened.
    pub fn open_input(&self, input: Input) -> Result<OpenInput, ScanError> {
        let listed = input.length;
        self.report_opened(listed, input.open(&self.open, &self.stop))
    }

    /// Opens an input whose file the caller has opened. The path of `input` is for messages, and no
    /// other file is read, whatever the path names by now.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn open_file(&self, file: File, input: Input) -> Result<OpenInput, ScanError> {
        let listed = input.length;
        self.report_opened(listed, input.open_file(file, &self.open, &self.stop))
    }

    fn report_opened(
        &self,
        listed: Option<u64>,
        opened: Result<OpenInput, ScanError>,
    ) -> Result<OpenInput, ScanError> {
        let opened = opened.inspect_err(|error| self.monitor.not_opened(error))?;
        self.monitor.opened(listed, opened.length());
        Ok(opened)
    }

    /// Scans one input into the output of `collector`, on all threads.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, or the threads cannot be started.
    pub fn collect_from<C: Collector<Output: Send> + Send>(
        &self,
        input: &mut OpenInput,
        collector: C,
    ) -> Result<(SourceFacts, C::Output), ScanError> {
        Ok(self.engine().collect_source(input.source(), self.threads_of_scan()?, collector)?)
    }

    /// Scans one input into a part of a report, on all threads. [`join`](Self::join) makes a report
    /// of such parts, which may come from several machines.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, or the threads cannot be started.
    pub fn partial(&self, input: &mut OpenInput) -> Result<Partial, ScanError> {
        self.engine().partial(input.source(), self.threads_of_scan()?)
    }

    /// As [`partial`](Self::partial), with what another collector gathers of the same keys. The children of
    /// several inputs are merged and finished by their collector.
    ///
    /// # Errors
    ///
    /// As for [`partial`](Self::partial).
    pub fn partial_with<C: Collector<Child: Send>>(
        &self,
        input: &mut OpenInput,
        other: &C,
    ) -> Result<(Partial, C::Child), ScanError> {
        self.engine().partial_with(input.source(), self.threads_of_scan()?, other)
    }

    /// Scans `inputs`, several at a time, and writes a [saved report](SavedReport) to `out`. Inputs that
    /// cannot be used are in the outcome, whose report is over all others.
    ///
    /// # Errors
    ///
    /// `out` cannot be written to, the scan has a [filter](Self::filter), or the threads cannot be
    /// started.
    pub fn save_inputs(
        &self,
        inputs: Vec<Input>,
        out: &mut dyn io::Write,
    ) -> Result<ScanOutcome, SavedError> {
        let outcome = self.save_all(inputs)?;
        outcome.output.write(out)?;
        Ok(self.outcome(outcome, |saved| (saved.report(), 0)))
    }

    /// Scans `inputs`, several at a time, into a report that is saved and joined with others later.
    /// Inputs that cannot be used are in the outcome.
    ///
    /// # Errors
    ///
    /// The scan has a [filter](Self::filter), or the threads cannot be started.
    pub fn save_all(&self, inputs: Vec<Input>) -> Result<Outcome<SavedReport, ScanError>, ScanError> {
        let outcome = self.engine().partials(inputs, &self.open)?;
        Ok(outcome.map(|partials| SavedReport::new(partials, &self.collector, &self.options)))
    }

    /// Finds the keys with a name in `inputs`, in order. Ignores the [filter](Self::filter). Inputs that
    /// cannot be used are in the outcome.
    ///
    /// [`OpenInput::record`] reads the elements of such a key.
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    pub fn find(
        &self,
        inputs: Vec<Input>,
        name: &[u8],
        db: Option<u64>,
    ) -> Result<Outcome<Vec<KeyRecord>, ScanError>, ScanError> {
        let name = name.to_vec();
        let admits =
            move |key: &KeyView<'_>, found: &[u8]| found == name && db.is_none_or(|db| key.measure.db == db);
        let top = Filtered::<_, _, true>::new(TopKeys::new(Rank::RdbBytes, MAX_FOUND_KEYS), admits);
        let engine = Engine { filter: &Filter::default(), ..self.engine() };
        let outcome = engine.collect(inputs, &self.open, top)?;
        Ok(outcome.map(|keys| {
            let mut keys: Vec<KeyRecord> = keys.into_values().flatten().collect();
            keys.sort_by_key(|key| (key.source, key.measure.offset));
            keys
        }))
    }

    /// Scans one input, on all threads, into a report that is saved and joined with others later.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, the scan has a [filter](Self::filter), or the threads cannot be
    /// started.
    pub fn save(&self, input: &mut OpenInput) -> Result<SavedReport, ScanError> {
        Ok(SavedReport::new(vec![self.partial(input)?], &self.collector, &self.options))
    }

    /// Reads a part of a report from the JSON that [`Partial::to_json`] writes.
    ///
    /// # Errors
    ///
    /// The text is not such JSON, or of another version.
    pub fn read_partial(&self, json: &str) -> Result<Partial, WireError> {
        self.engine().read_partial(json)
    }

    /// Joins parts into the report over all their inputs, in the given order. All parts were
    /// scanned with the options of this scan.
    pub fn join(&self, parts: impl IntoIterator<Item = Partial>) -> Report {
        self.engine().join(parts)
    }

    /// Calls `key` for each key of one input, in file order, on this thread, until `key` breaks. A
    /// key that `key` refuses with an error counts as damaged.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file.
    pub fn keys_of(
        &self,
        input: &mut OpenInput,
        key: impl FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
    ) -> Result<SourceFacts, ScanError> {
        Ok(self.engine().for_each_key(input.source(), key)?)
    }

    /// Renders each key of one input with `render` on all threads, and gives the bytes to `emit` in
    /// file order, until `emit` breaks. A key that `render` refuses counts as damaged.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, or the threads cannot be started.
    pub fn render_keys_of(
        &self,
        input: &mut OpenInput,
        render: impl Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
        emit: impl FnMut(&[u8]) -> ControlFlow<()> + Send,
    ) -> Result<SourceFacts, ScanError> {
        Ok(self.engine().render_keys(input.source(), self.threads_of_scan()?, render, emit)?)
    }

    /// Checks one input in every detail on all threads, and gives each finding to `finding`, in file
    /// order.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, or the threads cannot be started.
    pub fn check(
        &self,
        input: &mut OpenInput,
        finding: impl FnMut(&Finding) + Send,
    ) -> Result<Checked, ScanError> {
        self.engine().check(input.source(), self.threads_of_scan()?, finding)
    }
}
