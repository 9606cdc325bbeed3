//! Values of modules: skipped by the opcodes between their parts.

use super::walker::Walker;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{ModuleId, ValueType, module_opcode};
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::ReadExt as _;
use crate::visitor::Visitor;

/// The vector sets of Redis 8. They begin with the dimension of the vectors, the number of
/// elements, and how the vectors are stored (`VectorSetRdbSave` in `vset.c`).
const VECTOR_SET: ModuleId = ModuleId(0xbde7_2da2_bb1e_b400);

/// Strings of an element: its name, its vector, and its attributes in sets with attributes. A
/// matrix may stand before the elements.
const MIN_VECTOR_STRINGS: u64 = 2;
const MAX_VECTOR_STRINGS: u64 = 3;

/// Measures of a module's data.
#[derive(Default)]
struct ModuleData {
    /// The numbers at the beginning.
    leading: [Option<u64>; 2],
    strings: u64,
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    pub(super) fn module(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let id = ModuleId(self.input.read_length("a module id")?);
        let at = self.input.position();
        let data = walk_module_stream(self.input)?;
        let elements = match data.leading {
            [dimension, Some(elements)] if id == VECTOR_SET => {
                let fewest = elements.saturating_mul(MIN_VECTOR_STRINGS);
                let most = elements.saturating_mul(MAX_VECTOR_STRINGS).saturating_add(1);
                if dimension == Some(0) {
                    self.contain(Error::corrupt("vector set", "its vectors have no dimension", at))?;
                } else if !(fewest..=most).contains(&data.strings) {
                    self.contain(Error::corrupt("vector set", "it has not as many elements as it says", at))?;
                }
                Some(elements)
            }
            _ => None,
        };
        Ok(Outline::opaque(elements, Layout::Module(id)))
    }
}

/// Skips module data up to and including its end opcode.
///
/// Source: `rdbLoadCheckModuleValue` in `rdb.c`.
pub(crate) fn skip_module_stream<I: Input>(input: &mut I) -> Result<()> {
    walk_module_stream(input).map(|_| ())
}

/// As [`skip_module_stream`], and measures the data.
fn walk_module_stream<I: Input>(input: &mut I) -> Result<ModuleData> {
    let mut data = ModuleData::default();
    let ModuleData { leading, strings } = &mut data;
    let mut leading = leading.iter_mut();
    loop {
        match input.read_length("module data")? {
            module_opcode::END => return Ok(data),
            module_opcode::UNSIGNED => {
                let number = input.read_length("module data")?;
                if let Some(kept) = leading.next() {
                    *kept = Some(number);
                }
                continue;
            }
            module_opcode::SIGNED => {
                input.read_length("module data")?;
            }
            module_opcode::FLOAT => input.skip(4, "module data")?,
            module_opcode::DOUBLE => input.skip(8, "module data")?,
            module_opcode::STRING => {
                *strings += 1;
                input.skip_string("module data")?;
            }
            _ => return Err(input.fail(ErrorKind::Corrupt("module data", "unknown opcode"))),
        }
        leading = [].iter_mut();
        input.checkpoint();
    }
}
