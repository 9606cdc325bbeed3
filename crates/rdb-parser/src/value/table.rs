//! Collections stored string by string: the hot loop of files with large collections.

use super::{Tally, Walker, decoded_len, score_warnings, shown_len, view_string};
use crate::error::Result;
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::Input;
use crate::read::{ReadExt as _, decode_length, decode_string_header};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::{Warning, Warnings};

/// Bytes walked before the input gets a chance to sum them.
const CHECKPOINT_BYTES: usize = 256 << 10;

/// What one element of a table is made of. Always a constant, so that each type gets a loop of its own.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    /// Whether a length that is an expiry stands before the strings.
    leading_expiry: bool,
    /// What stands after the strings.
    tail: Tail,
}

/// What stands after the strings of an element.
#[derive(Clone, Copy)]
enum Tail {
    Nothing,
    /// A binary double.
    BinaryDouble,
    /// Milliseconds, or -1 for none.
    Expiry,
    /// A double as text: its length in one byte, or 253 to 255 for what has no digits.
    TextDouble,
}

/// Length byte of a text double that means NaN; from it on they mean a value without text.
const NAN_DOUBLE: u8 = 253;

/// What is summed over a table, besides its outline.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableSums {
    pub(super) tally: Tally,
    /// The latest of the expiries before the strings.
    pub(super) largest_expiry: u64,
    pub(super) warnings: Warnings,
}

impl Table {
    pub(crate) const PLAIN: Self = Self { leading_expiry: false, tail: Tail::Nothing };
    pub(crate) const WITH_BINARY_SCORE: Self = Self { leading_expiry: false, tail: Tail::BinaryDouble };
    pub(super) const WITH_TEXT_SCORE: Self = Self { leading_expiry: false, tail: Tail::TextDouble };
    pub(super) const EXPIRY_FIRST: Self = Self { leading_expiry: true, tail: Tail::Nothing };
    pub(super) const EXPIRY_LAST: Self = Self { leading_expiry: false, tail: Tail::Expiry };

    /// Fewest bytes of an element of so many strings.
    const fn min_element_bytes(self, strings: usize) -> u64 {
        let tail = match self.tail {
            Tail::Nothing => 0,
            Tail::BinaryDouble | Tail::Expiry => 8,
            Tail::TextDouble => 1,
        };
        strings as u64 + self.leading_expiry as u64 + tail
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Passes over a count and as many elements.
    #[inline]
    pub(super) fn table<const STRINGS: usize>(
        &mut self,
        value_type: ValueType,
        table: Table,
        roles: &'static [Role; STRINGS],
    ) -> Result<Outline> {
        self.table_with_payload(value_type, table, roles, STRINGS)
    }

    /// As [`table`](Self::table), of elements of which only the first strings are payload.
    #[inline]
    pub(super) fn table_with_payload<const STRINGS: usize>(
        &mut self,
        value_type: ValueType,
        table: Table,
        roles: &'static [Role; STRINGS],
        payload: usize,
    ) -> Result<Outline> {
        self.table_sums(value_type, table, roles, payload).map(|(outline, _)| outline)
    }

    #[inline]
    pub(super) fn table_sums<const STRINGS: usize>(
        &mut self,
        value_type: ValueType,
        table: Table,
        roles: &'static [Role; STRINGS],
        payload: usize,
    ) -> Result<(Outline, TableSums)> {
        let count =
            self.input.read_count(table.min_element_bytes(STRINGS), "the elements of a collection")?;
        self.visitor.begin(value_type, Some(count));
        let mut sums = TableSums::default();
        let mut left = count;
        while left > 0 {
            let bytes = self.input.peek(1)?;
            let mut at = 0;
            let mut whole = true;
            while left > 0 && at < CHECKPOINT_BYTES {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(len) = element_within(rest, table, roles, payload, self.visitor, &mut sums) else {
                    whole = false;
                    break;
                };
                at += len;
                left -= 1;
            }
            self.input.consume(at);
            self.input.checkpoint();
            if !whole {
                self.element(table, roles, payload, &mut sums)?;
                left -= 1;
            }
        }
        Ok((self.table_outline(count, &sums), sums))
    }

    /// What the sums over a whole table come to.
    pub(crate) fn table_outline(&mut self, count: u64, sums: &TableSums) -> Outline {
        self.warnings = self.warnings.union(sums.warnings);
        let layout = Layout::Table { longest_string_bytes: sums.tally.longest_string_bytes };
        Outline::new(count, Some(sums.tally), layout)
    }

    /// Passes over one element that need not be whole in what the input holds; finds out what is
    /// wrong with one that is not valid.
    #[cold]
    pub(crate) fn element<const STRINGS: usize>(
        &mut self,
        table: Table,
        roles: &'static [Role; STRINGS],
        payload: usize,
        sums: &mut TableSums,
    ) -> Result<()> {
        if table.leading_expiry {
            sums.largest_expiry = sums.largest_expiry.max(self.input.read_length("a field's expiry")?);
        }
        let mut element_bytes = 0u64;
        for (index, &role) in roles.iter().enumerate() {
            let len = self.show_string(role, "an element")?;
            if index < payload {
                sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(len);
                element_bytes = element_bytes.saturating_add(len);
            }
        }
        sums.tally.add_element(element_bytes);
        match table.tail {
            Tail::Nothing => {}
            Tail::BinaryDouble => sums.note_double(self.input.read_array("a score")?),
            Tail::Expiry => sums.note_expiry(self.input.read_array("an expiry")?),
            Tail::TextDouble => {
                let len = self.input.read_u8("a score")?;
                if len < NAN_DOUBLE {
                    let text = self.input.require(usize::from(len), "a score")?;
                    sums.warnings = sums.warnings.union(score_warnings(text));
                    self.input.consume(usize::from(len));
                } else {
                    sums.warnings.insert_if(len == NAN_DOUBLE, Warning::NotANumber);
                }
            }
        }
        Ok(())
    }
}

/// Passes over one element that is whole in `bytes`: its length. `None`, with nothing counted or shown,
/// if it is not whole or not valid.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the loop around it is the hot one, and has one copy per table type")]
fn element_within<const STRINGS: usize, V: Visitor>(
    bytes: &[u8],
    table: Table,
    roles: &'static [Role; STRINGS],
    payload_strings: usize,
    visitor: &mut V,
    sums: &mut TableSums,
) -> Option<usize> {
    let mut at = 0;
    let mut expiry = 0;
    if table.leading_expiry {
        (expiry, at) = decode_length(bytes).ok()??;
    }
    let mut strings = [RdbString::Raw(&[]); STRINGS];
    let mut element_bytes = 0u64;
    let mut longest = 0;
    for (index, string) in strings.iter_mut().enumerate() {
        let rest = bytes.get(at..)?;
        let header = decode_string_header(rest).ok()??;
        let payload_len = usize::try_from(header.payload_len).ok()?;
        let payload = rest.get(header.header_len..)?.get(..payload_len)?;
        let len = decoded_len(header, payload);
        *string = match shown_len(header) {
            Some(_) => view_string(header, payload),
            None => RdbString::Skipped { decoded_len: len },
        };
        if index < payload_strings {
            longest = len.max(longest);
            element_bytes = element_bytes.saturating_add(len);
        }
        at += header.header_len + payload_len;
    }
    match table.tail {
        Tail::Nothing => {}
        Tail::BinaryDouble => {
            sums.note_double(*bytes.get(at..)?.first_chunk()?);
            at += 8;
        }
        Tail::Expiry => {
            sums.note_expiry(*bytes.get(at..)?.first_chunk()?);
            at += 8;
        }
        Tail::TextDouble => match *bytes.get(at)? {
            marker @ NAN_DOUBLE.. => {
                sums.warnings.insert_if(marker == NAN_DOUBLE, Warning::NotANumber);
                at += 1;
            }
            len => {
                let text = bytes.get(at + 1..)?.get(..usize::from(len))?;
                sums.warnings = sums.warnings.union(score_warnings(text));
                at += 1 + text.len();
            }
        },
    }
    // Only now is the element known to be whole, and shown once.
    for (string, &role) in strings.iter().zip(roles) {
        visitor.string(role, *string);
    }
    sums.largest_expiry = sums.largest_expiry.max(expiry);
    sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(longest);
    sums.tally.add_element(element_bytes);
    Some(at)
}

impl TableSums {
    #[inline]
    fn note_double(&mut self, bytes: [u8; 8]) {
        self.warnings.insert_if(f64::from_le_bytes(bytes).is_nan(), Warning::NotANumber);
    }

    #[inline]
    fn note_expiry(&mut self, bytes: [u8; 8]) {
        self.warnings.insert_if(i64::from_le_bytes(bytes) < -1, Warning::NegativeFieldExpiry);
    }
}
