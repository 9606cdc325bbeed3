//! `bigkeys report`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use bigkeys::SavedReport;
use rdb_parser::escape::Escaped;

use crate::args::ReportArgs;
use crate::ending::Ending;
use crate::messages::Messages;
use crate::render::{ScanFormat, Target};
use crate::scan::{report_ending, show};

pub(crate) fn run(args: &ReportArgs, messages: &Messages) -> anyhow::Result<Ending> {
    if args.show.format == ScanFormat::Dcs {
        anyhow::bail!("--format dcs needs a scan, because its lists rank keys by a measure of their own");
    }
    let mut saved = None;
    for path in &args.files {
        let name = Escaped::for_terminal(path.as_os_str().as_encoded_bytes()).to_string();
        let next = read(path).with_context(|| name.clone())?;
        saved = Some(match saved {
            None => next,
            Some(saved) => SavedReport::merge(saved, next).context(name)?,
        });
    }
    let saved = saved.context("there is no file")?;
    if let Some(path) = &args.save {
        let mut out = Target::file(path)?;
        saved.write(&mut out)?;
        out.finish()?;
    }
    let mut report = saved.report();
    if let Some(redactor) = args.redact.redactor() {
        redactor.report(&mut report);
    }
    let ending = report_ending(&report, 0, &[], 0, messages);
    show(&report, &args.show, &args.output)?;
    Ok(ending)
}

fn read(path: &Path) -> anyhow::Result<SavedReport> {
    Ok(SavedReport::read(&fs::read_to_string(path)?)?)
}
