//! `bigkeys report`.

use std::path::Path;

use anyhow::Context as _;
use bigkeys::{STDIN, SavedReport};

use crate::args::ReportArgs;
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::files::{is_saved_report, parse_file};
use crate::messages::Messages;
use crate::page::{self, PageParts};
use crate::render::{ScanFormat, Target};
use crate::scan::{DEFAULT_TOP, open_exports, report_ending, show};
use crate::stop::Stop;

/// Options that change nothing in a saved report, or only how it is shown.
const OPTIONS_OF_SAVED: [&str; 16] = [
    "all",
    "color",
    "export",
    "format",
    "io",
    "keys-as",
    "no-progress",
    "numbers-as",
    "page",
    "per-file",
    "quiet",
    "redact",
    "redact-keep",
    "save",
    "threads",
    "top",
];

pub(crate) fn run(args: &ReportArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let inputs = &args.input.inputs;
    let saved = inputs.iter().filter(|path| is_saved_report(path)).count();
    match (&args.page, saved) {
        (Some(page), 0) => of_backups(args, page, stop, messages),
        (_, 1..) if saved == inputs.len() && args.input.shards.is_empty() => of_saved(args, stop, messages),
        (_, 1..) => anyhow::bail!("give saved reports or backups, not both"),
        (None, 0) => {
            // An input that is not there has an error of its own.
            for path in inputs.iter().filter(|path| !rdb_source::is_remote(path) && path.as_os_str() != STDIN)
            {
                std::fs::metadata(path).with_context(|| rdb_source::display_name(path).into_owned())?;
            }
            anyhow::bail!("the inputs are no saved reports; to make a page of backups, add -o report.html")
        }
    }
}

/// Scans backups, and writes a page.
fn of_backups(args: &ReportArgs, path: &Path, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    if args.save.is_some() {
        anyhow::bail!("--save merges saved reports; scan --save makes one of backups");
    }
    page::check_target(path)?;
    let separators = &args.segments.separators;
    let top = args.show.top.unwrap_or(DEFAULT_TOP);
    let scan = KeyScan { input: &args.input, common: &args.common, top, separators, stop, messages };
    let has_memory = !args.common.memory.no_memory;
    let Collected { result, ending } = scan.collect(
        |scan, inputs| PageParts::scan(scan, inputs, &args.segments, has_memory),
        |redactor, parts| parts.redact(redactor),
    )?;
    if let Some((report, parts)) = result {
        page::write(path, &report, Some(&parts), None)?;
    }
    Ok(ending)
}

/// Merges saved reports, and shows the result.
fn of_saved(args: &ReportArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    // Saved reports are short. A signal ends the process at once.
    stop.reading_ended();
    if let Some(option) = args.given.iter().find(|option| !OPTIONS_OF_SAVED.contains(&option.as_str())) {
        anyhow::bail!("--{option} cannot be used with saved reports, because they do not have all keys");
    }
    if args.show.format == ScanFormat::Dcs {
        anyhow::bail!("--format dcs needs a scan, because its lists rank keys by a measure of their own");
    }
    let exports = open_exports(&args.show)?;
    let mut saved: Option<SavedReport> = None;
    for path in &args.input.inputs {
        let before = saved.take();
        saved = Some(parse_file(path, |text| match (before, SavedReport::read(text)?) {
            (None, first) => Ok(first),
            (Some(before), next) => before.merge(next),
        })?);
    }
    let saved = saved.context("there is no file")?;
    if let Some(path) = &args.save {
        let mut out = Target::file(path)?;
        saved.write(&mut out)?;
        out.finish()?;
    }
    let mut report = saved.report();
    if let Some(redactor) = args.common.redact.redactor() {
        let separator = report.prefixes.as_ref().map_or(b':', |table| table.separator);
        redactor.separators(&[separator]).report(&mut report);
    }
    let ending = report_ending(&report, 0, &[], 0, messages);
    match &args.page {
        Some(path) => {
            let top = args.show.top.unwrap_or(usize::MAX);
            report.top.values_mut().for_each(|keys| keys.truncate(top));
            page::check_target(path)?;
            page::write(path, &report, None, None)?;
        }
        None => show(&report, exports, &args.show, &args.common.output)?,
    }
    Ok(ending)
}
