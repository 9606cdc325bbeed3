//! Warnings: irregular data that the parser reads nevertheless.

use std::fmt;

/// Irregular data that the parser reads nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Warning {
    /// The version in the header is newer than this crate.
    UnknownVersion,
    /// A record that only Dragonfly writes, in a file without Dragonfly's AUX field.
    InferredDragonfly,
    /// Prefix opcodes without a key after them.
    DanglingPrefix,
    /// A packed value whose number of entries is not a multiple of those of an element. The rest is
    /// not counted. Some servers load such a value, and others refuse it.
    OddEntryCount,
    /// An intset that is not in strictly ascending order.
    UnsortedIntset,
    /// A score that is not a number (NaN), which servers refuse.
    NotANumber,
    /// A score whose text is not a number.
    UnreadableScore,
    /// A stream whose length field, or the counts of one of its nodes, differ from its entries.
    /// Servers answer the length field.
    StreamLength,
    /// A negative expiry of a field other than the mark for "none".
    NegativeFieldExpiry,
    /// A collection without elements. Servers skip it when they load the file.
    EmptyCollection,
    /// Provisional: the part of a stream that Redis 8.6 and later add.
    ProvisionalStream,
    /// Provisional: a hash that uses a template, or the template.
    ProvisionalHashTemplate,
    /// Provisional: a rate limiter of Redis.
    ProvisionalGcra,
    /// Provisional: metadata of a key, of Redis.
    ProvisionalKeyMetadata,
    /// Provisional: slots being imported, of Valkey.
    ProvisionalSlotImport,
    /// Provisional: a hash of fields below paths, of Valkey.
    ProvisionalHashPaths,
    /// Provisional: a scheduled script of KeyDB.
    ProvisionalCron,
    /// Provisional: a record or type of Redis Enterprise.
    ProvisionalEnterprise,
    /// Provisional: a record or type of Dragonfly.
    ProvisionalDragonfly,
}

impl Warning {
    /// All warnings, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::UnknownVersion,
        Self::InferredDragonfly,
        Self::DanglingPrefix,
        Self::OddEntryCount,
        Self::UnsortedIntset,
        Self::NotANumber,
        Self::UnreadableScore,
        Self::StreamLength,
        Self::NegativeFieldExpiry,
        Self::EmptyCollection,
        Self::ProvisionalStream,
        Self::ProvisionalHashTemplate,
        Self::ProvisionalGcra,
        Self::ProvisionalKeyMetadata,
        Self::ProvisionalSlotImport,
        Self::ProvisionalHashPaths,
        Self::ProvisionalCron,
        Self::ProvisionalEnterprise,
        Self::ProvisionalDragonfly,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnknownVersion => "unknown_version",
            Self::InferredDragonfly => "inferred_dragonfly",
            Self::DanglingPrefix => "dangling_prefix",
            Self::OddEntryCount => "odd_entry_count",
            Self::UnsortedIntset => "unsorted_intset",
            Self::NotANumber => "not_a_number",
            Self::UnreadableScore => "unreadable_score",
            Self::StreamLength => "stream_length",
            Self::NegativeFieldExpiry => "negative_field_expiry",
            Self::EmptyCollection => "empty_collection",
            Self::ProvisionalStream => "provisional_stream",
            Self::ProvisionalHashTemplate => "provisional_hash_template",
            Self::ProvisionalGcra => "provisional_gcra",
            Self::ProvisionalKeyMetadata => "provisional_key_metadata",
            Self::ProvisionalSlotImport => "provisional_slot_import",
            Self::ProvisionalHashPaths => "provisional_hash_paths",
            Self::ProvisionalCron => "provisional_cron",
            Self::ProvisionalEnterprise => "provisional_enterprise",
            Self::ProvisionalDragonfly => "provisional_dragonfly",
        }
    }

    /// Whether the file uses a part of the format that was written from descriptions, without a
    /// file of a server.
    pub fn is_provisional(self) -> bool {
        self >= Self::ProvisionalStream
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::UnknownVersion => "the format version is newer than this reader",
            Self::InferredDragonfly => "a Dragonfly record in a file that does not say it is Dragonfly's",
            Self::DanglingPrefix => "an expiry or another key opcode without a key behind it",
            Self::OddEntryCount => "the number of packed entries is no multiple of those of an element",
            Self::UnsortedIntset => "an intset is not in ascending order",
            Self::NotANumber => "a score is not a number (NaN)",
            Self::UnreadableScore => "a score's text is no number",
            Self::StreamLength => "a stream's stated length is not the number of its entries",
            Self::NegativeFieldExpiry => "a field's expiry is negative",
            Self::EmptyCollection => "a collection without elements, which servers do not load",
            Self::ProvisionalStream => "read provisionally: a stream of Redis 8.6 or later",
            Self::ProvisionalHashTemplate => "read provisionally: a hash template",
            Self::ProvisionalGcra => "read provisionally: a rate limiter",
            Self::ProvisionalKeyMetadata => "read provisionally: key metadata",
            Self::ProvisionalSlotImport => "read provisionally: a slot import",
            Self::ProvisionalHashPaths => "read provisionally: a hash of paths",
            Self::ProvisionalCron => "read provisionally: a KeyDB cron job",
            Self::ProvisionalEnterprise => "read provisionally: a record of Redis Enterprise",
            Self::ProvisionalDragonfly => "read provisionally: a record or type of Dragonfly",
        })
    }
}

/// A set of [`Warning`]s in one word.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Warnings(u32);

impl Warnings {
    /// No warning.
    pub const NONE: Self = Self(0);

    /// Whether the set is empty.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the set has `warning`.
    pub fn contains(self, warning: Warning) -> bool {
        self.0 & 1 << warning as u32 != 0
    }

    /// Adds `warning`.
    #[inline]
    pub(crate) fn insert(&mut self, warning: Warning) {
        self.0 |= 1 << warning as u32;
    }

    /// Adds `warning` if `condition` holds, without a branch.
    #[inline]
    pub(crate) fn insert_if(&mut self, condition: bool, warning: Warning) {
        self.0 |= u32::from(condition) << warning as u32;
    }

    /// The union of two sets.
    #[inline]
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The warnings of the set, in the order of [`Warning::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL.into_iter().filter(move |&warning| self.contains(warning))
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_list_and_names_are_unique() {
        let mut set = Warnings::NONE;
        for (index, warning) in Warning::ALL.into_iter().enumerate() {
            assert_eq!(warning as usize, index);
            assert!(!set.contains(warning));
            set.insert(warning);
            assert!(set.contains(warning));
        }
        assert!(set.iter().eq(Warning::ALL));
        let names: std::collections::BTreeSet<_> = Warning::ALL.iter().map(|w| w.name()).collect();
        assert_eq!(names.len(), Warning::ALL.len());
    }
}
