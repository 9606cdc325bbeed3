//! Values in pieces ("tagged chunks"), between which other records may stand.
//!
//! The first piece of an id holds the key's prefix opcodes, the value type, the key, and the beginning of
//! the value; a later one only goes on with the value. A piece ends between two elements. The value is
//! complete when its own counts are satisfied, and the id may then be used again.

use std::collections::HashMap;

use super::limited::Limited;
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Entry, KeyMeta};
use crate::format::{Dialect, RareRecord, ValueType, opcode};
use crate::input::Input;
use crate::limits::{MAX_OPEN_CHUNKED_VALUES, TRUNCATED_KEY_BYTES};
use crate::outline::Outline;
use crate::parser::{Parser, Record};
use crate::read::ReadExt as _;
use crate::string::{PinnedString, RdbString};
use crate::value::{
    ElementForm, ElementSums, FIELD_WITH_EXPIRY, FilterSums, ListSums, MEMBER_WITH_EXPIRY, PAIR, StreamSums,
    Templates, Walker,
};
use crate::visitor::Role;
use crate::warning::{Warning, Warnings};

/// The values of which not all pieces were read yet, and the one that was completed last.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    open: HashMap<u32, Chunked>,
    finished: Option<Chunked>,
    /// Bytes of the file in pieces of values that were dropped, until the parser of the file counts them.
    dropped_bytes: u64,
    /// Whether a piece was damaged: what later pieces are cannot be told then.
    broken: bool,
}

/// A value in pieces, as far as it was read.
#[derive(Debug)]
struct Chunked {
    db: u64,
    /// The key, or its beginning.
    key: Vec<u8>,
    key_bytes: u64,
    value_type: ValueType,
    meta: KeyMeta,
    span: std::ops::Range<u64>,
    rdb_bytes: u64,
    warnings: Warnings,
    state: State,
}

/// How far a value was read.
#[derive(Debug)]
enum State {
    ElementForm { count: u64, left: u64, sums: ElementSums },
    List { left: u64, sums: ListSums },
    Stream { left: u64, sums: StreamSums },
    Filter(FilterSums),
    Complete(Outline),
}

/// Shows nothing to anybody: the strings of values between which other records stand make no sense to a visitor.
type ChunkWalker<'p, 'i> = Walker<'p, Limited<'i>, ()>;

impl Chunks {
    /// Offset of the first of the values that are not complete.
    pub(crate) fn first_open(&self) -> Option<u64> {
        self.open.values().map(|value| value.span.start).min()
    }

    /// Whether no piece to come depends on those read.
    pub(crate) fn is_irrelevant(&self) -> bool {
        self.open.is_empty() && !self.broken
    }

    /// Drops the values that are not complete and refuses all later pieces, because a piece may have been lost.
    pub(crate) fn break_off(&mut self) {
        self.broken = true;
        self.dropped_bytes += self.open.drain().map(|(_, value)| value.rdb_bytes).sum::<u64>();
    }

    /// The entry of the value that was just completed.
    pub(crate) fn finished_entry(&self) -> Entry<'_> {
        const NOTHING: Outline = Outline {
            elements: None,
            value_bytes: None,
            largest_element_bytes: None,
            layout: crate::outline::Layout::Opaque,
        };
        let Some(value) = &self.finished else {
            // Asked for only after a value was completed.
            return Entry {
                db: 0,
                key: RdbString::Raw(&[]),
                value_type: ValueType::String,
                meta: KeyMeta::default(),
                span: 0..0,
                rdb_bytes: 0,
                outline: NOTHING,
                warnings: Warnings::NONE,
            };
        };
        Entry {
            db: value.db,
            key: if value.key.len() as u64 == value.key_bytes {
                RdbString::Raw(&value.key)
            } else {
                RdbString::Truncated { stored: &value.key, is_lzf: false, decoded_len: value.key_bytes }
            },
            value_type: value.value_type,
            meta: value.meta,
            span: value.span.clone(),
            rdb_bytes: value.rdb_bytes,
            outline: match value.state {
                State::Complete(outline) => outline,
                _ => NOTHING,
            },
            warnings: value.warnings,
        }
    }
}

impl<I: Input> Parser<I> {
    /// Drops the chunked values that are not complete, and counts their bytes as bytes of no key.
    #[cold]
    pub(crate) fn drop_chunked_values(&mut self) {
        self.rare.chunks.break_off();
        // The parser of a blob counts bytes of the blob's content; the parser of the file counts these bytes.
        if self.rare.context.is_none() {
            self.container_bytes += std::mem::take(&mut self.rare.chunks.dropped_bytes);
        }
    }

    /// Reads the piece of which the opcode, at `start`, was read. An error drops all values that are not complete.
    pub(super) fn read_chunk(&mut self, start: u64) -> Result<Record> {
        let id = u32::from_le_bytes(self.input.read_array("a tagged chunk")?);
        let bytes = u64::from(u32::from_le_bytes(self.input.read_array("a tagged chunk")?));
        let corrupt = |detail| Error::corrupt("tagged chunk", detail, start);
        if id == 0 || bytes == 0 {
            return Err(corrupt("id or size is 0"));
        }
        if self.rare.chunks.broken {
            return Err(corrupt("it follows a damaged one, and nobody can tell what it belongs to"));
        }
        if self.prefix.start.is_some() {
            return Err(corrupt("key opcodes before it, not in it"));
        }
        if let Some(left) = self.input.remaining()
            && bytes > left
        {
            return Err(Error::truncated("a tagged chunk", self.input.position().saturating_add(left)));
        }
        let known = self.rare.chunks.open.remove(&id);
        if known.is_none() && self.rare.chunks.open.len() >= MAX_OPEN_CHUNKED_VALUES {
            return Err(Error::new(ErrorKind::Limit("the number of values in pieces"), start));
        }
        let db = self.db;
        let templates = Templates::default();
        let mut input = Limited::new(&mut self.input, bytes);
        let mut value = match known {
            Some(value) => value,
            None => Chunked::begin(&mut input, db, self.header.version)
                .map_err(|error| end_of_chunk(error.fatal(), start))?,
        };
        let mut walker = Walker {
            input: &mut input,
            // Nodes are counted from their headers, which is what an outline needs.
            visitor: &mut (),
            scratch: &mut self.scratch,
            templates: &templates,
            damage: None,
            warnings: Warnings::NONE,
        };
        let advanced = value.advance(&mut walker);
        let damage = advanced.err().or(walker.damage.take());
        value.warnings = value.warnings.union(walker.warnings);
        let left = input.left();
        let error = match damage {
            Some(error) => Some(end_of_chunk(error.fatal(), start)),
            None if left > 0 => Some(corrupt("it goes on behind the end of its value")),
            None => None,
        };
        if let Some(error) = error {
            self.rare.chunks.dropped_bytes += value.rdb_bytes;
            return Err(error.in_key(&value.key));
        }
        let (bytes, span) = self.settle(start);
        value.rdb_bytes += bytes;
        value.span = if value.span.is_empty() { span } else { value.span.start..span.end };
        if matches!(value.state, State::Complete(_)) {
            self.rare.chunks.finished = Some(value);
            return Ok(Record::Chunked);
        }
        self.rare.chunks.open.insert(id, value);
        Ok(Record::Detour)
    }
}

/// The end of a piece is not that of the file.
fn end_of_chunk(error: Error, start: u64) -> Error {
    match error.kind() {
        ErrorKind::Truncated(_) => Error::corrupt("tagged chunk", "it ends inside an element", start),
        _ => error,
    }
}

impl Chunked {
    /// Reads a first piece up to and including the key, and what counts the pieces of the value.
    fn begin(input: &mut Limited<'_>, db: u64, version: u32) -> Result<Self> {
        let mut meta = KeyMeta::default();
        let value_type = loop {
            let at = input.position();
            let byte = input.read_u8("a tagged chunk")?;
            match byte {
                opcode::EXPIRE_TIME_MS => {
                    meta.expires_at_ms = Some(i64::from_le_bytes(input.read_array("an expiry")?));
                    continue;
                }
                opcode::FREQ => {
                    meta.freq = Some(input.read_u8("an access frequency")?);
                    continue;
                }
                opcode::IDLE => {
                    meta.idle_seconds = Some(input.read_length("an idle time")?);
                    continue;
                }
                _ => {}
            }
            if RareRecord::from_byte(byte, Dialect::Dragonfly) == Some(RareRecord::KeyFlags) {
                let flags = u32::from_le_bytes(input.read_array("a key's flags")?);
                if flags & super::HAS_MEMCACHED_FLAGS != 0 {
                    input.skip(4, "a key's flags")?;
                }
                continue;
            }
            match ValueType::from_byte(byte, Dialect::Dragonfly, version) {
                Some(value_type) => break value_type,
                None => return Err(Error::new(ErrorKind::UnknownOpcode(byte), at)),
            }
        };
        let at = input.position();
        let key = PinnedString::read_key(input)?.view(input);
        let key_bytes = key.decoded_len();
        let kept = usize::try_from(TRUNCATED_KEY_BYTES).unwrap_or(usize::MAX);
        let key = key.decode_prefix(kept, &mut Vec::new()).map_err(|kind| Error::new(kind, at))?.to_vec();
        let mut warnings = Warnings::NONE;
        warnings.insert(Warning::ProvisionalDragonfly);
        let (state, irregular) = State::begin(value_type, input)?;
        let warnings = warnings.union(irregular);
        Ok(Self {
            db,
            key,
            key_bytes,
            value_type,
            meta,
            // Set with the bytes of each piece.
            span: 0..0,
            rdb_bytes: 0,
            warnings,
            state,
        })
    }

    /// Reads on until the piece ends or the value is complete.
    fn advance(&mut self, walker: &mut ChunkWalker<'_, '_>) -> Result<()> {
        let value_type = self.value_type;
        loop {
            let outline = match &mut self.state {
                State::Complete(_) => return Ok(()),
                State::ElementForm { count, left: 0, sums } => walker.elements_outline(*count, sums),
                State::List { left: 0, sums } => sums.outline(),
                State::Stream { left: 0, sums } => walker.stream_tail(value_type, *sums)?,
                _ if walker.input.left() == 0 => return Ok(()),
                State::ElementForm { left, sums, .. } => {
                    next_element(walker, value_type, sums)?;
                    *left -= 1;
                    continue;
                }
                State::List { left, sums } => {
                    walker.list_node(Packed::Listpack, true, sums)?;
                    *left -= 1;
                    continue;
                }
                State::Stream { left, sums } => {
                    walker.stream_node(sums)?;
                    *left -= 1;
                    continue;
                }
                State::Filter(sums) => {
                    if !walker.filter_step(sums)? {
                        continue;
                    }
                    opaque()
                }
            };
            self.state = State::Complete(outline);
        }
    }
}

impl State {
    /// Reads what stands before the first element; all of a value that is not taken apart. With it comes what is
    /// irregular about that.
    fn begin(value_type: ValueType, input: &mut Limited<'_>) -> Result<(Self, Warnings)> {
        let mut scratch = Vec::new();
        let mut walker = Walker {
            input,
            visitor: &mut (),
            scratch: &mut scratch,
            templates: &Templates::default(),
            damage: None,
            warnings: Warnings::NONE,
        };
        let state = match value_type {
            ValueType::List
            | ValueType::Set
            | ValueType::Hash
            | ValueType::ZsetBinary
            | ValueType::HashExpiryDragonfly
            | ValueType::SetExpiryDragonfly => {
                let count = walker.input.read_length("a number of elements")?;
                Self::ElementForm { count, left: count, sums: ElementSums::default() }
            }
            ValueType::ListQuicklist2 => {
                let left = walker.input.read_length("a number of list nodes")?;
                Self::List { left, sums: ListSums::default() }
            }
            value_type if value_type.is_stream() => {
                let left = walker.input.read_length("a number of stream nodes")?;
                Self::Stream { left, sums: StreamSums::default() }
            }
            ValueType::BloomChunked | ValueType::Cuckoo => Self::Filter(walker.filter_header(value_type)?),
            whole => {
                let outline = walker.outline(whole)?;
                match walker.damage {
                    Some(damage) => return Err(damage.fatal()),
                    None => Self::Complete(outline),
                }
            }
        };
        Ok((state, walker.warnings))
    }
}

fn next_element(
    walker: &mut ChunkWalker<'_, '_>,
    value_type: ValueType,
    sums: &mut ElementSums,
) -> Result<()> {
    match value_type {
        ValueType::ZsetBinary => walker.element(ElementForm::WITH_BINARY_SCORE, &[Role::Member], 1, sums),
        ValueType::Hash => walker.element(ElementForm::PLAIN, PAIR, 2, sums),
        ValueType::HashExpiryDragonfly => walker.element(ElementForm::PLAIN, FIELD_WITH_EXPIRY, 2, sums),
        ValueType::SetExpiryDragonfly => walker.element(ElementForm::PLAIN, MEMBER_WITH_EXPIRY, 1, sums),
        _ => walker.element(ElementForm::PLAIN, &[Role::Member], 1, sums),
    }
}

fn opaque() -> Outline {
    Outline {
        elements: None,
        value_bytes: None,
        largest_element_bytes: None,
        layout: crate::outline::Layout::Opaque,
    }
}
