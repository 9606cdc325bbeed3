//! A file that is split into ranges gives the same report as a sequential scan, whatever the file
//! holds.

mod cases;
mod giants;
mod records;
mod support;

use proptest::prelude::*;
use rdb_analysis::{ReportCollector, ScanOptions, SourceData, analyze};

use giants::{records_with_giants, regular_giants};
use records::{Record, chunked_record, dragonfly_record, odd_record, record, trailing, write};
use support::{check, findings, report, report_of, rows, source, streamed};

/// Checks that the bytes of keys, of no key and behind the end are the length of the file, if its
/// end was reached, and that no byte is counted twice if not. Gives whether the end was reached.
fn check_bytes(file: &[u8]) -> bool {
    let collector = ReportCollector::default();
    let mut at_end = false;
    for (threads, range_bytes) in [(1, None), (2, Some(100))] {
        let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
        for data in [SourceData::Bytes(file), streamed(file, 1777, None, false)] {
            let outcome =
                analyze(vec![source(data)], &collector, &options, &(), &false.into()).expect("threads");
            let facts = &outcome.output.sources[0].facts;
            let counted = facts.key_bytes + facts.overhead_bytes + facts.trailing_bytes;
            at_end = facts.checksum.is_some();
            if at_end {
                assert_eq!(counted, facts.bytes, "{:?}", facts.coverage);
            } else {
                assert!(counted <= facts.bytes, "{counted} of {}, {:?}", facts.bytes, facts.coverage);
            }
        }
    }
    at_end
}

/// A damaged blob between two chunks of a value, a later blob with the second chunk, and trailing
/// bytes.
#[test]
fn bytes_add_up_to_the_length_of_a_file_with_a_damaged_blob_in_a_chunked_value() {
    let blob = |records, is_damaged| Record::Blob { records, is_zstd: false, is_damaged };
    let value = || Record::String(b"key".to_vec(), b"value".to_vec());
    let mut file = write(&[
        Record::Chunk(1, true),
        blob(vec![value()], true),
        blob(vec![value(), Record::Chunk(1, false), value()], false),
        value(),
    ]);
    file.extend([0; 5]);
    assert!(check_bytes(&file), "the end is reached");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bytes_add_up_to_the_length_of_the_file_however_it_is_damaged(
        records in proptest::collection::vec(chunked_record(), 0..20),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2),
    ) {
        let mut file = write(&records);
        for (at, to) in flips {
            let at = 9 + at.index(file.len() - 9);
            file[at] = to;
        }
        check_bytes(&file);
    }
}

#[test]
fn long_values_of_all_types_are_read_in_parts() {
    let file = regular_giants();
    let sequential = report(&file, 1, None);
    let of_keys = rows(SourceData::Bytes(&file), 1, None);
    let found = findings(SourceData::Bytes(&file), 1, None);
    for threads in [1, 2, 16] {
        for range_bytes in [20_000, 100_000, 1 << 20] {
            assert!(sequential == report(&file, threads, Some(range_bytes)), "{threads}, {range_bytes}");
            let split = rows(SourceData::Bytes(&file), threads, Some(range_bytes));
            assert!(of_keys == split, "keys, {threads}, {range_bytes}");
            let split = findings(SourceData::Bytes(&file), threads, Some(range_bytes));
            assert_eq!(found, split, "check, {threads}, {range_bytes}");
            let read = report_of(streamed(&file, 70_000, None, false), threads, Some(range_bytes));
            assert!(sequential == read, "a stream, {threads}, {range_bytes}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nor_does_that_of_a_file_of_dragonfly(records in proptest::collection::vec(dragonfly_record(), 0..40)) {
        check(&write(&records));
    }

    #[test]
    fn a_report_does_not_depend_on_how_the_file_is_cut(records in proptest::collection::vec(record(), 0..150)) {
        check(&write(&records));
    }

    #[test]
    fn nor_does_that_of_a_file_that_contradicts_itself_or_goes_on_behind_its_end(
        records in proptest::collection::vec(odd_record(), 0..80),
        trailing in trailing(),
    ) {
        check(&[write(&records), trailing].concat());
    }

    #[test]
    fn nor_does_that_of_a_file_of_long_values(records in records_with_giants(), cut in any::<prop::sample::Index>()) {
        let file = write(&records);
        check(&file);
        check(&file[..9 + cut.index(file.len() - 8)]);
    }

    #[test]
    fn nor_does_that_of_a_file_that_is_cut_off_or_damaged(
        records in proptest::collection::vec(record(), 1..80),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        to: u8,
    ) {
        let file = write(&records);
        check(&file[..9 + cut.index(file.len() - 8)]);
        let mut flipped = file;
        let at = 9 + flip.index(flipped.len() - 9);
        flipped[at] = to;
        check(&flipped);
    }
}
