//! `bigkeys stats`.

use rdb_analysis::{Distributions, Rank, ReportCollector, ScanOptions};

use crate::args::{StatsArgs, StatsFormat};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::Messages;
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, Target, Width};
use crate::scan::report_ending;
use crate::stop::Stop;

pub(crate) fn run(args: &StatsArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let mut model = ScanOptions::default();
    args.memory.apply(&mut model);
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let unlisted = inputs.failures();
    let bar = Bar::new(&args.output, inputs.lengths(), true);
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let scan = scan.memory(model.memory).assumptions(model.assumptions);
    let scan = args.filter.apply(scan, model.memory)?;
    let rank = if model.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
    let collector = (ReportCollector::default().top(0).prefixes(0).rank(rank), Distributions);
    let outcome = scan.collect_inputs(inputs, collector)?;
    stop.reading_ended();
    bar.finish();

    let (mut report, table) = outcome.output;
    report.filter = scan.filter_description();
    let failed_inputs = unlisted + outcome.unopened.len();
    let ending = report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_sources, messages);
    if report.sources.is_empty() {
        return Ok(ending);
    }
    let style = args.output.json_style();
    let mut out = Target::stdout(args.output.color.choice());
    match args.format {
        StatsFormat::Json => {
            let json = render::stats::json(&report, &table, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        StatsFormat::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: 0 };
            render::stats::table(&mut out, &report, &table, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}
