//! Makes blocks of the keys of a source on all threads, in file order.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use rdb_parser::ErrorKind;

use crate::measure::KeyView;
use crate::parallel::{Absorbed, Place, RangePart, RangePlan, RangeSink, scan_in_ranges};
use crate::scan::{Counts, Progress, ScanOptions, Sharing, Sink, Source, SourceError, SourceFacts};

/// Average `rdb_bytes` of keys from which on reading takes longer than making blocks.
const LARGE_KEY_BYTES: u64 = 1024;

/// Consecutive keys of a source in a form of their own, such as rows of text.
pub(crate) trait Block: Send {
    /// Bytes from which on a block is emitted.
    const FULL_BYTES: usize;

    /// Length of the ranges that are read at the same time, in bytes of the file.
    const RANGE_BYTES: u64;

    /// Bytes that the block of one range may take.
    const MAX_PART_BYTES: u64;

    /// Appends a key. After an error the block is as before.
    fn push(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind>;

    /// Bytes of all keys in the block. 0 for a block without keys.
    fn bytes(&self) -> usize;

    /// Bytes that a name of `name_bytes` takes in the block at most.
    fn bytes_of_name(name_bytes: u64) -> u64;

    /// Removes all keys.
    fn clear(&mut self);
}

/// Makes blocks of the keys of a source on the [current threads](crate::Threads::run), and gives them
/// to `emit` in file order, until `emit` breaks or `stop` is set. `emit` leaves an empty block.
///
/// # Errors
///
/// If the source does not begin as an RDB file. Later damage is in the [coverage](crate::Coverage).
/// A key that a block refuses counts as damaged.
pub(crate) fn for_each_block<B: Block>(
    source: Source<'_>,
    options: &ScanOptions,
    sharing: Option<&Sharing>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    new_block: impl Fn() -> B + Sync,
    emit: impl FnMut(&mut B) -> ControlFlow<()>,
) -> Result<SourceFacts, SourceError> {
    let path = source.path.clone();
    let block = new_block();
    let mut blocks = Blocks { new_block, emit, block, spare: RefCell::default() };
    let threads = rayon::current_num_threads();
    let plan = RangePlan::buffered(options.range_bytes, B::RANGE_BYTES, threads);
    let facts = scan_in_ranges(source, options, plan, sharing, progress, stop, &mut blocks);
    let facts = facts.map_err(|error| SourceError { path, error })?;
    // This is the last block, so it does not matter whether `emit` breaks.
    let _ = blocks.flush();
    Ok(facts)
}

/// Fills blocks and emits them.
struct Blocks<B, N, E> {
    new_block: N,
    emit: E,
    block: B,
    /// Blocks of ranges that were emitted. To allocate a new one costs more than to fill it.
    spare: RefCell<Vec<B>>,
}

impl<B: Block, N, E: FnMut(&mut B) -> ControlFlow<()>> Blocks<B, N, E> {
    fn flush(&mut self) -> ControlFlow<()> {
        if self.block.bytes() == 0 {
            return ControlFlow::Continue(());
        }
        (self.emit)(&mut self.block)
    }
}

impl<B: Block, N, E: FnMut(&mut B) -> ControlFlow<()>> Sink for Blocks<B, N, E> {
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let pushed = self.block.push(key);
        if self.block.bytes() >= B::FULL_BYTES {
            self.flush()?;
        }
        ControlFlow::Continue(pushed)
    }
}

impl<B, N, E> RangeSink for Blocks<B, N, E>
where
    B: Block,
    N: Fn() -> B + Sync,
    E: FnMut(&mut B) -> ControlFlow<()>,
{
    type Part = Part<B>;

    fn new_part(&self, here: Place) -> Part<B> {
        let block = self.spare.borrow_mut().pop().unwrap_or_else(&self.new_block);
        Part { assumed: here, block, has_refused: false }
    }

    fn is_worth_splitting(&self, counts: &Counts, here: Place) -> bool {
        // Slots change all the time, so an assumed one would be wrong.
        here.slot.is_none() && counts.key_bytes < LARGE_KEY_BYTES.saturating_mul(counts.keys)
    }

    fn absorb(&mut self, part: Part<B>, place: Place) -> Absorbed {
        if part.assumed != place {
            return Absorbed::Refused;
        }
        if self.flush().is_break() {
            return Absorbed::Enough;
        }
        let own = std::mem::replace(&mut self.block, part.block);
        let emitted = self.flush();
        self.spare.borrow_mut().push(std::mem::replace(&mut self.block, own));
        if emitted.is_break() { Absorbed::Enough } else { Absorbed::Merged }
    }
}

/// The block of a range.
struct Part<B> {
    assumed: Place,
    block: B,
    has_refused: bool,
}

impl<B: Block> Sink for Part<B> {
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let name_bytes = B::bytes_of_name(key.key.decoded_len());
        if name_bytes.saturating_add(self.block.bytes() as u64) > B::MAX_PART_BYTES {
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        let pushed = self.block.push(key);
        if pushed.is_err() {
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(pushed)
    }
}

impl<B: Block> RangePart for Part<B> {
    const CORRECTS_PLACE: bool = false;

    fn has_refused(&self) -> bool {
        self.has_refused
    }

    fn clear(&mut self) {
        self.block.clear();
        self.has_refused = false;
    }
}
