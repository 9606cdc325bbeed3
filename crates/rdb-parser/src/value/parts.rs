//! Reads values in parts.

use super::open::OpenValue;
use super::sums::PartSums;
use super::walker::Walker;
use crate::error::Result;
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::visitor::Visitor;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Reads elements of a value until none are left or the [pace](super::open::Pace) ends. Returns
    /// the number of elements that are left.
    pub(crate) fn part(&mut self, value_type: ValueType, left: u64, sums: &mut PartSums) -> Result<u64> {
        match sums {
            PartSums::Elements(layout, sums) => self.skip_elements(*layout, left, sums),
            PartSums::List(sums) => self.list_nodes(value_type, left, sums),
            PartSums::Stream(sums) => self.stream_nodes(left, sums),
        }
    }

    /// Goes on with a value that was left.
    #[inline(never)]
    pub(crate) fn go_on(&mut self, mut value: OpenValue) -> Result<Outline> {
        value.left = self.part(value.value_type, value.left, &mut value.sums)?;
        let value_type = value.value_type;
        let outline = self.finish_or_leave(value)?;
        self.note_empty(value_type, &outline);
        Ok(outline)
    }

    /// The outline of a value without elements left. Any other is left: what is returned for it has
    /// no meaning.
    #[inline]
    pub(super) fn finish_or_leave(&mut self, value: OpenValue) -> Result<Outline> {
        if value.left > 0 {
            self.open = Some(Box::new(value));
            return Ok(Outline::opaque(None, Layout::Opaque));
        }
        match &value.sums {
            PartSums::Elements(_, sums) => self.whole_elements(&value, sums),
            PartSums::List(sums) => Ok(sums.outline()),
            PartSums::Stream(sums) => self.stream_tail(value.value_type, sums),
        }
    }
}
