//! Structures that are neither collections of strings nor packed: arrays, hashes of paths, rate
//! limiters, scheduled scripts.
//!
//! Arrays were compared with files of Redis 8.9 and 8.10, and with `rdbLoadObject` of 8.10. The
//! sources of the others are descriptions.

use super::sums::{ElementLayout, ElementSums, Tally};
use super::walker::Walker;
use crate::double_text::DoubleText;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::{ReadExt as _, decimal_len};
use crate::string::RdbString;
use crate::visitor::{Role, Visitor};
use crate::warning::Warning;

/// How the content of an array's cell is stored.
const CELL_STRING: u64 = 0;
const CELL_INTEGER: u64 = 1;
const CELL_DOUBLE: u64 = 2;
const CELL_SHORT_STRING: u64 = 3;

/// Longest string that is stored as a short one.
const MAX_SHORT_STRING_BYTES: u64 = 7;

/// Fewest bytes of a cell: index, kind of storage, content.
const MIN_CELL_BYTES: u64 = 3;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Type 28: the number of cells, a flag, the insert index if it is set, then the cells.
    pub(super) fn array(&mut self) -> Result<Outline> {
        let cells = self.input.read_count(MIN_CELL_BYTES, "array cells")?;
        self.visitor.begin(ValueType::Array, Some(cells));
        let at = self.input.position();
        match self.input.read_length("an array's flag")? {
            0 => {}
            1 => {
                self.input.read_length("an array's insert index")?;
            }
            _ => return Err(Error::corrupt("array", "unknown flag", at)),
        }
        let mut tally = Tally::default();
        for _ in 0..cells {
            let at = self.input.position();
            let index = self.input.read_length("an array index")?;
            if index == u64::MAX {
                self.contain(Error::corrupt("array", "the index is the mark for none", at))?;
            }
            let at = self.input.position();
            let stored = self.input.read_length("an array cell")?;
            let mut string_bytes = None;
            let len = match stored {
                CELL_STRING | CELL_SHORT_STRING => {
                    let len = self.show_string(Role::Item, "an array cell")?;
                    if stored == CELL_SHORT_STRING && len > MAX_SHORT_STRING_BYTES {
                        self.contain(Error::corrupt("array", "a short string is too long", at))?;
                    }
                    tally.longest_string_bytes = tally.longest_string_bytes.max(len);
                    string_bytes = Some(len);
                    len
                }
                CELL_INTEGER => {
                    let value = i64::from_le_bytes(self.input.read_array("an array cell")?);
                    self.visitor.string(Role::Item, RdbString::Int(value));
                    decimal_len(value)
                }
                CELL_DOUBLE => {
                    let value = f64::from_le_bytes(self.input.read_array("an array cell")?);
                    let text = DoubleText::of_array_cell(value);
                    self.visitor.string(Role::Item, RdbString::Raw(text.bytes()));
                    text.bytes().len() as u64
                }
                _ => return Err(Error::corrupt("array", "unknown kind of cell", at)),
            };
            self.visitor.array_cell(index, string_bytes);
            tally.add_element(len);
            self.input.checkpoint();
        }
        let layout = Layout::Elements { longest_string_bytes: tally.longest_string_bytes };
        Ok(Outline::new(cells, Some(tally), layout))
    }

    /// Type 23 of Valkey: the number of paths, then for each path its name, the number of its
    /// fields, and the fields.
    pub(super) fn hash_of_paths(&mut self) -> Result<Outline> {
        /// A name, a count, and one field with its value.
        const MIN_PATH_BYTES: u64 = 4;
        self.warnings.insert(Warning::ProvisionalHashPaths);
        let paths = self.input.read_count(MIN_PATH_BYTES, "hash paths")?;
        self.visitor.begin(ValueType::HashPathsValkey, None);
        let mut sums = ElementSums::default();
        let mut total = 0u64;
        for _ in 0..paths {
            self.input.skip_string("a hash path")?;
            let at = self.input.position();
            let fields = self.input.read_count(2, "fields")?;
            if fields == 0 {
                self.contain(Error::corrupt("hash of paths", "a path without fields", at))?;
            }
            total = total.saturating_add(fields);
            for _ in 0..fields {
                self.element(ElementLayout::Pairs, &mut sums)?;
                self.input.checkpoint();
            }
        }
        Ok(self.elements_outline(total, &sums))
    }

    /// Type 33 of Redis: the time at which the limiter is empty again.
    pub(super) fn rate_limiter(&mut self) -> Result<Outline> {
        self.warnings.insert(Warning::ProvisionalGcra);
        self.visitor.begin(ValueType::Gcra, Some(1));
        self.input.read_length("a rate limiter")?;
        Ok(Outline::opaque(Some(1), Layout::Opaque))
    }

    /// Type 64 of KeyDB: script, start and interval, then its keys and its arguments.
    pub(super) fn cron(&mut self) -> Result<Outline> {
        self.warnings.insert(Warning::ProvisionalCron);
        self.visitor.begin(ValueType::Cron, None);
        self.input.skip_string("a script")?;
        self.input.skip(16, "a script's times")?;
        for _ in 0..2 {
            let strings = self.input.read_count(1, "script arguments")?;
            for _ in 0..strings {
                self.input.skip_string("a script's argument")?;
                self.input.checkpoint();
            }
        }
        Ok(Outline::opaque(None, Layout::Opaque))
    }

    /// Reads a number that must be `expected`.
    pub(super) fn expect_length(&mut self, expected: u64, encoding: &'static str) -> Result<()> {
        let at = self.input.position();
        if self.input.read_length(encoding)? == expected {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt(encoding, "unknown options"), at))
    }
}
