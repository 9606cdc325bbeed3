//! JSON: the shapes are those of [`rdb_analysis::json`].

use std::io::{self, Write};

use rdb_analysis::Report;
use rdb_analysis::json::{self, KeysAs};

use super::{Row, RowFormat};

/// Writes a report.
pub(crate) fn report(out: &mut dyn Write, report: &Report, keys_as: KeysAs) -> io::Result<()> {
    object(out, &json::report(report, keys_as))
}

/// Writes any object, indented.
pub(crate) fn object(out: &mut dyn Write, object: &impl serde::Serialize) -> io::Result<()> {
    json::write_pretty(&mut *out, object)?;
    out.write_all(b"\n")
}

/// One object a line.
pub(crate) struct Lines(pub(crate) KeysAs);

impl RowFormat for Lines {
    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        key(row, self.0, out)?;
        out.push(b'\n');
        Ok(())
    }
}

/// One array.
pub(crate) struct Array(pub(crate) KeysAs);

impl RowFormat for Array {
    fn head(&self) -> Vec<u8> {
        b"[".to_vec()
    }

    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()> {
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

fn key(row: Row<'_>, keys_as: KeysAs, out: &mut Vec<u8>) -> io::Result<()> {
    json::write_compact(out, &json::key_record(row.name, row.key_bytes, row.measure, row.shard, keys_as))
}
