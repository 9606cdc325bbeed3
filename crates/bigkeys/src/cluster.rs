//! `bigkeys cluster`.

use std::fs;

use anyhow::Context as _;
use bigkeys::parse_slot_map;
use rdb_analysis::{Cluster, Rank, ReportCollector, ScanOptions, SlotOwners};
use rdb_parser::escape::Escaped;

use crate::args::{ClusterArgs, ClusterFormat};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::Messages;
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, Target, Width};
use crate::scan::report_ending;
use crate::stop::Stop;

pub(crate) fn run(args: &ClusterArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let mut model = ScanOptions::default();
    args.memory.apply(&mut model);
    let owners = args.map.as_deref().map(owners).transpose()?;
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let unlisted = inputs.failures();
    let bar = Bar::new(&args.output, inputs.lengths(), true);
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let scan = scan.memory(model.memory).assumptions(model.assumptions);
    let scan = args.filter.apply(scan, model.memory)?;
    let rank = if model.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
    let cluster = Cluster::new(args.top);
    let cluster = match &owners {
        Some(owners) => cluster.owners(owners.clone()),
        None => cluster,
    };
    let collector = (ReportCollector::default().top(0).prefixes(0).rank(rank), cluster);
    let outcome = scan.collect_inputs(inputs, collector)?;
    stop.reading_ended();
    bar.finish();

    let (mut report, mut cluster) = outcome.output;
    if let Some(redactor) = args.redact.redactor() {
        redactor.report(&mut report);
        redactor.cluster(&mut cluster);
    }
    report.filter = scan.filter_description();
    let failed_inputs = unlisted + outcome.unopened.len();
    let ending = report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_sources, messages);
    if report.sources.is_empty() {
        return Ok(ending);
    }
    let style = args.output.json_style();
    let mut out = Target::stdout(args.output.color.choice());
    match args.format {
        ClusterFormat::Json => {
            let json = render::cluster::json(&report, &cluster, owners.as_ref(), args.top, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        ClusterFormat::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: args.top };
            render::cluster::table(&mut out, &report, &cluster, owners.as_ref(), style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

/// Reads which shard has which slots.
fn owners(path: &std::path::Path) -> anyhow::Result<SlotOwners> {
    let name = || Escaped::for_terminal(path.as_os_str().as_encoded_bytes()).to_string();
    let text = fs::read_to_string(path).with_context(name)?;
    parse_slot_map(&text).with_context(name)
}
