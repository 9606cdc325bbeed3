//! The entries inside a stream's listpacks.
//!
//! A node's listpack is its master entry (`count, deleted, n, field * n, 0`) and then entries:
//! `flags, ms, seq`, the values alone if the fields are those of the master entry, otherwise `n`
//! and `n` pairs, and at last the number of listpack entries that this took. Source: `t_stream.c`
//! of Redis 5 to 8.2.

use super::sums::Tally;
use crate::string::{RdbString, parse_canonical_integer};
use crate::visitor::StreamId;

/// Flags of an entry.
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Listpack entries besides fields and values: flags and both parts of the ID; with fields of its
/// own also their number.
const PLAIN_ENTRY: u64 = 4;
const SAME_FIELDS_ENTRY: u64 = 3;

/// The next entry that a node's listpack must have.
#[derive(Clone, Copy)]
enum Due {
    Count,
    Deleted,
    Fields,
    Field { left: u64 },
    MasterEnd,
    Flags,
    Milliseconds,
    Sequence,
    OwnFields,
    Item { left: u64 },
    EntryLength,
}

/// Follows the entries of a node's listpack.
pub(super) struct NodeWalk {
    due: Due,
    stated_live: u64,
    stated_deleted: u64,
    master_fields: u64,
    master_field_bytes: u64,
    live: u64,
    deleted: u64,
    /// The entry being read.
    flags: i64,
    /// Milliseconds and sequence number of its ID, relative to the ID of the node.
    relative_id: [i64; 2],
    /// Its listpack entries before the last.
    length: u64,
    entry_bytes: u64,
    /// Sums over the entries that are not deleted.
    pub(super) tally: Tally,
    damage: Option<&'static str>,
    /// The names of the fields, if they are needed.
    names: Option<FieldNames>,
}

/// Names of a master entry's fields that are held, and their bytes. Later names are shown as skipped.
const MAX_NAMES: usize = 1 << 16;
const MAX_NAMES_BYTES: usize = 1 << 20;

/// The names of fields.
#[derive(Default)]
struct FieldNames {
    /// Those of the master entry, one after the other; where each ends, and its length.
    master: Vec<u8>,
    ends: Vec<(usize, u64)>,
    /// That of the entry's field whose value comes next.
    own: Vec<u8>,
    own_bytes: u64,
}

impl FieldNames {
    fn add_to_master(&mut self, name: RdbString<'_>, scratch: &mut Vec<u8>) {
        if self.ends.len() >= MAX_NAMES {
            return;
        }
        if let Ok(shown) = name.decode(scratch)
            && self.master.len() + shown.len() <= MAX_NAMES_BYTES
        {
            self.master.extend_from_slice(shown);
        }
        self.ends.push((self.master.len(), name.decoded_len()));
    }

    fn of_master(&self, index: u64) -> RdbString<'_> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&(end, _)| end);
        let Some(&(end, decoded_len)) = self.ends.get(index) else {
            return RdbString::Skipped { decoded_len: 0 };
        };
        match self.master.get(start..end) {
            Some(name) if name.len() as u64 == decoded_len => RdbString::Raw(name),
            _ => RdbString::Skipped { decoded_len },
        }
    }

    fn set_own(&mut self, name: RdbString<'_>, scratch: &mut Vec<u8>) {
        self.own.clear();
        self.own_bytes = name.decoded_len();
        if let Ok(name) = name.decode(scratch) {
            self.own.extend_from_slice(name);
        }
    }

    fn own(&self) -> RdbString<'_> {
        if self.own.len() as u64 == self.own_bytes {
            RdbString::Raw(&self.own)
        } else {
            RdbString::Skipped { decoded_len: self.own_bytes }
        }
    }
}

/// An entry of a stream that is not deleted.
pub(super) struct LiveEntry {
    relative_id: [i64; 2],
    /// Bytes of its fields and values.
    pub(super) bytes: u64,
}

impl LiveEntry {
    /// The ID of the entry. `node` is the ID of the entry's node.
    pub(super) fn id(&self, node: &StreamId) -> StreamId {
        let mut id = *node;
        for (part, relative) in id.as_chunks_mut::<8>().0.iter_mut().zip(self.relative_id) {
            *part = u64::from_be_bytes(*part).wrapping_add_signed(relative).to_be_bytes();
        }
        id
    }
}

impl NodeWalk {
    pub(super) fn new(needs_fields: bool) -> Self {
        Self {
            names: needs_fields.then(FieldNames::default),
            due: Due::Count,
            stated_live: 0,
            stated_deleted: 0,
            master_fields: 0,
            master_field_bytes: 0,
            live: 0,
            deleted: 0,
            flags: 0,
            relative_id: [0; 2],
            length: 0,
            entry_bytes: 0,
            tally: Tally::default(),
            damage: None,
        }
    }

    /// Reads the next entry of the listpack. If an entry of the stream ends there and is not deleted,
    /// returns the entry of the stream.
    pub(super) fn see(&mut self, entry: RdbString<'_>) -> Option<LiveEntry> {
        if self.damage.is_some() {
            return None;
        }
        let live = self.live;
        if let Err(detail) = self.step(entry) {
            self.damage = Some(detail);
        }
        (self.live > live).then_some(LiveEntry { relative_id: self.relative_id, bytes: self.entry_bytes })
    }

    /// The field whose value is the next entry of the listpack, if its entry of the stream is not deleted;
    /// and the ID of the entry of the stream. Called before [`see`](Self::see).
    pub(super) fn field_of(
        &mut self,
        entry: RdbString<'_>,
        node: &StreamId,
        scratch: &mut Vec<u8>,
    ) -> Option<(StreamId, RdbString<'_>)> {
        let names = self.names.as_mut()?;
        let left = match self.due {
            _ if self.damage.is_some() => return None,
            Due::Field { .. } => {
                names.add_to_master(entry, scratch);
                return None;
            }
            Due::Item { left } => left,
            _ => return None,
        };
        let is_master = self.flags & SAME_FIELDS != 0;
        if !is_master && left.is_multiple_of(2) {
            names.set_own(entry, scratch);
            return None;
        }
        if self.flags & DELETED != 0 {
            return None;
        }
        let id = LiveEntry { relative_id: self.relative_id, bytes: 0 }.id(node);
        let name = if is_master { names.of_master(self.master_fields - left) } else { names.own() };
        Some((id, name))
    }

    /// Whether the counts of the node equal those of its entries.
    ///
    /// # Errors
    ///
    /// If the structure of the node is damaged.
    pub(super) fn finish(&self) -> Result<bool, &'static str> {
        match (self.damage, self.due) {
            (Some(detail), _) => Err(detail),
            (None, Due::Flags) => Ok(self.stated_live == self.live && self.stated_deleted == self.deleted),
            _ => Err("a node ends inside an entry"),
        }
    }

    /// Entries that are not deleted.
    pub(super) fn live(&self) -> u64 {
        self.live
    }

    fn step(&mut self, entry: RdbString<'_>) -> Result<(), &'static str> {
        self.due = match self.due {
            Due::Count => {
                self.stated_live = count(entry)?;
                Due::Deleted
            }
            Due::Deleted => {
                self.stated_deleted = count(entry)?;
                Due::Fields
            }
            Due::Fields => {
                self.master_fields = count(entry)?;
                match self.master_fields {
                    0 => Due::MasterEnd,
                    left => Due::Field { left },
                }
            }
            Due::Field { left } => {
                self.master_field_bytes = self.master_field_bytes.saturating_add(entry.decoded_len());
                if left > 1 { Due::Field { left: left - 1 } } else { Due::MasterEnd }
            }
            Due::MasterEnd => {
                if integer(entry)? != 0 {
                    return Err("a node's master entry does not end in 0");
                }
                Due::Flags
            }
            Due::Flags => {
                self.flags = integer(entry)?;
                Due::Milliseconds
            }
            Due::Milliseconds => {
                self.relative_id[0] = integer(entry)?;
                Due::Sequence
            }
            Due::Sequence => {
                self.relative_id[1] = integer(entry)?;
                if self.flags & SAME_FIELDS == 0 {
                    Due::OwnFields
                } else {
                    self.length = self.master_fields.saturating_add(SAME_FIELDS_ENTRY);
                    self.entry_bytes = self.master_field_bytes;
                    item_or_end(self.master_fields)
                }
            }
            Due::OwnFields => {
                let items = count(entry)?.checked_mul(2).ok_or("impossible number of fields")?;
                self.length = items.saturating_add(PLAIN_ENTRY);
                self.entry_bytes = 0;
                item_or_end(items)
            }
            Due::Item { left } => {
                self.entry_bytes = self.entry_bytes.saturating_add(entry.decoded_len());
                item_or_end(left - 1)
            }
            Due::EntryLength => {
                if count(entry)? != self.length {
                    return Err("the length of an entry does not repeat behind it");
                }
                if self.flags & DELETED == 0 {
                    self.live += 1;
                    self.tally.add_element(self.entry_bytes);
                } else {
                    self.deleted += 1;
                }
                Due::Flags
            }
        };
        Ok(())
    }
}

fn item_or_end(items: u64) -> Due {
    match items {
        0 => Due::EntryLength,
        left => Due::Item { left },
    }
}

fn integer(entry: RdbString<'_>) -> Result<i64, &'static str> {
    match entry {
        RdbString::Int(value) => Ok(value),
        RdbString::Raw(text) => parse_canonical_integer(text).ok_or("a string where an integer is due"),
        _ => Err("a string where an integer is due"),
    }
}

fn count(entry: RdbString<'_>) -> Result<u64, &'static str> {
    u64::try_from(integer(entry)?).map_err(|_| "a negative count")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(entries: &[RdbString<'_>]) -> Result<(bool, u64, Tally), &'static str> {
        let mut walk = NodeWalk::new(false);
        for &entry in entries {
            walk.see(entry);
        }
        walk.finish().map(|agrees| (agrees, walk.live(), walk.tally))
    }

    fn ints(values: &[i64]) -> Vec<RdbString<'static>> {
        values.iter().map(|&value| RdbString::Int(value)).collect()
    }

    /// A master entry of one field of 3 bytes.
    fn master(live: i64, deleted: i64) -> Vec<RdbString<'static>> {
        [ints(&[live, deleted, 1]), vec![RdbString::Raw(b"fld")], ints(&[0])].concat()
    }

    #[test]
    fn entries_with_and_without_fields_of_their_own() {
        let node = [
            master(2, 1),
            ints(&[2, 0, 0, 1234, 4]),
            ints(&[0, 5, 0, 2, 1, 2, 3, 4, 8]),
            ints(&[3, 6, 0, 99, 4]),
        ]
        .concat();
        let (agrees, live, tally) = walk(&node).expect("valid");
        assert!(agrees);
        assert_eq!((live, tally.value_bytes, tally.largest_element_bytes), (2, 7 + 4, 7));
    }

    #[test]
    fn counts_that_differ_are_told() {
        assert!(!walk(&[master(2, 0), ints(&[2, 0, 0, 1, 4])].concat()).expect("valid").0);
        assert!(walk(&master(0, 0)).expect("valid").0);
    }

    #[test]
    fn damage_is_reported() {
        for node in [
            ints(&[1, 0, -1]),
            ints(&[1, 0, i64::MAX, 7]),
            ints(&[1, 0, 0, 7]),
            [master(1, 0), ints(&[2, 0, 0, 1, 5])].concat(),
            [master(1, 0), ints(&[2, 0, 0, 1])].concat(),
            [master(1, 0), ints(&[0, 0, 0, i64::MAX])].concat(),
            [master(1, 0), vec![RdbString::Raw(b"x")]].concat(),
            Vec::new(),
        ] {
            assert!(walk(&node).is_err(), "{node:?}");
        }
    }
}
