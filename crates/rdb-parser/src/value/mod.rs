//! Passing over values: from the type byte's answer to the [`Outline`].

mod array;
mod list;
mod module;
mod packed;
mod sketch;
mod stream;
mod stream_node;
mod table;
mod template;

use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::Input;
use crate::limits::MAX_EXPANDED_BLOB_BYTES;
use crate::lzf;
use crate::lzf_reader::LzfReader;
use crate::read::{ReadExt as _, StringForm, StringHeader, decimal_len, decode_int};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::{Warning, Warnings};

pub(crate) use list::ListSums;
pub(crate) use module::skip_module_stream;
use packed::Shape;
pub(crate) use sketch::FilterSums;
pub(crate) use stream::StreamSums;
pub(crate) use table::{Table, TableSums};
pub(crate) use template::{FieldOrder, Templates};

/// Latest expiry of a field that `rdbLoadObject` of Redis 7.4 accepts (`EB_EXPIRE_TIME_MAX` in `ebuckets.h`).
const MAX_FIELD_EXPIRY_MS: u64 = (1 << 48) - 1;

/// The first expiry that a hash of type 24 states if none of its fields has one (`EB_EXPIRE_TIME_INVALID`).
const NO_FIELD_EXPIRY_MS: u64 = MAX_FIELD_EXPIRY_MS + 1;
const FIRST_EXPIRY: &str = "the first expiry of a hash";
const FIELD_EXPIRY_OUT_OF_RANGE: &str = "a field's expiry is out of range";

/// The strings of a hash's element, and of those of Dragonfly whose elements expire.
pub(crate) const PAIR: &[Role; 2] = &[Role::Field, Role::Value];
pub(crate) const FIELD_WITH_EXPIRY: &[Role; 3] = &[Role::Field, Role::Value, Role::Expiry];
pub(crate) const MEMBER_WITH_EXPIRY: &[Role; 2] = &[Role::Member, Role::Expiry];

/// Walks one value at the cursor of `input`.
pub(crate) struct Walker<'p, I, V> {
    pub(crate) input: &'p mut I,
    pub(crate) visitor: &'p mut V,
    /// Where compressed blobs are expanded; kept from value to value.
    pub(crate) scratch: &'p mut Vec<u8>,
    /// The hash templates of the file so far.
    pub(crate) templates: &'p Templates,
    /// First damage inside a value whose end is nevertheless known.
    pub(crate) damage: Option<Error>,
    pub(crate) warnings: Warnings,
}

/// Running sums over the elements of a value.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_field_names, reason = "sizes carry their unit in the name")]
pub(crate) struct Tally {
    value_bytes: u64,
    largest_element_bytes: u64,
    longest_string_bytes: u64,
}

impl Tally {
    #[inline]
    fn add_element(&mut self, bytes: u64) {
        self.value_bytes = self.value_bytes.saturating_add(bytes);
        self.largest_element_bytes = self.largest_element_bytes.max(bytes);
    }

    fn merge(self, other: Self) -> Self {
        Self {
            value_bytes: self.value_bytes.saturating_add(other.value_bytes),
            largest_element_bytes: self.largest_element_bytes.max(other.largest_element_bytes),
            longest_string_bytes: self.longest_string_bytes.max(other.longest_string_bytes),
        }
    }
}

impl Outline {
    /// That of a value of which nothing but its number of elements is known, if that.
    fn opaque(elements: Option<u64>, layout: Layout) -> Self {
        Self { elements, value_bytes: None, largest_element_bytes: None, layout }
    }

    /// That of a string of `len` bytes.
    #[inline(always)]
    pub(crate) fn of_string(len: u64) -> Self {
        let (elements, len) = (Some(1), Some(len));
        Self { elements, value_bytes: len, largest_element_bytes: len, layout: Layout::String }
    }

    fn new(elements: u64, tally: Option<Tally>, layout: Layout) -> Self {
        Self {
            elements: Some(elements),
            value_bytes: tally.map(|tally| tally.value_bytes),
            largest_element_bytes: tally.map(|tally| tally.largest_element_bytes),
            layout,
        }
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Passes over a value of the given type.
    ///
    /// # Errors
    ///
    /// If the end of the value cannot be found. Damage that leaves it known goes to
    /// [`damage`](Self::damage).
    #[inline(always)]
    pub(crate) fn outline(&mut self, value_type: ValueType) -> Result<Outline> {
        let outline = self.outline_of(value_type)?;
        let is_empty = outline.elements == Some(0) && self.damage.is_none() && !value_type.is_stream();
        self.warnings.insert_if(is_empty, Warning::EmptyCollection);
        Ok(outline)
    }

    #[inline(always)]
    fn outline_of(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::String => self.whole_string(),
            ValueType::List => self.table(value_type, Table::PLAIN, &[Role::Item]),
            ValueType::Set => self.table(value_type, Table::PLAIN, &[Role::Member]),
            ValueType::ZsetText => self.table(value_type, Table::WITH_TEXT_SCORE, &[Role::Member]),
            ValueType::ZsetBinary => self.table(value_type, Table::WITH_BINARY_SCORE, &[Role::Member]),
            ValueType::Hash => self.table(value_type, Table::PLAIN, PAIR),
            ValueType::HashExpiryValkey => self.table(value_type, Table::EXPIRY_LAST, PAIR),
            ValueType::HashExpiryPreRelease => self.hash_with_expiries(value_type),
            ValueType::HashExpiry => self.hash_with_first_expiry(),
            ValueType::HashZipmap => self.blob(value_type, Packed::Zipmap, Shape::PAIR),
            ValueType::HashZiplist => self.blob(value_type, Packed::Ziplist, Shape::PAIR),
            ValueType::HashListpack => self.blob(value_type, Packed::Listpack, Shape::PAIR),
            ValueType::HashListpackExpiryPreRelease => {
                self.blob(value_type, Packed::Listpack, Shape::PAIR_WITH_EXPIRY)
            }
            ValueType::HashListpackExpiry => {
                // `rdbLoadObject` reads the first expiry and ignores it.
                self.input.skip(8, FIRST_EXPIRY)?;
                self.blob(value_type, Packed::Listpack, Shape::PAIR_WITH_EXPIRY)
            }
            ValueType::ListZiplist => self.blob(value_type, Packed::Ziplist, Shape::ITEM),
            ValueType::SetIntset => self.blob(value_type, Packed::Intset, Shape::MEMBER),
            ValueType::SetListpack => self.blob(value_type, Packed::Listpack, Shape::MEMBER),
            ValueType::ZsetZiplist => self.blob(value_type, Packed::Ziplist, Shape::MEMBER_WITH_SCORE),
            ValueType::ZsetListpack => self.blob(value_type, Packed::Listpack, Shape::MEMBER_WITH_SCORE),
            ValueType::ListQuicklist => self.quicklist(value_type, Packed::Ziplist),
            ValueType::ListQuicklist2 => self.quicklist(value_type, Packed::Listpack),
            ValueType::Stream | ValueType::Stream2 | ValueType::Stream3 => self.stream(value_type),
            ValueType::Module => self.module(value_type),
            rare => self.rare_value(rare),
        }
    }

    /// A value of a type that few files have.
    #[inline(never)]
    fn rare_value(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::Stream4 => {
                self.warnings.insert(Warning::ProvisionalStream);
                self.stream(value_type)
            }
            ValueType::Stream5 => self.stream(value_type),
            ValueType::Array => self.array(),
            ValueType::HashPathsValkey => self.hash_of_paths(),
            ValueType::HashTemplate
            | ValueType::HashTemplateRef
            | ValueType::HashTemplateArray
            | ValueType::HashTemplateArrayRef => self.templated_hash(value_type),
            ValueType::Gcra => self.rate_limiter(),
            ValueType::Cron => self.cron(),
            _ => {
                self.warnings.insert(Warning::ProvisionalDragonfly);
                match value_type {
                    ValueType::HashExpiryDragonfly => {
                        self.table_with_payload(value_type, Table::PLAIN, FIELD_WITH_EXPIRY, 2)
                    }
                    ValueType::SetExpiryDragonfly => {
                        self.table_with_payload(value_type, Table::PLAIN, MEMBER_WITH_EXPIRY, 1)
                    }
                    ValueType::Json => self.json(),
                    sketch => self.sketch(sketch),
                }
            }
        }
    }

    /// Type 22: each expiry is a time.
    fn hash_with_expiries(&mut self, value_type: ValueType) -> Result<Outline> {
        let at = self.input.position();
        let (outline, sums) = self.table_sums(value_type, Table::EXPIRY_FIRST, PAIR, PAIR.len())?;
        if sums.largest_expiry > MAX_FIELD_EXPIRY_MS {
            self.contain(Error::corrupt("hash", FIELD_EXPIRY_OUT_OF_RANGE, at))?;
        }
        Ok(outline)
    }

    /// Type 24: the expiries are relative to the first.
    fn hash_with_first_expiry(&mut self) -> Result<Outline> {
        let at = self.input.position();
        let first = self.first_expiry()?;
        let (outline, sums) =
            self.table_sums(ValueType::HashExpiry, Table::EXPIRY_FIRST, PAIR, PAIR.len())?;
        let latest = match sums.largest_expiry {
            0 => Some(0),
            relative => first.checked_add(relative - 1),
        };
        if latest.is_none_or(|latest| latest > MAX_FIELD_EXPIRY_MS) {
            self.contain(Error::corrupt("hash", FIELD_EXPIRY_OUT_OF_RANGE, at))?;
        }
        Ok(outline)
    }

    /// The first expiry of a hash of type 24. `rdbLoadObject` refuses what is above [`NO_FIELD_EXPIRY_MS`].
    fn first_expiry(&mut self) -> Result<u64> {
        let at = self.input.position();
        let first = u64::from_le_bytes(self.input.read_array(FIRST_EXPIRY)?);
        if first > NO_FIELD_EXPIRY_MS {
            self.contain(Error::corrupt("hash", "its first expiry is out of range", at))?;
            return Ok(0);
        }
        Ok(first)
    }

    fn json(&mut self) -> Result<Outline> {
        self.visitor.begin(ValueType::Json, Some(1));
        Ok(Outline::of_string(self.show_string(Role::Whole, "JSON text")?))
    }

    #[inline(always)]
    fn whole_string(&mut self) -> Result<Outline> {
        self.visitor.begin(ValueType::String, Some(1));
        Ok(Outline::of_string(self.show_string(Role::Whole, "a string value")?))
    }

    /// Shows the string at the cursor to the visitor and passes over it. Returns its decoded length.
    #[inline(always)]
    fn show_string(&mut self, role: Role, what: &'static str) -> Result<u64> {
        let header = self.input.read_string_header(what)?;
        let is_expanded = header.form == StringForm::Lzf && self.visitor.wants_expanded();
        let shown_len = if is_expanded { self.expand(header, what)? } else { shown_len(header) };
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

    /// Expands the string whose header was read, to see whether it can be. `None` if it is behind the cursor then:
    /// one that is too long to be shown, or that is damaged.
    #[cold]
    fn expand(&mut self, header: StringHeader, what: &'static str) -> Result<Option<usize>> {
        let start = self.input.position();
        let expanded = match shown_len(header) {
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
                // What makes a read fail is told by the reader.
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

    /// Passes over the string at the cursor. Returns its decoded length.
    fn pass_string(&mut self, what: &'static str) -> Result<u64> {
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

    /// Remembers damage if it is the first; passes on what makes going on impossible.
    #[cold]
    fn contain(&mut self, error: Error) -> Result<()> {
        if matches!(error.kind(), ErrorKind::Io(_) | ErrorKind::Truncated(_)) {
            return Err(error);
        }
        self.damage.get_or_insert(error.contained());
        Ok(())
    }
}

/// What is irregular about a score that is stored as text.
pub(crate) fn score_warnings(text: &[u8]) -> Warnings {
    let mut warnings = Warnings::NONE;
    let score: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    match score {
        None => warnings.insert(Warning::UnreadableScore),
        Some(score) => warnings.insert_if(score.is_nan(), Warning::NotANumber),
    }
    warnings
}

/// Bytes of the payload if the string is short enough to be shown.
#[inline]
fn shown_len(header: StringHeader) -> Option<usize> {
    if header.payload_len > crate::limits::MAX_SHOWN_STRING_BYTES {
        return None;
    }
    usize::try_from(header.payload_len).ok()
}

/// The string that `header` and the payload after it make.
#[inline]
fn view_string(header: StringHeader, payload: &[u8]) -> RdbString<'_> {
    match header.form {
        StringForm::Raw => RdbString::Raw(payload),
        StringForm::Int => RdbString::Int(decode_int(payload).unwrap_or_default()),
        StringForm::Lzf => RdbString::Lzf { compressed: payload, decoded_len: header.decoded_len },
    }
}

/// Decoded length of the string that `header` and the payload after it make.
#[inline]
fn decoded_len(header: StringHeader, payload: &[u8]) -> u64 {
    match header.form {
        StringForm::Int => decimal_len(decode_int(payload).unwrap_or_default()),
        StringForm::Raw | StringForm::Lzf => header.decoded_len,
    }
}
