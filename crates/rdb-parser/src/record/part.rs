//! Parts of values: reads on in a value that was left, and reads elements in the middle of a value.

use std::ops::Range;

use super::reader::RecordReader;
use crate::error::Result;
use crate::file_slice::FileSlice;
use crate::format::ValueType;
use crate::input::{Ahead, Input, SliceInput};
use crate::value::{Pace, PartSums, Templates, Walker};
use crate::visitor::Visitor;
use crate::warning::Warnings;

/// A value in which a parser is: some of its elements were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenValueInfo {
    /// Its type.
    pub value_type: ValueType,
    /// Elements, or nodes of a list or stream, that are left.
    pub left: u64,
}

/// Elements of a value that follow each other, or nodes of a list or stream, as an
/// [`ElementReader`] has read them.
#[derive(Clone, Debug)]
pub struct ElementRun {
    /// Offsets of their bytes.
    pub span: Range<u64>,
    /// Number of elements or nodes.
    pub elements: u64,
    value_type: ValueType,
    sums: PartSums,
    warnings: Warnings,
}

impl ElementRun {
    /// Length of the longest string, or of the longest node of a list, decoded.
    pub fn longest_bytes(&self) -> u64 {
        self.sums.longest_bytes()
    }
}

impl<I: Input> RecordReader<I> {
    /// The value that was left.
    pub(crate) fn open_value(&self) -> Option<OpenValueInfo> {
        let value = &self.open.as_ref()?.value;
        Some(OpenValueInfo { value_type: value.value_type, left: value.left })
    }

    /// Reads on in the value that was left, up to the first end of an element at or behind the
    /// offset `to`, or to the end of its last element.
    pub(crate) fn read_part<V: Visitor>(&mut self, to: u64, visitor: &mut V) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut walker = Walker {
            input: &mut self.input,
            visitor,
            scratch: &mut self.scratch,
            templates: &self.templates,
            pace: Pace::until(to),
            open: None,
            damage: open.damage.take(),
            warnings: open.warnings,
        };
        let value = &mut open.value;
        match walker.part(value.value_type, value.left, &mut value.sums) {
            Ok(left) => {
                value.left = left;
                (open.damage, open.warnings) = (walker.damage, walker.warnings);
                Ok(())
            }
            Err(error) => {
                let key = open.head.key;
                self.open = None;
                Err(self.name_key(error, key))
            }
        }
    }
}

impl<I: Ahead> RecordReader<I> {
    /// Goes to the end of `run`, which follows in the value that was left, without reading it.
    /// Returns whether it follows there.
    pub(crate) fn skip_part(&mut self, run: &ElementRun) -> bool {
        let at = self.input.position();
        let Some(open) = &mut self.open else { return false };
        let value = &mut open.value;
        let follows = run.span.start == at
            && run.value_type == value.value_type
            && run.elements <= value.left
            && value.sums.append(&run.sums);
        if follows {
            value.left -= run.elements;
            open.warnings = open.warnings.union(run.warnings);
            self.input.jump(run.span.end);
        }
        follows
    }
}

/// Reads elements in the middle of a value, of which nothing but the type is known.
#[derive(Debug)]
pub struct ElementReader<'a> {
    input: SliceInput<'a>,
    value_type: ValueType,
    none: PartSums,
    scratch: Vec<u8>,
}

impl<'a> ElementReader<'a> {
    /// A reader of the elements at an offset of the file that `slice` is a part of. `None` if
    /// values of this type are not read in parts.
    pub fn new(slice: FileSlice<'a>, offset: u64, value_type: ValueType) -> Option<Self> {
        let input = SliceInput::in_file(slice, offset);
        Some(Self { input, value_type, none: PartSums::new(value_type)?, scratch: Vec::new() })
    }

    /// Offset of the next element.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// Reads up to the first end of an element at or behind the offset `to`. `None` if there is
    /// something before that is no valid element. The visitor may then have seen a part of it.
    pub fn read_to<V: Visitor>(&mut self, to: u64, visitor: &mut V) -> Option<ElementRun> {
        let start = self.input.position();
        let mut sums = self.none;
        let mut walker = Walker {
            input: &mut self.input,
            visitor,
            scratch: &mut self.scratch,
            templates: &Templates::default(),
            pace: Pace::until(to),
            open: None,
            damage: None,
            warnings: Warnings::NONE,
        };
        let left = walker.part(self.value_type, u64::MAX, &mut sums).ok()?;
        if walker.damage.is_some() {
            return None;
        }
        let (value_type, warnings) = (self.value_type, walker.warnings);
        let span = start..self.input.position();
        Some(ElementRun { span, elements: u64::MAX - left, value_type, sums, warnings })
    }
}
