//! Exceptions.

use std::fmt::Display;

use bigkeys_scan::{ErrorKind, InputError, OpenError, RecordError, SavedError, ScanError, SourceError};
use pyo3::prelude::*;
use rdb_parser::escape::Escaped;

/// Makes the exception `class` of `bigkeys._errors`.
pub(crate) fn exception(
    py: Python<'_>,
    class: &str,
    message: impl Display,
    path: Option<&str>,
    offset: Option<u64>,
) -> PyErr {
    // A traceback shows the message on a terminal or in a log, and it may have names of keys and files.
    let message = Escaped::for_message(&message.to_string()).to_string();
    let make = || {
        let class = py.import("bigkeys._errors")?.getattr(class)?;
        class.call1((message, path, offset))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}

/// A wrong option.
pub(crate) fn option_error(py: Python<'_>, message: impl Display) -> PyErr {
    exception(py, "OptionError", message, None, None)
}

/// The exception of a scan that has no result.
pub(crate) fn scan_error(py: Python<'_>, error: &ScanError) -> PyErr {
    match error {
        ScanError::Open(error) => input_error(py, error),
        ScanError::NotRdb(error) => source_error(py, error),
        ScanError::ShardConflict { .. } | ScanError::FilterRefused { .. } => option_error(py, error),
        _ => exception(py, "Error", error, None, None),
    }
}

fn input_error(py: Python<'_>, error: &InputError) -> PyErr {
    let class = match error.open_error() {
        OpenError::NotRdb { .. } | OpenError::Empty(_) => "NotRdbError",
        _ => "InputError",
    };
    exception(py, class, error, Some(error.name()), None)
}

/// The exception of a file that is no RDB file, or whose beginning cannot be read.
pub(crate) fn source_error(py: Python<'_>, error: &SourceError) -> PyErr {
    let class = match error.error.kind() {
        ErrorKind::Io(_) => "InputError",
        _ => "NotRdbError",
    };
    exception(py, class, error, Some(&error.path), Some(error.error.offset()))
}

/// The exception of reports that cannot be read, merged or compared.
pub(crate) fn saved_error(py: Python<'_>, error: &SavedError) -> PyErr {
    match error {
        SavedError::Scan(error) => scan_error(py, error),
        _ => exception(py, "ReportError", error, None, None),
    }
}

/// The exception of elements that cannot be read.
pub(crate) fn record_error(py: Python<'_>, error: &RecordError, path: &str, record_offset: u64) -> PyErr {
    let message = format!("{path}: {error}");
    exception(py, "ElementsError", message, Some(path), Some(record_offset))
}
