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

/// The vector set of Redis 8, in version 0 of its encoding. Its data begins with the dimension and the
/// number of elements (`VectorSetRdbSave` in `modules/vector-sets/vset.c`).
const VECTOR_SET: ModuleId = ModuleId(0xbde7_2da2_bb1e_b400);

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    pub(super) fn module(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let id = ModuleId(self.input.read_length("a module id")?);
        let numbers = skip_module_stream(self.input)?;
        let layout = Layout::Module(id);
        let elements = if id == VECTOR_SET { numbers.second } else { None };
        Ok(Outline { elements, value_bytes: None, largest_element_bytes: None, layout })
    }
}

/// Numbers met in module data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeadingNumbers {
    /// The second item, if the data begins with two unsigned numbers.
    pub(crate) second: Option<u64>,
}

/// Passes over module data up to and including its end opcode.
///
/// Source: `rdbLoadCheckModuleValue` in `rdb.c`.
pub(crate) fn skip_module_stream<I: Input>(input: &mut I) -> Result<LeadingNumbers> {
    let mut numbers = LeadingNumbers::default();
    // Unsigned numbers in a row since the beginning.
    let mut leading = Some(0u32);
    loop {
        let opcode = input.read_length("module data")?;
        if opcode != UNSIGNED {
            leading = None;
        }
        match opcode {
            END => return Ok(numbers),
            SIGNED | UNSIGNED => {
                let number = input.read_length("module data")?;
                if leading == Some(1) {
                    numbers.second = Some(number);
                }
                leading = leading.map(|n| n.saturating_add(1));
            }
            FLOAT => input.skip(4, "module data")?,
            DOUBLE => input.skip(8, "module data")?,
            STRING => input.skip_string("module data")?,
            _ => return Err(input.fail(ErrorKind::Corrupt("module data", "unknown opcode"))),
        }
        input.checkpoint();
    }
}
