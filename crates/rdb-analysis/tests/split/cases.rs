//! Files that once gave other numbers in ranges, or show what ranges have to carry.

use std::sync::atomic::{AtomicU64, Ordering};

use rdb_analysis::{ReportCollector, ScanOptions, SourceData, analyze};

use super::records::{Record, write};
use super::support::{check, findings, report, report_of, report_with, source, streamed};

/// The numbers of a report, as they stand in its JSON.
fn numbers(report: &str, name: &str) -> Vec<u64> {
    let report: serde_json::Value = serde_json::from_str(report).expect("JSON");
    report.pointer(name).map(|value| value.as_u64().expect("a number")).into_iter().collect()
}

/// Strings with names in a row.
fn strings(count: usize) -> Vec<Record> {
    (0..count).map(|i| Record::String(format!("key:{i}").into_bytes(), vec![b'v'; i % 50])).collect()
}

#[test]
fn a_prefix_before_the_end_does_not_make_keys_of_what_follows_it() {
    for prefix in [&b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08"[..], b"\xf9\x05", b"\xf8\x05"] {
        let mut records = strings(200);
        records.push(Record::Raw(prefix));
        let file = [write(&records), write(&strings(2000))].concat();
        assert_eq!(numbers(&report(&file, 1, None), "/totals/keys"), [200]);
        check(&file);
    }
}

#[test]
fn a_dialect_that_a_record_shows_holds_from_that_record_on_in_every_range() {
    for aux in [None, Some(Record::Aux(b"valkey-ver", b"9.1.2"))] {
        let mut records = strings(100);
        records.extend(aux);
        records.extend(strings(100));
        // The flags of a key, then types whose numbers another server uses otherwise.
        records.push(Record::Raw(b"\xdc\x00\x00\x00\x00\x00\x01f\x01v"));
        records.extend((0..300).map(|_| Record::Raw(b"\x1e\x01j\x02[]")));
        records.extend(strings(100));
        let file = write(&records);
        assert_eq!(numbers(&report(&file, 1, None), "/totals/keys"), [601]);
        check(&file);
    }
}

/// Threads that read ahead measure the elements of the second hash before its server is known.
#[test]
fn elements_are_measured_for_the_server_that_is_named_before_their_value() {
    let hash = |name: &[u8]| {
        let field = |i: usize| (format!("field:{i}").into_bytes(), vec![b'v'; i % 200]);
        Record::Hash(name.to_vec(), (0..1000).map(field).collect())
    };
    let mut records = vec![Record::Aux(b"redis-ver", b"6.2.0"), hash(b"first")];
    records.extend(strings(300));
    records.extend([Record::Aux(b"valkey-ver", b"9.1.0"), hash(b"second")]);
    let file = write(&records);
    check(&file);
}

/// A file of Dragonfly that goes on with `count` times what `more` gives, each with a blob of keys
/// behind it.
fn dragonfly(count: usize, more: impl Fn(usize) -> Vec<Record>) -> Vec<u8> {
    let mut records = vec![Record::Aux(b"df-ver", b"1.30.0"), Record::SelectDb(1)];
    for i in 0..count {
        records.extend(more(i));
        let keys = (0..10).map(|j| Record::String(format!("key:{i}:{j}").into_bytes(), vec![b'v'; 20]));
        records.push(Record::Blob { records: keys.collect(), is_zstd: i % 3 == 0, is_damaged: false });
    }
    write(&records)
}

#[test]
fn a_chunked_value_is_of_the_database_in_which_it_began() {
    let file = dragonfly(40, |i| match i % 4 {
        1 => vec![Record::Chunk(1, true)],
        2 => vec![Record::SelectDb(2 + i as u64 % 8)],
        3 => vec![Record::Chunk(1, false)],
        _ => Vec::new(),
    });
    assert_eq!(numbers(&report(&file, 1, None), "/totals/keys"), [410]);
    check(&file);
}

#[test]
fn a_chunked_value_that_is_never_complete_costs_no_more_on_two_threads() {
    check(&dragonfly(40, |i| if i == 3 { vec![Record::Chunk(1, true)] } else { Vec::new() }));
}

#[test]
fn a_blob_without_an_end_mark_leaves_the_next_blob_whole() {
    let file = dragonfly(30, |i| {
        let key = format!("\0\x08open:{i:03}\x01v");
        let info = lz4_flex::frame::FrameInfo::new().content_size(Some(key.len() as u64));
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        std::io::Write::write_all(&mut encoder, key.as_bytes()).expect("in memory");
        let whole = encoder.finish().expect("in memory");
        let open = whole[..whole.len() - 4].to_vec();
        vec![Record::Frame(open), Record::Frame(whole)]
    });
    assert_eq!(numbers(&report(&file, 1, None), "/totals/keys"), [360]);
    check(&file);
}

#[test]
fn a_creation_time_that_is_no_number_changes_nothing() {
    let mut records = vec![Record::Aux(b"ctime", b"1800000000"), Record::Aux(b"ctime", b"soon")];
    for i in 0..400 {
        records.push(Record::Expiry(1_790_000_000_000 + i * 100_000_000));
        records.push(Record::String(format!("key:{i}").into_bytes(), b"v".to_vec()));
    }
    let file = write(&records);
    let report = report(&file, 1, None);
    assert!(report.contains("\"created_at\": \"2027-01-15T08:00:00Z\""), "{report}");
    assert_eq!(numbers(&report, "/expiry/1/keys"), [101]);
    check(&file);
}

#[test]
fn the_first_databases_keep_their_sums_however_many_there_are() {
    let mut records = vec![Record::Databases(0, 1100), Record::SelectDb(0)];
    records.extend(strings(50));
    records.extend([Record::Databases(500, 1000), Record::SelectDb(1)]);
    records.extend(strings(50));
    let file = write(&records);
    let report = report(&file, 1, None);
    assert_eq!(numbers(&report, "/by_db/0/keys"), [51]);
    assert_eq!(numbers(&report, "/by_db/1/keys"), [51]);
    assert_eq!(numbers(&report, "/by_db/1023/keys"), [2]);
    let others: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(others["by_db"][1024]["db"], serde_json::Value::Null);
    assert_eq!(others["by_db"][1024]["keys"], 76 + 476);
    check(&file);
}

#[test]
fn the_largest_key_is_listed_however_many_module_types_there_are() {
    let mut records = vec![Record::Modules(1000, 200)];
    records.push(Record::Module(b"the largest of all, as its name says itself".to_vec(), 5000));
    records.push(Record::Modules(0, 100));
    records.push(Record::Module(b"second, with a shorter name than that".to_vec(), 900));
    let file = write(&records);
    let report = report(&file, 1, None);
    assert!(report.contains(&to_base64(b"the largest of all, as its name says itself")), "{report}");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["by_type"].as_array().expect("groups").len(), 65);
    check(&file);
}

#[test]
fn keys_of_one_size_are_listed_by_payload_then_elements_then_name() {
    // A string of 41 to 44 bytes is one allocation of the same size.
    let mut records: Vec<Record> =
        (0..40).map(|i| Record::String(format!("k{i:02}").into_bytes(), vec![b'v'; 33 + i % 3])).collect();
    records.push(Record::String(b"kzz".to_vec(), vec![b'v'; 36]));
    let file = write(&records);
    let collector = ReportCollector::default().top(3);
    let sources = vec![source(SourceData::Bytes(&file))];
    let outcome = analyze(sources, collector, &ScanOptions::default(), &(), &false.into()).expect("threads");
    let strings = outcome.output.top.values().next().expect("strings");
    let memory: Vec<_> = strings.iter().map(|key| key.measure.memory_bytes).collect();
    assert!(memory.iter().all(|bytes| *bytes == memory[0]), "{memory:?}");
    let names: Vec<_> = strings.iter().map(|key| String::from_utf8_lossy(&key.key)).collect();
    assert_eq!(names, ["kzz", "k02", "k05"]);
}

#[test]
fn a_range_that_holds_as_many_names_as_it_may_counts_no_key_twice() {
    // Long names, each of a larger key than those before, and a warning for each.
    let mut records = strings(20);
    for i in 0..100 {
        records.push(Record::Raw(b"\x6b\x05"));
        records
            .push(Record::String(vec![b'a' + i % 26; 60_000 + usize::from(i)], vec![b'v'; usize::from(i)]));
    }
    let file = write(&records);
    let list_20 = |collector: ReportCollector| collector.top(20);
    let sequential = report_with(SourceData::Bytes(&file), 1, None, list_20);
    assert!(sequential.contains("\"count\": 100"), "a warning for each key");
    for range_bytes in [300_000, 1_000_000, 3_000_000] {
        let split = report_with(SourceData::Bytes(&file), 2, Some(range_bytes), list_20);
        assert!(sequential == split, "ranges of {range_bytes} bytes");
    }
}

fn to_base64(name: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(name)
}

#[test]
fn a_value_full_of_records_is_still_one_value() {
    let inner = b"\x00\x03key\x05value".repeat(5000);
    let mut records = vec![Record::String(b"first".to_vec(), b"1".to_vec())];
    records.push(Record::String(b"big".to_vec(), inner));
    records.extend((0..50).map(|i| Record::String(format!("after:{i}").into_bytes(), b"2".to_vec())));
    check(&write(&records));
}

#[test]
fn a_check_compares_the_first_members_of_a_long_set_however_it_is_split() {
    for (twin, is_found) in [(60_000, true), (69_999, false)] {
        let mut set = b"\x02\x03set\x80\0\x01\x11\x70".to_vec();
        for index in 0..70_000 {
            let name = if index == twin { 9 } else { index };
            set.extend(format!("\x0cmember:{name:05}").as_bytes());
        }
        let file = write(&[Record::Bytes(set), Record::String(b"last".to_vec(), b"1".to_vec())]);
        let sequential = findings(SourceData::Bytes(&file), 1, None);
        let codes: Vec<_> = sequential.1.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.contains(&"duplicate"), is_found, "{codes:?}");
        for (threads, range_bytes) in [(1, 20_000), (2, 100_000), (3, 500_000)] {
            let split = findings(SourceData::Bytes(&file), threads, Some(range_bytes));
            assert_eq!(sequential, split, "{threads} threads, ranges of {range_bytes} bytes");
        }
    }
}

#[test]
fn databases_and_slots_carry_over_into_later_ranges() {
    let mut records = Vec::new();
    for db in 0..5 {
        records.push(Record::SelectDb(db));
        for slot in 0..3 {
            if db % 2 == 1 {
                records.push(Record::Slot(slot));
            }
            records.extend((0..40).map(|i| {
                Record::String(
                    format!("{db}:{slot}:{i}").into_bytes(),
                    vec![b'v'; i * usize::from(slot) % 50],
                )
            }));
        }
    }
    check(&write(&records));
}

/// Databases alternate, the biggest keys are in high ones, and most ranges begin inside a database.
#[test]
fn keys_of_databases_that_are_too_high_take_no_place_in_top_lists() {
    let mut records = Vec::new();
    for run in 0..12u64 {
        let db = if run % 2 == 0 { 20 + run } else { run };
        records.push(Record::SelectDb(db));
        records.extend((0..40).map(|i| {
            let bytes = if db >= 20 { 200 + i } else { i };
            Record::String(format!("{db}:{i}").into_bytes(), vec![b'v'; bytes])
        }));
    }
    let file = write(&records);
    let up_to_db_19 = |collector: ReportCollector| collector.max_db(19);
    let sequential = report_with(SourceData::Bytes(&file), 1, None, up_to_db_19);
    let top = sequential.split_once("\"top\"").expect("top lists").1;
    assert_eq!(top.matches("\"offset\"").count(), 5, "{top}");
    for db in 20..32 {
        assert!(!top.contains(&format!("\"db\": {db},")), "{top}");
    }
    assert!(sequential.contains("\"keys\": 480,"), "the groups have all keys");
    for range_bytes in [100, 1000, 5000] {
        for threads in [2, 3, 16] {
            let split = report_with(SourceData::Bytes(&file), threads, Some(range_bytes), up_to_db_19);
            assert!(sequential == split, "{threads} threads, ranges of {range_bytes} bytes");
        }
    }
}

#[test]
fn a_stream_that_fails_gives_what_came_before_and_why() {
    let value = |i: usize| Record::String(format!("key:{i}").into_bytes(), vec![b'v'; i % 90]);
    let file = write(&(0..500).map(value).collect::<Vec<_>>());
    for cut in (100..file.len() - 9).step_by(file.len() / 40) {
        let keys = |threads, range_bytes| {
            let data = streamed(&file[..cut], 333, None, true);
            let report = report_of(data, threads, range_bytes);
            assert!(report.contains("cannot read: it fails"), "{report}");
            let line = report.lines().find(|line| line.contains("\"keys\":")).expect("a number of keys");
            line.chars().filter(char::is_ascii_digit).collect::<String>().parse::<u64>().expect("digits")
        };
        // The last one may be whole and not be known to be.
        assert!(keys(1, None).abs_diff(keys(2, Some(300))) <= 1, "{cut}");
    }
}

#[test]
fn progress_counts_every_byte_once() {
    struct Reported(AtomicU64);
    impl rdb_analysis::Progress for Reported {
        fn advance(&self, bytes: u64, _: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    let value = |i: usize| Record::String(format!("key:{i}").into_bytes(), vec![b'v'; i % 90]);
    let file = write(&(0..100_000).map(value).collect::<Vec<_>>());
    for data in [SourceData::Bytes(&file), streamed(&file, usize::MAX, None, false)] {
        let reported = Reported(AtomicU64::new(0));
        let options = ScanOptions::default().threads(2).range_bytes(2 << 20);
        let collector = ReportCollector::default();
        analyze(vec![source(data)], collector, &options, &reported, &false.into()).expect("threads");
        assert_eq!(reported.0.into_inner(), file.len() as u64);
    }
}

#[test]
fn blobs_are_scanned_side_by_side() {
    let value = |i: usize| Record::String(format!("key:{i}").into_bytes(), vec![b'v'; i % 90]);
    let mut records = vec![Record::SelectDb(3)];
    records.extend((0..40).map(|blob| Record::Blob {
        records: (0..50).map(|i| value(50 * blob + i)).collect(),
        is_zstd: blob % 3 == 0,
        is_damaged: false,
    }));
    let file = write(&records);
    check(&file);
    assert!(report(&file, 2, Some(2000)).contains("\"keys\": 2000,"));
}

#[test]
fn every_fixture_gives_the_same_report_in_ranges() {
    let testdata = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let list = |dir| std::fs::read_dir(dir).expect("the files are there");
    for entry in list(testdata.join("fixtures")).chain(list(testdata)) {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "rdb") {
            let file = std::fs::read(&path).expect("readable");
            let sequential = report(&file, 1, None);
            for (threads, range_bytes) in [(2, 3000), (3, 100_000), (16, 1 << 20)] {
                assert_eq!(sequential, report(&file, threads, Some(range_bytes)), "{}", path.display());
            }
        }
    }
}
