//! Renders every key of a source on all threads, in file order.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rdb_parser::ErrorKind;

use crate::measure::KeyView;
use crate::parallel::{Absorbed, Place, RangePart, RangePlan, RangeSink, scan_in_ranges};
use crate::scan::{Counts, Progress, ScanOptions, Sink, Source, SourceError, SourceFacts};

/// Bytes that are collected before they are emitted.
const BLOCK_BYTES: usize = 64 << 10;

/// Length of the ranges whose keys are rendered at the same time, and bytes that the rows of one
/// range may take. Rows of small keys are many times longer than their records.
const RANGE_BYTES: u64 = 192 << 10;
const MAX_PART_BYTES: u64 = 2 << 20;

/// Bytes that one byte of a name takes in a row at most: `\u0000`.
const MAX_ESCAPED_BYTES: u64 = 6;

/// Average `rdb_bytes` of keys from which on reading takes longer than rendering.
const LARGE_KEY_BYTES: u64 = 1024;

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
    emit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<SourceFacts, SourceError> {
    let path = source.path.clone();
    let mut rendering = Rendering { render: &render, emit, block: Vec::new(), spare: RefCell::default() };
    let threads = rayon::current_num_threads();
    let plan = RangePlan::buffered(options.range_bytes, RANGE_BYTES, threads);
    let facts = scan_in_ranges(source, options, plan, None, progress, stop, &mut rendering);
    let facts = facts.map_err(|error| SourceError { path, error })?;
    // This is the last block, so it does not matter whether `emit` breaks.
    let _ = rendering.flush();
    Ok(facts)
}

/// Renders keys and emits them.
struct Rendering<'r, R, E> {
    render: &'r R,
    emit: E,
    block: Vec<u8>,
    /// Blocks of ranges that were emitted. A new one of this length costs more than to fill it.
    spare: RefCell<Vec<Vec<u8>>>,
}

impl<R, E: FnMut(&[u8]) -> ControlFlow<()>> Rendering<'_, R, E> {
    fn flush(&mut self) -> ControlFlow<()> {
        if self.block.is_empty() {
            return ControlFlow::Continue(());
        }
        let emitted = (self.emit)(&self.block);
        self.block.clear();
        emitted
    }
}

impl<R, E> Sink for Rendering<'_, R, E>
where
    R: Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind>,
    E: FnMut(&[u8]) -> ControlFlow<()>,
{
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let rendered = (self.render)(key, &mut self.block);
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        ControlFlow::Continue(rendered)
    }
}

impl<'r, R, E> RangeSink for Rendering<'r, R, E>
where
    R: Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
    E: FnMut(&[u8]) -> ControlFlow<()>,
{
    type Part = Rows<'r, R>;

    fn new_part(&self, here: Place) -> Rows<'r, R> {
        let block = self.spare.borrow_mut().pop().unwrap_or_default();
        Rows { render: self.render, assumed: here, block, has_refused: false }
    }

    fn is_worth_splitting(&self, counts: &Counts, here: Place) -> bool {
        // Slots change all the time, so an assumed one would be wrong.
        here.slot.is_none() && counts.key_bytes < LARGE_KEY_BYTES.saturating_mul(counts.keys)
    }

    fn absorb(&mut self, part: Rows<'r, R>, place: Place) -> Absorbed {
        if part.assumed != place {
            return Absorbed::Refused;
        }
        if self.flush().is_break() {
            return Absorbed::Enough;
        }
        self.block = part.block;
        let emitted = self.flush();
        self.spare.borrow_mut().push(std::mem::take(&mut self.block));
        if emitted.is_break() { Absorbed::Enough } else { Absorbed::Merged }
    }
}

/// The rendered keys of a range.
struct Rows<'r, R> {
    render: &'r R,
    assumed: Place,
    block: Vec<u8>,
    has_refused: bool,
}

impl<R> Sink for Rows<'_, R>
where
    R: Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind>,
{
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let name_bytes = key.key.decoded_len().saturating_mul(MAX_ESCAPED_BYTES);
        if name_bytes.saturating_add(self.block.len() as u64) > MAX_PART_BYTES {
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        let rows_bytes = self.block.len();
        let rendered = (self.render)(key, &mut self.block);
        if rendered.is_err() {
            self.block.truncate(rows_bytes);
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(rendered)
    }
}

impl<R> RangePart for Rows<'_, R>
where
    R: Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
{
    const CORRECTS_PLACE: bool = false;

    fn has_refused(&self) -> bool {
        self.has_refused
    }

    fn clear(&mut self) {
        self.block.clear();
        self.has_refused = false;
    }
}
