//! Values of modules: not understood, but delimited by opcodes.

use super::Walker;
use crate::error::{ErrorKind, Result};
use crate::event::{Layout, Outline};
use crate::format::{ModuleId, ValueType};
use crate::input::Input;
use crate::read::ReadExt as _;
use crate::visitor::Visitor;

/// Opcodes of a module's data, each followed by its payload.
const END: u64 = 0;
const SIGNED: u64 = 1;
const UNSIGNED: u64 = 2;
const FLOAT: u64 = 3;
const DOUBLE: u64 = 4;
const STRING: u64 = 5;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    pub(super) fn module(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let id = ModuleId(self.input.read_length("a module id")?);
        skip_module_stream(self.input)?;
        let layout = Layout::Module(id);
        Ok(Outline { elements: None, value_bytes: None, largest_element_bytes: None, layout })
    }
}

/// Passes over module data up to and including its end opcode.
///
/// Source: `rdbLoadCheckModuleValue` in `rdb.c`.
pub(crate) fn skip_module_stream<I: Input>(input: &mut I) -> Result<()> {
    loop {
        match input.read_length("module data")? {
            END => return Ok(()),
            SIGNED | UNSIGNED => {
                input.read_length("module data")?;
            }
            FLOAT => input.skip(4, "module data")?,
            DOUBLE => input.skip(8, "module data")?,
            STRING => input.skip_string("module data")?,
            _ => return Err(input.fail(ErrorKind::Corrupt("module data", "unknown opcode"))),
        }
        input.checkpoint();
    }
}
