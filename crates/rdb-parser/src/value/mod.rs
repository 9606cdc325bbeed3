//! Skips values: a rule for each value type, which gives the [`Outline`].

mod array;
mod elements;
mod list;
mod module;
mod open;
mod packed;
mod parts;
mod shown;
mod sketch;
mod stream;
mod stream_node;
mod sums;
mod template;
mod templated_hash;
mod walker;

use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::Outline;
use crate::read::ReadExt as _;
use crate::visitor::{Role, Visitor};
use crate::warning::Warning;

pub(crate) use elements::NAN_DOUBLE;
pub(crate) use list::PLAIN as PLAIN_NODE;
pub(crate) use module::skip_module_stream;
pub(crate) use open::{ElementParts, OpenValue, Pace};
use packed::Shape;
pub(crate) use sketch::FilterSums;
pub(crate) use sums::{ElementLayout, ElementSums, ListSums, PartSums, StreamSums};
pub(crate) use template::{Template, Templates};
pub(crate) use walker::Walker;
use walker::{FIRST_EXPIRY, NO_FIELD_EXPIRY_MS};

/// A value type that stands in `format.rs` and has no rule here.
const NO_RULE: &str = "a value of a type without a rule";

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Skips a value of the given type.
    ///
    /// # Errors
    ///
    /// If the end of the value cannot be found. Damage inside a value whose end is known goes to
    /// [`damage`](Self::damage).
    #[inline(always)]
    pub(crate) fn outline(&mut self, value_type: ValueType) -> Result<Outline> {
        let outline = self.outline_of(value_type)?;
        self.note_empty(value_type, &outline);
        Ok(outline)
    }

    #[inline(always)]
    fn note_empty(&mut self, value_type: ValueType, outline: &Outline) {
        let is_empty = outline.elements == Some(0) && self.damage.is_none() && !value_type.is_stream();
        self.warnings.insert_if(is_empty, Warning::EmptyCollection);
    }

    #[inline(always)]
    fn outline_of(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::String => self.whole_string(),
            ValueType::Hash => self.elements(value_type, ElementLayout::Pairs, 0),
            ValueType::Set => self.elements(value_type, ElementLayout::Members, 0),
            ValueType::ZsetBinary => self.elements(value_type, ElementLayout::MembersWithScore, 0),
            ValueType::HashExpiry => self.hash_with_first_expiry(),
            ValueType::HashZipmap => self.blob(value_type, Packed::Zipmap, &Shape::PAIR),
            ValueType::HashZiplist => self.blob(value_type, Packed::Ziplist, &Shape::PAIR),
            ValueType::HashListpack => self.blob(value_type, Packed::Listpack, &Shape::PAIR),
            ValueType::HashListpackExpiryPreRelease => {
                self.blob(value_type, Packed::Listpack, &Shape::PAIR_WITH_EXPIRY)
            }
            ValueType::HashListpackExpiry => {
                // `rdbLoadObject` reads the first expiry and ignores it.
                self.input.skip(8, FIRST_EXPIRY)?;
                self.blob(value_type, Packed::Listpack, &Shape::PAIR_WITH_EXPIRY)
            }
            ValueType::ListZiplist => self.blob(value_type, Packed::Ziplist, &Shape::ITEM),
            ValueType::SetIntset => self.blob(value_type, Packed::Intset, &Shape::MEMBER),
            ValueType::SetListpack => self.blob(value_type, Packed::Listpack, &Shape::MEMBER),
            ValueType::ZsetZiplist => self.blob(value_type, Packed::Ziplist, &Shape::MEMBER_WITH_SCORE),
            ValueType::ZsetListpack => self.blob(value_type, Packed::Listpack, &Shape::MEMBER_WITH_SCORE),
            ValueType::ListQuicklist | ValueType::ListQuicklist2 => self.quicklist(value_type),
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
            ValueType::HashExpiryDragonfly
            | ValueType::SetExpiryDragonfly
            | ValueType::Json
            | ValueType::Bloom
            | ValueType::BloomChunked
            | ValueType::CountMin
            | ValueType::TopK
            | ValueType::Cuckoo => {
                self.warnings.insert(Warning::ProvisionalDragonfly);
                self.dragonfly_value(value_type)
            }
            other => match ElementLayout::of(other) {
                Some(layout) => self.elements(other, layout, 0),
                None => Err(self.input.fail(ErrorKind::Unskippable(NO_RULE))),
            },
        }
    }

    fn dragonfly_value(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::HashExpiryDragonfly => self.elements(value_type, ElementLayout::PairsWithExpiry, 0),
            ValueType::SetExpiryDragonfly => self.elements(value_type, ElementLayout::MembersWithExpiry, 0),
            ValueType::Json => self.json(),
            sketch => self.sketch(sketch),
        }
    }

    /// Type 24: the expiries are relative to the first.
    fn hash_with_first_expiry(&mut self) -> Result<Outline> {
        let first = self.first_expiry()?;
        self.visitor.first_expiry(first);
        self.elements(ValueType::HashExpiry, ElementLayout::ExpiryThenPairs, first)
    }

    /// The first expiry of a hash of type 24. `rdbLoadObject` refuses one above
    /// [`NO_FIELD_EXPIRY_MS`].
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;
    use crate::{Event, Parser};

    #[test]
    fn every_value_type_has_a_rule() {
        for (dialect, header) in [
            (Dialect::Redis, &b"REDIS0015"[..]),
            (Dialect::Valkey, b"VALKEY081"),
            (Dialect::Dragonfly, b"REDIS0015\xfa\x06df-ver\x01x"),
        ] {
            for byte in 0..=u8::MAX {
                if ValueType::from_byte(byte, dialect, 15).is_none() {
                    continue;
                }
                let file = [header, &[byte, 1, b'k'], &[0; 64]].concat();
                let mut parser = Parser::from_slice(&file).expect("a header");
                let outcome = loop {
                    match parser.next_event() {
                        Ok(Some(Event::Aux { .. } | Event::Warning { .. })) => {}
                        outcome => break outcome.map(|_| ()),
                    }
                };
                let message = outcome.err().map(|error| error.message()).unwrap_or_default();
                assert!(!message.contains(NO_RULE), "type {byte} of {dialect:?}: {message}");
            }
        }
    }
}
