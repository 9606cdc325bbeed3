//! Limits of a server's configuration that its packed values show to be raised.

use rdb_parser::RdbString;
use serde::{Deserialize, Serialize};

use crate::measure::{DataType, Encoding, KeyView, Measure};
use crate::parallel::Place;
use crate::server::Limits;

/// Most bytes of a key's name that are kept.
const MAX_NAME_BYTES: usize = 1 << 10;

/// A limit that a packed value shows to be higher than assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaisedLimit {
    /// The directive, as in `redis.conf`.
    pub directive: &'static str,
    /// Elements of the value: the limit is at least as high.
    pub at_least: u64,
    /// Logical database of its key.
    pub db: u64,
    /// Beginning of the key's decoded name, at most 1 KiB.
    pub key: Vec<u8>,
}

/// The directives, in the order in which a report lists them.
const DIRECTIVES: [&str; 4] = [
    "hash-max-listpack-entries",
    "set-max-intset-entries",
    "set-max-listpack-entries",
    "zset-max-listpack-entries",
];

/// The packed value with the most elements for each directive.
///
/// Of values with as many elements, the first one in the file counts, so the result does not depend on
/// how the file was split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LongestPacked {
    found: [Option<Longest>; DIRECTIVES.len()],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Longest {
    elements: u64,
    offset: u64,
    db: u64,
    key: Vec<u8>,
}

impl LongestPacked {
    /// Adds a key. Keys of a range come in file order.
    #[inline(always)]
    pub(crate) fn observe(&mut self, key: &KeyView<'_>) {
        // Passing the key itself would spill every key to the stack, a fifth more instructions.
        let Measure { elements, offset, db, .. } = key.measure;
        if let (Some(index), Some(elements)) = (directive(&key.measure), elements) {
            self.observe_packed(index, elements, (offset, db), key.key);
        }
    }

    #[inline(never)]
    fn observe_packed(&mut self, index: usize, elements: u64, (offset, db): (u64, u64), name: RdbString<'_>) {
        let Some(found) = self.found.get_mut(index) else { return };
        if found.as_ref().is_some_and(|found| elements <= found.elements) {
            return;
        }
        let mut scratch = Vec::new();
        // A name that cannot be decompressed is damage, which is reported elsewhere.
        let key = name.decode_prefix(MAX_NAME_BYTES, &mut scratch).unwrap_or_default().to_vec();
        *found = Some(Longest { elements, offset, db, key });
    }

    /// Adds what was found elsewhere in the same file.
    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, other) in self.found.iter_mut().zip(other.found) {
            let rank = |found: &Longest| (found.elements, std::cmp::Reverse(found.offset));
            if other.as_ref().map(rank) > mine.as_ref().map(rank) {
                *mine = other;
            }
        }
    }

    pub(crate) fn correct_place(&mut self, place: Place) {
        for found in self.found.iter_mut().flatten() {
            found.db = place.db;
        }
    }

    /// The limits that are higher than `assumed`.
    pub(crate) fn above(&self, assumed: &Limits) -> Vec<RaisedLimit> {
        let limits = [
            assumed.hash_max_listpack_entries,
            assumed.set_max_intset_entries,
            assumed.set_max_listpack_entries,
            assumed.zset_max_listpack_entries,
        ];
        let all = DIRECTIVES.iter().zip(&self.found).zip(limits);
        all.filter_map(|((directive, found), limit)| {
            let found = found.as_ref().filter(|found| found.elements > limit)?;
            let (at_least, db, key) = (found.elements, found.db, found.key.clone());
            Some(RaisedLimit { directive, at_least, db, key })
        })
        .collect()
    }
}

/// Index of the directive that limits a value of this type and encoding.
#[inline(always)]
fn directive(measure: &Measure) -> Option<usize> {
    match (measure.data_type, measure.encoding) {
        (_, Encoding::Intset) => Some(1),
        (
            DataType::Hash,
            Encoding::Listpack | Encoding::Listpackex | Encoding::Ziplist | Encoding::TemplateListpack,
        ) => Some(0),
        (DataType::Set, Encoding::Listpack) => Some(2),
        (DataType::Zset, Encoding::Listpack | Encoding::Ziplist) => Some(3),
        _ => None,
    }
}
