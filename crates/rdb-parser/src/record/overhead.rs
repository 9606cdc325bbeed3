//! Records that belong to no key and that most files have.

use super::next::{Other, Record};
use super::reader::RecordReader;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Checksum;
use crate::format::{FIRST_VERSION_WITH_CHECKSUM, ModuleId, RareRecord, SLOTS, module_opcode, opcode};
use crate::input::Input;
use crate::read::ReadExt as _;
use crate::value::skip_module_stream;
use crate::warning::Warning;

impl<I: Input> RecordReader<I> {
    /// Reads a record that is not a key, whose opcode, at `start`, was read. Returns `None` for an
    /// opcode of the next key's prefix.
    #[inline(never)]
    pub(super) fn read_overhead(&mut self, byte: u8, start: u64) -> Result<Option<Other>> {
        let record = match byte {
            opcode::AUX => {
                self.meta.read_first(&mut self.input, &mut self.scratch, "an AUX name")?;
                self.meta.read_second(&mut self.input, &mut self.scratch, "an AUX value")?;
                let (name, value) = self.meta.decoded();
                self.state.apply_aux(name, value);
                Record::Aux
            }
            opcode::SELECT_DB => {
                self.state.select_db(self.input.read_length("a database number")?);
                Record::SelectDb
            }
            opcode::RESIZE_DB => Record::ResizeDb {
                keys: self.input.read_length("a number of keys")?,
                expires: self.input.read_length("a number of keys")?,
            },
            opcode::SLOT_INFO => self.read_slot_info(start)?,
            opcode::FUNCTION2 => {
                self.meta.read_first(&mut self.input, &mut self.scratch, "a function library")?;
                Record::Function
            }
            opcode::FUNCTION_PRE_GA => {
                self.input.skip_string("a function's name")?;
                self.input.skip_string("a function's engine")?;
                if self.input.read_length("a function")? == 1 {
                    self.input.skip_string("a function's description")?;
                }
                self.meta.read_first(&mut self.input, &mut self.scratch, "a function's code")?;
                Record::Function
            }
            opcode::MODULE_AUX => Record::ModuleAux(read_module_aux(&mut self.input)?),
            opcode::EOF => return self.read_end(start).map(Some),
            _ => match RareRecord::from_byte(byte, self.state.dialect) {
                Some(rare) => return self.read_rare(rare, byte, start),
                None => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
            },
        };
        self.count_overhead_since(start);
        Ok(Some(Other::Record(record)))
    }

    /// Counts the record from `start` to the cursor as overhead.
    pub(super) fn count_overhead_since(&mut self, start: u64) {
        self.overhead_bytes += self.input.position() - start;
    }

    fn read_slot_info(&mut self, start: u64) -> Result<Record> {
        let slot = self.input.read_length("a slot number")?;
        let Some(slot) = u16::try_from(slot).ok().filter(|_| slot < SLOTS) else {
            return Err(Error::new(ErrorKind::BadLength("a slot number"), start));
        };
        self.state.slot = Some(slot);
        let keys = self.input.read_length("a number of keys")?;
        Ok(Record::SlotInfo { slot, keys, expires: self.input.read_length("a number of keys")? })
    }

    /// Reads what follows the end of file opcode, which stands at `start`.
    #[cold]
    fn read_end(&mut self, start: u64) -> Result<Other> {
        if self.blob.is_some() {
            return Err(Error::corrupt("Dragonfly blob", "the end of the file inside it", start));
        }
        if let Some(at) = self.chunks.first_open() {
            return Err(Error::corrupt("tagged chunks", "a chunked value is not complete", at));
        }
        if let Some(at) = self.prefix.start {
            self.overhead_bytes += self.prefix.take().bytes;
            self.pending.warn(Warning::DanglingPrefix, at);
        }
        let checksum = read_checksum(&mut self.input, self.state.header.version)?;
        self.count_overhead_since(start);
        self.pending.end(checksum);
        Ok(Other::Pending)
    }
}

fn read_module_aux<I: Input>(input: &mut I) -> Result<ModuleId> {
    let module = ModuleId(input.read_length("a module id")?);
    // The data begins with a number that says when a server loads it.
    if input.read_length("module data")? != module_opcode::UNSIGNED {
        return Err(input.fail(ErrorKind::Corrupt("module data", "it does not start with a number")));
    }
    input.read_length("module data")?;
    skip_module_stream(input)?;
    Ok(module)
}

fn read_checksum<I: Input>(input: &mut I, version: u32) -> Result<Checksum> {
    if version < FIRST_VERSION_WITH_CHECKSUM {
        return Ok(Checksum::Absent);
    }
    let computed = input.checksum();
    let stored = u64::from_le_bytes(input.read_array("the checksum")?);
    Ok(match computed {
        _ if stored == 0 => Checksum::Absent,
        None => Checksum::Skipped,
        Some(computed) if computed == stored => Checksum::Verified,
        Some(computed) => Checksum::Mismatch { stored, computed },
    })
}
