//! Hashes that share their field names (Redis 8.10).
//!
//! Source: descriptions and the server's test vectors. No file of a server was available.

use super::packed::{Shape, walk_stored};
use super::sums::Tally;
use super::walker::{Walker, shown_len, view_string};
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::{MAX_STRING_HEADER_BYTES, ReadExt as _, decode_string_header};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::Warning;

/// How the field names of a template that comes with its hash are stored.
const FIELDS_IN_LISTPACK: u64 = 0;
const FIELDS_ONE_BY_ONE: u64 = 1;

/// Checks that the field names of a template are sorted by length and then by bytes, without
/// duplicates.
#[derive(Default)]
pub(crate) struct FieldOrder {
    previous: Option<Vec<u8>>,
    scratch: Vec<u8>,
    is_broken: bool,
}

impl FieldOrder {
    /// Compares the next name with the one before. A name that is too long to hold is not compared.
    pub(crate) fn see(&mut self, name: RdbString<'_>) {
        let Ok(name) = name.decode(&mut self.scratch) else { return };
        match &mut self.previous {
            Some(previous) => {
                self.is_broken |= (previous.len(), previous.as_slice()) >= (name.len(), name);
                previous.clear();
                previous.extend_from_slice(name);
            }
            None => self.previous = Some(name.to_vec()),
        }
    }

    /// Compares the name at the cursor, and leaves the cursor there.
    pub(crate) fn see_next<I: Input>(&mut self, input: &mut I) -> Result<()> {
        // The caller skips the name and reports an error.
        let Ok(Some(header)) = decode_string_header(input.peek(MAX_STRING_HEADER_BYTES)?) else {
            return Ok(());
        };
        let Some(len) = shown_len(header) else { return Ok(()) };
        let end = header.header_len + len;
        if let Some(name) = input.peek(end)?.get(header.header_len..end) {
            self.see(view_string(header, name));
        }
        Ok(())
    }

    /// # Errors
    ///
    /// If the names are not sorted. Servers refuse such a template.
    pub(crate) fn finish(&self) -> Result<(), ErrorKind> {
        if self.is_broken {
            return Err(ErrorKind::Corrupt("hash template", "its fields are not in order"));
        }
        Ok(())
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Types 29 to 32: a template or the id of one, then a listpack or value by value.
    pub(super) fn templated_hash(&mut self, value_type: ValueType) -> Result<Outline> {
        self.warnings.insert(Warning::ProvisionalHashTemplate);
        self.visitor.begin(value_type, None);
        match value_type {
            ValueType::HashTemplate => {
                let fields = self.template_fields()?;
                self.templated_listpack(Some(fields))
            }
            ValueType::HashTemplateRef => {
                let fields = self.peek_first_integer()?.and_then(|id| self.templates.fields(id));
                self.templated_listpack(fields)
            }
            ValueType::HashTemplateArray => {
                let fields = self.template_fields()?;
                self.template_values(fields)
            }
            _ => {
                let at = self.input.position();
                let id = self.input.read_length("a template id")?;
                let fields = self.templates.fields(id).ok_or_else(|| {
                    Error::new(ErrorKind::Unskippable("a hash of a template that the file does not have"), at)
                })?;
                self.template_values(fields)
            }
        }
    }

    /// A listpack of an id and one value for each field.
    fn templated_listpack(&mut self, fields: Option<u64>) -> Result<Outline> {
        let at = self.input.position();
        let facts = self.packed_string(Packed::Listpack, Shape::TEMPLATE_VALUE)?;
        let layout = Layout::Blob { packed: Packed::Listpack, blob_bytes: facts.blob_bytes };
        let outline = Outline::new(facts.elements, facts.tally, layout);
        let detail = match fields {
            None => "the file does not have its template",
            Some(fields) if facts.elements != fields => "it has not one value for each field",
            Some(_) => return Ok(outline),
        };
        self.contain(Error::corrupt("templated hash", detail, at))?;
        Ok(outline)
    }

    /// One string for each field.
    fn template_values(&mut self, fields: u64) -> Result<Outline> {
        if let Some(left) = self.input.remaining()
            && fields > left
        {
            return Err(Error::truncated("template values", self.input.position().saturating_add(left)));
        }
        let mut tally = Tally::default();
        for _ in 0..fields {
            let len = self.show_string(Role::Value, "a template value")?;
            tally.longest_string_bytes = tally.longest_string_bytes.max(len);
            tally.add_element(len);
            self.input.checkpoint();
        }
        let layout = Layout::Elements { longest_string_bytes: tally.longest_string_bytes };
        Ok(Outline::new(fields, Some(tally), layout))
    }

    /// Skips a listpack of field names, and returns their number.
    fn fields_in_listpack(&mut self) -> Result<u64> {
        let header = self.input.read_string_header("template fields")?;
        let end = self.input.position().saturating_add(header.payload_len);
        let mut order = FieldOrder::default();
        let Self { input, scratch, visitor, .. } = self;
        let walked = walk_stored(Packed::Listpack, header, *input, scratch, &mut |name| {
            order.see(name);
            visitor.string(Role::Field, name);
        });
        let fields = match walked {
            Ok(fields) => {
                if let Err(kind) = order.finish() {
                    self.contain(Error::new(kind, end))?;
                }
                fields
            }
            Err(error) => {
                self.contain(error)?;
                0
            }
        };
        self.input.skip(end.saturating_sub(self.input.position()), "template fields")?;
        Ok(fields)
    }

    /// Skips the field names of a template that is stored with its hash, and returns their number.
    fn template_fields(&mut self) -> Result<u64> {
        let at = self.input.position();
        let fields = match self.input.read_length("a hash template")? {
            FIELDS_IN_LISTPACK => self.fields_in_listpack()?,
            FIELDS_ONE_BY_ONE => {
                let fields = self.input.read_count(1, "template fields")?;
                let mut order = FieldOrder::default();
                for _ in 0..fields {
                    order.see_next(self.input)?;
                    self.show_string(Role::Field, "a template field")?;
                    self.input.checkpoint();
                }
                if let Err(kind) = order.finish() {
                    self.contain(Error::new(kind, at))?;
                }
                fields
            }
            _ => return Err(Error::corrupt("hash template", "unknown form", at)),
        };
        if fields == 0 && self.damage.is_none() {
            self.contain(Error::corrupt("hash template", "it has no fields", at))?;
        }
        Ok(fields)
    }
}
