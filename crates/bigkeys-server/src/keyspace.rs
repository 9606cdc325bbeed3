//! Figures of a whole keyspace, as the offline analysis wants them: largest keys, largest prefixes, sums by
//! type. Bounded in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use rdb_analysis::{DataType, KeyView, Measure};
use rdb_parser::ErrorKind;
use rdb_parser::escape::Escaped;

use dcs_bigkeys::{
    MAX_OFFLINE_KEYS_PER_TYPE, MAX_OFFLINE_PREFIXES_PER_TYPE, OfflineKey, OfflinePrefix, OfflineResult,
    OfflineTypeBytes, OfflineTypeNum,
};

/// Types that are told apart; there are five of the contract, and streams and modules. A hostile file must
/// not grow the tables.
const MAX_TYPES: usize = 64;

/// Prefixes that are counted at a time. When there are more, the smaller half is forgotten; what is forgotten and
/// comes again is counted from there, so that figures are never too large.
const MAX_PREFIXES: usize = 1 << 16;

/// Bytes of a prefix and of a key that are kept.
const MAX_NAME_BYTES: usize = 1024;

/// What ends a prefix.
const SEPARATOR: u8 = b':';

#[derive(Debug, Default)]
pub(crate) struct Keyspace {
    types: BTreeMap<DataType, OfType>,
    prefixes: HashMap<(DataType, Vec<u8>), Sum>,
    scratch: Vec<u8>,
}

#[derive(Debug, Default)]
struct OfType {
    sum: Sum,
    /// The smallest is on top.
    largest: BinaryHeap<Reverse<Large>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    bytes: u64,
    keys: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.keys += 1;
    }
}

/// A large key. Ordered by its bytes; equal ones by their names, the first being larger.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Large {
    bytes: u64,
    name: Reverse<Vec<u8>>,
    elements: u64,
}

impl Keyspace {
    /// Counts a key.
    ///
    /// # Errors
    ///
    /// If its name cannot be decompressed.
    pub(crate) fn observe(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let measure = &key.measure;
        let name = key.key.decode(&mut self.scratch)?;
        let bytes = bytes_of(measure);
        if self.types.len() >= MAX_TYPES && !self.types.contains_key(&measure.data_type) {
            return Ok(());
        }
        let of_type = self.types.entry(measure.data_type).or_default();
        of_type.sum.add(bytes);
        let is_full = of_type.largest.len() >= MAX_OFFLINE_KEYS_PER_TYPE;
        if !is_full || of_type.largest.peek().is_some_and(|smallest| smallest.0.bytes <= bytes) {
            let kept = name.get(..MAX_NAME_BYTES).unwrap_or(name);
            of_type.largest.push(Reverse(Large {
                bytes,
                name: Reverse(kept.to_vec()),
                elements: elements_of(measure),
            }));
            if is_full {
                of_type.largest.pop();
            }
        }
        if let Some(end) = name.iter().take(MAX_NAME_BYTES).position(|byte| *byte == SEPARATOR) {
            let prefix = name.get(..=end).unwrap_or_default().to_vec();
            self.prefixes.entry((measure.data_type, prefix)).or_default().add(bytes);
            if self.prefixes.len() > MAX_PREFIXES {
                self.forget_small_prefixes();
            }
        }
        Ok(())
    }

    #[cold]
    fn forget_small_prefixes(&mut self) {
        let mut sizes: Vec<_> = self.prefixes.values().map(|sum| sum.bytes).collect();
        let (_, median, _) = sizes.select_nth_unstable(MAX_PREFIXES / 2);
        let median = *median;
        self.prefixes.retain(|_, sum| sum.bytes > median);
    }

    pub(crate) fn into_result(self) -> OfflineResult {
        let mut result = OfflineResult::default();
        let mut prefixes: BTreeMap<DataType, Vec<(Vec<u8>, Sum)>> = BTreeMap::new();
        for ((data_type, prefix), sum) in self.prefixes {
            prefixes.entry(data_type).or_default().push((prefix, sum));
        }
        for (data_type, mut list) in prefixes {
            list.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(&b.0)));
            list.truncate(MAX_OFFLINE_PREFIXES_PER_TYPE);
            result.largest_key_prefixes.extend(list.into_iter().map(|(prefix, sum)| OfflinePrefix {
                key_prefix: Escaped::for_text(&prefix).to_string(),
                key_type: data_type.to_string(),
                bytes: signed(sum.bytes),
                num: signed(sum.keys),
            }));
        }
        let mut total = Sum::default();
        for (data_type, of_type) in self.types {
            total.bytes = total.bytes.saturating_add(of_type.sum.bytes);
            total.keys += of_type.sum.keys;
            let key_type = data_type.to_string();
            result
                .type_bytes
                .push(OfflineTypeBytes { key_type: key_type.clone(), bytes: signed(of_type.sum.bytes) });
            result
                .type_num
                .push(OfflineTypeNum { key_type: key_type.clone(), num: signed(of_type.sum.keys) });
            // Ascending in the order of the reverse: the largest first.
            result.largest_keys.extend(of_type.largest.into_sorted_vec().into_iter().map(|Reverse(key)| {
                OfflineKey {
                    key: Escaped::for_text(&key.name.0).to_string(),
                    key_type: key_type.clone(),
                    bytes: signed(key.bytes),
                    num_of_elem: signed(key.elements),
                }
            }));
        }
        result.total_bytes = signed(total.bytes);
        result.total_num = signed(total.keys);
        result
    }
}

/// Memory where it is modelled, bytes in the file where not.
fn bytes_of(measure: &Measure) -> u64 {
    measure.memory_bytes.unwrap_or(measure.rdb_bytes)
}

fn elements_of(measure: &Measure) -> u64 {
    let elements = if measure.data_type == DataType::String { measure.value_bytes } else { measure.elements };
    elements.unwrap_or(0)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use rdb_analysis::{ScanOptions, Source};

    use super::*;

    /// A file of string keys with values of the given lengths.
    fn file(keys: &[(&str, usize)]) -> Vec<u8> {
        let mut bytes = b"REDIS0003".to_vec();
        for (key, value) in keys {
            bytes.extend([0, 0x40, u8::try_from(key.len()).expect("short")]);
            bytes.extend(key.as_bytes());
            bytes.push(0x40 | u8::try_from(value >> 8).expect("short"));
            bytes.push(u8::try_from(value & 255).expect("a byte"));
            bytes.extend(std::iter::repeat_n(b'x', *value));
        }
        bytes.push(0xff);
        bytes
    }

    fn analyse(keys: &[(&str, usize)]) -> OfflineResult {
        let file = file(keys);
        let source = Source::from_bytes("test", &file);
        let mut keyspace = Keyspace::default();
        rdb_analysis::for_each_key(source, &ScanOptions::default(), &(), &false.into(), |key| {
            ControlFlow::Continue(keyspace.observe(key))
        })
        .expect("an RDB file");
        keyspace.into_result()
    }

    #[test]
    fn prefixes_and_types_sum_their_keys_and_the_largest_come_first() {
        let result = analyse(&[("a:1", 10), ("b:1", 500), ("a:2", 20), ("plain", 300)]);
        assert_eq!(result.total_num, 4);
        let prefixes: Vec<_> =
            result.largest_key_prefixes.iter().map(|p| (p.key_prefix.as_str(), p.num)).collect();
        assert_eq!(prefixes, [("b:", 1), ("a:", 2)]);
        let keys: Vec<_> = result.largest_keys.iter().map(|k| (k.key.as_str(), k.num_of_elem)).collect();
        assert_eq!(keys, [("b:1", 500), ("plain", 300), ("a:2", 20), ("a:1", 10)]);
        assert_eq!(result.total_bytes, result.largest_keys.iter().map(|key| key.bytes).sum::<i64>());
        assert_eq!(result.type_bytes[0].bytes, result.total_bytes);
        assert_eq!((result.type_num[0].key_type.as_str(), result.type_num[0].num), ("string", 4));
    }

    #[test]
    fn lists_are_cut_and_prefixes_stay_bounded_without_losing_the_largest() {
        let names: Vec<_> = (0..70_000).map(|n| format!("{n}:x")).collect();
        let mut keys: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        keys.insert(0, ("big:x", 1000));
        let result = analyse(&keys);
        assert_eq!(result.total_num, 70_001);
        assert_eq!(result.largest_keys.len(), MAX_OFFLINE_KEYS_PER_TYPE);
        assert_eq!(result.largest_key_prefixes[0].key_prefix, "big:");
        assert!(result.largest_key_prefixes.len() <= MAX_OFFLINE_PREFIXES_PER_TYPE);
    }
}
