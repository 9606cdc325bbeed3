use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A number for the name, and the bytes of the value. A key whose value is a multiple of three bytes
/// long has an expiry.
type Keys = Vec<(u8, u8)>;

fn file(keys: &Keys) -> Vec<u8> {
    let mut file = b"REDIS0009".to_vec();
    for &(name, value_bytes) in keys {
        if value_bytes.is_multiple_of(3) {
            file.push(0xfc);
            file.extend(1_700_000_000_000u64.to_le_bytes());
        }
        let name = format!("group{}:{name}", name % 3);
        file.extend([0, u8::try_from(name.len()).expect("short")]);
        file.extend(name.as_bytes());
        file.extend((0x4000 | u16::from(value_bytes)).to_be_bytes());
        file.extend(std::iter::repeat_n(b'v', value_bytes.into()));
    }
    file.push(0xff);
    file.extend([0; 8]);
    file
}

fn diff(old: &[&Keys], new: &[&Keys], threads: usize, max_held_bytes: u64) -> Diff {
    let directory = tempfile::tempdir().expect("a directory");
    let mut comparison = Comparison::new().top(1000);
    comparison.max_held_bytes = max_held_bytes;
    for (side, is_new) in [(old, false), (new, true)] {
        for keys in side {
            let path = directory.path().join("dump.rdb");
            std::fs::write(&path, file(keys)).expect("written");
            let scan = Scan::open(path).expect("there").threads(threads).memory(false);
            for input in scan.list(|_| {}).expect("listed") {
                let mut input = scan.open_input(input).expect("opens");
                comparison.add(&scan, &mut input, is_new).expect("scanned");
            }
        }
    }
    comparison.compare(Some(threads)).expect("compared")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_result_is_that_of_two_maps_on_any_threads_and_partitions(
        old in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..300),
        new in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..300),
        threads in 1usize..4,
    ) {
        let found = diff(&[&old], &[&new], threads, MAX_HELD_BYTES);
        let map = |keys: &Keys| keys.iter().copied().collect::<HashMap<u8, u8>>();
        let (before, after) = (map(&old), map(&new));
        let both = || before.iter().filter_map(|(name, old)| Some((*old, *after.get(name)?)));
        let count = |is_so: fn(u8, u8) -> bool| both().filter(|&(old, new)| is_so(old, new)).count() as u64;
        let totals = found.totals;
        prop_assert_eq!(totals.old_keys, before.len() as u64);
        prop_assert_eq!(totals.new_keys, after.len() as u64);
        prop_assert_eq!(totals.added_keys, after.len() as u64 - both().count() as u64);
        prop_assert_eq!(totals.gone_keys, before.len() as u64 - both().count() as u64);
        prop_assert_eq!(totals.expiry_lost_keys, count(|old, new| old.is_multiple_of(3) && !new.is_multiple_of(3)));
        prop_assert_eq!(totals.expiry_set_keys, count(|old, new| !old.is_multiple_of(3) && new.is_multiple_of(3)));
        let rdb_bytes = |value_bytes: u8| u64::from(value_bytes) + if value_bytes.is_multiple_of(3) { 9 } else { 0 };
        prop_assert_eq!(
            totals.grown_keys,
            both().filter(|&(old, new)| rdb_bytes(new) > rdb_bytes(old)).count() as u64
        );
        // Every grouping sums to the totals, and the list has every key that grew or shrank.
        let sum = |changes: &mut dyn Iterator<Item = i128>| changes.sum::<i128>();
        prop_assert_eq!(sum(&mut found.by_type.values().map(Changes::growth_bytes)), totals.growth_bytes());
        prop_assert_eq!(sum(&mut found.by_slot.values().map(Changes::growth_bytes)), totals.growth_bytes());
        prop_assert_eq!(
            sum(&mut found.by_name.iter().map(|group| group.changes.growth_bytes())),
            totals.growth_bytes()
        );
        prop_assert_eq!(sum(&mut found.keys.iter().map(ChangedKey::growth_bytes)), totals.growth_bytes());

        // Partitions of any size, and a side in two files.
        let (first, second) = new.split_at(new.len() / 2);
        let parts = [&first.to_vec(), &second.to_vec()];
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", diff(&[&old], &parts, 4 - threads, 1)));
        prop_assert_eq!(format!("{found:?}"), format!("{:?}", diff(&[&old], &[&new], 1, 300)));
    }
}
