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

/// The vector sets of Redis 8, of which the second number is that of the elements
/// (`VectorSetRdbSave` in `vset.c`).
const VECTOR_SET: ModuleId = ModuleId(0xbde7_2da2_bb1e_b400);

/// Its number among the unsigned ones.
const VECTOR_SET_COUNT: usize = 1;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    pub(super) fn module(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let id = ModuleId(self.input.read_length("a module id")?);
        let mut leading = [None; VECTOR_SET_COUNT + 1];
        walk_module_stream(self.input, &mut leading)?;
        let elements = if id == VECTOR_SET { leading.get(VECTOR_SET_COUNT).copied().flatten() } else { None };
        Ok(Outline::opaque(elements, Layout::Module(id)))
    }
}

/// Passes over module data up to and including its end opcode.
///
/// Source: `rdbLoadCheckModuleValue` in `rdb.c`.
pub(crate) fn skip_module_stream<I: Input>(input: &mut I) -> Result<()> {
    walk_module_stream(input, &mut [])
}

/// As [`skip_module_stream`], keeping the numbers that the data begins with.
fn walk_module_stream<I: Input>(input: &mut I, leading: &mut [Option<u64>]) -> Result<()> {
    let mut leading = leading.iter_mut();
    loop {
        match input.read_length("module data")? {
            END => return Ok(()),
            UNSIGNED => {
                let number = input.read_length("module data")?;
                if let Some(kept) = leading.next() {
                    *kept = Some(number);
                }
                continue;
            }
            SIGNED => {
                input.read_length("module data")?;
            }
            FLOAT => input.skip(4, "module data")?,
            DOUBLE => input.skip(8, "module data")?,
            STRING => input.skip_string("module data")?,
            _ => return Err(input.fail(ErrorKind::Corrupt("module data", "unknown opcode"))),
        }
        leading = [].iter_mut();
        input.checkpoint();
    }
}
