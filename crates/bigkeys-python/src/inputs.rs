//! The inputs that paths name.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;

use crate::options::{Options, list};

/// Path, name, shard and length in bytes of an input, and the number and bytes of the files that were
/// written after it.
type InputTuple = (OsString, String, Option<String>, Option<u64>, Option<(u64, u64)>);

/// Lists the inputs without reading them.
#[pyfunction]
pub(crate) fn list_inputs(py: Python<'_>, options: Options) -> PyResult<Vec<InputTuple>> {
    let stop = Arc::<AtomicBool>::default();
    let scan = options.scan(py, &stop)?;
    let inputs = list(py, &options, &scan, &stop)?;
    let lengths = options.lengths(&inputs);
    let inputs = inputs.into_iter().zip(lengths).map(|(input, length)| {
        let (path, name) = (input.path().as_os_str().to_owned(), input.name().to_owned());
        let increments = input.increments().map(|increments| (increments.files, increments.bytes));
        (path, name, input.shard().map(str::to_owned), length, increments)
    });
    Ok(inputs.collect())
}
