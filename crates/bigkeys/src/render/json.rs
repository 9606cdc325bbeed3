//! JSON: the shapes are those of [`rdb_analysis::json`].

use std::io::{self, Write};

use rdb_analysis::json::{self, KeysAs, NumbersAs};
use rdb_analysis::{KeyRow, Report};

use super::rows::RowFormat;

/// How key names and integers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonStyle {
    pub(crate) keys_as: KeysAs,
    pub(crate) numbers_as: NumbersAs,
}

/// Writes a report.
pub(crate) fn report(out: &mut dyn Write, report: &Report, style: JsonStyle) -> io::Result<()> {
    object(out, &json::report(report, style.keys_as), style.numbers_as)
}

/// Writes any object, indented.
pub(crate) fn object(
    out: &mut dyn Write,
    object: &impl serde::Serialize,
    numbers_as: NumbersAs,
) -> io::Result<()> {
    json::write_pretty_with(&mut *out, object, numbers_as)?;
    out.write_all(b"\n")
}

/// One object a line.
pub(crate) struct Lines(pub(crate) JsonStyle);

impl RowFormat for Lines {
    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        key(row, self.0, out)?;
        out.push(b'\n');
        Ok(())
    }
}

/// One array.
pub(crate) struct Array(pub(crate) JsonStyle);

impl RowFormat for Array {
    fn head(&self) -> Vec<u8> {
        b"[".to_vec()
    }

    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        out.push(b'\n');
        key(row, self.0, out)
    }

    fn separator(&self) -> &'static str {
        ","
    }

    fn tail(&self) -> &'static str {
        "\n]\n"
    }
}

fn key(row: KeyRow<'_>, style: JsonStyle, out: &mut Vec<u8>) -> io::Result<()> {
    rdb_analysis::append_key_record(out, row, (style.keys_as, style.numbers_as))
}
