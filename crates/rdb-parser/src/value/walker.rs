//! What the rules of all value types share: the cursor, the visitor, running sums, and strings.

use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::limits::MAX_EXPANDED_BLOB_BYTES;
use crate::lzf;
use crate::lzf_reader::LzfReader;
use crate::outline::{Layout, Outline};
use crate::read::{ReadExt as _, StringForm, StringHeader};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::{Warning, Warnings};

use super::open::{OpenValue, Pace};
use super::shown::{decoded_len, shown_len, view_next, view_string};
use super::sums::Tally;
use super::template::Templates;

/// Latest expiry of a field that `rdbLoadObject` of Redis 7.4 accepts (`EB_EXPIRE_TIME_MAX` in
/// `ebuckets.h`).
pub(super) const MAX_FIELD_EXPIRY_MS: u64 = (1 << 48) - 1;

/// The first expiry that a hash of type 24 states if none of its fields has one
/// (`EB_EXPIRE_TIME_INVALID`).
pub(super) const NO_FIELD_EXPIRY_MS: u64 = MAX_FIELD_EXPIRY_MS + 1;
pub(super) const FIRST_EXPIRY: &str = "the first expiry of a hash";
pub(super) const FIELD_EXPIRY_OUT_OF_RANGE: &str = "a field's expiry is out of range";

/// Length of the longest text of a 64-bit integer.
const MAX_INTEGER_BYTES: usize = 20;

/// Walks one value at the cursor of `input`.
pub(crate) struct Walker<'p, I, V> {
    pub(crate) input: &'p mut I,
    pub(crate) visitor: &'p mut V,
    /// Where compressed blobs are decompressed. Kept from value to value.
    pub(crate) scratch: &'p mut Vec<u8>,
    /// The hash templates of the file so far.
    pub(crate) templates: &'p Templates,
    /// Where to leave a value before its end.
    pub(crate) pace: Pace,
    /// The value that was left.
    pub(crate) open: Option<Box<OpenValue>>,
    /// First damage inside a value whose end is known.
    pub(crate) damage: Option<Error>,
    pub(crate) warnings: Warnings,
}

impl Outline {
    /// The outline of a value whose number of elements at most is known.
    pub(crate) fn opaque(elements: Option<u64>, layout: Layout) -> Self {
        Self { elements, value_bytes: None, largest_element_bytes: None, layout }
    }

    /// The outline of a string of `len` bytes.
    #[inline(always)]
    pub(crate) fn of_string(len: u64) -> Self {
        let (elements, len) = (Some(1), Some(len));
        Self { elements, value_bytes: len, largest_element_bytes: len, layout: Layout::String }
    }

    pub(super) fn new(elements: u64, tally: Option<Tally>, layout: Layout) -> Self {
        Self {
            elements: Some(elements),
            value_bytes: tally.map(|tally| tally.value_bytes),
            largest_element_bytes: tally.map(|tally| tally.largest_element_bytes),
            layout,
        }
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Shows the string at the cursor to the visitor and skips it. Returns its decoded length.
    #[inline(always)]
    pub(super) fn show_string(&mut self, role: Role, what: &'static str) -> Result<u64> {
        let header = self.input.read_string_header(what)?;
        self.show_payload(role, header, what)
    }

    /// Shows the string whose header was read. Returns its length, decompressed.
    pub(super) fn show_payload(
        &mut self,
        role: Role,
        header: StringHeader,
        what: &'static str,
    ) -> Result<u64> {
        let is_expanded = header.form == StringForm::Lzf && self.visitor.needs_expanded();
        let shown_len = if is_expanded { self.expand(header, what)? } else { shown_len::<V>(header) };
        let string = if let Some(len) = shown_len {
            let payload = self.input.require(len, what)?;
            let string = view_string(header, payload);
            self.visitor.string(role, string);
            let decoded_len = string.decoded_len();
            self.input.consume(len);
            return Ok(decoded_len);
        } else {
            if !is_expanded {
                self.input.skip(header.payload_len, what)?;
            }
            RdbString::Skipped { decoded_len: header.decoded_len }
        };
        self.visitor.string(role, string);
        Ok(string.decoded_len())
    }

    /// The string whose header was read, if it is an integer. Reads nothing.
    pub(super) fn peek_integer(&mut self, header: StringHeader) -> Result<Option<i64>> {
        Ok(match shown_len::<V>(header) {
            Some(len @ ..=MAX_INTEGER_BYTES) => {
                let shown = self.input.peek(len)?;
                shown.get(..len).and_then(|payload| view_string(header, payload).canonical_integer())
            }
            _ => None,
        })
    }

    /// Decompresses the string whose header was read, as a check. `None` if the cursor is after the
    /// string then, because the string is damaged or too long to be shown.
    #[cold]
    fn expand(&mut self, header: StringHeader, what: &'static str) -> Result<Option<usize>> {
        let start = self.input.position();
        let expanded = match shown_len::<V>(header) {
            Some(len) if header.decoded_len <= MAX_EXPANDED_BLOB_BYTES => {
                let compressed = self.input.require(len, what)?;
                let decoded_len = usize::try_from(header.decoded_len).unwrap_or(usize::MAX);
                match lzf::decompress(compressed, decoded_len, self.scratch) {
                    Ok(()) => return Ok(Some(len)),
                    Err(kind) => Err(Error::new(kind, start)),
                }
            }
            _ => {
                let mut reader = LzfReader::new(self.input, header);
                // `finish` returns the error of a failed read.
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
                reader.finish()
            }
        };
        if let Err(error) = expanded {
            self.contain(error)?;
        }
        let end = start.saturating_add(header.payload_len);
        self.input.skip(end.saturating_sub(self.input.position()), what)?;
        Ok(None)
    }

    /// Skips the string at the cursor. Returns its decoded length.
    pub(super) fn skip_string_for_len(&mut self, what: &'static str) -> Result<u64> {
        let header = self.input.read_string_header(what)?;
        match header.form {
            StringForm::Int => {
                let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
                let decoded_len = decoded_len(header, self.input.require(len, what)?);
                self.input.consume(len);
                Ok(decoded_len)
            }
            StringForm::Raw | StringForm::Lzf => {
                self.input.skip(header.payload_len, what)?;
                Ok(header.decoded_len)
            }
        }
    }

    /// Shows the string at the cursor by `show` and skips it.
    pub(super) fn show_name(
        &mut self,
        what: &'static str,
        show: impl FnOnce(&mut V, RdbString<'_>),
    ) -> Result<()> {
        let Self { input, visitor, .. } = self;
        view_next::<I, V>(*input, what, |name| show(visitor, name))
    }

    /// Keeps the first damage, and returns an error after which the end of the value is unknown.
    #[cold]
    pub(super) fn contain(&mut self, error: Error) -> Result<()> {
        if matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Truncated(_)) {
            return Err(error);
        }
        self.damage.get_or_insert(error.contained());
        Ok(())
    }
}

/// What is irregular about a score that is stored as text.
pub(super) fn score_warnings(text: &[u8]) -> Warnings {
    let mut warnings = Warnings::NONE;
    let score: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    match score {
        None => warnings.insert(Warning::UnreadableScore),
        Some(score) => warnings.insert_if(score.is_nan(), Warning::NotANumber),
    }
    warnings
}
