//! Writing results: one file per format.

pub(crate) mod csv;
pub(crate) mod json;
mod memory;
pub(crate) mod table;

use std::io::{self, BufWriter, Write};

use anstream::AutoStream;
use rdb_analysis::{Measure, Report};

use crate::args::Color;

/// Standard output, buffered, without colours where they are not wanted.
pub(crate) type Stdout = BufWriter<AutoStream<io::Stdout>>;

pub(crate) fn stdout(color: Color) -> Stdout {
    BufWriter::with_capacity(64 << 10, AutoStream::new(io::stdout(), color.choice()))
}

/// Writes what is buffered.
pub(crate) fn flush(mut out: Stdout) -> io::Result<()> {
    out.flush()
}

/// A key to be written.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Its decoded name, or the beginning of it.
    pub(crate) name: &'a [u8],
    /// Length of the whole name.
    pub(crate) key_bytes: u64,
    pub(crate) measure: &'a Measure,
    pub(crate) shard: Option<&'a str>,
}

/// How keys are written, one after the other or on several threads at once.
pub(crate) trait RowFormat: Sync {
    /// What comes before the first key.
    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Appends a key.
    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()>;

    /// What stands between two keys.
    fn separator(&self) -> &'static str {
        ""
    }

    /// What comes after the last key.
    fn tail(&self) -> &'static str {
        ""
    }
}

/// Writes blocks of keys that were rendered elsewhere.
pub(crate) struct RowWriter<'f> {
    format: &'f dyn RowFormat,
    out: Stdout,
    begun: bool,
}

impl<'f> RowWriter<'f> {
    pub(crate) fn new(format: &'f dyn RowFormat, color: Color) -> io::Result<Self> {
        let mut out = stdout(color);
        out.write_all(&format.head())?;
        Ok(Self { format, out, begun: false })
    }

    /// Writes keys with separators between them.
    pub(crate) fn write(&mut self, block: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            self.out.write_all(self.format.separator().as_bytes())?;
        }
        self.out.write_all(block)
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.write_all(self.format.tail().as_bytes())?;
        self.out.flush()
    }
}

/// Appends a key to a block of keys.
pub(crate) fn append(format: &dyn RowFormat, row: Row<'_>, block: &mut Vec<u8>) -> io::Result<()> {
    if !block.is_empty() {
        block.extend_from_slice(format.separator().as_bytes());
    }
    format.row(row, block)
}

/// Writes the listed keys of a report.
pub(crate) fn top_keys(format: &dyn RowFormat, report: &Report, color: Color) -> io::Result<()> {
    let mut writer = RowWriter::new(format, color)?;
    let mut block = Vec::new();
    for key in report.top.values().flatten() {
        let shard = key.shard.as_deref();
        append(
            format,
            Row { name: &key.key, key_bytes: key.key_bytes, measure: &key.measure, shard },
            &mut block,
        )?;
    }
    if !block.is_empty() {
        writer.write(&block)?;
    }
    writer.finish()
}
