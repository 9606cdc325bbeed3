//! Scans and walks.

use std::ops::ControlFlow;
use std::path::PathBuf;

use bigkeys_scan::{Input, ListingProblem, Scan, SourceFacts};
use rdb_parser::Checksum;

use crate::code::Code;
use crate::error::Error;
use crate::json::Json;
use crate::key::{Key, KeyTexts};
use crate::options::Options;

/// Scans `paths` into one report.
///
/// The error beside the report says that the scan was stopped; the report then has what was read.
///
/// # Errors
///
/// An input cannot be opened, or is not an RDB file, or the threads cannot be started.
pub(crate) fn scan_json(options: &Options, paths: Vec<PathBuf>) -> Result<(Json, Result<(), Error>), Error> {
    let scan = options.scan(paths);
    let Listing { inputs, mut is_stopped } = list(&scan)?;
    let outcome = scan.run_inputs(inputs)?;
    let report = outcome.report;
    is_stopped |= outcome.skipped_inputs > 0;
    is_stopped |= report.sources.iter().any(|source| source.facts.coverage.interrupted);
    // An input that was being opened when the flag was set is among the failures.
    is_stopped |= options.is_stopped() && !outcome.unopened.is_empty();
    if !is_stopped {
        if let Some(error) = outcome.unopened.into_iter().next() {
            return Err(error.into());
        }
        if let Some(error) = outcome.failures.into_iter().next() {
            return Err(Error::from(bigkeys_scan::ScanError::from(error)));
        }
    }
    let json = Json::of_report(&report)
        .map_err(|error| Error::new(Code::Internal, &format!("cannot write the report as JSON: {error}")))?;
    let stopped = || Error::new(Code::Stopped, "the stop flag ended the scan; the report is partial");
    Ok((json, if is_stopped { Err(stopped()) } else { Ok(()) }))
}

/// Gives every key of the input `path` to `visit`, in file order, until it returns `Break`.
///
/// # Errors
///
/// The input cannot be opened, is not an RDB file, or is damaged; `path` is not one input; the stop
/// flag or `visit` ended the walk.
pub(crate) fn walk_keys(
    options: &Options,
    path: PathBuf,
    mut visit: impl FnMut(&Key) -> ControlFlow<()>,
) -> Result<(), Error> {
    // The display name of a URL lacks the query, which may hold a signature.
    let path_text = Input::new(&path).name().to_owned();
    let scan = options.scan(vec![path]);
    if options.is_stopped() {
        return Err(Error::about(Code::Stopped, &path_text, "the stop flag was set before the walk"));
    }
    let Listing { mut inputs, is_stopped } = list(&scan)?;
    if is_stopped {
        return Err(Error::about(Code::Stopped, &path_text, "the stop flag ended the search for files"));
    }
    let input = match (inputs.pop(), inputs.len()) {
        (Some(input), 0) => input,
        (_, others) => {
            let message = format!("these are {} files, and a walk reads one", others + 1);
            return Err(Error::about(Code::InvalidArgument, &path_text, &message));
        }
    };
    let name = input.name().to_owned();
    let mut input = scan.open_input(input).map_err(|error| {
        if options.is_stopped() {
            Error::about(Code::Stopped, &name, "the stop flag ended the opening")
        } else {
            error.into()
        }
    })?;
    let (mut scratch, mut texts) = (Vec::new(), KeyTexts::default());
    let mut has_ended = false;
    let facts = scan.keys_of(&mut input, |view| {
        // Of a name that is too long to hold, only the beginning is decoded.
        match view.key.decode_prefix(usize::MAX, &mut scratch) {
            Ok(key_name) => {
                let flow = visit(&Key::new(view, key_name, &mut texts));
                has_ended = flow.is_break();
                flow.map_continue(Ok)
            }
            Err(kind) => ControlFlow::Continue(Err(kind)),
        }
    })?;
    let stopped_by = if has_ended { "the callback ended the walk" } else { "the stop flag ended the walk" };
    ending(&name, &facts, stopped_by)
}

/// The result of reading the file `name`.
fn ending(name: &str, facts: &SourceFacts, stopped_by: &str) -> Result<(), Error> {
    let coverage = &facts.coverage;
    let offset = coverage.stopped_at_offset;
    if coverage.interrupted {
        return Err(Error::about(Code::Stopped, name, stopped_by).at(offset));
    }
    let mut reasons: Vec<_> = coverage.reason.iter().cloned().collect();
    if coverage.damaged_keys > 0 {
        reasons.push(format!("damaged keys left out: {}", coverage.damaged_keys));
    }
    if let Some(Checksum::Mismatch { stored, computed }) = facts.checksum {
        reasons.push(format!(
            "checksum mismatch: the file says {stored:016x}, its content gives {computed:016x}"
        ));
    }
    if facts.is_clean() {
        return Ok(());
    }
    Err(Error::about(Code::Damaged, name, &reasons.join("; ")).at(offset))
}

/// Inputs that paths stand for.
struct Listing {
    inputs: Vec<Input>,
    /// Whether the stop flag ended the search.
    is_stopped: bool,
}

fn list(scan: &Scan<'_>) -> Result<Listing, Error> {
    let (mut failed, mut is_stopped) = (None, false);
    let inputs = scan.list(|problem| match problem {
        ListingProblem::Unreadable(error) => failed = failed.take().or(Some(error)),
        ListingProblem::Interrupted => is_stopped = true,
        _ => {}
    })?;
    match failed {
        Some(error) if !is_stopped => Err(error.into()),
        _ => Ok(Listing { inputs, is_stopped }),
    }
}
