//! What the names of a file's keys look like.

use std::ops::ControlFlow;

use rdb_parser::{Error, ErrorKind, RdbString};

use crate::measure::KeyView;
use crate::scan::{FileRecord, Sink};

/// Names after which the shape of names is known.
pub(super) const WATCHED_NAMES: u64 = 16;

/// Half of the length up to which every name is accepted.
const MIN_LONGEST_NAME: usize = 64;

/// First bytes of names that are compared with those of others.
const INITIALS: usize = 3;

/// What the names of a file's keys look like, learned from the first names.
///
/// A guess that shows another kind of name is not followed. Inside a collection, most guesses are
/// lengths and parts of elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameShape {
    /// Names seen.
    pub(super) names: u64,
    /// Whether some names are stored as integers, in up to four bytes of any value.
    numbers: bool,
    /// Whether all other names are printable.
    printable: bool,
    longest: usize,
    /// For each of the first bytes of names: the [kinds](kind) of bytes that were seen.
    initials: [[bool; 256]; INITIALS],
}

/// The kind of a byte: one byte that stands for all of the kind. Names often count up in digits or
/// letters, so these vary from name to name; other characters stay.
fn kind(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => b'0',
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        0x80.. => 0x80,
        other => other,
    }
}

impl NameShape {
    pub(super) const UNKNOWN: Self = Self {
        names: 0,
        numbers: false,
        printable: true,
        longest: MIN_LONGEST_NAME,
        initials: [[false; 256]; INITIALS],
    };

    pub(super) fn learn(&mut self, name: RdbString<'_>) {
        self.names += 1;
        match name {
            RdbString::Raw(name) => {
                self.printable &= !name.iter().any(u8::is_ascii_control);
                self.longest = self.longest.max(name.len());
                for (seen, &byte) in self.initials.iter_mut().zip(name) {
                    seen[usize::from(kind(byte))] = true;
                }
            }
            RdbString::Int(_) => self.numbers = true,
            _ => self.printable = false,
        }
    }

    pub(super) fn fits(&self, name: &[u8]) -> bool {
        if name.len() <= 4 && (self.numbers || self.names < WATCHED_NAMES) {
            return true;
        }
        let begins_alike = || {
            let places = self.initials.iter().zip(name);
            self.names < WATCHED_NAMES
                || places.into_iter().all(|(seen, &byte)| seen[usize::from(kind(byte))])
        };
        name.len() <= 2 * self.longest
            && (!self.printable || begins_alike() && !name.iter().any(u8::is_ascii_control))
    }
}

/// Learns the shape of names, and gives the keys to another sink.
pub(super) struct Watching<'a, C> {
    pub(super) sink: &'a mut C,
    pub(super) shape: NameShape,
}

impl<C: Sink> Sink for Watching<'_, C> {
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        self.shape.learn(key.key);
        self.sink.key(key)
    }

    fn skipped_key(&mut self, key: &KeyView<'_>) -> ControlFlow<()> {
        self.sink.skipped_key(key)
    }

    fn record(&mut self, record: FileRecord, end: u64) {
        self.sink.record(record, end);
    }

    fn damage(&mut self, error: &Error) {
        self.sink.damage(error);
    }
}
