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

/// Writes keys one after the other.
pub(crate) trait KeyWriter {
    fn write(&mut self, row: Row<'_>) -> io::Result<()>;

    /// Writes what comes after the last key.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the listed keys of a report.
pub(crate) fn top_keys(writer: &mut dyn KeyWriter, report: &Report) -> io::Result<()> {
    for key in report.top.values().flatten() {
        writer.write(Row {
            name: &key.key,
            key_bytes: key.key_bytes,
            measure: &key.measure,
            shard: key.shard.as_deref(),
        })?;
    }
    writer.finish()
}
