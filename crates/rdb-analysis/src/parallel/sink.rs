//! What takes the keys of a source that is scanned in ranges.

use crate::scan::{Counts, FileRecord, Sink};

/// Stands for the slot of the records before, until it is known. No slot has this number.
pub(super) const INHERITED_SLOT: u16 = u16::MAX;

/// Takes the keys of a source that is scanned in ranges.
pub(crate) trait RangeSink: Sink {
    /// Takes the keys of one range.
    type Part: RangePart;

    /// An empty part, for keys after the place that `here` describes.
    fn new_part(&self, here: Place) -> Self::Part;

    /// Whether it pays to split what follows, given what was read so far.
    fn is_worth_splitting(&self, counts: &Counts, here: Place) -> bool {
        let _ = (counts, here);
        true
    }

    /// Adds the keys of the next range. `place` is the database and slot at the end of the records
    /// before.
    fn absorb(&mut self, part: Self::Part, place: Place) -> Absorbed;
}

/// Takes the keys of one range.
pub(crate) trait RangePart: Sink + Send {
    /// Whether [`RangeSink::absorb`] corrects the database and slot of keys. Otherwise those at the
    /// last stitch are assumed.
    const CORRECTS_PLACE: bool;

    /// Whether it has refused a key, because it holds as much as it may or because the key's name
    /// is damaged. Its range ends before that key.
    fn has_refused(&self) -> bool;

    /// Whether the range goes on behind a record. Otherwise its range ends before that record.
    fn follows(&self, _: FileRecord) -> bool {
        true
    }

    /// Forgets all keys.
    fn clear(&mut self);
}

/// Outcome of [`RangeSink::absorb`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absorbed {
    /// The keys are added.
    Merged,
    /// What the part assumed was wrong: its range is to be read again.
    Refused,
    /// The sink needs no more keys.
    Enough,
}

/// A database and slot, which hold for the keys after a place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Logical database.
    pub db: u64,
    /// Cluster slot, if the file states it.
    pub slot: Option<u16>,
}

impl Place {
    /// The slot of a key of which a range read `slot`.
    pub(crate) fn slot_of(self, slot: Option<u16>) -> Option<u16> {
        if slot == Some(INHERITED_SLOT) { self.slot } else { slot }
    }
}
