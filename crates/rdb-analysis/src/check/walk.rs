//! Walks every encoding and compares the members of a key.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use rdb_parser::{RdbString, Role, ValueType, Visitor};

use crate::measure::{Encoding, Estimator, ValueFacts};
use crate::server::AssumedServer;

/// Members or fields of a key that are compared with each other: the first.
const MAX_COMPARED: usize = 1 << 16;

/// Has the parser walk every encoding and decompress every string, and finds duplicates.
#[derive(Debug, Default)]
pub(super) struct Walk {
    hasher: RandomState,
    /// Hashes of the members or fields so far, at most [`MAX_COMPARED`].
    hashes: Vec<u64>,
    /// Whether elements in the middle of a value are seen.
    is_part: bool,
    /// Whether a part has members or fields.
    has_members: bool,
    scratch: Vec<u8>,
}

/// Whether elements have members or fields.
#[derive(Debug)]
pub(super) struct HasMembers(bool);

impl Estimator for Walk {
    const IS_MODEL: bool = false;

    fn new(_: &AssumedServer) -> Self {
        Self::default()
    }

    fn for_part(&self) -> Self {
        Self::default()
    }

    fn memory_bytes(&mut self, _: Encoding, _: ValueFacts) -> Option<u64> {
        None
    }

    fn has_duplicate(&mut self) -> bool {
        self.hashes.sort_unstable();
        let has_duplicate = self.hashes.windows(2).any(|pair| pair[0] == pair[1]);
        self.hashes.clear();
        has_duplicate
    }

    fn forget(&mut self) {
        self.hashes.clear();
    }

    type Part = HasMembers;

    fn begin_part(&mut self) -> bool {
        self.is_part = true;
        true
    }

    fn take_part(&mut self) -> Option<HasMembers> {
        Some(HasMembers(std::mem::take(&mut self.has_members)))
    }

    /// Members behind the first ones are not compared.
    fn adds_up(&self, part: &HasMembers) -> bool {
        !part.0 || self.hashes.len() >= MAX_COMPARED
    }

    fn add_part(&mut self, _: &HasMembers) {}
}

impl Walk {
    /// The hash of a string, the same however the string is stored. `None`: it cannot be decoded.
    fn hash(&mut self, string: RdbString<'_>) -> Option<u64> {
        // An integer is stored as one or as its text. Its text is not written out to be hashed.
        Some(match string.canonical_integer() {
            Some(value) => self.hasher.hash_one(value),
            None => self.hasher.hash_one(string.decode(&mut self.scratch).ok()?),
        })
    }
}

impl Visitor for Walk {
    fn begin(&mut self, _: ValueType, _: Option<u64>) {
        self.hashes.clear();
    }

    fn string(&mut self, role: Role, string: RdbString<'_>) {
        if !matches!(role, Role::Member | Role::Field) {
            return;
        }
        if self.is_part {
            self.has_members = true;
        } else if self.hashes.len() < MAX_COMPARED
            && let Some(hash) = self.hash(string)
        {
            self.hashes.push(hash);
        }
    }

    fn needs_expanded(&self) -> bool {
        true
    }
}
