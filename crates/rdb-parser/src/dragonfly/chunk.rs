//! Chunked values ("tagged chunks"), between whose chunks other records may stand.
//!
//! The first chunk with an id holds the key's prefix opcodes, the value type, the key, and the
//! beginning of the value. Later chunks hold more of the value. A chunk ends between two elements.
//! The value is complete when its own counts are satisfied. Then another value may use the id.

use std::collections::HashMap;

use super::context::{BlobContext, charge};
use super::limited::Limited;
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Entry, KeyMeta};
use crate::format::{Dialect, RareRecord, ValueType};
use crate::input::Input;
use crate::limits::{MAX_OPEN_CHUNKED_VALUES, TRUNCATED_KEY_BYTES};
use crate::outline::{Layout, Outline};
use crate::prefix::{read_meta, skip_key_flags};
use crate::read::ReadExt as _;
use crate::string::{PinnedString, RdbString};
use crate::value::{ElementLayout, ElementSums, FilterSums, ListSums, Pace, StreamSums, Templates, Walker};
use crate::warning::{Warning, Warnings};

/// The values of which some chunks were read and others were not, by id.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    open: HashMap<u32, OpenValue>,
    /// Bytes of the file in chunks of dropped values, until the reader of the file counts them.
    dropped_bytes: u64,
    /// Whether a chunk was damaged. The values of later chunks are unknown then.
    broken: bool,
}

/// The key of a chunked value.
#[derive(Debug)]
struct ChunkedKey {
    db: u64,
    /// The key, or the beginning of a long one.
    key: Vec<u8>,
    key_bytes: u64,
    value_type: ValueType,
    meta: KeyMeta,
    /// Empty until the first chunk was read.
    span: std::ops::Range<u64>,
    rdb_bytes: u64,
    warnings: Warnings,
}

/// A chunked value that is not complete.
#[derive(Debug)]
struct OpenValue {
    key: ChunkedKey,
    progress: Progress,
}

/// A chunked value that is complete.
#[derive(Debug)]
pub(crate) struct CompleteValue {
    key: ChunkedKey,
    outline: Outline,
}

/// How much of a value was read.
#[derive(Debug)]
enum Progress {
    Elements {
        layout: ElementLayout,
        count: u64,
        left: u64,
        sums: ElementSums,
    },
    List {
        left: u64,
        sums: ListSums,
    },
    Stream {
        left: u64,
        sums: StreamSums,
    },
    Filter(FilterSums),
    /// A value that is not chunked any further.
    Whole(Outline),
}

/// Shows the strings to no visitor, because other records stand between them.
type ChunkWalker<'p, 'i> = Walker<'p, Limited<'i>, ()>;

/// Where a chunk stands.
#[derive(Clone, Copy)]
pub(crate) struct ChunkPlace {
    /// Offset of the opcode.
    pub(crate) start: u64,
    pub(crate) db: u64,
    /// Version in the header of the file.
    pub(crate) version: u32,
}

impl Chunks {
    /// Offset of the first value that is not complete.
    pub(crate) fn first_open(&self) -> Option<u64> {
        self.open.values().map(|value| value.key.span.start).min()
    }

    /// Whether no later chunk depends on the chunks that were read.
    pub(crate) fn is_irrelevant(&self) -> bool {
        self.open.is_empty() && !self.broken
    }

    /// Drops the values that are not complete and refuses all later chunks, because a chunk may
    /// have been lost.
    pub(crate) fn break_off(&mut self) {
        self.broken = true;
        self.dropped_bytes += self.open.drain().map(|(_, value)| value.key.rdb_bytes).sum::<u64>();
    }

    /// Bytes of the file in chunks of values that were dropped since the last call.
    pub(crate) fn take_dropped_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.dropped_bytes)
    }

    /// Reads the chunk at `place`, whose opcode was read. Returns the value if this chunk completes
    /// it.
    ///
    /// # Errors
    ///
    /// Any damage. The caller then [drops](Self::break_off) all values that are not complete.
    pub(crate) fn read<I: Input>(
        &mut self,
        input: &mut I,
        scratch: &mut Vec<u8>,
        place: ChunkPlace,
        blob: &mut Option<BlobContext>,
    ) -> Result<Option<CompleteValue>> {
        let ChunkPlace { start, db, version } = place;
        let id = u32::from_le_bytes(input.read_array("a tagged chunk")?);
        let bytes = u64::from(u32::from_le_bytes(input.read_array("a tagged chunk")?));
        let corrupt = |detail| Error::corrupt("tagged chunk", detail, start);
        if id == 0 || bytes == 0 {
            return Err(corrupt("id or size is 0"));
        }
        if self.broken {
            return Err(corrupt("its value is unknown, because an earlier chunk is damaged"));
        }
        if let Some(left) = input.remaining()
            && bytes > left
        {
            return Err(Error::truncated("a tagged chunk", input.position().saturating_add(left)));
        }
        let known = self.open.remove(&id);
        if known.is_none() && self.open.len() >= MAX_OPEN_CHUNKED_VALUES {
            return Err(Error::new(ErrorKind::Limit("the number of open chunked values"), start));
        }
        let mut limited = Limited::new(input, bytes);
        let mut value = match known {
            Some(value) => value,
            None => OpenValue::begin(&mut limited, db, version)
                .map_err(|error| end_of_chunk(error.fatal(), start))?,
        };
        let templates = Templates::default();
        let mut walker = Walker {
            input: &mut limited,
            // An outline counts nodes by their headers.
            visitor: &mut (),
            scratch,
            templates: &templates,
            pace: Pace::WHOLE,
            open: None,
            damage: None,
            warnings: Warnings::NONE,
        };
        let advanced = value.advance(&mut walker);
        let damage = walker.damage.take();
        let warnings = walker.warnings;
        value.key.warnings = value.key.warnings.union(warnings);
        let outline = match (advanced, damage) {
            (Err(error), _) | (Ok(_), Some(error)) => Err(end_of_chunk(error.fatal(), start)),
            (Ok(_), None) if limited.left() > 0 => Err(corrupt("it goes on after the end of its value")),
            (Ok(outline), None) => Ok(outline),
        };
        let outline = outline.map_err(|error| {
            self.dropped_bytes += value.key.rdb_bytes;
            error.in_key(&value.key.key)
        })?;
        value.key.add_chunk(charge(blob, start, input.position()));
        if let Some(outline) = outline {
            return Ok(Some(CompleteValue { key: value.key, outline }));
        }
        self.open.insert(id, value);
        Ok(None)
    }
}

/// The end of a chunk is not the end of the file.
fn end_of_chunk(error: Error, start: u64) -> Error {
    match error.kind() {
        ErrorKind::Truncated(_) => Error::corrupt("tagged chunk", "it ends inside an element", start),
        _ => error,
    }
}

impl ChunkedKey {
    fn add_chunk(&mut self, (bytes, span): (u64, std::ops::Range<u64>)) {
        self.rdb_bytes += bytes;
        self.span = if self.span.is_empty() { span } else { self.span.start..span.end };
    }
}

impl CompleteValue {
    pub(crate) fn entry(&self) -> Entry<'_> {
        let Self { key: ChunkedKey { db, key, key_bytes, .. }, outline } = self;
        Entry {
            db: *db,
            key: if key.len() as u64 == *key_bytes {
                RdbString::Raw(key)
            } else {
                RdbString::Truncated { stored: key, is_lzf: false, decoded_len: *key_bytes }
            },
            value_type: self.key.value_type,
            meta: self.key.meta,
            span: self.key.span.clone(),
            rdb_bytes: self.key.rdb_bytes,
            outline: *outline,
            warnings: self.key.warnings,
        }
    }
}

impl OpenValue {
    /// Reads a first chunk up to and including the key and the counts of the value.
    fn begin(input: &mut Limited<'_>, db: u64, version: u32) -> Result<Self> {
        let mut meta = KeyMeta::default();
        let value_type = loop {
            let at = input.position();
            let byte = input.read_u8("a tagged chunk")?;
            if read_meta(byte, input, &mut meta)? {
                continue;
            }
            if RareRecord::from_byte(byte, Dialect::Dragonfly) == Some(RareRecord::KeyFlags) {
                skip_key_flags(input)?;
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
        let (progress, irregular) = Progress::begin(value_type, input)?;
        let mut warnings = irregular;
        warnings.insert(Warning::ProvisionalDragonfly);
        let key = ChunkedKey { db, key, key_bytes, value_type, meta, span: 0..0, rdb_bytes: 0, warnings };
        Ok(Self { key, progress })
    }

    /// Reads on until the chunk ends or the value is complete. Returns the outline of a complete
    /// value.
    fn advance(&mut self, walker: &mut ChunkWalker<'_, '_>) -> Result<Option<Outline>> {
        let value_type = self.key.value_type;
        loop {
            match &mut self.progress {
                Progress::Whole(outline) => return Ok(Some(*outline)),
                Progress::Elements { count, left: 0, sums, .. } => {
                    return Ok(Some(walker.elements_outline(*count, sums)));
                }
                Progress::List { left: 0, sums } => return Ok(Some(sums.outline())),
                Progress::Stream { left: 0, sums } => return walker.stream_tail(value_type, sums).map(Some),
                _ if walker.input.left() == 0 => return Ok(None),
                Progress::Elements { layout, left, sums, .. } => {
                    walker.element(*layout, sums)?;
                    *left -= 1;
                }
                Progress::List { left, sums } => {
                    walker.list_node(Packed::Listpack, true, sums)?;
                    *left -= 1;
                }
                Progress::Stream { left, sums } => {
                    walker.stream_node(sums)?;
                    *left -= 1;
                }
                Progress::Filter(sums) => {
                    if walker.filter_step(sums)? {
                        return Ok(Some(Outline::opaque(None, Layout::Opaque)));
                    }
                }
            }
        }
    }
}

impl Progress {
    /// Reads the counts before the first element, or all of a value that has no elements to count.
    /// Also returns what is irregular about them.
    fn begin(value_type: ValueType, input: &mut Limited<'_>) -> Result<(Self, Warnings)> {
        let mut scratch = Vec::new();
        let mut walker = Walker {
            input,
            visitor: &mut (),
            scratch: &mut scratch,
            templates: &Templates::default(),
            pace: Pace::WHOLE,
            open: None,
            damage: None,
            warnings: Warnings::NONE,
        };
        let state = match (value_type, ElementLayout::of(value_type)) {
            (
                ValueType::List
                | ValueType::Set
                | ValueType::Hash
                | ValueType::ZsetBinary
                | ValueType::HashExpiryDragonfly
                | ValueType::SetExpiryDragonfly,
                Some(layout),
            ) => {
                let count = walker.input.read_length("a number of elements")?;
                Self::Elements { layout, count, left: count, sums: ElementSums::default() }
            }
            (ValueType::ListQuicklist2, _) => {
                let left = walker.input.read_length("a number of list nodes")?;
                Self::List { left, sums: ListSums::default() }
            }
            (value_type, _) if value_type.is_stream() => {
                let left = walker.input.read_length("a number of stream nodes")?;
                Self::Stream { left, sums: StreamSums::default() }
            }
            (ValueType::BloomChunked | ValueType::Cuckoo, _) => {
                Self::Filter(walker.filter_header(value_type)?)
            }
            (whole, _) => {
                let outline = walker.outline(whole)?;
                match walker.damage {
                    Some(damage) => return Err(damage.fatal()),
                    None => Self::Whole(outline),
                }
            }
        };
        Ok((state, walker.warnings))
    }
}
