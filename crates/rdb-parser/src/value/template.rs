//! Hashes that share their field names (Redis 8.10).
//!
//! Known from descriptions and the server's test vectors; no file of a server was available.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::packed::Shape;
use super::{Tally, Walker};
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::Input;
use crate::limits::MAX_HASH_TEMPLATES;
use crate::read::ReadExt as _;
use crate::visitor::{Role, Visitor};
use crate::warning::Warning;

/// How the field names of a template that comes with its hash are stored.
const FIELDS_IN_LISTPACK: u64 = 0;
const FIELDS_ONE_BY_ONE: u64 = 1;

/// The templates of a file: of each the number of fields. Ids are sparse and an attacker's, so they
/// are hashed with a key of their own.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    fields: HashMap<u64, u64>,
}

impl Templates {
    /// Adds a template.
    pub(crate) fn add(&mut self, id: u64, fields: u64) -> Result<(), ErrorKind> {
        if fields == 0 {
            return Err(ErrorKind::Corrupt("hash template", "it has no fields"));
        }
        if self.fields.len() >= MAX_HASH_TEMPLATES {
            return Err(ErrorKind::Limit("the number of hash templates"));
        }
        match self.fields.entry(id) {
            Entry::Occupied(_) => Err(ErrorKind::Corrupt("hash template", "its id is already taken")),
            Entry::Vacant(free) => {
                free.insert(fields);
                Ok(())
            }
        }
    }

    fn fields(&self, id: u64) -> Option<u64> {
        self.fields.get(&id).copied()
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Types 29 to 32: with its template or with the id of one; in a listpack or value by value.
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
        let at = self.input.position();
        if self.input.remaining().is_some_and(|left| fields > left) {
            return Err(Error::new(ErrorKind::BadLength("a number of template values"), at));
        }
        let mut tally = Tally::default();
        for _ in 0..fields {
            let len = self.show_string(Role::Value, "a template value")?;
            tally.longest_string_bytes = tally.longest_string_bytes.max(len);
            tally.add_element(len);
            self.input.checkpoint();
        }
        let layout = Layout::Table { longest_string_bytes: tally.longest_string_bytes };
        Ok(Outline::new(fields, Some(tally), layout))
    }

    /// Passes over the field names of a template that comes with its hash; returns their number.
    fn template_fields(&mut self) -> Result<u64> {
        let at = self.input.position();
        let fields = match self.input.read_length("a hash template")? {
            FIELDS_IN_LISTPACK => self.packed_string(Packed::Listpack, Shape::FIELD)?.elements,
            FIELDS_ONE_BY_ONE => {
                let fields = self.input.read_count(1, "template fields")?;
                for _ in 0..fields {
                    self.show_string(Role::Field, "a template field")?;
                    self.input.checkpoint();
                }
                fields
            }
            _ => return Err(Error::corrupt("hash template", "unknown form", at)),
        };
        if fields == 0 {
            self.contain(Error::corrupt("hash template", "it has no fields", at))?;
        }
        Ok(fields)
    }
}
