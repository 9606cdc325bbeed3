//! Collections stored string by string: the hot loop of files with large collections.

use super::{Tally, Walker, decoded_len, shown_len, view_string};
use crate::error::Result;
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::Input;
use crate::read::{ReadExt as _, decode_length, decode_string_header};
use crate::string::RdbString;
use crate::visitor::{Role, Score, Visitor};

/// Bytes walked before the input gets a chance to sum them.
const CHECKPOINT_BYTES: usize = 256 << 10;

/// What one element of a table is made of. Always a constant, so that each type gets a loop of its own.
#[derive(Clone, Copy)]
pub(super) struct Table {
    /// Whether a length that is an expiry stands before the strings.
    pub(super) leading_expiry: bool,
    /// What stands after the strings.
    pub(super) tail: Tail,
}

/// What stands after the strings of an element.
#[derive(Clone, Copy)]
pub(super) enum Tail {
    Nothing,
    /// A binary double.
    Double,
    /// An expiry in milliseconds since 1970, or -1.
    Expiry,
    /// A double as text: its length in one byte, or 253 to 255 for what has no digits.
    TextDouble,
}

/// First length byte of a text double that means a value without text: NaN, +inf, -inf.
const FIRST_TEXTLESS_DOUBLE: u8 = 253;

impl Table {
    pub(super) const PLAIN: Self = Self { leading_expiry: false, tail: Tail::Nothing };
    pub(super) const WITH_BINARY_SCORE: Self = Self { leading_expiry: false, tail: Tail::Double };
    pub(super) const WITH_TEXT_SCORE: Self = Self { leading_expiry: false, tail: Tail::TextDouble };
    pub(super) const EXPIRY_FIRST: Self = Self { leading_expiry: true, tail: Tail::Nothing };
    pub(super) const EXPIRY_LAST: Self = Self { leading_expiry: false, tail: Tail::Expiry };

    /// Fewest bytes of an element of so many strings.
    const fn min_element_bytes(self, strings: usize) -> u64 {
        let tail = match self.tail {
            Tail::Nothing => 0,
            Tail::Double | Tail::Expiry => 8,
            Tail::TextDouble => 1,
        };
        strings as u64 + self.leading_expiry as u64 + tail
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Passes over a count and as many elements. Not inlined, so that the loops do not keep what is needed
    /// for every key from being inlined.
    #[inline(never)]
    pub(super) fn table<const STRINGS: usize>(
        &mut self,
        value_type: ValueType,
        table: Table,
        roles: &'static [Role; STRINGS],
    ) -> Result<Outline> {
        let count =
            self.input.read_count(table.min_element_bytes(STRINGS), "the elements of a collection")?;
        self.visitor.begin(value_type, Some(count));
        let tally = if self.visitor.wants_strings() {
            self.elements::<STRINGS, true>(count, table, roles)?
        } else {
            self.elements::<STRINGS, false>(count, table, roles)?
        };
        let layout = Layout::Table { longest_string_bytes: tally.longest_string_bytes };
        Ok(Outline::new(count, Some(tally), layout))
    }

    /// Passes over so many elements, showing their strings if `SHOWN`, otherwise the lengths.
    #[inline]
    fn elements<const STRINGS: usize, const SHOWN: bool>(
        &mut self,
        count: u64,
        table: Table,
        roles: &'static [Role; STRINGS],
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut left = count;
        while left > 0 {
            let bytes = self.input.peek(1)?;
            let mut at = 0;
            let mut whole = true;
            while left > 0 && at < CHECKPOINT_BYTES {
                let rest = bytes.get(at..).unwrap_or_default();
                let len = element_within::<STRINGS, SHOWN, V>(rest, table, roles, self.visitor, &mut tally);
                let Some(len) = len else {
                    whole = false;
                    break;
                };
                at += len;
                left -= 1;
            }
            self.input.consume(at);
            self.input.checkpoint();
            if !whole {
                self.element::<STRINGS, SHOWN>(table, roles, &mut tally)?;
                left -= 1;
            }
        }
        Ok(tally)
    }

    /// Passes over one element that need not be whole in what the input holds; finds out what is
    /// wrong with one that is not valid.
    #[cold]
    fn element<const STRINGS: usize, const SHOWN: bool>(
        &mut self,
        table: Table,
        roles: &'static [Role; STRINGS],
        tally: &mut Tally,
    ) -> Result<()> {
        if table.leading_expiry {
            let expiry = self.input.read_length("a field's expiry")?;
            self.visitor.field_expiry(some_expiry(expiry));
        }
        let mut element_bytes = 0u64;
        let mut lengths = [0; STRINGS];
        for (&role, shown) in roles.iter().zip(&mut lengths) {
            let len =
                if SHOWN { self.show_string(role, "an element")? } else { self.pass_string("an element")? };
            *shown = len;
            tally.longest_string_bytes = tally.longest_string_bytes.max(len);
            element_bytes = element_bytes.saturating_add(len);
        }
        if !SHOWN {
            self.visitor.lengths(roles, &lengths);
        }
        tally.add_element(element_bytes);
        match table.tail {
            Tail::Nothing => {}
            Tail::Double => {
                let score = f64::from_le_bytes(self.input.read_array("a score")?);
                if SHOWN {
                    self.visitor.score(Score::Binary(score));
                }
            }
            Tail::Expiry => {
                let expiry = i64::from_le_bytes(self.input.read_array("a field's expiry")?);
                self.visitor.field_expiry(u64::try_from(expiry).ok());
            }
            Tail::TextDouble => match self.input.read_u8("a score")? {
                first @ FIRST_TEXTLESS_DOUBLE.. if SHOWN => {
                    self.visitor.score(Score::Binary(textless_double(first)));
                }
                FIRST_TEXTLESS_DOUBLE.. => {}
                len => {
                    let text = self.input.require(usize::from(len), "a score")?;
                    if SHOWN {
                        self.visitor.score(Score::Text(text));
                    }
                    self.input.consume(usize::from(len));
                }
            },
        }
        Ok(())
    }
}

/// Passes over one element that is whole in `bytes`: its length. `None`, with nothing counted or shown,
/// if it is not whole or not valid.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the loop around it is the hot one, and has one copy per table type")]
fn element_within<const STRINGS: usize, const SHOWN: bool, V: Visitor>(
    bytes: &[u8],
    table: Table,
    roles: &'static [Role; STRINGS],
    visitor: &mut V,
    tally: &mut Tally,
) -> Option<usize> {
    let mut at = 0;
    let mut expiry = None;
    if table.leading_expiry {
        let (value, len) = decode_length(bytes).ok()??;
        expiry = some_expiry(value);
        at += len;
    }
    let mut strings = [RdbString::Raw(&[]); STRINGS];
    let mut lengths = [0; STRINGS];
    let mut element_bytes = 0u64;
    let mut longest = 0;
    for (string, shown_length) in strings.iter_mut().zip(&mut lengths) {
        let rest = bytes.get(at..)?;
        let header = decode_string_header(rest).ok()??;
        let payload_len = usize::try_from(header.payload_len).ok()?;
        let payload = rest.get(header.header_len..)?.get(..payload_len)?;
        let len = decoded_len(header, payload);
        if SHOWN {
            *string = match shown_len(header) {
                Some(_) => view_string(header, payload),
                None => RdbString::Skipped { decoded_len: len },
            };
        }
        *shown_length = len;
        longest = len.max(longest);
        element_bytes = element_bytes.saturating_add(len);
        at += header.header_len + payload_len;
    }
    let tail = bytes.get(at..)?;
    let mut score = None;
    at += match table.tail {
        Tail::Nothing => 0,
        Tail::Double => {
            score = Some(Score::Binary(f64::from_le_bytes(*tail.first_chunk()?)));
            8
        }
        Tail::Expiry => {
            expiry = u64::try_from(i64::from_le_bytes(*tail.first_chunk()?)).ok();
            8
        }
        Tail::TextDouble => match *tail.first()? {
            first @ FIRST_TEXTLESS_DOUBLE.. => {
                score = Some(Score::Binary(textless_double(first)));
                1
            }
            len => {
                score = Some(Score::Text(tail.get(1..=usize::from(len))?));
                1 + usize::from(len)
            }
        },
    };
    // Only now is the element known to be whole, and shown once.
    if table.leading_expiry {
        visitor.field_expiry(expiry);
    }
    if SHOWN {
        for (string, &role) in strings.iter().zip(roles) {
            visitor.string(role, *string);
        }
        if let Some(score) = score {
            visitor.score(score);
        }
    } else {
        visitor.lengths(roles, &lengths);
    }
    if matches!(table.tail, Tail::Expiry) {
        visitor.field_expiry(expiry);
    }
    tally.longest_string_bytes = tally.longest_string_bytes.max(longest);
    tally.add_element(element_bytes);
    Some(at)
}

/// The expiry that a length before a field stands for.
#[inline]
fn some_expiry(stored: u64) -> Option<u64> {
    (stored > 0).then_some(stored)
}

/// The double that a length byte of a text double stands for when no text follows.
#[inline]
fn textless_double(first: u8) -> f64 {
    match first {
        FIRST_TEXTLESS_DOUBLE => f64::NAN,
        254 => f64::INFINITY,
        _ => f64::NEG_INFINITY,
    }
}
