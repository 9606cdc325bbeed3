//! The keys of two partitions of the same hashes, side by side.

use std::io;

use hashbrown::HashTable;

use super::record::key_of;
use crate::spool::{Partition, each_record, fields_at, head, table_hash};

/// Replaced records are forgotten when they take more bytes than this.
const COMPACTED_BYTES: usize = 4 << 20;

/// The records of two partitions, paired by key.
///
/// Records stay in the order in which they were written, because reading them in the order of their
/// hashes misses the caches of the processor.
#[derive(Default)]
pub(super) struct KeyPairs {
    old: Vec<u8>,
    new: Vec<u8>,
    /// Hash and index in `pairs`.
    index: HashTable<(u64, usize)>,
    pairs: Vec<Pair>,
}

/// Where the records of a key are. Of several, the last one counts.
#[derive(Clone, Copy, Default)]
struct Pair {
    old: Option<Place>,
    new: Option<Place>,
    /// Whether both records are the same.
    is_same: bool,
}

/// The offset of a record.
type Place = usize;

/// A key that one or both sides have. The fields of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paired<'a> {
    Old(&'a [u8]),
    New(&'a [u8]),
    Same(&'a [u8]),
    Both { old: &'a [u8], new: &'a [u8] },
}

impl KeyPairs {
    /// Reads both partitions. Of one with more than `max_held_bytes`, only the last record of each key
    /// is held.
    pub(super) fn read(old: Partition, new: Partition, max_held_bytes: u64) -> io::Result<Self> {
        let read = |partition: Partition| {
            if partition.bytes() > max_held_bytes {
                Ok(LastRecords::read(partition)?.into_records())
            } else {
                partition.into_records()
            }
        };
        let (old, new) = (read(old)?, read(new)?);
        let mut pairs = Self { old, new, ..Self::default() };
        pairs.pair()?;
        Ok(pairs)
    }

    fn pair(&mut self) -> io::Result<()> {
        let Self { old, new, index, pairs } = self;
        let mut records = 0;
        each_record(old, |_, _, _| {
            records += 1;
            Ok(())
        })?;
        index.reserve(records, |&(hash, _)| table_hash(hash));
        pairs.reserve(records);
        each_record(old, |place, hash, fields| {
            let key = key_of(fields)?;
            let is_key = |pair: &Pair| has_key(old, pair.old, key);
            pair_of(index, pairs, hash, is_key).old = Some(place);
            Ok(())
        })?;
        each_record(new, |place, hash, fields| {
            let key = key_of(fields)?;
            let is_key = |pair: &Pair| has_key(old, pair.old, key) || has_key(new, pair.new, key);
            let pair = pair_of(index, pairs, hash, is_key);
            pair.new = Some(place);
            pair.is_same = pair.old.is_some_and(|place| fields_at(old, place) == Some(fields));
            Ok(())
        })
    }

    /// All keys, each once.
    pub(super) fn iter(&self) -> impl Iterator<Item = Paired<'_>> {
        let Self { old, new, pairs, .. } = self;
        pairs.iter().filter_map(|pair| {
            Some(match (pair.old, pair.new) {
                (Some(place), Some(_)) if pair.is_same => Paired::Same(fields_at(old, place)?),
                (Some(before), Some(after)) => {
                    Paired::Both { old: fields_at(old, before)?, new: fields_at(new, after)? }
                }
                (Some(place), None) => Paired::Old(fields_at(old, place)?),
                (None, place) => Paired::New(fields_at(new, place?)?),
            })
        })
    }
}

fn has_key(records: &[u8], place: Option<Place>, key: &[u8]) -> bool {
    let fields = place.and_then(|place| fields_at(records, place));
    fields.is_some_and(|fields| key_of(fields).is_ok_and(|known| known == key))
}

/// The pair of a key, which may be new.
fn pair_of<'a>(
    index: &mut HashTable<(u64, usize)>,
    pairs: &'a mut Vec<Pair>,
    hash: u64,
    is_key: impl Fn(&Pair) -> bool,
) -> &'a mut Pair {
    let is_known = |&(other, at): &(u64, usize)| other == hash && pairs.get(at).is_some_and(&is_key);
    let at = if let Some(&(_, at)) = index.find(table_hash(hash), is_known) {
        at
    } else {
        pairs.push(Pair::default());
        let at = pairs.len() - 1;
        index.insert_unique(table_hash(hash), (hash, at), |&(hash, _)| table_hash(hash));
        at
    };
    &mut pairs[at]
}

/// The last record of each key. A hostile file may repeat a key any number of times.
#[derive(Default)]
struct LastRecords {
    /// Records with their heads.
    records: Vec<u8>,
    /// Bytes of `records` that no place refers to.
    unused_bytes: usize,
    /// Hash, and where the record is.
    places: HashTable<(u64, Place)>,
}

impl LastRecords {
    fn read(partition: Partition) -> io::Result<Self> {
        let mut last = Self::default();
        partition.for_each(|hash, fields| {
            let key = key_of(fields)?;
            let Self { records, places, unused_bytes } = &mut last;
            let is_same =
                |&(other, place): &(u64, Place)| other == hash && has_key(records, Some(place), key);
            let place = records.len();
            let head = head(fields.len() as u64, hash);
            match places.find_mut(table_hash(hash), is_same) {
                Some(known) => {
                    *unused_bytes += head.len() + fields_at(records, known.1).map_or(0, <[u8]>::len);
                    known.1 = place;
                }
                None => {
                    places.insert_unique(table_hash(hash), (hash, place), |&(hash, _)| table_hash(hash));
                }
            }
            records.extend_from_slice(&head);
            records.extend_from_slice(fields);
            if last.unused_bytes > COMPACTED_BYTES.max(last.records.len() / 2) {
                last.compact();
            }
            Ok(())
        })?;
        Ok(last)
    }

    /// Forgets the records that others replaced.
    fn compact(&mut self) {
        let mut used = Vec::with_capacity(self.records.len() - self.unused_bytes);
        for (hash, place) in &mut self.places {
            let fields = fields_at(&self.records, *place).unwrap_or_default();
            *place = used.len();
            used.extend_from_slice(&head(fields.len() as u64, *hash));
            used.extend_from_slice(fields);
        }
        self.records = used;
        self.unused_bytes = 0;
    }

    fn into_records(mut self) -> Vec<u8> {
        self.compact();
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::record;
    use crate::spool::Spool;

    #[test]
    fn a_key_that_is_repeated_takes_no_memory_for_each_time() {
        let mut spool = Spool::new(&std::env::temp_dir());
        for bytes in 0..200 {
            let name = vec![b'x'; 100_000];
            let state = record::KeyState {
                db: 0,
                name: &name,
                data_type: b"s",
                encoding: b"r",
                bytes,
                elements: None,
                expires_at_ms: None,
            };
            let mut record = Vec::new();
            state.append(7, &mut record);
            spool.add_all(&record).expect("written");
        }
        let partition = spool.into_partitions().into_iter().next().expect("the first");
        assert!(partition.bytes() > 20_000_000);
        let last = LastRecords::read(partition).expect("read");
        assert!(last.records.len() < 3 * COMPACTED_BYTES, "{}", last.records.len());
        let records = last.into_records();
        let mut all = Vec::new();
        each_record(&records, |_, _, fields| {
            all.push(record::KeyState::read(fields).expect("sound").bytes);
            Ok(())
        })
        .expect("read");
        assert_eq!(all, [199], "the last one counts");
    }
}
