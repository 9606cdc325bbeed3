//! What was irregular in a source: how often, and where first.

use std::collections::BTreeMap;
use std::fmt;

use rdb_parser::escape::Escaped;
use rdb_parser::{Entry, RdbString, Warning, Warnings};

/// Examples kept of each kind.
const MAX_EXAMPLES: usize = 3;

/// Bytes of a key's name that an example keeps.
const KEPT_KEY_BYTES: usize = 128;

/// The warnings of a source, by kind. Bounded: there are few kinds, and a few examples of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarningLog {
    kinds: BTreeMap<Warning, WarningGroup>,
}

/// The warnings of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarningGroup {
    /// How many there were.
    pub count: u64,
    /// The first of them, by offset, and of those with the same offset in the order of the file.
    pub examples: Vec<WarningExample>,
}

/// A warning and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WarningExample {
    /// Absolute offset of the record.
    pub offset: u64,
    /// The first bytes of the key's name, if it is about a key.
    pub key: Option<Vec<u8>>,
}

impl WarningLog {
    /// Notes what is irregular about a key.
    #[inline(always)]
    pub fn observe_entry(&mut self, entry: &Entry<'_>) {
        // By value, so that an entry without warnings need not be in memory.
        self.note_key(entry.warnings, entry.span.start, entry.key);
    }

    #[cold]
    #[inline(never)]
    fn note_key(&mut self, warnings: Warnings, offset: u64, key: RdbString<'_>) {
        for warning in warnings.iter() {
            self.note(warning, offset, || {
                key.decode_prefix(KEPT_KEY_BYTES, &mut Vec::new()).ok().map(<[u8]>::to_vec)
            });
        }
    }

    /// Notes what concerns no key.
    pub fn observe(&mut self, warning: Warning, offset: u64) {
        self.note(warning, offset, || None);
    }

    fn note(&mut self, warning: Warning, offset: u64, key: impl FnOnce() -> Option<Vec<u8>>) {
        let group = self.kinds.entry(warning).or_default();
        group.count += 1;
        // Chunked values come when they are complete.
        let place = group.examples.partition_point(|example| example.offset <= offset);
        if place < MAX_EXAMPLES {
            group.examples.insert(place, WarningExample { offset, key: key() });
            group.examples.truncate(MAX_EXAMPLES);
        }
    }

    /// Replaces the names of keys in examples.
    pub fn change_keys(&mut self, change: impl Fn(&[u8]) -> Vec<u8>) {
        for group in self.kinds.values_mut() {
            for key in group.examples.iter_mut().filter_map(|example| example.key.as_mut()) {
                *key = change(key);
            }
        }
    }

    pub(crate) fn add(&mut self, warning: Warning, group: WarningGroup) {
        let mine = self.kinds.entry(warning).or_default();
        mine.count += group.count;
        mine.examples.extend(group.examples);
        // Keys of one blob have one offset, and keep their order.
        mine.examples.sort_by_key(|example| example.offset);
        mine.examples.truncate(MAX_EXAMPLES);
    }

    /// The warnings of both, of one source. Associative, and commutative where no offset is in
    /// both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (warning, theirs) in other.kinds {
            self.add(warning, theirs);
        }
        self
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The kinds that occurred.
    pub fn iter(&self) -> impl Iterator<Item = (Warning, &WarningGroup)> {
        self.kinds.iter().map(|(warning, group)| (*warning, group))
    }
}

/// One line for each kind, harmless on a terminal.
impl fmt::Display for WarningLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (warning, group)) in self.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{warning}")?;
            if group.count > 1 {
                write!(f, " ({} times)", group.count)?;
            }
            if let Some(first) = group.examples.first() {
                f.write_str(if group.count > 1 { ", first" } else { "," })?;
                if let Some(key) = &first.key {
                    write!(f, " in key \"{}\"", Escaped::for_terminal(key))?;
                }
                write!(f, " at offset {0} (0x{0:x})", first.offset)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(warnings: &[(Warning, u64)]) -> WarningLog {
        let mut log = WarningLog::default();
        for &(warning, offset) in warnings {
            log.observe(warning, offset);
        }
        log
    }

    #[test]
    fn it_counts_all_and_keeps_the_first_few() {
        let all: Vec<_> = (0..1000).map(|offset| (Warning::StreamLength, offset)).collect();
        let log = log(&all);
        let (_, group) = log.iter().next().expect("one kind");
        assert_eq!(group.count, 1000);
        assert_eq!(group.examples.iter().map(|example| example.offset).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(
            log.to_string(),
            "a stream's stated length is not the number of its entries (1000 times), first at offset 0 (0x0)"
        );
    }

    #[test]
    fn merging_does_not_depend_on_the_order() {
        let a = log(&[(Warning::NotANumber, 9), (Warning::NotANumber, 12), (Warning::UnknownVersion, 0)]);
        let b = log(&[(Warning::NotANumber, 3), (Warning::NotANumber, 4)]);
        let c = log(&[(Warning::NotANumber, 1)]);
        let left = a.clone().merge(b.clone()).merge(c.clone());
        let right = c.merge(b.merge(a));
        assert_eq!(left, right);
    }
}
