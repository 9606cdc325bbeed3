//! Collectors of a user's own see every key once, with its database and slot, on any number of
//! threads.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rdb_analysis::{
    ByDatabase, ByEncoding, ByExpiry, ByType, Collector, EndOfSource, Groups, KeyView, Observe, PlaceUse,
    RangeStart, Rank, ReportCollector, ScanOptions, Source, TopKeys, Totals, analyze,
};

/// Keys by name length, database and slot. Requires the place of every key.
struct Places;

#[derive(Debug, Default, PartialEq, Eq)]
struct PlaceCounts(BTreeMap<(u64, u64, Option<u16>), u64>);

impl Observe for PlaceCounts {
    fn observe(&mut self, key: &KeyView<'_>) {
        let place = (key.key.decoded_len(), key.measure.db, key.measure.slot);
        *self.0.entry(place).or_default() += 1;
    }
}

impl Collector for Places {
    type Child = PlaceCounts;
    type Output = PlaceCounts;

    fn child(&self, _: RangeStart) -> PlaceCounts {
        PlaceCounts::default()
    }

    fn merge(&self, all: &mut PlaceCounts, child: PlaceCounts) {
        for (place, keys) in child.0 {
            *all.0.entry(place).or_default() += keys;
        }
    }

    fn finish(&self, all: PlaceCounts) -> PlaceCounts {
        all
    }
}

/// Counts keys, and notes what every source says at its end.
struct Ends;

#[derive(Debug, Default, PartialEq, Eq)]
struct EndCounts {
    keys: u64,
    sources: BTreeMap<usize, (String, u64, u64)>,
}

impl Observe for EndCounts {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn observe(&mut self, _: &KeyView<'_>) {
        self.keys += 1;
    }
}

impl Collector for Ends {
    type Child = EndCounts;
    type Output = EndCounts;

    fn child(&self, _: RangeStart) -> EndCounts {
        EndCounts::default()
    }

    fn merge(&self, all: &mut EndCounts, child: EndCounts) {
        all.keys += child.keys;
        all.sources.extend(child.sources);
    }

    fn end_source(&self, all: &mut EndCounts, source: &EndOfSource<'_>) {
        all.sources.insert(source.index, (source.path.to_owned(), source.facts.keys, all.keys));
    }

    fn finish(&self, all: EndCounts) -> EndCounts {
        all
    }
}

/// A file of string keys. Some are preceded by a `SELECTDB` opcode or a slot-info opcode.
fn file(keys: &[(u8, u8, u8)]) -> Vec<u8> {
    let mut file = b"REDIS0012\xfe\x00".to_vec();
    for (index, &(opcode, number, value_bytes)) in (0u32..).zip(keys) {
        match opcode {
            0 => file.extend([0xfe, number % 5]),
            1 => file.extend([0xf4, number % 60, 1, 0]),
            _ => {}
        }
        let name = format!("key:{index}{}", "x".repeat(usize::from(number % 7)));
        file.extend([0, u8::try_from(name.len()).expect("short")]);
        file.extend(name.bytes());
        file.push(value_bytes % 60);
        file.extend(std::iter::repeat_n(b'v', usize::from(value_bytes % 60)));
    }
    file.push(0xff);
    file.extend([0; 8]);
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_tuple_of_collectors_gives_the_same_on_any_number_of_threads(
        keys in proptest::collection::vec((0u8..12, any::<u8>(), any::<u8>()), 1..400),
        has_slots in any::<bool>(),
        threads in 1usize..5,
        range_bytes in 50u64..3000,
    ) {
        let slots = if has_slots { 0 } else { 2 };
        let keys: Vec<_> =
            keys.into_iter().map(|(opcode, n, v)| (if opcode == 1 { 1 + slots } else { opcode }, n, v)).collect();
        let file = file(&keys);
        let run = |threads, range_bytes: Option<u64>| {
            let sources = vec![Source::from_bytes("a", &file), Source::from_bytes("b", &file[..file.len() / 2])];
            let collectors = (Places, Ends, TopKeys::new(Rank::RdbBytes, 7), Totals, ByDatabase);
            let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
            analyze(sources, collectors, &options, &(), &false.into()).expect("threads")
        };
        let (one, many) = (run(1, None), run(threads, Some(range_bytes)));
        let (places, ends, top, totals, by_db) = many.output;
        prop_assert_eq!(&places, &one.output.0);
        prop_assert_eq!(&ends, &one.output.1);
        prop_assert_eq!(&top, &one.output.2);
        prop_assert_eq!(&totals, &one.output.3);
        prop_assert_eq!(&by_db, &one.output.4);
        prop_assert_eq!(many.damaged_sources, one.damaged_sources);
        prop_assert_eq!(places.0.values().sum::<u64>(), totals.keys);
        prop_assert_eq!(ends.keys, totals.keys);
        prop_assert!(ends.sources.values().all(|(_, of_facts, observed)| of_facts == observed));
        prop_assert_eq!(by_db.iter().map(|db| db.group.keys).sum::<u64>(), totals.keys);
    }
}

#[test]
fn a_report_and_its_parts_agree() {
    let keys: Vec<_> = (0..200u8).map(|i| (i % 4, i, i)).collect();
    let file = file(&keys);
    let collectors = (
        (ReportCollector::default(), Groups),
        (Totals, ByType, ByEncoding, ByDatabase, ByExpiry, TopKeys::new(Rank::MemoryBytes, 20)),
    );
    let sources = vec![Source::from_bytes("a", &file).shard("10.0.0.1:6379".to_owned())];
    let outcome = analyze(sources, collectors, &ScanOptions::default(), &(), &false.into()).expect("threads");
    let ((report, tables), (totals, by_type, by_encoding, by_db, by_expiry, top)) = outcome.output;
    assert_eq!((report.totals, tables.totals), (totals, totals));
    assert_eq!((&report.by_type, &tables.by_type), (&by_type, &by_type));
    assert_eq!((&report.by_encoding, &tables.by_encoding), (&by_encoding, &by_encoding));
    assert_eq!((&report.by_db, &tables.by_db), (&by_db, &by_db));
    assert_eq!((&report.expiry, &tables.expiry), (&by_expiry, &by_expiry));
    assert_eq!(report.top, top);
    assert!(report.top.values().flatten().all(|key| key.shard.as_deref() == Some("10.0.0.1:6379")));
    assert_eq!(totals.keys, 200);
}

/// A compressed name whose data is damaged, at a key that a list requires.
#[test]
fn a_key_that_one_collector_cannot_have_is_observed_by_none() {
    let mut file = b"REDIS0012\xfe\x00".to_vec();
    for index in 0..20u8 {
        file.extend([0, 2, b'k', b'a' + index, 1, b'v']);
    }
    // A back reference to before the start of the name.
    file.extend(b"\x00\xc3\x03\x0a\xe0\xff\xff");
    file.extend([30; 1]);
    file.extend([b'v'; 30]);
    file.push(0xff);
    file.extend([0; 8]);
    for (threads, range_bytes) in [(1, None), (2, Some(40))] {
        let collectors = (Totals, Ends, TopKeys::new(Rank::RdbBytes, 3));
        let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
        let sources = vec![Source::from_bytes("a", &file)];
        let outcome = analyze(sources, collectors, &options, &(), &false.into()).expect("threads");
        let (totals, ends, _) = outcome.output;
        assert_eq!((totals.keys, ends.keys), (20, 20));
        assert_eq!(outcome.damaged_sources, 1);
    }
}
