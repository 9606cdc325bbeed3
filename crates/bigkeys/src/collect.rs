//! A scan into a report and a result over the same keys.

use bigkeys::{Input, Outcome, Redactor, Scan, ScanError};
use rdb_analysis::{Rank, Report, ScanOptions};

use crate::args::{CommonArgs, InputArgs};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::Messages;
use crate::progress::Bar;
use crate::scan::report_ending;
use crate::stop::Stop;

/// What is scanned, and how.
pub(crate) struct KeyScan<'a> {
    pub(crate) input: &'a InputArgs,
    pub(crate) common: &'a CommonArgs,
    /// Keys of each type that the report lists, if it has lists.
    pub(crate) top: usize,
    /// What ends a segment of a name that is redacted.
    pub(crate) separators: &'a [u8],
    pub(crate) stop: &'a Stop,
    pub(crate) messages: &'a Messages,
}

/// What a scan gave.
pub(crate) struct Collected<T> {
    /// `None`: no input could be read.
    pub(crate) result: Option<(Report, T)>,
    pub(crate) ending: Ending,
}

impl KeyScan<'_> {
    /// Scans all inputs with `scan`, and reports what is wrong with them. `redact` redacts the
    /// result; the report is redacted here.
    pub(crate) fn collect<T>(
        &self,
        scan: impl FnOnce(&Scan<'_>, Vec<Input>) -> anyhow::Result<Outcome<(Report, T), ScanError>>,
        redact: impl FnOnce(&Redactor, &mut T),
    ) -> anyhow::Result<Collected<T>> {
        let Self { input, common, top, separators, stop, messages } = *self;
        let mut model = ScanOptions::default();
        common.memory.apply(&mut model);
        let inputs = Inputs::list(input, stop.flag(), messages)?;
        let unlisted = inputs.failures();
        let bar = Bar::new(&common.output, inputs.lengths(), true);
        let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
        let (builder, inputs) = inputs.into_scan(&monitor);
        let rank = if model.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
        let builder = builder.memory(model.memory).assumptions(model.assumptions).rank(rank).top(top);
        let outcome = scan(&common.filter.apply(builder, model.memory)?, inputs)?;
        stop.reading_ended();
        bar.finish();

        let (mut report, mut output) = outcome.output;
        if let Some(redactor) = common.redact.redactor() {
            let redactor = redactor.separators(separators);
            redactor.report(&mut report);
            redact(&redactor, &mut output);
        }
        let failed_inputs = unlisted + outcome.unopened.len();
        let ending =
            report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_sources, messages);
        let result = (!report.sources.is_empty()).then_some((report, output));
        Ok(Collected { result, ending })
    }
}
