//! Keys, one after the other, in any format.

use std::io::{self, Write as _};

use anstream::ColorChoice;
use rdb_analysis::{KeyRow, Report};

use super::target::Target;

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
    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()>;

    /// The text between two keys.
    fn separator(&self) -> &'static str {
        ""
    }

    /// The text after the last key.
    fn tail(&self) -> &'static str {
        ""
    }

    /// What makes a file of the rows. `None`: they are written as they are.
    fn encoder(&self) -> Option<io::Result<Box<dyn RowEncoder>>> {
        None
    }
}

/// Makes a file of blocks of rendered keys, and gives it away in parts.
pub(crate) trait RowEncoder: Send {
    /// Adds a block. Returns the bytes of the file that are complete.
    fn add(&mut self, block: &[u8]) -> io::Result<Vec<u8>>;

    /// Ends the file. Returns its last bytes.
    fn finish(self: Box<Self>) -> io::Result<Vec<u8>>;
}

/// Writes blocks of rendered keys to one place.
pub(crate) struct RowWriter {
    out: Target,
    separator: &'static str,
    tail: &'static str,
    begun: bool,
    encoder: Option<Box<dyn RowEncoder>>,
}

impl RowWriter {
    pub(crate) fn stdout(format: &dyn RowFormat, color: ColorChoice) -> io::Result<Self> {
        // Looking for escape sequences takes longer than rendering the rows.
        let color = if format.has_styles() { color } else { ColorChoice::AlwaysAnsi };
        Self::new(format, Target::stdout(color))
    }

    /// Writes to `out`, which has nothing in it.
    pub(crate) fn new(format: &dyn RowFormat, mut out: Target) -> io::Result<Self> {
        out.write_all(&format.head())?;
        let encoder = format.encoder().transpose()?;
        Ok(Self { out, separator: format.separator(), tail: format.tail(), begun: false, encoder })
    }

    /// Writes keys with separators between them.
    pub(crate) fn write(&mut self, block: &[u8]) -> io::Result<()> {
        if let Some(encoder) = &mut self.encoder {
            let complete = encoder.add(block)?;
            return self.out.write_all(&complete);
        }
        if std::mem::replace(&mut self.begun, true) {
            self.out.write_all(self.separator.as_bytes())?;
        }
        self.out.write_all(block)
    }

    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        if let Some(encoder) = self.encoder {
            self.out.write_all(&encoder.finish()?)?;
        }
        self.out.write_all(self.tail.as_bytes())?;
        self.out.finish()
    }
}

/// Appends a key to a block of keys.
fn append(format: &dyn RowFormat, row: KeyRow<'_>, block: &mut Vec<u8>) -> io::Result<()> {
    if !block.is_empty() {
        block.extend_from_slice(format.separator().as_bytes());
    }
    format.row(row, block)
}

/// Bytes of the length of a row in a block of several formats.
const LENGTH_BYTES: usize = size_of::<u32>();

/// Appends a key in each format to a block of keys. Of several formats, each row follows its
/// length.
pub(crate) fn append_to_all(
    formats: &[Box<dyn RowFormat>],
    row: KeyRow<'_>,
    block: &mut Vec<u8>,
) -> io::Result<()> {
    if let [format] = formats {
        return append(format.as_ref(), row, block);
    }
    for format in formats {
        let start = block.len();
        block.extend_from_slice(&[0; LENGTH_BYTES]);
        format.row(row, block)?;
        let bytes = u32::try_from(block.len() - start - LENGTH_BYTES).map_err(io::Error::other)?;
        block[start..start + LENGTH_BYTES].copy_from_slice(&bytes.to_le_bytes());
    }
    Ok(())
}

/// Writes a block of [keys in each format](append_to_all) to the writers of these formats.
pub(crate) fn write_to_all(writers: &mut [RowWriter], mut block: &[u8]) -> io::Result<()> {
    if let [writer] = writers {
        return writer.write(block);
    }
    let mut blocks = vec![Vec::new(); writers.len()];
    while !block.is_empty() {
        for (rows, writer) in blocks.iter_mut().zip(&*writers) {
            let row = block
                .split_first_chunk()
                .and_then(|(bytes, rest)| rest.split_at_checked(u32::from_le_bytes(*bytes) as usize));
            let (row, rest) = row.ok_or_else(|| io::Error::other("a row is incomplete"))?;
            if !rows.is_empty() {
                rows.extend_from_slice(writer.separator.as_bytes());
            }
            rows.extend_from_slice(row);
            block = rest;
        }
    }
    for (rows, writer) in blocks.iter().zip(writers) {
        writer.write(rows)?;
    }
    Ok(())
}

/// Writes the listed keys of a report.
pub(crate) fn top_keys(format: &dyn RowFormat, report: &Report, mut writer: RowWriter) -> anyhow::Result<()> {
    let mut block = Vec::new();
    for key in report.top.values().flatten() {
        append(format, key.into(), &mut block)?;
    }
    if !block.is_empty() {
        writer.write(&block)?;
    }
    writer.finish()
}
