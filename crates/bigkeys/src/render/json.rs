//! JSON: the shapes are those of [`rdb_analysis::json`].

use std::io::{self, Write};

use rdb_analysis::Report;
use rdb_analysis::json::{self, KeysAs};

use super::{KeyWriter, Row};

/// Writes a report.
pub(crate) fn report(out: &mut dyn Write, report: &Report, keys_as: KeysAs) -> io::Result<()> {
    object(out, &json::report(report, keys_as))
}

/// Writes any object, indented.
pub(crate) fn object(out: &mut dyn Write, object: &impl serde::Serialize) -> io::Result<()> {
    json::write_pretty(&mut *out, object)?;
    out.write_all(b"\n")
}

fn key(out: &mut dyn Write, row: Row<'_>, keys_as: KeysAs) -> io::Result<()> {
    json::write_compact(out, &json::key_record(row.name, row.key_bytes, row.measure, row.shard, keys_as))
}

/// One object a line.
pub(crate) struct Lines<'o> {
    out: &'o mut dyn Write,
    keys_as: KeysAs,
}

impl<'o> Lines<'o> {
    pub(crate) fn new(out: &'o mut dyn Write, keys_as: KeysAs) -> Self {
        Self { out, keys_as }
    }
}

impl KeyWriter for Lines<'_> {
    fn write(&mut self, row: Row<'_>) -> io::Result<()> {
        key(self.out, row, self.keys_as)?;
        self.out.write_all(b"\n")
    }
}

/// One array.
pub(crate) struct Array<'o> {
    out: &'o mut dyn Write,
    keys_as: KeysAs,
    before: &'static str,
}

impl<'o> Array<'o> {
    pub(crate) fn new(out: &'o mut dyn Write, keys_as: KeysAs) -> Self {
        Self { out, keys_as, before: "[\n" }
    }
}

impl KeyWriter for Array<'_> {
    fn write(&mut self, row: Row<'_>) -> io::Result<()> {
        self.out.write_all(self.before.as_bytes())?;
        self.before = ",\n";
        key(self.out, row, self.keys_as)
    }

    fn finish(&mut self) -> io::Result<()> {
        let end = if self.before == ",\n" { "\n]\n" } else { "[]\n" };
        self.out.write_all(end.as_bytes())
    }
}
