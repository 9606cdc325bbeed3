//! `bigkeys scan`.

use anyhow::Context as _;
use bigkeys::{Filter, Scan};
use dcs_bigkeys::{DcsTime, Task, TaskInfo};
use rdb_analysis::json::NumbersAs;
use rdb_analysis::{Rank, Report, ScanOptions, SourceError, SourceFacts, SourceReport};
use rdb_parser::escape::Escaped;

use crate::args::{By, Export, OutputArgs, ScanArgs, ShowArgs};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages, count};
use crate::progress::Bar;
use crate::render::json::JsonStyle;
use crate::render::style::TableStyle;
use crate::render::{self, RowWriter, ScanFormat, Target, Width};
use crate::stop::Stop;

/// Keys of each type that a report lists, and keys that a first screen lists.
pub(crate) const DEFAULT_TOP: usize = 20;
const TOP_OF_FIRST_SCREEN: usize = 5;

pub(crate) fn run(args: &ScanArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let created_at = DcsTime::now();
    let model = memory_model(args)?;
    let exports = open_exports(&args.show)?;
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let unlisted = inputs.failures();
    let bar = Bar::new(&args.common.output, inputs.lengths(), true);
    let started_at = DcsTime::now();
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let has_memory = model.memory;
    let scan = args.common.filter.apply(configure(scan, args, model), has_memory)?;
    let scan = match &args.fail_on {
        Some(text) => scan.count(fail_on(text, has_memory)?),
        None => scan,
    };
    let mut outcome = match &args.save {
        Some(path) => {
            let mut out = Target::file(path)?;
            let outcome = scan.save_inputs(inputs, &mut out)?;
            if !outcome.report.sources.is_empty() {
                out.finish()?;
            }
            outcome
        }
        None => scan.run_inputs(inputs)?,
    };
    stop.reading_ended();
    bar.finish();

    if let Some(redactor) = args.common.redact.redactor() {
        redactor.separators(&[args.separator]).report(&mut outcome.report);
    }
    let report = outcome.report;
    let failed_inputs = unlisted + outcome.unopened.len();
    let ending = report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_inputs, messages);
    let ending = match outcome.counted_keys {
        0 => ending,
        keys => {
            let expression = args.fail_on.as_deref().unwrap_or_default();
            let expression = Escaped::for_terminal(expression.as_bytes());
            messages.warning(&format_args!("{} with {expression}", count(keys, "key")));
            ending.max(Ending::Found)
        }
    };
    if report.sources.is_empty() {
        return Ok(ending);
    }
    if args.show.format == ScanFormat::Dcs {
        let info = TaskInfo {
            id: uuid::Uuid::new_v4().to_string(),
            instance_id: args.instance_id.clone(),
            created_at,
            started_at,
            finished_at: DcsTime::now(),
        };
        write_exports(&report, exports, args.common.output.json_style())?;
        let mut out = Target::stdout(args.common.output.color.choice());
        // The contract fixes the fields that are numbers.
        render::json::object(&mut out, &Task::finished(info, &report), NumbersAs::Number)?;
        out.finish()?;
        return Ok(ending);
    }
    show(&report, exports, &args.show, &args.common.output)?;
    Ok(ending)
}

/// Writes a report to standard output and to the files that the arguments name.
pub(crate) fn show(
    report: &Report,
    exports: Vec<(ScanFormat, Target)>,
    args: &ShowArgs,
    output: &OutputArgs,
) -> anyhow::Result<()> {
    let style = output.json_style();
    write_exports(report, exports, style)?;
    let color = output.color.choice();
    if let Some(format) = args.format.rows(style, report.rank) {
        let writer = RowWriter::stdout(format.as_ref(), color)?;
        return render::top_keys(format.as_ref(), report, writer);
    }
    let mut out = Target::stdout(color);
    match args.format {
        ScanFormat::Json => render::json::report(&mut out, report, style)?,
        ScanFormat::Prometheus => render::prometheus::report(&mut out, report)?,
        _ => {
            let top = args.top.unwrap_or(if args.all { DEFAULT_TOP } else { TOP_OF_FIRST_SCREEN });
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: args.per_file, top };
            if args.all {
                render::table::report(&mut out, report, style)?;
            } else {
                render::table::first_screen(&mut out, report, style)?;
            }
        }
    }
    out.finish()
}

/// Opens the files that get a report. One that cannot be written is found out before the scan.
pub(crate) fn open_exports(args: &ShowArgs) -> anyhow::Result<Vec<(ScanFormat, Target)>> {
    args.exports.iter().map(|Export { format, path }| Ok((*format, Target::file(path)?))).collect()
}

/// Writes a report to files.
fn write_exports(
    report: &Report,
    exports: Vec<(ScanFormat, Target)>,
    style: JsonStyle,
) -> anyhow::Result<()> {
    for (format, mut out) in exports {
        if let Some(format) = format.rows(style, report.rank) {
            render::top_keys(format.as_ref(), report, RowWriter::new(format.as_ref(), out)?)?;
            continue;
        }
        match format {
            ScanFormat::Prometheus => render::prometheus::report(&mut out, report)?,
            _ => render::json::report(&mut out, report, style)?,
        }
        out.finish()?;
    }
    Ok(())
}

/// The keys that must not be there.
fn fail_on(text: &str, has_memory: bool) -> anyhow::Result<Filter> {
    let filter = Filter::default().condition(text).context("--fail-on")?;
    if filter.needs_memory() && !has_memory {
        anyhow::bail!("--fail-on with memory needs the memory model, which is off here");
    }
    Ok(filter)
}

/// Whether and how the memory is modelled.
fn memory_model(args: &ScanArgs) -> anyhow::Result<ScanOptions> {
    let mut model = ScanOptions::default();
    args.common.memory.apply(&mut model);
    if args.by == Some(By::MemoryBytes) && !model.memory {
        anyhow::bail!("--by memory_bytes needs the memory model, which --no-memory switches off");
    }
    // The DCS contract has no field for memory.
    model.memory &= args.show.format != ScanFormat::Dcs || args.by == Some(By::MemoryBytes);
    Ok(model)
}

fn configure<'a>(scan: Scan<'a>, args: &ScanArgs, model: ScanOptions) -> Scan<'a> {
    let rank = match (args.by, args.show.format) {
        (Some(by), _) => by.rank(),
        (None, ScanFormat::Dcs) => Rank::Natural,
        (None, _) if !model.memory => Rank::RdbBytes,
        (None, _) => Rank::MemoryBytes,
    };
    let top = args.show.top.unwrap_or(DEFAULT_TOP);
    let scan = scan
        .memory(model.memory)
        .assumptions(model.assumptions)
        .deep(args.input.read.deep || args.by == Some(By::ValueBytes))
        .rank(rank);
    if args.show.format == ScanFormat::Dcs {
        scan.top(top.min(dcs_bigkeys::MAX_KEYS_PER_TYPE)).prefixes(0).max_db(dcs_bigkeys::MAX_DB)
    } else {
        scan.top(top).prefixes(args.prefixes).separator(args.separator)
    }
}

/// Reports sources that are no RDB files, and damage in the others. Returns the result that all
/// inputs imply: those that could not be listed or opened, these, and those that were skipped
/// because of a signal.
pub(crate) fn report_ending(
    report: &Report,
    failed_inputs: usize,
    failures: &[SourceError],
    skipped_inputs: usize,
    messages: &Messages,
) -> Ending {
    for failure in failures {
        messages::error(failure);
    }
    let ending = match failed_inputs + failures.len() {
        _ if skipped_inputs > 0 => Ending::Interrupted,
        0 => Ending::Clean,
        _ => Ending::Failed,
    };
    let status = |source: &SourceReport| source_status(&source.path, &source.facts, messages);
    report.sources.iter().map(status).fold(ending, Ending::max)
}

/// Warns about damage in a source, and returns the result that it implies.
pub(crate) fn source_status(path: &str, facts: &SourceFacts, messages: &Messages) -> Ending {
    let path = Escaped::for_terminal(path.as_bytes());
    if let Some(rdb_parser::Checksum::Mismatch { stored, computed }) = facts.checksum {
        messages.warning(&format_args!(
            "{path}: checksum mismatch: the file says {stored:016x}, its content gives {computed:016x}"
        ));
    }
    for note in facts.notes.iter().filter(|note| note.is_warning) {
        messages.warning(&format_args!("{path}: {}", note.text));
    }
    if let Some(kind) = facts.trailing_kind.filter(|kind| kind.may_hold_data()) {
        messages.warning(&format_args!(
            "{path}: {} after the RDB data: {}",
            count(facts.trailing_bytes, "byte"),
            kind.describe()
        ));
    }
    let coverage = &facts.coverage;
    if let Some(reason) = &coverage.reason {
        messages.warning(&format_args!("{path}: the result is partial: {reason}"));
    }
    if coverage.damaged_keys > 0 {
        messages.warning(&format_args!("{path}: {} left out", count(coverage.damaged_keys, "damaged key")));
    }
    match facts.is_clean() {
        true => Ending::Clean,
        false if coverage.interrupted => Ending::Interrupted,
        false => Ending::Damaged,
    }
}
