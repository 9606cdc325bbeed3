//! Keys, one after the other, in any format.

use std::io::{self, Write};

use anstream::ColorChoice;
use rdb_analysis::{Measure, Report};

use super::stdout::{Stdout, stdout};

/// A key to write.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// The decoded name, or its beginning.
    pub(crate) name: &'a [u8],
    /// Length of the whole name.
    pub(crate) key_bytes: u64,
    pub(crate) measure: &'a Measure,
    pub(crate) shard: Option<&'a str>,
}

/// A format of keys. Keys are rendered one after the other, or on several threads at once.
pub(crate) trait RowFormat: Sync {
    /// The text before the first key.
    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Whether the rows have escape sequences for terminals, which are left out where nobody wants
    /// colours. A key cannot bring any: every format escapes them.
    fn has_styles(&self) -> bool {
        false
    }

    /// Appends a key.
    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()>;

    /// The text between two keys.
    fn separator(&self) -> &'static str {
        ""
    }

    /// The text after the last key.
    fn tail(&self) -> &'static str {
        ""
    }
}

/// Writes blocks of rendered keys.
pub(crate) struct RowWriter<'f> {
    format: &'f dyn RowFormat,
    out: Stdout,
    begun: bool,
}

impl<'f> RowWriter<'f> {
    pub(crate) fn new(format: &'f dyn RowFormat, color: ColorChoice) -> io::Result<Self> {
        // Looking for escape sequences takes longer than rendering the rows.
        let mut out = stdout(if format.has_styles() { color } else { ColorChoice::AlwaysAnsi });
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
pub(crate) fn top_keys(format: &dyn RowFormat, report: &Report, color: ColorChoice) -> io::Result<()> {
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
