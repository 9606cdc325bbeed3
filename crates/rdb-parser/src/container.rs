//! Records that belong to no key.

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Checksum, Flavour};
use crate::format::{FIRST_VERSION_WITH_CHECKSUM, ModuleId, RareRecord, opcode};
use crate::input::Input;
use crate::limits;
use crate::parser::{Parser, Record, SLOTS};
use crate::read::ReadExt as _;
use crate::string::{PinnedString, RdbString};
use crate::value::skip_module_stream;

/// A string of a record that is no key, copied because two of them are shown at a time.
#[derive(Debug, Default)]
pub(crate) struct MetaString {
    decoded: Vec<u8>,
    /// Length of a string that was too long to keep.
    skipped: Option<u64>,
}

impl<I: Input> Parser<I> {
    /// Reads a record that belongs to no key.
    #[inline(never)]
    pub(crate) fn read_container_record(&mut self, byte: u8, start: u64) -> Result<Record> {
        let record = match byte {
            opcode::AUX => {
                self.read_meta_string(0, "an AUX name")?;
                self.read_meta_string(1, "an AUX value")?;
                self.learn_from_aux();
                Record::Aux
            }
            opcode::SELECT_DB => {
                self.db = self.input.read_length("a database number")?;
                self.slot = None;
                Record::SelectDb
            }
            opcode::RESIZE_DB => Record::ResizeDb {
                keys: self.input.read_length("a number of keys")?,
                expires: self.input.read_length("a number of keys")?,
            },
            opcode::SLOT_INFO => {
                let slot = self.input.read_length("a slot number")?;
                let slot = u16::try_from(slot).ok().filter(|_| slot < SLOTS);
                let Some(slot) = slot else {
                    return Err(Error::new(ErrorKind::BadLength("a slot number"), start));
                };
                self.slot = Some(slot);
                let keys = self.input.read_length("a number of keys")?;
                Record::SlotInfo { slot, keys, expires: self.input.read_length("a number of keys")? }
            }
            opcode::FUNCTION2 => {
                self.read_meta_string(0, "a function library")?;
                Record::Function
            }
            opcode::FUNCTION_PRE_GA => {
                self.input.skip_string("a function's name")?;
                self.input.skip_string("a function's engine")?;
                if self.input.read_length("a function")? == 1 {
                    self.input.skip_string("a function's description")?;
                }
                self.read_meta_string(0, "a function's code")?;
                Record::Function
            }
            opcode::MODULE_AUX => self.read_module_aux()?,
            opcode::EOF => return self.read_end(start),
            _ => match RareRecord::from_byte(byte, self.dialect) {
                Some(rare) => match self.read_rare_record(rare, byte, start)? {
                    Record::Other { opcode } => Record::Other { opcode },
                    // Its bytes are counted elsewhere.
                    record => return Ok(record),
                },
                None => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
            },
        };
        self.container_bytes += self.input.position() - start;
        Ok(record)
    }

    fn read_module_aux(&mut self) -> Result<Record> {
        /// Opcode of the number that says when the data is to be loaded.
        const UNSIGNED: u64 = 2;
        let module = ModuleId(self.input.read_length("a module id")?);
        if self.input.read_length("module data")? != UNSIGNED {
            return Err(self
                .input
                .fail(ErrorKind::Corrupt("module data", "it does not start with a number")));
        }
        self.input.read_length("module data")?;
        skip_module_stream(&mut self.input)?;
        Ok(Record::ModuleAux(module))
    }

    pub(crate) fn read_checksum(&mut self) -> Result<Checksum> {
        if self.header.version < FIRST_VERSION_WITH_CHECKSUM {
            return Ok(Checksum::Absent);
        }
        let computed = self.input.checksum();
        let stored = u64::from_le_bytes(self.input.read_array("the checksum")?);
        Ok(match computed {
            _ if stored == 0 => Checksum::Absent,
            None => Checksum::Skipped,
            Some(computed) if computed == stored => Checksum::Verified,
            Some(computed) => Checksum::Mismatch { stored, computed },
        })
    }

    fn read_meta_string(&mut self, index: usize, what: &'static str) -> Result<()> {
        let header = self.input.read_string_header(what)?;
        let Some(kept) = self.meta.get_mut(index) else { return Ok(()) };
        kept.decoded.clear();
        kept.skipped = None;
        if header.payload_len > limits::MAX_META_STRING_BYTES {
            self.input.skip(header.payload_len, what)?;
            kept.skipped = Some(header.decoded_len);
            return Ok(());
        }
        let at = self.input.position();
        let string = PinnedString::read(&mut self.input, header, what)?;
        match string.view(&self.input).decode(&mut self.scratch) {
            Ok(decoded) => kept.decoded.extend_from_slice(decoded),
            Err(kind) => return Err(Error::new(kind, at)),
        }
        Ok(())
    }

    /// Refines the flavour, and takes the slot from where Valkey 8 and later put it.
    fn learn_from_aux(&mut self) {
        let [name, value] = &self.meta;
        match name.decoded.as_slice() {
            b"df-ver" => {
                self.flavour = Flavour::Dragonfly;
                self.dialect = self.flavour.dialect(self.header.dialect);
            }
            b"valkey-ver" => self.flavour = Flavour::Valkey,
            b"mvcc-tstamp" | b"repl-masters" => self.flavour = Flavour::KeyDb,
            name if name.starts_with(b"keydb-") => self.flavour = Flavour::KeyDb,
            b"slot-info" => {
                let digits = value.decoded.split(|&byte| byte == b',').next().unwrap_or_default();
                let slot: Option<u16> =
                    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                self.slot = slot.filter(|&slot| u64::from(slot) < SLOTS);
            }
            _ => {}
        }
    }
}

impl MetaString {
    pub(crate) fn view(&self) -> RdbString<'_> {
        match self.skipped {
            Some(decoded_len) => RdbString::Skipped { decoded_len },
            None => RdbString::Raw(&self.decoded),
        }
    }
}
