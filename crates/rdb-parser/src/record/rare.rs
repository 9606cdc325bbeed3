//! Records of newer servers and of Redis Enterprise, which most files do not have.

use super::next::{Other, Record};
use super::reader::RecordReader;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{RareRecord, SLOTS};
use crate::input::Input;
use crate::read::ReadExt as _;
use crate::value::{Template, Templates, skip_module_stream};
use crate::warning::Warning;

/// Most classes of metadata of a key (`KEY_META_MAX_CLASSES` of Redis 8.6).
const MAX_METADATA_CLASSES: u64 = 7;

/// Length of the name of a job that imports slots.
const JOB_NAME_BYTES: u64 = 40;

impl<I: Input> RecordReader<I> {
    /// Reads a record whose opcode, at `start`, was read. Returns `None` for an opcode of the next
    /// key's prefix.
    #[cold]
    pub(super) fn read_rare(&mut self, rare: RareRecord, byte: u8, start: u64) -> Result<Option<Other>> {
        match rare {
            RareRecord::HashTemplate => {
                self.pending.warn(Warning::ProvisionalHashTemplate, start);
                read_template(&mut self.input, &mut self.templates, start)?;
            }
            RareRecord::SlotImport => {
                self.pending.warn(Warning::ProvisionalSlotImport, start);
                skip_slot_import(&mut self.input, start)?;
            }
            RareRecord::SlotNumber => {
                self.pending.warn(Warning::ProvisionalEnterprise, start);
                self.input.read_length("a slot number")?;
            }
            RareRecord::KeyMetadata => {
                self.read_key_metadata(start)?;
                return Ok(None);
            }
            RareRecord::RamLru => {
                self.prefix.warnings.insert(Warning::ProvisionalEnterprise);
                self.input.read_length("an access time")?;
                self.prefix.add_opcode(start, self.input.position());
                return Ok(None);
            }
            RareRecord::Unskippable(what) => return Err(Error::new(ErrorKind::Unskippable(what), start)),
            dragonfly => return self.read_dragonfly(dragonfly, byte, start),
        }
        self.count_overhead_since(start);
        Ok(Some(Other::Record(Record::Skipped { opcode: byte })))
    }

    /// Reads the metadata of the next key (Redis 8.6), whose opcode, at `start`, was read.
    pub(super) fn read_key_metadata(&mut self, start: u64) -> Result<()> {
        self.prefix.warnings.insert(Warning::ProvisionalKeyMetadata);
        let classes = self.input.read_length("a number of metadata classes")?;
        if classes > MAX_METADATA_CLASSES {
            return Err(Error::corrupt("key metadata", "too many classes", start));
        }
        for _ in 0..classes {
            self.input.skip(4, "a metadata class")?;
            skip_module_stream(&mut self.input)?;
        }
        let next = self.input.require(1, "key metadata")?.first().copied().unwrap_or_default();
        if self.state.value_type(next).is_none() {
            return Err(Error::corrupt("key metadata", "no value type behind it", self.input.position()));
        }
        self.prefix.add_opcode(start, self.input.position());
        Ok(())
    }
}

fn read_template<I: Input>(input: &mut I, templates: &mut Templates, start: u64) -> Result<()> {
    let id = input.read_length("a template id")?;
    let fields = input.read_count(1, "template fields")?;
    let template = Template::read(input, fields)?;
    let added = template.check_order().and_then(|()| templates.add(id, &template));
    added.map_err(|kind| Error::new(kind, start))
}

fn skip_slot_import<I: Input>(input: &mut I, start: u64) -> Result<()> {
    let name = input.read_string_header("a slot import")?;
    input.skip(name.payload_len, "a slot import")?;
    if name.decoded_len != JOB_NAME_BYTES {
        return Err(Error::corrupt("slot import", "its name has not 40 bytes", start));
    }
    let ranges = input.read_count(2, "slot ranges")?;
    for _ in 0..ranges {
        let at = input.position();
        let first = input.read_length("a slot range")?;
        let last = input.read_length("a slot range")?;
        if first > last || last >= SLOTS {
            return Err(Error::corrupt("slot import", "impossible range of slots", at));
        }
    }
    Ok(())
}
