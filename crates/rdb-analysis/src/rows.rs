//! Renders every key of a source on all threads, in file order.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rdb_parser::ErrorKind;

use crate::blocks::{Block, for_each_block};
use crate::measure::KeyView;
use crate::scan::{Progress, ScanOptions, Source, SourceError, SourceFacts};

/// Bytes that one byte of a name takes in a row at most: `\u0000`.
const MAX_ESCAPED_BYTES: u64 = 6;

/// Renders each key of a source with `render` on the [current threads](crate::Threads::run), and
/// gives the bytes to `emit` in file order.
///
/// `render` appends to its buffer, which is empty where a block of keys begins. Ends when `emit`
/// breaks or `stop` is set. Holds at most 8 MiB of rows for each thread, and one row of any length.
///
/// # Errors
///
/// If the source does not begin as an RDB file. Later damage is in the [coverage](crate::Coverage).
/// A key that `render` refuses counts as damaged.
pub fn render_keys(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    render: impl Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
    mut emit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<SourceFacts, SourceError> {
    let new_block = || Rows { render: &render, bytes: Vec::new() };
    for_each_block(source, options, None, progress, stop, new_block, |block| {
        let emitted = emit(&block.bytes);
        block.clear();
        emitted
    })
}

/// Rendered keys.
struct Rows<'r, R> {
    render: &'r R,
    bytes: Vec<u8>,
}

impl<R> Block for Rows<'_, R>
where
    R: Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
{
    const FULL_BYTES: usize = 64 << 10;
    // Rows of small keys are many times longer than their records.
    const RANGE_BYTES: u64 = 192 << 10;
    const MAX_PART_BYTES: u64 = 2 << 20;

    #[inline]
    fn push(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let rows_bytes = self.bytes.len();
        (self.render)(key, &mut self.bytes).inspect_err(|_| self.bytes.truncate(rows_bytes))
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn bytes_of_name(name_bytes: u64) -> u64 {
        name_bytes.saturating_mul(MAX_ESCAPED_BYTES)
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }
}
