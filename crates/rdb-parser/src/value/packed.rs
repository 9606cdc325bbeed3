//! Values in one packed string, counted from its header or walked.

use super::{Tally, Walker};
use crate::encoding::{MAX_HEADER_BYTES, Packed};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::{Input, SliceInput};
use crate::lzf;
use crate::read::{ReadExt as _, StringForm, StringHeader};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};

/// Compressed bytes that are enough to expand any header: at worst two for each byte of it, and the
/// control byte of a last token.
const COMPRESSED_HEADER_BYTES: usize = 2 * MAX_HEADER_BYTES + 1;

/// Which entries of a blob make an element.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// The roles of an element's entries, in order.
    roles: &'static [Role],
    /// How many of them, from the first, are payload.
    payload_entries: usize,
}

impl Shape {
    pub(super) const ITEM: Self = Self { roles: &[Role::Item], payload_entries: 1 };
    pub(super) const MEMBER: Self = Self { roles: &[Role::Member], payload_entries: 1 };
    pub(super) const MEMBER_WITH_SCORE: Self =
        Self { roles: &[Role::Member, Role::Score], payload_entries: 1 };
    pub(super) const PAIR: Self = Self { roles: &[Role::Field, Role::Value], payload_entries: 2 };
    pub(super) const PAIR_WITH_EXPIRY: Self =
        Self { roles: &[Role::Field, Role::Value, Role::Expiry], payload_entries: 2 };
}

/// What is known of a blob after it was passed over.
#[derive(Clone, Copy, Default)]
pub(super) struct BlobFacts {
    /// Its length, decompressed.
    pub(super) blob_bytes: u64,
    /// Elements in it.
    pub(super) elements: u64,
    /// The sums over them, if it was walked.
    pub(super) tally: Option<Tally>,
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Passes over a value that is one blob.
    pub(super) fn blob(&mut self, value_type: ValueType, packed: Packed, shape: Shape) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let facts = self.packed_string(packed, shape)?;
        let layout = Layout::Blob { packed, blob_bytes: facts.blob_bytes };
        Ok(Outline::new(facts.elements, facts.tally, layout))
    }

    /// Passes over a string that holds a blob.
    pub(super) fn packed_string(&mut self, packed: Packed, shape: Shape) -> Result<BlobFacts> {
        let header = self.input.read_string_header(packed.name())?;
        let start = self.input.position();
        let end = start.saturating_add(header.payload_len);
        let facts = match header.form {
            StringForm::Raw => self.raw_blob(packed, shape, header.payload_len),
            StringForm::Lzf => self.lzf_blob(packed, shape, header).map_err(|error| error.at(start)),
            StringForm::Int => Err(Error::corrupt(packed.name(), "shorter than its header", start)),
        };
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                self.contain(error)?;
                BlobFacts::default()
            }
        };
        self.input.skip(end.saturating_sub(self.input.position()), packed.name())?;
        Ok(facts)
    }

    fn raw_blob(&mut self, packed: Packed, shape: Shape, blob_bytes: u64) -> Result<BlobFacts> {
        let shown = self.input.peek(packed.header_bytes())?;
        let within = usize::try_from(blob_bytes).map_or(shown.len(), |len| len.min(shown.len()));
        let count = packed.header_count(shown.get(..within).unwrap_or_default(), blob_bytes);
        let count = count.map_err(|kind| self.input.fail(kind))?;
        match count {
            Some(entries) if !self.visitor.wants_packed() => {
                if packed.is_terminated() {
                    self.input.skip(blob_bytes.saturating_sub(1), packed.name())?;
                    if self.input.read_u8(packed.name())? != u8::MAX {
                        return Err(Error::corrupt(
                            packed.name(),
                            "no terminator at the end",
                            self.input.position(),
                        ));
                    }
                }
                Ok(BlobFacts { blob_bytes, elements: entries / shape.roles.len() as u64, tally: None })
            }
            _ => walk(packed, shape, self.input, blob_bytes, self.visitor),
        }
    }

    /// The cursor may end anywhere in the blob; errors carry no useful offset.
    fn lzf_blob(&mut self, packed: Packed, shape: Shape, string: StringHeader) -> Result<BlobFacts> {
        let blob_bytes = string.decoded_len;
        let compressed_bytes = usize::try_from(string.payload_len).unwrap_or(usize::MAX);
        let shown = self.input.peek(compressed_bytes.min(COMPRESSED_HEADER_BYTES))?;
        let shown = shown.get(..compressed_bytes.min(shown.len())).unwrap_or_default();
        let mut header = [0; MAX_HEADER_BYTES];
        let header = header.get_mut(..packed.header_bytes()).unwrap_or_default();
        let count = lzf::decompress_prefix(shown, header)
            .and_then(|written| packed.header_count(header.get(..written).unwrap_or_default(), blob_bytes))
            .map_err(|kind| self.input.fail(kind))?;
        if let (Some(entries), false) = (count, self.visitor.wants_packed()) {
            return Ok(BlobFacts { blob_bytes, elements: entries / shape.roles.len() as u64, tally: None });
        }
        let len = usize::try_from(blob_bytes).ok().filter(|_| blob_bytes <= self.max_blob_bytes);
        let Some(len) = len else { return Err(self.input.fail(ErrorKind::Limit("a compressed blob"))) };
        let compressed = self.input.require(compressed_bytes, packed.name())?;
        let expanded = lzf::decompress(compressed, len, self.scratch);
        expanded.map_err(|kind| self.input.fail(kind))?;
        walk(packed, shape, &mut SliceInput::new(self.scratch), blob_bytes, self.visitor).map_err(|error| {
            match error.kind() {
                // The expanded bytes are all there are: their end is not the end of the file.
                ErrorKind::Truncated(_) => Error::corrupt(packed.name(), "shorter than its header", 0),
                _ => error,
            }
        })
    }
}

/// Walks a blob, summing its elements.
fn walk<I: Input, V: Visitor>(
    packed: Packed,
    shape: Shape,
    input: &mut I,
    blob_bytes: u64,
    visitor: &mut V,
) -> Result<BlobFacts> {
    let mut tally = Tally::default();
    let mut roles = shape.roles.iter().enumerate().cycle();
    let mut element_bytes = 0u64;
    let entries = packed.walk(input, blob_bytes, &mut |entry: RdbString<'_>| {
        let Some((index, &role)) = roles.next() else { return };
        visitor.string(role, entry);
        if index < shape.payload_entries {
            element_bytes = element_bytes.saturating_add(entry.decoded_len());
        }
        if index + 1 == shape.payload_entries {
            tally.add_element(element_bytes);
            element_bytes = 0;
        }
    })?;
    Ok(BlobFacts { blob_bytes, elements: entries / shape.roles.len() as u64, tally: Some(tally) })
}
