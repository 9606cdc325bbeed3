//! A value without a key, as the payload of `DUMP` has it.

use super::reader::RecordReader;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{RareRecord, ValueType};
use crate::input::Input;
use crate::outline::Outline;
use crate::read::ReadExt as _;
use crate::value::{Pace, Walker};
use crate::visitor::Visitor;
use crate::warning::Warnings;

impl<I: Input> RecordReader<I> {
    /// Reads a value type and a value. Metadata of the key may stand before them.
    pub(crate) fn read_bare_value<V: Visitor>(
        &mut self,
        visitor: &mut V,
    ) -> Result<(ValueType, Outline, Warnings)> {
        let value_type = self.read_bare_type()?;
        let mut walker = Walker {
            input: &mut self.input,
            visitor,
            scratch: &mut self.scratch,
            templates: &self.templates,
            pace: Pace::WHOLE,
            open: None,
            damage: None,
            warnings: self.prefix.warnings,
        };
        let outline = walker.outline(value_type)?;
        match walker.damage {
            Some(damage) => Err(damage),
            None => Ok((value_type, outline, walker.warnings)),
        }
    }

    fn read_bare_type(&mut self) -> Result<ValueType> {
        loop {
            let start = self.input.position();
            let byte = self.input.read_u8("a dump payload")?;
            if let Some(value_type) = self.state.value_type(byte) {
                return Ok(value_type);
            }
            match RareRecord::from_byte(byte, self.state.dialect) {
                // The next byte is a value type, or this fails.
                Some(RareRecord::KeyMetadata) => self.read_key_metadata(start)?,
                Some(RareRecord::Unskippable(what)) => {
                    return Err(Error::new(ErrorKind::Unskippable(what), start));
                }
                _ => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
            }
        }
    }
}
