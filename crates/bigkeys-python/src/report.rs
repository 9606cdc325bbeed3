//! Reports.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bigkeys_report::Page;
use bigkeys_scan::{Outcome, Report, SavedReport, ScanError, report_diff_json};
use pyo3::prelude::*;
use rdb_analysis::json::{self, KeysAs, NumbersAs};

use crate::errors::{exception, option_error, saved_error, scan_error, source_error};
use crate::options::{Options, list};
use crate::run::{Counter, run};

/// The result of a scan.
#[derive(Debug)]
#[pyclass(frozen, module = "bigkeys._native")]
pub(crate) struct NativeReport(Content);

#[derive(Debug)]
enum Content {
    /// Analyses that can be merged and compared.
    Saved(SavedReport),
    /// The report over the keys that a filter admits.
    Filtered(Box<Report>),
}

impl NativeReport {
    fn with_report<T>(&self, read: impl FnOnce(&Report) -> T) -> T {
        match &self.0 {
            Content::Saved(saved) => read(&saved.clone().report()),
            Content::Filtered(report) => read(report),
        }
    }

    fn saved(&self, py: Python<'_>) -> PyResult<&SavedReport> {
        match &self.0 {
            Content::Saved(saved) => Ok(saved),
            Content::Filtered(_) => {
                let message = "a report with a filter cannot be pickled, merged or compared, because it does not have all keys";
                Err(exception(py, "ReportError", message, None, None))
            }
        }
    }
}

#[pymethods]
impl NativeReport {
    /// The documented JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let text = py.detach(|| {
            self.with_report(|report| {
                let mut text = Vec::new();
                json::write_pretty_with(&mut text, &json::report(report, KeysAs::Auto), NumbersAs::Number)?;
                Ok::<_, std::io::Error>(text)
            })
        })?;
        Ok(String::from_utf8(text)?)
    }

    /// The page of the report.
    fn to_html(&self, py: Python<'_>) -> PyResult<String> {
        let page = py.detach(|| {
            self.with_report(|report| {
                let mut page = Vec::new();
                Page::new(report).write(&mut page)?;
                Ok::<_, std::io::Error>(page)
            })
        })?;
        Ok(String::from_utf8(page)?)
    }

    /// The report as `bigkeys scan --save` writes it.
    fn to_saved(&self, py: Python<'_>) -> PyResult<String> {
        let saved = self.saved(py)?;
        let text = py.detach(|| {
            let mut text = Vec::new();
            saved.write(&mut text)?;
            Ok::<_, std::io::Error>(text)
        })?;
        Ok(String::from_utf8(text)?)
    }

    /// Reads what `to_saved` and `bigkeys scan --save` write.
    #[staticmethod]
    fn from_saved(py: Python<'_>, text: &str) -> PyResult<Self> {
        let saved = py.detach(|| SavedReport::read(text)).map_err(|error| saved_error(py, &error))?;
        Ok(Self(Content::Saved(saved)))
    }
}

/// Scans all inputs into one report.
#[pyfunction]
pub(crate) fn scan_report(
    py: Python<'_>,
    options: Options,
    progress: Option<Bound<'_, PyAny>>,
) -> PyResult<NativeReport> {
    let stop = Arc::<AtomicBool>::default();
    let counter = Counter::default();
    let scan = options.scan(py, &stop)?.monitor(&counter);
    let inputs = list(py, &options, &scan, &stop)?;
    for length in options.lengths(&inputs) {
        counter.expect(length);
    }
    let progress = progress.as_ref();
    let content = if options.has_filter() {
        let outcome = run(py, &stop, &counter, progress, || scan.run_inputs(inputs))?;
        let outcome = outcome.map_err(|error| scan_error(py, &error))?;
        refuse_failures(py, &outcome.unopened, &outcome.failures)?;
        Content::Filtered(Box::new(outcome.report))
    } else {
        let outcome = run(py, &stop, &counter, progress, || scan.save_all(inputs))?;
        let Outcome { output, unopened, failures, .. } = outcome.map_err(|error| scan_error(py, &error))?;
        refuse_failures(py, &unopened, &failures)?;
        Content::Saved(output)
    };
    Ok(NativeReport(content))
}

/// Raises the first failure.
fn refuse_failures(
    py: Python<'_>,
    unopened: &[ScanError],
    failures: &[bigkeys_scan::SourceError],
) -> PyResult<()> {
    if let Some(error) = unopened.first() {
        return Err(scan_error(py, error));
    }
    failures.first().map_or(Ok(()), |error| Err(source_error(py, error)))
}

/// Merges reports of different sources.
#[pyfunction]
pub(crate) fn merge_reports(py: Python<'_>, reports: Vec<PyRef<'_, NativeReport>>) -> PyResult<NativeReport> {
    let mut merged: Option<SavedReport> = None;
    for report in reports {
        let next = report.saved(py)?.clone();
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(|error| saved_error(py, &error))?,
        });
    }
    let merged = merged.ok_or_else(|| option_error(py, "there are no reports to merge"))?;
    Ok(NativeReport(Content::Saved(merged)))
}

/// How a later report differs from an earlier one, as the documented JSON.
#[pyfunction]
pub(crate) fn diff_reports(
    py: Python<'_>,
    old: &NativeReport,
    new: &NativeReport,
    memory: bool,
    top: usize,
) -> PyResult<String> {
    let (old, new) = (old.saved(py)?.clone(), new.saved(py)?.clone());
    let text = py.detach(|| {
        let (diff, ..) = old.diff(new, memory, top)?;
        let mut text = Vec::new();
        json::write_pretty_with(&mut text, &report_diff_json(&diff, KeysAs::Auto), NumbersAs::Number)?;
        Ok(text)
    });
    Ok(String::from_utf8(text.map_err(|error| saved_error(py, &error))?)?)
}
