//! One file cut into ranges gives the report of the file read from front to back, whatever is in it.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use rdb_analysis::json::{self, KeysAs};

use rdb_analysis::{
    KeyView, Options, Origin, Rank, ScanOptions, Source, SourceData, analyze, render_keys, thread_pool,
};
use rdb_parser::ErrorKind;

fn source(data: SourceData<'_>) -> Source<'_> {
    Source {
        path: "f".to_owned(),
        shard: None,
        fallback_time_ms: 1_700_000_000_000,
        data,
        origin: Origin::default(),
    }
}

/// Gives some bytes at a time, and fails at the end if it should.
struct Steps<'a> {
    rest: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Steps<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && self.fails {
            return Err(io::Error::other("it fails"));
        }
        let n = self.step.min(self.rest.len()).min(out.len());
        let (now, later) = self.rest.split_at(n);
        out[..n].copy_from_slice(now);
        self.rest = later;
        Ok(n)
    }
}

/// `file` as a stream, of which always so many bytes are said to be ready.
fn streamed(file: &[u8], step: usize, ready_bytes: Option<u64>, fails: bool) -> SourceData<'_> {
    SourceData::Reader {
        reader: Box::new(Steps { rest: file, step, fails }),
        length: None,
        ready_bytes: ready_bytes.map(|bytes| Arc::new(AtomicU64::new(bytes))),
    }
}

fn report(file: &[u8], threads: usize, range_bytes: Option<u64>) -> String {
    report_of(SourceData::Bytes(file), threads, range_bytes)
}

/// The report as JSON: all that anybody sees of it.
fn report_of(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> String {
    report_up_to_db(u64::MAX, data, threads, range_bytes)
}

/// The same, with no key of a database above `max_db` listed.
fn report_up_to_db(max_db: u64, data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> String {
    let source = source(data);
    let mut options = Options::default();
    options.max_db = max_db;
    options.threads = Some(threads);
    options.top = 5;
    options.rank = Rank::RdbBytes;
    options.scan.range_bytes = range_bytes;
    let outcome = analyze(vec![source], &options, &(), &false.into()).expect("threads");
    let mut shown = Vec::new();
    json::write_pretty(&mut shown, &json::report(&outcome.report, KeysAs::Base64)).expect("memory");
    String::from_utf8(shown).expect("UTF-8")
}

/// Every key, rendered with all that is known of it.
fn rows(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> Vec<u8> {
    let source = source(data);
    let mut options = ScanOptions::default();
    options.range_bytes = range_bytes;
    let render = |key: &KeyView<'_>, block: &mut Vec<u8>| {
        let mut scratch = Vec::new();
        let name = key.key.decode(&mut scratch)?;
        json::write_compact(block, &json::key_record(name, 0, &key.measure, None, KeysAs::Base64))
            .map_err(ErrorKind::Io)
    };
    let mut all = Vec::new();
    let emit = |block: &[u8]| {
        all.extend_from_slice(block);
        ControlFlow::Continue(())
    };
    let pool = thread_pool(Some(threads)).expect("threads");
    pool.install(|| render_keys(source, &options, &(), &false.into(), render, emit)).expect("an RDB file");
    all
}

fn check(file: &[u8]) {
    let all = rows(SourceData::Bytes(file), 1, None);
    for (threads, range_bytes) in [(2, 300), (16, 1000), (3, 20_000)] {
        let mapped = rows(SourceData::Bytes(file), threads, Some(range_bytes));
        assert!(all == mapped, "keys, ranges of {range_bytes} bytes");
        let read = rows(streamed(file, 70_000, None, false), threads, Some(range_bytes));
        assert!(all == read, "keys of a stream, ranges of {range_bytes} bytes");
    }
    let sequential = report_of(streamed(file, usize::MAX, None, false), 1, None);
    for (threads, range_bytes) in [(1, 300), (2, 50), (3, 1000), (16, 7000), (2, 70_000)] {
        for (step, ready_bytes) in [(usize::MAX, None), (1777, None), (100, Some(5000))] {
            let split = report_of(streamed(file, step, ready_bytes, false), threads, Some(range_bytes));
            let differing = sequential.lines().zip(split.lines()).find(|(one, other)| one != other);
            assert_eq!(
                differing, None,
                "stream, {threads} threads, ranges of {range_bytes}, reads of {step}"
            );
        }
    }
    assert!(sequential == report_of(streamed(file, 70_000, None, false), 2, None));
    if file.len() < 4000 {
        assert!(sequential == report_of(streamed(file, 70_000, None, false), 2, Some(0)));
    }
    let sequential = report(file, 1, None);
    for threads in [1, 2, 3, 16] {
        for range_bytes in [1, 300, 1000, 5000, 70_000, 1 << 40] {
            if range_bytes == 1 && file.len() > 4000 {
                continue;
            }
            let split = report(file, threads, Some(range_bytes));
            let differing = sequential.lines().zip(split.lines()).find(|(one, other)| one != other);
            assert_eq!(differing, None, "{threads} threads, ranges of {range_bytes} bytes");
        }
    }
    assert!(sequential == report(file, 4, None));
}

/// Writes files of RDB 11, with a checksum.
struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        let mut file = b"REDIS0011".to_vec();
        file.extend(b"\xfa\x09redis-ver\x057.2.6\xfa\x05ctime\xc2\x00\x00\x00\x66\xfe\x00\xfb\x40\x10\x03");
        Self(file)
    }

    fn string(&mut self, text: &[u8]) {
        match u32::try_from(text.len()).expect("short") {
            len @ 0..64 => self.0.push(u8::try_from(len).expect("six bits")),
            len => {
                self.0.push(0x80);
                self.0.extend(len.to_be_bytes());
            }
        }
        self.0.extend(text);
    }

    fn length(&mut self, len: usize) {
        self.0.push(0x80);
        self.0.extend(u32::try_from(len).expect("short").to_be_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(0xff);
        let mut sum = rdb_parser::Crc64::new();
        sum.update(&self.0);
        self.0.extend(sum.value().to_le_bytes());
        self.0
    }
}

/// A record of any kind that moves state or holds keys.
#[derive(Clone, Debug)]
enum Record {
    String(Vec<u8>, Vec<u8>),
    Set(Vec<u8>, Vec<Vec<u8>>),
    Hash(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>),
    Expiry(i64),
    Freq(u8),
    SelectDb(u64),
    Slot(u8),
    Aux(&'static [u8], &'static [u8]),
    /// A value of the module with this number.
    Module(Vec<u8>, u32),
    /// Bytes as they are: prefix opcodes, and records of other servers.
    Raw(&'static [u8]),
    /// As many databases with a key each, from this number on.
    Databases(u64, u16),
    /// As many values of different modules, from this number on.
    Modules(u32, u8),
    Function,
    /// A hash in a listpack without its terminator: damage to one key.
    Damaged(Vec<u8>),
    /// Records in a frame, as Dragonfly has them, and whether one of its bytes is wrong.
    Blob {
        records: Vec<Record>,
        is_zstd: bool,
        is_damaged: bool,
    },
    /// Of a set of two members, which comes in pieces with this id, the first piece or the second.
    Piece(u8, bool),
}

fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.records(records);
    writer.finish()
}

impl Writer {
    fn records(&mut self, records: &[Record]) {
        for record in records {
            self.record(record);
        }
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::String(key, value) => {
                self.0.push(0);
                self.string(key);
                self.string(value);
            }
            Record::Set(key, members) => {
                self.0.push(2);
                self.string(key);
                self.length(members.len());
                for member in members {
                    self.string(member);
                }
            }
            Record::Hash(key, pairs) => {
                self.0.push(4);
                self.string(key);
                self.length(pairs.len());
                for (field, value) in pairs {
                    self.string(field);
                    self.string(value);
                }
            }
            Record::Expiry(ms) => {
                self.0.push(0xfc);
                self.0.extend(ms.to_le_bytes());
            }
            Record::Freq(freq) => self.0.extend([0xf9, *freq]),
            Record::SelectDb(db) => {
                self.0.extend([0xfe, 0x81]);
                self.0.extend(db.to_be_bytes());
            }
            Record::Module(key, id) => {
                self.0.push(7);
                self.string(key);
                self.0.push(0x81);
                self.0.extend((u64::from(*id) << 10 | 1).to_be_bytes());
                self.0.push(0);
            }
            Record::Raw(bytes) => self.0.extend(*bytes),
            Record::Databases(first, count) => {
                for db in (*first..).take(usize::from(*count)) {
                    self.record(&Record::SelectDb(db));
                    self.record(&Record::String(b"key".to_vec(), vec![b'v'; (db % 7) as usize]));
                }
            }
            Record::Modules(first, count) => {
                for id in (*first..).take(usize::from(*count)) {
                    self.record(&Record::Module(format!("module:{id}").into_bytes(), id));
                }
            }
            Record::Slot(slot) => self.0.extend([0xf4, slot & 63, 1, 0]),
            Record::Aux(name, value) => {
                self.0.push(0xfa);
                self.string(name);
                self.string(value);
            }
            Record::Function => {
                self.0.push(0xf5);
                self.string(b"#!lua name=lib");
            }
            Record::Damaged(key) => {
                self.0.push(16);
                self.string(key);
                self.string(b"\x07\x00\x00\x00\x00\x00\x00");
            }
            Record::Blob { records, is_zstd, is_damaged } => {
                let mut inside = Writer(Vec::new());
                inside.records(records);
                let mut frame = if *is_zstd { zstd_frame(&inside.0) } else { lz4_frame(&inside.0) };
                if *is_damaged {
                    let middle = frame.len() / 2;
                    frame[middle] ^= 0x55;
                }
                self.0.push(if *is_zstd { 201 } else { 202 });
                self.string(&frame);
            }
            Record::Piece(id, is_first) => {
                let content = if *is_first { &b"\x02\x06pieces\x02\x01a"[..] } else { b"\x01b" };
                self.0.push(224);
                self.0.extend(u32::from(*id).to_le_bytes());
                self.0.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
                self.0.extend(content);
            }
        }
    }
}

fn zstd_frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).expect("in memory")
}

fn lz4_frame(content: &[u8]) -> Vec<u8> {
    let info =
        lz4_flex::frame::FrameInfo::new().content_size(Some(content.len() as u64)).content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Bytes that look like records, opcodes and whole files.
fn fake_records() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\x00\x03key\x05value".to_vec()),
        Just(b"\x00\x01k\x01v".repeat(20)),
        Just(b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01k\x01v".to_vec()),
        Just(b"REDIS0011\xfa\x09redis-ver\x058.0.0\xfe\x07".to_vec()),
        Just(b"\xfe\x09\xfb\x01\x01".to_vec()),
        Just(b"\xff\x00\x00\x00\x00\x00\x00\x00\x00".to_vec()),
        Just(b"\x04\x01h\x03\x01a\x01b\x01c\x01d\x01e\x01f".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z0-9:]{1,30}".prop_map(String::into_bytes),
        2 => fake_records(),
        1 => (0usize..3000).prop_map(|n| vec![b'x'; n]),
        1 => Just(Vec::new()),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let key = || "[a-z]{1,8}:[0-9]{1,6}".prop_map(String::into_bytes);
    prop_oneof![
        12 => (key(), text()).prop_map(|(key, value)| Record::String(key, value)),
        2 => (text(), text()).prop_map(|(key, value)| Record::String(key, value)),
        3 => (key(), proptest::collection::vec(text(), 0..20)).prop_map(|(key, members)| Record::Set(key, members)),
        3 => (key(), proptest::collection::vec((text(), text()), 0..10)).prop_map(|(key, pairs)| Record::Hash(key, pairs)),
        4 => (1_700_000_000_000..1_900_000_000_000i64).prop_map(Record::Expiry),
        1 => any::<u8>().prop_map(Record::Freq),
        1 => prop_oneof![(0..4u64).boxed(), any::<u64>().boxed()].prop_map(Record::SelectDb),
        1 => (key(), 0..100u32).prop_map(|(key, id)| Record::Module(key, id)),
        1 => any::<u8>().prop_map(Record::Slot),
        1 => prop_oneof![
            Just(Record::Aux(b"mvcc-tstamp", b"12345")),
            Just(Record::Aux(b"lua", b"return 1")),
            Just(Record::Aux(b"redis-ver", b"6.2.5")),
            Just(Record::Aux(b"ctime", b"1750000000")),
            Just(Record::Aux(b"ctime", b"soon")),
            Just(Record::Aux(b"used-mem", b"123456")),
            Just(Record::Aux(b"slot-info", b"77,1,0")),
        ],
        1 => Just(Record::Function),
        1 => key().prop_map(Record::Damaged),
    ]
}

/// A record that contradicts what others tell of the file, stands where servers write none, or is one of more than a
/// report tells apart.
fn odd_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        20 => record(),
        2 => prop_oneof![
            Just(Record::Aux(b"df-ver", b"1.30.0")),
            Just(Record::Aux(b"valkey-ver", b"8.1.8")),
            Just(Record::Aux(b"valkey-ver", b"9.1.2")),
            Just(Record::Aux(b"redis-ver", b"7.0.15")),
            Just(Record::Aux(b"redis-ver", b"8.2.3")),
            Just(Record::Aux(b"redis-ver", b"no version")),
            Just(Record::Aux(b"ctime", b"-1")),
            Just(Record::Aux(b"ctime", b"9223372036854775807")),
            Just(Record::Aux(b"used-mem", b"none")),
        ],
        2 => prop_oneof![
            // Flags of a key, the end of a synchronisation, a place in the journal: all of Dragonfly.
            Just(Record::Raw(b"\xdc\x00\x00\x00\x00")),
            Just(Record::Raw(b"\xc8\x00\x00\x00\x00\x00\x00\x00\x00")),
            Just(Record::Raw(b"\xd3\x00\x00\x00\x00\x00\x00\x00\x00")),
            // An idle time, an expiry in seconds, a slot of Redis Enterprise.
            Just(Record::Raw(b"\xf8\x05")),
            Just(Record::Raw(b"\xfd\x01\x02\x03\x04")),
            Just(Record::Raw(b"\x79\x05")),
        ],
        1 => (0..2000u64, 0..1100u16).prop_map(|(first, count)| Record::Databases(first, count)),
        1 => (0..200u32, 0..90u8).prop_map(|(first, count)| Record::Modules(first, count)),
    ]
}

/// Bytes behind the end of a file.
fn trailing() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(Vec::new()),
        2 => fake_records(),
        1 => proptest::collection::vec(record(), 0..40).prop_map(|records| write(&records)),
    ]
}

/// A record of a file of Dragonfly.
fn dragonfly_record() -> impl Strategy<Value = Record> {
    let blob = (proptest::collection::vec(record(), 0..30), any::<bool>(), proptest::bool::weighted(0.02))
        .prop_map(|(records, is_zstd, is_damaged)| Record::Blob { records, is_zstd, is_damaged });
    prop_oneof![
        6 => blob,
        2 => record(),
        1 => (1..3u8, any::<bool>()).prop_map(|(id, is_first)| Record::Piece(id, is_first)),
    ]
}

/// A record of a file of Dragonfly with chunked values: blobs hold pieces too, and one blob in four is damaged.
fn chunked_record() -> impl Strategy<Value = Record> {
    let piece = || (1..4u8, any::<bool>()).prop_map(|(id, is_first)| Record::Piece(id, is_first));
    let small = || (text(), text()).prop_map(|(key, value)| Record::String(key, value));
    let damaged = || "[a-z]{1,8}".prop_map(|key| Record::Damaged(key.into_bytes()));
    let inside = prop_oneof![6 => small(), 3 => piece(), 1 => damaged(), 1 => Just(Record::Set(Vec::new(), Vec::new()))];
    let blob = (proptest::collection::vec(inside, 0..6), any::<bool>(), proptest::bool::weighted(0.25))
        .prop_map(|(records, is_zstd, is_damaged)| Record::Blob { records, is_zstd, is_damaged });
    prop_oneof![6 => blob, 2 => small(), 1 => damaged(), 1 => (1..4u8).prop_map(|id| Record::Piece(id, true))]
}

/// Checks that the bytes of keys, of no key and behind the end are the length of the file, if its end was reached, and
/// that no byte is counted twice if not. Gives whether the end was reached.
fn check_bytes(file: &[u8]) -> bool {
    let mut options = Options::default();
    let mut at_end = false;
    for (threads, range_bytes) in [(1, None), (2, Some(100))] {
        options.threads = Some(threads);
        options.scan.range_bytes = range_bytes;
        for data in [SourceData::Bytes(file), streamed(file, 1777, None, false)] {
            let outcome = analyze(vec![source(data)], &options, &(), &false.into()).expect("threads");
            let facts = &outcome.report.sources[0].facts;
            let counted = facts.key_bytes + facts.container_bytes + facts.trailing_bytes;
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

/// A damaged blob between two pieces of a value, a later blob with the second piece, and bytes behind the end.
#[test]
fn bytes_add_up_to_the_length_of_a_file_with_a_damaged_blob_in_a_chunked_value() {
    let blob = |records, is_damaged| Record::Blob { records, is_zstd: false, is_damaged };
    let value = || Record::String(b"key".to_vec(), b"value".to_vec());
    let mut file = write(&[
        Record::Piece(1, true),
        blob(vec![value()], true),
        blob(vec![value(), Record::Piece(1, false), value()], false),
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
    let mut options = Options::default();
    options.top = 3;
    let outcome = analyze(vec![source(SourceData::Bytes(&file))], &options, &(), &false.into()).expect("threads");
    let strings = outcome.report.top.values().next().expect("strings");
    let memory: Vec<_> = strings.iter().map(|key| key.measure.memory_bytes).collect();
    assert!(memory.iter().all(|bytes| *bytes == memory[0]), "{memory:?}");
    let names: Vec<_> = strings.iter().map(|key| String::from_utf8_lossy(&key.key)).collect();
    assert_eq!(names, ["kzz", "k02", "k05"]);
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
    let sequential = report_up_to_db(19, SourceData::Bytes(&file), 1, None);
    let top = sequential.split_once("\"top\"").expect("top lists").1;
    assert_eq!(top.matches("\"offset\"").count(), 5, "{top}");
    for db in 20..32 {
        assert!(!top.contains(&format!("\"db\": {db},")), "{top}");
    }
    assert!(sequential.contains("\"keys\": 480,"), "the groups have all keys");
    for range_bytes in [100, 1000, 5000] {
        for threads in [2, 3, 16] {
            let split = report_up_to_db(19, SourceData::Bytes(&file), threads, Some(range_bytes));
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
    struct Told(AtomicU64);
    impl rdb_analysis::Progress for Told {
        fn advance(&self, bytes: u64, _: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
    }
    let value = |i: usize| Record::String(format!("key:{i}").into_bytes(), vec![b'v'; i % 90]);
    let file = write(&(0..100_000).map(value).collect::<Vec<_>>());
    for data in [SourceData::Bytes(&file), streamed(&file, usize::MAX, None, false)] {
        let told = Told(AtomicU64::new(0));
        let mut options = Options::default();
        options.threads = Some(2);
        options.scan.range_bytes = Some(2 << 20);
        analyze(vec![source(data)], &options, &told, &false.into()).expect("threads");
        assert_eq!(told.0.into_inner(), file.len() as u64);
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
