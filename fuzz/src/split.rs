//! The target that holds a scan in ranges against one from front to back.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{
    KeyRow, KeyView, Partial, Rank, ReportCollector, ScanOptions, Source, Threads, render_keys,
};
use rdb_parser::ErrorKind;

/// Records, of which the input names some, one byte each. Placeholders are filled with the byte
/// behind.
const RECORDS: [&[u8]; 36] = [
    b"\x00\x05key:?\x03abc",
    b"\x00\x05key:?\x0ca long value",
    b"\x00\x00\x00",
    b"\x02\x05set:?\x03\x01a\xc0\x07\x01b",
    b"\x04\x06hash:?\x01\x05field\x05value",
    b"\x05\x06zset:?\x01\x01a\x00\x00\x00\x00\x00\x00\xf0?",
    b"\x07\x05mod:?\x81\x01\x02\x03\x04\x05\x06?\x01\x00",
    b"\xfc?\x02\x03\x04\x8f\x01\x00\x00",
    b"\xfd?\x02\x03\x64",
    b"\xf8\x05",
    b"\xf9?",
    b"\xfe?",
    b"\xfe\x81\x00\x00\x00\x00\x00\x00??",
    b"\xfb\x05\x01",
    b"\xf4\x07\x01\x00",
    b"\xf5\x03lib",
    b"\xfa\x09redis-ver\x056.2.5",
    b"\xfa\x09redis-ver\x068.10.2",
    b"\xfa\x0avalkey-ver\x059.1.2",
    b"\xfa\x06df-ver\x061.30.0",
    b"\xfa\x05ctime\x0a17?0000000",
    b"\xfa\x05ctime\x04soon",
    b"\xfa\x08used-mem\x031?5",
    b"\xfa\x09slot-info\x057?,1,0",
    b"\xfa\x0bmvcc-tstamp\x01?",
    b"\xdc\x00\x00\x00\x00",
    b"\xc8\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\xe0\x01\x00\x00\x00\x06\x00\x00\x00\x02\x01p\x02\x01a",
    b"\xe0\x01\x00\x00\x00\x02\x00\x00\x00\x01b",
    // Blobs: LZ4 frames with one block, stored. The second has no end mark, the third another
    // database.
    b"\xca\x22\x04\x22M\x18h@\x0b\x00\x00\x00\x00\x00\x00\x00X\x0b\x00\x00\x80\x00\x05key:?\x03abc\x00\x00\x00\x00",
    b"\xca\x1e\x04\x22M\x18h@\x0b\x00\x00\x00\x00\x00\x00\x00X\x0b\x00\x00\x80\x00\x05key:?\x03abc",
    b"\xca$\x04\x22M\x18h@\x0d\x00\x00\x00\x00\x00\x00\x00\x8c\x0d\x00\x00\x80\xfe?\x00\x05key:?\x03abc\x00\x00\x00\x00",
    b"\x10\x01h\x07\x07\x00\x00\x00\x00\x00\x00",
    b"\x1e\x05fmt:?\x02[]",
    b"\xff\x00\x00\x00\x00\x00\x00\x00\x00",
    b"REDIS0011\xfa\x09redis-ver\x057.2.4\xfe\x01",
];

/// The first byte selects how the rest becomes a file, the second how the file is split.
pub fn split(data: &[u8]) {
    let Some((&[kind, cut], data)) = data.split_first_chunk() else { return };
    let file = match kind % 4 {
        0 => data.to_vec(),
        1 => [b"REDIS0011", data].concat(),
        version => records(if version == 2 { b"REDIS0011" } else { b"VALKEY080" }, data),
    };
    // A window finds the same; a reader that fails would be another file.
    let is_stream = kind & 4 != 0;
    let ranged = options(Some(1 + u64::from(cut)));
    let whole = options(None);
    assert_eq!(report(&file, &whole, is_stream, 1), report(&file, &ranged, is_stream, 1), "report");
    if kind & 8 != 0 {
        assert_eq!(report(&file, &whole, is_stream, 1), report(&file, &ranged, is_stream, 2), "report");
    }
    assert_eq!(rows(&file, &whole, is_stream), rows(&file, &ranged, is_stream), "keys");
}

/// A file of the records that `choices` name: pairs of a number and what fills its placeholders.
fn records(header: &[u8], choices: &[u8]) -> Vec<u8> {
    let mut file = header.to_vec();
    for choice in choices.chunks(2) {
        let (record, filler) =
            (RECORDS[usize::from(choice[0]) % RECORDS.len()], choice.get(1).copied().unwrap_or(b'0'));
        // The same record again and again, as real files have it.
        for repeated in 0..=choice[0] / RECORDS.len() as u8 {
            file.extend(
                record.iter().map(|&byte| if byte == b'?' { filler.wrapping_add(repeated) } else { byte }),
            );
        }
    }
    file
}

fn options(range_bytes: Option<u64>) -> ScanOptions {
    ScanOptions::default().range_bytes(range_bytes)
}

fn source(file: &[u8], is_stream: bool) -> Source<'_> {
    let source = if is_stream { Source::from_reader("f", file, None) } else { Source::from_bytes("f", file) };
    source.fallback_time_ms(1_700_000_000_000)
}

fn threads(count: usize) -> &'static Threads {
    static THREADS: OnceLock<[Threads; 2]> = OnceLock::new();
    let start = |count| Threads::start(Some(count)).expect("threads");
    &THREADS.get_or_init(|| [start(1), start(2)])[count - 1]
}

/// The report as JSON: all that anybody sees of it.
fn report(file: &[u8], options: &ScanOptions, is_stream: bool, count: usize) -> Option<String> {
    let source = source(file, is_stream);
    let collector = ReportCollector::default().top(3).rank(Rank::RdbBytes);
    let scan = || Partial::scan(source, &collector, options, &(), &false.into());
    let partial = threads(count).run(scan).ok()?;
    let mut shown = Vec::new();
    json::write_pretty(&mut shown, &json::report(&Partial::join([partial], &collector), KeysAs::Base64))
        .expect("in memory");
    String::from_utf8(shown).ok()
}

/// Every key with its measures.
fn rows(file: &[u8], options: &ScanOptions, is_stream: bool) -> Option<Vec<u8>> {
    let source = source(file, is_stream);
    let render = |key: &KeyView<'_>, block: &mut Vec<u8>| {
        let mut scratch = Vec::new();
        let name = key.key.decode(&mut scratch)?;
        let (measure, largest_element) = (&key.measure, key.largest_element);
        let row = KeyRow { name, key_bytes: 0, measure, largest_element, shard: None };
        json::write_compact(block, &json::key_record(row, KeysAs::Base64)).map_err(ErrorKind::Io)
    };
    let mut all = Vec::new();
    let emit = |block: &[u8]| {
        all.extend_from_slice(block);
        ControlFlow::Continue(())
    };
    threads(1).run(|| render_keys(source, options, &(), &false.into(), render, emit)).ok()?;
    Some(all)
}
