//! Skips values: a rule for each value type, which gives the [`Outline`].

mod array;
mod elements;
mod list;
mod module;
mod packed;
mod sketch;
mod stream;
mod stream_node;
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

pub(crate) use elements::{ElementForm, ElementSums};
pub(crate) use list::ListSums;
pub(crate) use module::skip_module_stream;
use packed::Shape;
pub(crate) use sketch::FilterSums;
pub(crate) use stream::StreamSums;
pub(crate) use template::Templates;
pub(crate) use templated_hash::FieldOrder;
use walker::{FIELD_EXPIRY_OUT_OF_RANGE, FIRST_EXPIRY, MAX_FIELD_EXPIRY_MS, NO_FIELD_EXPIRY_MS};
pub(crate) use walker::{FIELD_WITH_EXPIRY, MEMBER_WITH_EXPIRY, PAIR, Walker};

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
        let is_empty = outline.elements == Some(0) && self.damage.is_none() && !value_type.is_stream();
        self.warnings.insert_if(is_empty, Warning::EmptyCollection);
        Ok(outline)
    }

    #[inline(always)]
    fn outline_of(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::String => self.whole_string(),
            ValueType::List => self.elements(value_type, ElementForm::PLAIN, &[Role::Item]),
            ValueType::Set => self.elements(value_type, ElementForm::PLAIN, &[Role::Member]),
            ValueType::ZsetText => self.elements(value_type, ElementForm::WITH_TEXT_SCORE, &[Role::Member]),
            ValueType::ZsetBinary => {
                self.elements(value_type, ElementForm::WITH_BINARY_SCORE, &[Role::Member])
            }
            ValueType::Hash => self.elements(value_type, ElementForm::PLAIN, PAIR),
            ValueType::HashExpiryValkey => self.elements(value_type, ElementForm::EXPIRY_LAST, PAIR),
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
            _ => Err(self.input.fail(ErrorKind::Unskippable(NO_RULE))),
        }
    }

    fn dragonfly_value(&mut self, value_type: ValueType) -> Result<Outline> {
        match value_type {
            ValueType::HashExpiryDragonfly => {
                self.elements_with_payload(value_type, ElementForm::PLAIN, FIELD_WITH_EXPIRY, 2)
            }
            ValueType::SetExpiryDragonfly => {
                self.elements_with_payload(value_type, ElementForm::PLAIN, MEMBER_WITH_EXPIRY, 1)
            }
            ValueType::Json => self.json(),
            sketch => self.sketch(sketch),
        }
    }

    /// Type 22: each expiry is a time.
    fn hash_with_expiries(&mut self, value_type: ValueType) -> Result<Outline> {
        let at = self.input.position();
        let (outline, sums) = self.element_sums(value_type, ElementForm::EXPIRY_FIRST, PAIR, PAIR.len())?;
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
            self.element_sums(ValueType::HashExpiry, ElementForm::EXPIRY_FIRST, PAIR, PAIR.len())?;
        let latest = match sums.largest_expiry {
            0 => Some(0),
            relative => first.checked_add(relative - 1),
        };
        if latest.is_none_or(|latest| latest > MAX_FIELD_EXPIRY_MS) {
            self.contain(Error::corrupt("hash", FIELD_EXPIRY_OUT_OF_RANGE, at))?;
        }
        Ok(outline)
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
