//! `bigkeys groups`.

use std::sync::Arc;

use rdb_analysis::{NameGroups, NameRule, Rank, ReportCollector, ScanOptions};

use crate::args::GroupsArgs;
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages};
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, GroupsFormat, Target, Width};
use crate::scan::report_ending;
use crate::stop::Stop;

/// Share of all bytes below which a table folds groups, in percent.
const TABLE_MIN_SHARE: f64 = 1.0;

pub(crate) fn run(args: &GroupsArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
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
    let collector = (ReportCollector::default().top(0).prefixes(0).rank(rank), collector(args));
    let outcome = scan.collect_inputs(inputs, collector)?;
    stop.reading_ended();
    bar.finish();

    let (mut report, mut tree) = outcome.output;
    if let Some(redactor) = args.redact.redactor() {
        let redactor = redactor.separators(&args.segments.separators);
        redactor.report(&mut report);
        redactor.tree(&mut tree);
    }
    report.filter = scan.filter_description();
    let failed_inputs = unlisted + outcome.unopened.len();
    let ending = report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_sources, messages);
    if report.sources.is_empty() {
        return Ok(ending);
    }
    if tree.is_shortened {
        messages.warning(&format_args!(
            "there are more than {} groups, or their names are too long, so names are grouped by their \
             first {}; --match and --exclude select keys, and --max-groups allows more",
            args.max_groups,
            messages::count(tree.depth as u64, "segment"),
        ));
    }
    let style = args.output.json_style();
    let mut out = Target::stdout(args.output.color.choice());
    match args.format {
        GroupsFormat::Json => {
            let json = rdb_analysis::groups_json(&report, &tree, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        GroupsFormat::Folded => render::groups::folded(&mut out, &tree)?,
        GroupsFormat::Csv => render::groups::csv(&mut out, &tree, style.keys_as)?,
        GroupsFormat::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: 0 };
            render::groups::table(&mut out, &report, &tree, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

fn collector(args: &GroupsArgs) -> NameGroups {
    let rule = NameRule::new(&args.segments.separators).literal(args.literal);
    let default_share = if args.format == GroupsFormat::Table { TABLE_MIN_SHARE } else { 0.0 };
    let groups = NameGroups::new(rule)
        .depth(args.segments.depth)
        .max_groups(args.max_groups)
        .min_share(args.min_share.unwrap_or(default_share) / 100.0);
    if args.groups.is_empty() {
        return groups;
    }
    let named: Vec<(Arc<str>, _)> =
        args.groups.iter().map(|(name, regex)| (Arc::from(name.as_str()), regex.clone())).collect();
    groups.named_by(move |name| {
        named.iter().find(|(_, regex)| regex.is_match(name)).map(|(group, _)| Arc::clone(group))
    })
}
