//! Hashes that share their field names (Redis 8.10).
//!
//! Source: descriptions and the server's test vectors. No file of a server was available.

use super::packed::{Shape, walk_stored};
use super::sums::Tally;
use super::template::{Fields, Template};
use super::walker::Walker;
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::ReadExt as _;
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::Warning;

/// How the field names of a template that comes with its hash are stored.
const FIELDS_IN_LISTPACK: u64 = 0;
const FIELDS_ONE_BY_ONE: u64 = 1;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Types 29 to 32: a template or the id of one, then a listpack or value by value.
    pub(super) fn templated_hash(&mut self, value_type: ValueType) -> Result<Outline> {
        self.warnings.insert(Warning::ProvisionalHashTemplate);
        self.visitor.begin(value_type, None);
        match value_type {
            ValueType::HashTemplate => {
                let template = self.own_template(true)?;
                self.templated_listpack(Some(template.fields()))
            }
            ValueType::HashTemplateRef => {
                let templates = self.templates;
                let fields = self.peek_first_integer()?.and_then(|id| templates.fields(id));
                self.templated_listpack(fields)
            }
            ValueType::HashTemplateArray => {
                let template = self.own_template(false)?;
                self.template_values(template.fields())
            }
            _ => {
                let at = self.input.position();
                let id = self.input.read_length("a template id")?;
                let templates = self.templates;
                let fields = templates.fields(id).ok_or_else(|| {
                    Error::new(ErrorKind::Unskippable("a hash of a template that the file does not have"), at)
                })?;
                self.template_values(fields)
            }
        }
    }

    /// A listpack of an id and one value for each field.
    fn templated_listpack(&mut self, fields: Option<Fields<'_>>) -> Result<Outline> {
        let at = self.input.position();
        let (count, names) = fields.map_or((None, None), |fields| (Some(fields.count), fields.names));
        let has_names = names.is_some();
        let facts = self.packed_string(Packed::Listpack, &Shape::template_values(names))?;
        let layout = Layout::Blob { packed: Packed::Listpack, blob_bytes: facts.blob_bytes };
        let outline = Outline::new(facts.elements, facts.tally.filter(|_| has_names), layout);
        let detail = match count {
            None => "the file does not have its template",
            Some(count) if facts.elements != count => "it has not one value for each field",
            Some(_) => return Ok(outline),
        };
        self.contain(Error::corrupt("templated hash", detail, at))?;
        Ok(outline)
    }

    /// One string for each field.
    fn template_values(&mut self, Fields { count, mut names }: Fields<'_>) -> Result<Outline> {
        if let Some(left) = self.input.remaining()
            && count > left
        {
            return Err(Error::truncated("template values", self.input.position().saturating_add(left)));
        }
        let mut tally = Tally::default();
        for _ in 0..count {
            let name = names.as_mut().and_then(Iterator::next);
            let name_bytes = name.map_or(0, |name| name.decoded_len());
            if let Some(name) = name {
                self.visitor.string(Role::Field, name);
            }
            let len = self.show_string(Role::Value, "a template value")?;
            tally.longest_string_bytes = tally.longest_string_bytes.max(name_bytes).max(len);
            tally.add_element(name_bytes.saturating_add(len));
            self.visitor.element(&[Role::Field, Role::Value], &[name_bytes, len], None);
            self.input.checkpoint();
        }
        let layout = Layout::Elements { longest_string_bytes: tally.longest_string_bytes };
        Ok(Outline::new(count, names.is_some().then_some(tally), layout))
    }

    /// Reads a listpack of field names. A damaged one counts as without any, if the end of the value
    /// `is_known` nevertheless.
    fn fields_in_listpack(&mut self, is_known: bool) -> Result<Template> {
        let header = self.input.read_string_header("template fields")?;
        let end = self.input.position().saturating_add(header.payload_len);
        let mut template = Template::new();
        let Self { input, scratch, .. } = self;
        let mut push = |name: RdbString<'_>| template.push(name);
        if let Err(error) = walk_stored::<_, ()>(Packed::Listpack, header, *input, scratch, &mut push) {
            if !is_known {
                return Err(error);
            }
            self.contain(error)?;
            template = Template::new();
        }
        self.input.skip(end.saturating_sub(self.input.position()), "template fields")?;
        Ok(template)
    }

    /// Reads the template that is stored with its hash. `is_end_known`: whether the end of the value does
    /// not depend on the number of fields.
    fn own_template(&mut self, is_end_known: bool) -> Result<Template> {
        let at = self.input.position();
        let mut template = match self.input.read_length("a hash template")? {
            FIELDS_IN_LISTPACK => self.fields_in_listpack(is_end_known)?,
            FIELDS_ONE_BY_ONE => {
                let fields = self.input.read_count(1, "template fields")?;
                Template::read(self.input, fields)?
            }
            _ => return Err(Error::corrupt("hash template", "unknown form", at)),
        };
        if let Some(kind) = template.take_damage() {
            self.contain(Error::new(kind, at))?;
        }
        if let Err(kind) = template.check_order() {
            self.contain(Error::new(kind, at))?;
        }
        if template.fields().count == 0 && self.damage.is_none() {
            self.contain(Error::corrupt("hash template", "it has no fields", at))?;
        }
        Ok(template)
    }
}
