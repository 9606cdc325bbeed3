//! The native module of the Python package `bigkeys`.
//!
//! Functions here take one dictionary of options, which `bigkeys/_options.py` makes. Scans run without
//! the GIL, on threads of their own. No thread of a scan calls Python.

#![forbid(unsafe_code)]
#![allow(clippy::needless_pass_by_value, reason = "PyO3 gives arguments by value")]

mod elements;
mod errors;
mod inputs;
mod keys;
mod options;
mod report;
mod run;
mod worker;

/// The native part of `bigkeys`.
#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::elements::{ElementReader, elements};
    #[pymodule_export]
    use crate::inputs::list_inputs;
    #[pymodule_export]
    use crate::keys::{BatchReader, key_schema_capsule, read_keys};
    #[pymodule_export]
    use crate::report::{NativeReport, diff_reports, merge_reports, scan_report};
}
