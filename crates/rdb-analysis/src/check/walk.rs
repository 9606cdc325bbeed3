//! Walks every encoding and compares the members of a key.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};

use rdb_parser::{RdbString, Role, ValueType, Visitor};

/// Members or fields of a key that are compared with each other.
const MAX_COMPARED: usize = 1 << 16;

/// Has the parser walk every encoding and decompress every string, and finds duplicates.
#[derive(Default)]
pub(super) struct Walk {
    hasher: RandomState,
    /// Hashes of the members or fields so far.
    seen: HashSet<u64>,
    /// Whether the last value has a member or field twice.
    pub(super) has_duplicate: bool,
    scratch: Vec<u8>,
}

impl Visitor for Walk {
    fn begin(&mut self, _: ValueType, _: Option<u64>) {
        self.seen.clear();
        self.has_duplicate = false;
    }

    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let is_unique = matches!(role, Role::Member | Role::Field);
        if is_unique
            && self.seen.len() < MAX_COMPARED
            && let Ok(string) = string.decode(&mut self.scratch)
        {
            self.has_duplicate |= !self.seen.insert(self.hasher.hash_one(string));
        }
    }

    fn needs_packed(&self) -> bool {
        true
    }

    fn needs_expanded(&self) -> bool {
        true
    }
}
