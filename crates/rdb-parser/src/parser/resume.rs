//! Parallel scanning: parsers that start in the middle of a file.
//!
//! RDB has no index and no marks between records, so a file can only be split by guessing. This
//! module has what a parallel scan needs, and [`Parser`] has the methods that it uses:
//!
//! 1. One parser reads the beginning of the file, until the AUX fields have told who wrote it.
//!    [`Parser::ahead`] shows the bytes that follow as a [`FileSlice`], and [`Parser::state`] what
//!    is known so far.
//! 2. For each range, a worker asks [`guess_key`] or [`guess_blob`] where a record may begin, and
//!    [resumes](Parser::resume) a parser there with that [`ParserState`].
//! 3. The first parser reads on. It [jumps](Parser::jump) to the end of a range if it reaches the
//!    exact start of the range, [between keys](Parser::is_between_keys), with the state that the
//!    worker assumed. Otherwise it reads the range itself.
//!
//! So a wrong guess costs time and never changes a result. A worker does not know the database and
//! the slot before the first record that names them.
//!
//! A value may be longer than a range. The first parser can [leave](Parser::leave_values_behind)
//! such a value and is then [inside it](Parser::open_value). An [`ElementShape`] finds elements in
//! the middle of the value, an [`ElementReader`] reads them, and the first parser [jumps
//! over](Parser::jump_elements) those that follow where it is.
//!
//! ```
//! use rdb_parser::resume::guess_key;
//! use rdb_parser::{Event, Parser, SliceInput};
//!
//! let file = b"REDIS0003\x00\x01a\x01b\x00\x01c\x01d\x00\x01e\x01f\xff";
//! let mut first = Parser::from_slice(file)?;
//! let (state, slice) = (first.state(), first.ahead(0));
//!
//! // A worker scans the second half.
//! let middle = slice.offset + slice.bytes.len() as u64 / 2;
//! let start = (middle..slice.end()).find(|&at| {
//!     slice.from(at).is_some_and(|bytes| guess_key(bytes, state.header).is_some())
//! });
//! let start = start.expect("a key");
//! let mut worker = Parser::resume(slice, start, state);
//! let mut keys_of_worker = 0;
//! while matches!(worker.next_event()?, Some(Event::Entry(_))) {
//!     keys_of_worker += 1;
//! }
//!
//! // The first parser scans the rest, and confirms the start.
//! let mut keys = 0;
//! while first.position() < start {
//!     keys += u64::from(matches!(first.next_event()?, Some(Event::Entry(_))));
//! }
//! assert!(first.position() == start && first.is_between_keys() && first.state() == state);
//! assert_eq!((keys, keys_of_worker), (2, 1));
//! # Ok::<(), rdb_parser::Error>(())
//! ```

use super::Parser;
use crate::dragonfly::BlobLimits;
use crate::error::Result;
use crate::input::{Input, SliceInput};
use crate::value::Pace;
use crate::visitor::Visitor;

pub use crate::crc64::Crc64;
pub use crate::element_shape::ElementShape;
pub use crate::file_slice::FileSlice;
pub use crate::guess::{elements_of, guess_blob, guess_key, may_end_with_prefix};
pub use crate::input::Ahead;
pub use crate::record::{ElementReader, ElementRun, OpenValueInfo};
pub use crate::running_sum::KnownSum;
pub use crate::state::ParserState;

/// For [parallel scanning](crate::resume).
impl<'a> Parser<SliceInput<'a>> {
    /// A parser of `slice` that starts at `offset` of the file, where a record begins, and knows
    /// `state`. It compares no checksum, and reads blobs of Dragonfly up to [lower
    /// limits](crate::limits::MAX_RESUMED_BLOB_BYTES).
    pub fn resume(slice: FileSlice<'a>, offset: u64, state: ParserState) -> Self {
        Self::with_state(SliceInput::in_file(slice, offset), state, BlobLimits::RESUMED)
    }
}

/// For [parallel scanning](crate::resume).
impl<I: Ahead> Parser<I> {
    /// The next `n` bytes of the file, fewer if the file ends or cannot be read there. If the file
    /// is in memory, all bytes that follow.
    pub fn ahead(&mut self, n: usize) -> FileSlice<'_> {
        let input = self.records.input_mut();
        let offset = input.position();
        FileSlice { bytes: input.ahead(n), offset }
    }

    /// The bytes that are held: those [ahead](Self::ahead), and those before that were not given
    /// up.
    pub fn held(&self) -> FileSlice<'_> {
        self.records.input().held()
    }

    /// Goes on at `offset`, which [`ahead`](Self::ahead) has shown and where a record begins. `db`
    /// and `slot` are those of the next key.
    ///
    /// Only [between keys](Self::is_between_keys).
    pub fn jump(&mut self, offset: u64, db: u64, slot: Option<u16>) {
        self.records.input_mut().jump(offset);
        self.records.set_place(db, slot);
    }

    /// Goes to the end of `run` if the elements of `run` follow in the [open
    /// value](Self::open_value). Returns whether they do. The visitor does not see them.
    pub fn jump_elements(&mut self, run: &ElementRun) -> bool {
        self.records.skip_part(run)
    }

    /// Takes the checksum of a part of the bytes [ahead](Self::ahead), so that it is not computed
    /// again. Parts come in file order.
    pub fn know_sum(&mut self, part: KnownSum) {
        self.records.input_mut().know_sum(part);
    }
}

/// For [parallel scanning](crate::resume).
impl<I: Input> Parser<I> {
    /// What is known at this place of the file.
    pub fn state(&self) -> ParserState {
        *self.records.state()
    }

    /// From now on, [`read_keys`](Self::read_keys) leaves a value after `grain_bytes` of elements,
    /// if the value is expected to end more than four times as many bytes behind the offset
    /// `bound`. The parser is then inside [an open value](Self::open_value).
    pub fn leave_values_behind(&mut self, bound: u64, grain_bytes: u64) {
        self.records.set_pace(Pace { bound, grain_bytes, stop_at: u64::MAX });
    }

    /// The value in which the parser is, if [`read_keys`](Self::read_keys) has left one.
    pub fn open_value(&self) -> Option<OpenValueInfo> {
        self.records.open_value()
    }

    /// Reads on in the [open value](Self::open_value), up to the first end of an element at or
    /// behind the offset `to`, or to the end of its last element.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    pub fn read_open_value<V: Visitor>(&mut self, to: u64, visitor: &mut V) -> Result<()> {
        self.records.read_part(to, visitor).map_err(|error| self.give_up(error))
    }

    /// Whether another parser can [resume](Parser::resume) here: the [state](Self::state) has all
    /// that decides how later records are read, no prefix opcode of the next key was read, every
    /// event was returned, and the file has not ended.
    pub fn is_between_keys(&self) -> bool {
        // Every field, so that a new one is checked, too.
        let Self { records, blob, blob_limits: _, pool: _, finished } = self;
        !finished && blob.is_none() && records.is_between_keys()
    }

    /// Whether the [state](Self::state) has all that decides how later records are read: there is
    /// no hash template, no chunked value that is not complete, and no compressed blob that is
    /// being read.
    pub fn is_described_by_state(&self) -> bool {
        self.blob.is_none() && self.records.is_described_by_state()
    }

    /// Whether a chunked value (Dragonfly) was begun and is not complete. The value belongs to the
    /// database in which it began.
    pub fn has_open_chunks(&self) -> bool {
        // While a blob is read, the blob has the chunked values.
        let in_blob = self.blob.as_ref().is_some_and(|blob| blob.has_open_chunks());
        in_blob || self.records.has_open_chunks()
    }
}
