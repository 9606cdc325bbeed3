//! `bigkeys report`.

use anyhow::Context as _;
use bigkeys::SavedReport;

use crate::args::ReportArgs;
use crate::ending::Ending;
use crate::files::parse_file;
use crate::messages::Messages;
use crate::render::{ScanFormat, Target};
use crate::scan::{open_exports, report_ending, show};

pub(crate) fn run(args: &ReportArgs, messages: &Messages) -> anyhow::Result<Ending> {
    if args.show.format == ScanFormat::Dcs {
        anyhow::bail!("--format dcs needs a scan, because its lists rank keys by a measure of their own");
    }
    let exports = open_exports(&args.show)?;
    let mut saved: Option<SavedReport> = None;
    for path in &args.files {
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
    if let Some(redactor) = args.redact.redactor() {
        let separator = report.prefixes.as_ref().map_or(b':', |table| table.separator);
        redactor.separators(&[separator]).report(&mut report);
    }
    let ending = report_ending(&report, 0, &[], 0, messages);
    show(&report, exports, &args.show, &args.output)?;
    Ok(ending)
}
