//! `bigkeys diff`.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use bigkeys::{Comparison, Diff, SavedReport, SpoolError};
use rdb_analysis::{NameRule, ScanOptions};
use rdb_source::display_name;

use crate::args::{DiffArgs, InputArgs};
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::files::{is_saved_report, is_stream, parse_file};
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages};
use crate::page::{self, PageParts};
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, TableOrJson, Target, Width};
use crate::scan::{report_ending, source_status};
use crate::stop::Stop;

/// Options that `diff` takes for saved reports. `io` and `threads` change no result.
const OPTIONS_OF_REPORTS: [&str; 12] = [
    "color",
    "format",
    "io",
    "keys-as",
    "no-memory",
    "no-progress",
    "numbers-as",
    "quiet",
    "redact",
    "redact-keep",
    "threads",
    "top",
];

pub(crate) fn run(args: &DiffArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    match (is_saved_report(&args.old), is_saved_report(&args.new)) {
        (true, true) => return reports(args, messages),
        (false, false) => {}
        (true, false) => return Err(one_report(&args.old, &args.new)),
        (false, true) => return Err(one_report(&args.new, &args.old)),
    }
    let mut model = ScanOptions::default();
    args.common.memory.apply(&mut model);
    if let Some(path) = &args.page {
        page::check_target(path)?;
        if is_stream(&args.new) {
            anyhow::bail!("-o reads NEW twice, and {} can be read once only", display_name(&args.new));
        }
    }
    let list = |path: &Path| Inputs::list(&input_args(path, args), stop.flag(), messages);
    let sides = [(list(&args.old)?, false), (list(&args.new)?, true)];
    let bar = Bar::new(&args.common.output, sides.iter().flat_map(|(inputs, _)| inputs.lengths()), true);
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let rule = NameRule::new(&args.segments.separators);
    let mut comparison = Comparison::new().groups(rule, args.segments.depth).top(args.top);
    let mut ending = Ending::Clean;
    let mut has_failed = false;
    let mut filter = None;
    let redactor = args.common.redact.redactor();
    for (inputs, is_new) in sides {
        has_failed |= inputs.failures() > 0;
        let (scan, inputs) = inputs.into_scan(&monitor);
        let scan = scan.memory(model.memory).assumptions(model.assumptions.clone());
        let scan = args.common.filter.apply(scan, model.memory)?;
        filter = scan.filter_description();
        has_failed |= inputs.is_empty();
        for input in inputs {
            if stop.flag().load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
            let Ok(mut input) = scan.open_input(input) else {
                has_failed = true;
                continue;
            };
            let path = input.name().to_owned();
            match comparison.add(&scan, &mut input, is_new) {
                Ok(mut facts) => {
                    if let Some(redactor) = &redactor {
                        redactor.facts(&mut facts);
                    }
                    ending = ending.max(source_status(&path, &facts, messages));
                }
                Err(SpoolError::Scan(failure)) => {
                    messages::error(&failure);
                    has_failed = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    bar.finish();
    // A comparison with a part of a backup would call the rest of it new or gone.
    if has_failed {
        return Ok(Ending::Failed);
    }
    if ending == Ending::Interrupted {
        return Ok(ending);
    }
    let mut diff = comparison.compare(args.read.threads.map(usize::from))?;
    if let Some(redactor) = redactor {
        redactor.separators(&args.segments.separators).diff(&mut diff);
    }
    if let Some(path) = &args.page {
        return Ok(ending.max(write_page(path, args, &diff, stop)?));
    }
    let style = args.common.output.json_style();
    let mut out = Target::stdout(args.common.output.color.choice());
    match args.format {
        TableOrJson::Json => {
            let json = render::diff::json(&diff, filter.as_deref(), model.memory, args.top, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: args.top };
            render::diff::table(&mut out, &diff, filter.as_deref(), model.memory, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

fn input_args(path: &Path, args: &DiffArgs) -> InputArgs {
    InputArgs { inputs: vec![path.to_owned()], shards: Vec::new(), read: args.read.clone() }
}

/// Reads the new backup again, and writes a page about it and what changed.
fn write_page(path: &Path, args: &DiffArgs, diff: &Diff, stop: &Stop) -> anyhow::Result<Ending> {
    // The comparison has reported what is wrong with the inputs.
    let messages = &Messages { quiet: true };
    let input = &input_args(&args.new, args);
    let separators = &args.segments.separators;
    let scan = KeyScan { input, common: &args.common, top: args.top, separators, stop, messages };
    let has_memory = !args.common.memory.no_memory;
    let Collected { result, ending } = scan.collect(
        |scan, inputs| PageParts::scan(scan, inputs, &args.segments, has_memory),
        |redactor, parts| parts.redact(redactor),
    )?;
    if let Some((report, parts)) = result.filter(|_| ending != Ending::Interrupted) {
        page::write(path, &report, Some(&parts), Some(diff))?;
    }
    Ok(ending)
}

/// Compares two saved reports.
fn reports(args: &DiffArgs, messages: &Messages) -> anyhow::Result<Ending> {
    if args.page.is_some() {
        anyhow::bail!("-o makes a page of backups, and these are saved reports");
    }
    let is_refused = |option: &&String| !OPTIONS_OF_REPORTS.contains(&option.as_str());
    if let Some(option) = args.given.iter().find(is_refused) {
        anyhow::bail!("--{option} cannot be used with saved reports, because they do not have all keys");
    }
    let read = |path: &Path| parse_file(path, SavedReport::read);
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let (mut diff, mut old, mut new) = old.diff(new, !args.common.memory.no_memory, args.top)?;
    if diff.has_memory && !diff.has_same_assumptions {
        messages.warning(
            &"the reports assume different servers, allocators or limits, which changes bytes in memory, too",
        );
    }
    if let Some(redactor) = args.common.redact.redactor() {
        let separator = diff.prefixes.as_ref().map_or(b':', |prefixes| prefixes.separator);
        let redactor = redactor.separators(&[separator]);
        redactor.report_diff(&mut diff);
        redactor.report(&mut old);
        redactor.report(&mut new);
    }
    let ending = report_ending(&old, 0, &[], 0, messages).max(report_ending(&new, 0, &[], 0, messages));
    let style = args.common.output.json_style();
    let mut out = Target::stdout(args.common.output.color.choice());
    match args.format {
        TableOrJson::Json => {
            let json = bigkeys::report_diff_json(&diff, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: args.top };
            render::report_diff::table(&mut out, &diff, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

/// The error of a comparison of a report with something else.
fn one_report(report: &Path, other: &Path) -> anyhow::Error {
    if let (Err(error), false) = (fs::metadata(other), rdb_source::is_remote(other)) {
        return anyhow::anyhow!("{}: {error}", display_name(other));
    }
    anyhow::anyhow!(
        "{} is a saved report and {} is a backup; scan --save makes a report of a backup",
        display_name(report),
        display_name(other),
    )
}
