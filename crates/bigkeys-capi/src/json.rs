//! JSON as C programs see it.

use std::ffi::{CStr, CString};
use std::io;

use bigkeys_scan::Report;
use rdb_analysis::json::{self, KeysAs};

/// A JSON text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(CString);

impl Json {
    /// The report as `bigkeys scan --format json` prints it.
    pub(crate) fn of_report(report: &Report) -> io::Result<Self> {
        let mut text = Vec::new();
        json::write_pretty(&mut text, &json::report(report, KeysAs::Auto))?;
        text.push(b'\n');
        // JSON escapes NUL, so this does not fail.
        Ok(Self(CString::new(text)?))
    }

    /// The text.
    pub fn text(&self) -> &CStr {
        &self.0
    }
}
