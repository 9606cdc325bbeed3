//! Values in one packed string, counted from its header or walked.

use super::sums::Tally;
use super::template::NameIter;
use super::walker::{FIELD_EXPIRY_OUT_OF_RANGE, NO_FIELD_EXPIRY_MS, Walker, score_warnings};
use crate::encoding::{MAX_HEADER_BYTES, Packed};
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::{Input, SliceInput};
use crate::limits::MAX_EXPANDED_BLOB_BYTES;
use crate::lzf;
use crate::lzf_reader::LzfReader;
use crate::outline::{Layout, Outline};
use crate::read::{MAX_STRING_HEADER_BYTES, ReadExt as _, StringForm, StringHeader, decode_string_header};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::{Warning, Warnings};
use crate::window::Window;

/// Longest beginning of a blob that is read without a walk: a listpack's header and an integer.
const MAX_PEEKED_BYTES: usize = MAX_HEADER_BYTES + 5;

/// Compressed bytes that are enough to decompress that beginning: at worst two for each byte, and
/// the control byte of a last token.
const COMPRESSED_PEEK_BYTES: usize = 2 * MAX_PEEKED_BYTES + 1;

/// How the entries of a blob form elements.
#[derive(Clone)]
pub(super) struct Shape<'a> {
    /// The roles of an element's entries, in order.
    roles: &'static [Role],
    /// Number of entries that are payload, from the first.
    payload_entries: usize,
    /// Entries before the first element.
    leading_entries: u64,
    /// The fields of the elements, if a template has them.
    names: Option<NameIter<'a>>,
}

impl<'a> Shape<'a> {
    const fn new(roles: &'static [Role], payload_entries: usize) -> Self {
        Self { roles, payload_entries, leading_entries: 0, names: None }
    }

    pub(super) const ITEM: Self = Self::new(&[Role::Item], 1);
    pub(super) const MEMBER: Self = Self::new(&[Role::Member], 1);
    pub(super) const MEMBER_WITH_SCORE: Self = Self::new(&[Role::Member, Role::Score], 1);
    pub(super) const PAIR: Self = Self::new(&[Role::Field, Role::Value], 2);
    pub(super) const PAIR_WITH_EXPIRY: Self = Self::new(&[Role::Field, Role::Value, Role::Expiry], 2);

    /// Values after the id of a template, whose fields are `names`.
    pub(super) fn template_values(names: Option<NameIter<'a>>) -> Self {
        Self { leading_entries: 1, names, ..Self::new(&[Role::Value], 1) }
    }

    /// The number of elements that the entries form, and whether entries are left over.
    fn elements(&self, entries: u64) -> (u64, bool) {
        let entries = entries.saturating_sub(self.leading_entries);
        let each = self.roles.len() as u64;
        (entries / each, !entries.is_multiple_of(each))
    }
}

/// The measures of a skipped blob.
#[derive(Clone, Copy, Default)]
pub(super) struct BlobFacts {
    /// Length, decompressed.
    pub(super) blob_bytes: u64,
    /// Elements in it.
    pub(super) elements: u64,
    /// The sums over the elements, if the blob was walked.
    pub(super) tally: Option<Tally>,
    /// Length in the file, if the blob is compressed.
    pub(super) lzf_bytes: Option<u64>,
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Skips a value that is one blob.
    pub(super) fn blob(
        &mut self,
        value_type: ValueType,
        packed: Packed,
        shape: &Shape<'_>,
    ) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let facts = self.packed_string(packed, shape)?;
        let layout = Layout::Blob { packed, blob_bytes: facts.blob_bytes };
        Ok(Outline::new(facts.elements, facts.tally, layout))
    }

    /// Skips a string that holds a blob.
    pub(super) fn packed_string(&mut self, packed: Packed, shape: &Shape<'_>) -> Result<BlobFacts> {
        let header = self.input.read_string_header(packed.name())?;
        let start = self.input.position();
        let end = start.saturating_add(header.payload_len);
        let facts = self.blob_facts(packed, shape, header);
        let mut facts = match facts {
            Ok(facts) => facts,
            Err(error) => {
                self.contain(if header.form == StringForm::Lzf { error.inside(start) } else { error })?;
                BlobFacts::default()
            }
        };
        facts.lzf_bytes = header.lzf_bytes();
        self.input.skip(end.saturating_sub(self.input.position()), packed.name())?;
        Ok(facts)
    }

    /// The measures of the blob at the cursor. The cursor may end anywhere in the blob.
    fn blob_facts(&mut self, packed: Packed, shape: &Shape<'_>, header: StringHeader) -> Result<BlobFacts> {
        let mut facts = BlobFacts::default();
        let (count, blob_bytes) = self.header_count(packed, header)?;
        let is_needed = self.visitor.needs_walk(packed, count.map(|entries| shape.elements(entries).0));
        let entries = match count {
            Some(entries) if !is_needed => {
                if header.form == StringForm::Raw && packed.is_terminated() {
                    self.input.skip(blob_bytes.saturating_sub(1), packed.name())?;
                    if self.input.read_u8(packed.name())? != u8::MAX {
                        let at = self.input.position();
                        return Err(Error::corrupt(packed.name(), "no terminator at the end", at));
                    }
                }
                facts.blob_bytes = blob_bytes;
                entries
            }
            _ => {
                let mut seer = Seer::new(packed, shape, self.visitor);
                let mut see = |entry: RdbString<'_>| seer.see(entry);
                let entries = walk_stored::<_, V>(packed, header, self.input, self.scratch, &mut see)?;
                if let Some(detail) = seer.damage {
                    return Err(Error::corrupt(packed.name(), detail, self.input.position()));
                }
                self.warnings = self.warnings.union(seer.warnings);
                // A walk for one value only would make its sums an exception among those of other values.
                let is_usual = count.is_none() || seer.visitor.needs_packed();
                let tally = is_usual.then_some(seer.tally);
                facts = BlobFacts { blob_bytes, elements: 0, tally, lzf_bytes: None };
                entries
            }
        };
        let (elements, left_over) = shape.elements(entries);
        self.warnings.insert_if(left_over, Warning::OddEntryCount);
        facts.elements = elements;
        Ok(facts)
    }

    /// The number of entries that the blob's header states, and the length of the blob. Reads
    /// nothing.
    pub(super) fn header_count(
        &mut self,
        packed: Packed,
        header: StringHeader,
    ) -> Result<(Option<u64>, u64)> {
        let mut space = [0; MAX_PEEKED_BYTES];
        let wanted = packed.header_bytes();
        let shown = peek_payload(self.input, header, space.get_mut(..wanted).unwrap_or_default());
        let count = shown.and_then(|written| {
            packed.header_count(space.get(..written).unwrap_or_default(), header.decoded_len)
        });
        match count {
            Ok(count) => Ok((count, header.decoded_len)),
            Err(ErrorKind::Io(error)) => Err(self.input.fail(ErrorKind::Io(error))),
            Err(kind) => Err(self.input.fail(kind)),
        }
    }

    /// The first entry of the listpack in the string at the cursor, if it is an integer. Reads
    /// nothing.
    pub(super) fn peek_first_integer(&mut self) -> Result<Option<u64>> {
        let shown = self.input.peek(MAX_STRING_HEADER_BYTES + COMPRESSED_PEEK_BYTES)?;
        let Ok(Some(header)) = decode_string_header(shown) else { return Ok(None) };
        let payload = shown.get(header.header_len..).unwrap_or_default();
        let mut space = [0; MAX_PEEKED_BYTES];
        let written = expand_beginning(payload, header, &mut space).unwrap_or(0);
        Ok(Packed::first_integer(space.get(..written).unwrap_or_default()))
    }
}

/// Copies the beginning of the payload after `header` to `out`, decompressed, and returns its
/// length. Reads nothing.
fn peek_payload<I: Input>(input: &mut I, header: StringHeader, out: &mut [u8]) -> Result<usize, ErrorKind> {
    let wanted = usize::try_from(header.payload_len).unwrap_or(usize::MAX).min(COMPRESSED_PEEK_BYTES);
    match input.peek(wanted) {
        Ok(shown) => expand_beginning(shown, header, out),
        Err(error) => Err(error.into_kind()),
    }
}

/// Copies the beginning of `payload`, which may hold more than the string, to `out`, decompressed.
fn expand_beginning(payload: &[u8], header: StringHeader, out: &mut [u8]) -> Result<usize, ErrorKind> {
    let within = usize::try_from(header.payload_len).map_or(payload.len(), |n| n.min(payload.len()));
    let payload = payload.get(..within).unwrap_or_default();
    match header.form {
        StringForm::Raw => {
            let n = payload.len().min(out.len());
            if let (Some(to), Some(from)) = (out.get_mut(..n), payload.get(..n)) {
                to.copy_from_slice(from);
            }
            Ok(n)
        }
        StringForm::Lzf => lzf::decompress_prefix(payload, out),
        StringForm::Int => Ok(0),
    }
}

/// Walks the blob in the string whose header was read: in place if it is raw, in memory if it is
/// compressed and not too long, and otherwise part by part. `V` says how long a shown entry may be.
pub(super) fn walk_stored<I: Input, V: Visitor>(
    packed: Packed,
    header: StringHeader,
    input: &mut I,
    scratch: &mut Vec<u8>,
    see: &mut impl FnMut(RdbString<'_>),
) -> Result<u64> {
    let blob_bytes = header.decoded_len;
    let max_shown_bytes = V::MAX_SHOWN_STRING_BYTES;
    match header.form {
        StringForm::Raw => packed.walk(input, blob_bytes, max_shown_bytes, see),
        StringForm::Int => Err(Error::corrupt(packed.name(), "shorter than its header", input.position())),
        StringForm::Lzf if blob_bytes.max(header.payload_len) > MAX_EXPANDED_BLOB_BYTES => {
            let mut reader = LzfReader::new(input, header);
            let mut window = Window::new(&mut reader, Some(blob_bytes));
            let walked = packed.walk(&mut window, blob_bytes, max_shown_bytes, see);
            reader.finish()?;
            walked.map_err(|error| end_of_blob(packed, error))
        }
        StringForm::Lzf => {
            let at = input.position();
            let compressed_bytes = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
            let compressed = input.require(compressed_bytes, packed.name())?;
            let len = usize::try_from(blob_bytes).unwrap_or(usize::MAX);
            lzf::decompress(compressed, len, scratch).map_err(|kind| Error::new(kind, at))?;
            packed
                .walk(&mut SliceInput::new(scratch), blob_bytes, max_shown_bytes, see)
                .map_err(|error| end_of_blob(packed, error))
        }
    }
}

/// The end of decompressed bytes is not the end of the file.
#[cold]
fn end_of_blob(packed: Packed, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Truncated(_) => Error::corrupt(packed.name(), "shorter than its header", 0),
        _ => error,
    }
}

/// Sums the entries of a blob and shows them to the visitor.
struct Seer<'v, V> {
    visitor: &'v mut V,
    shape: &'v Shape<'v>,
    names: Option<NameIter<'v>>,
    leading_left: u64,
    /// Index of the next entry within its element.
    index: usize,
    element_bytes: u64,
    tally: Tally,
    warnings: Warnings,
    damage: Option<&'static str>,
    /// The previous integer of an intset.
    previous: Option<i64>,
    is_intset: bool,
}

impl<'v, V: Visitor> Seer<'v, V> {
    fn new(packed: Packed, shape: &'v Shape<'v>, visitor: &'v mut V) -> Self {
        Self {
            visitor,
            shape,
            names: shape.names.clone(),
            leading_left: shape.leading_entries,
            index: 0,
            element_bytes: 0,
            tally: Tally::default(),
            warnings: Warnings::NONE,
            damage: None,
            previous: None,
            is_intset: packed == Packed::Intset,
        }
    }

    #[inline]
    fn see(&mut self, entry: RdbString<'_>) {
        if self.leading_left > 0 {
            self.leading_left -= 1;
            return;
        }
        let Some(&role) = self.shape.roles.get(self.index) else { return };
        if let Some(name) = self.names.as_mut().and_then(Iterator::next) {
            self.visitor.string(Role::Field, name);
            self.element_bytes = self.element_bytes.saturating_add(name.decoded_len());
        }
        self.visitor.string(role, entry);
        match role {
            Role::Score => self.check_score(entry),
            Role::Expiry => self.check_expiry(entry),
            _ => {}
        }
        if let (true, RdbString::Int(value)) = (self.is_intset, entry) {
            self.warnings
                .insert_if(self.previous.is_some_and(|previous| previous >= value), Warning::UnsortedIntset);
            self.previous = Some(value);
        }
        if self.index < self.shape.payload_entries {
            self.element_bytes = self.element_bytes.saturating_add(entry.decoded_len());
        }
        self.index += 1;
        if self.index == self.shape.payload_entries {
            self.tally.add_element(self.element_bytes);
            self.element_bytes = 0;
        }
        if self.index == self.shape.roles.len() {
            self.index = 0;
        }
    }

    fn check_score(&mut self, entry: RdbString<'_>) {
        if let RdbString::Raw(text) = entry {
            self.warnings = self.warnings.union(score_warnings(text));
        }
    }

    /// Servers write an integer. An entry that is neither an integer nor the text of one is not an
    /// expiry.
    ///
    /// `rdbLoadObject` of Redis does not look at expiries in a listpack. `listpackExGetMinExpire`
    /// (`t_hash.c`) takes the first one, and [`NO_FIELD_EXPIRY_MS`] means that there is none, so a
    /// field with exactly that loads.
    fn check_expiry(&mut self, entry: RdbString<'_>) {
        let ms = entry.canonical_integer().and_then(|value| u64::try_from(value).ok());
        if ms.is_none_or(|ms| ms > NO_FIELD_EXPIRY_MS) {
            self.damage.get_or_insert(FIELD_EXPIRY_OUT_OF_RANGE);
        }
    }
}
