//! Memory: it does not grow with the number of keys, nor with the size of a value.

use std::io::Read;

use rdb_analysis::{Outcome, Rank, Report, ReportCollector, ScanOptions, Source, SourceData, analyze};

/// Bytes of the long string.
const LONG: u64 = 300 << 20;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// A file with `keys` keys of several types, the largest of each type last.
fn file(keys: u32) -> Vec<u8> {
    let mut file = b"REDIS0003\xfe\x00".to_vec();
    for i in 0..keys {
        let name = format!("key:{i:08}");
        let value = i.to_string();
        let value = value.as_bytes();
        let len = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
        file.push([0, 1, 2, 4][i as usize % 4]);
        file.push(len(name.as_bytes()));
        file.extend(name.bytes());
        if i % 4 != 0 {
            file.push(1);
        }
        if i % 4 == 3 {
            file.extend(b"\x01f");
        }
        // Longer and longer: each key is the largest so far.
        let padded = [b"0".repeat(i as usize * 30 / keys as usize).as_slice(), value].concat();
        file.push(len(&padded));
        file.extend(padded);
    }
    file.push(0xff);
    file
}

fn scan(data: SourceData<'_>, rank: Rank) -> Outcome<Report> {
    let source = Source::new("f".to_owned(), data);
    let collector = ReportCollector::default().rank(rank);
    let options = ScanOptions::default().threads(1);
    analyze(vec![source], collector, &options, &(), &false.into()).expect("a thread")
}

fn piped<'a>(reader: impl Read + Send + 'a) -> SourceData<'a> {
    SourceData::Reader { reader: Box::new(reader), length: None, ready_bytes: None }
}

/// All measurements in one test: they share the process' allocator.
#[test]
fn memory_depends_on_neither_keys_nor_values() {
    let profiler = dhat::Profiler::builder().testing().build();
    let small = file(10_000);
    let large = file(200_000);
    for rank in [Rank::RdbBytes, Rank::ValueBytes, Rank::Elements] {
        for pipe in [false, true] {
            let data = |file: &'static [u8]| if pipe { piped(file) } else { SourceData::Bytes(file) };
            let count = |file: &[u8]| {
                let file: &'static [u8] = file.to_vec().leak();
                let before = dhat::HeapStats::get().total_blocks;
                let outcome = scan(data(file), rank);
                let keys = outcome.output.totals.keys;
                drop(outcome);
                (keys, dhat::HeapStats::get().total_blocks - before)
            };
            let (small_keys, small_blocks) = count(&small);
            let (large_keys, large_blocks) = count(&large);
            assert_eq!((small_keys, large_keys), (10_000, 200_000));
            assert!(
                large_blocks <= small_blocks + 50,
                "{rank:?} pipe {pipe}: {small_blocks} allocations for 10,000 keys, {large_blocks} for 200,000"
            );
        }
    }

    // One string, and one hash field, of 300 MB through a pipe.
    let long_string = |head: &'static [u8]| {
        let len = u32::try_from(LONG).expect("fits").to_be_bytes();
        head.chain(std::io::Cursor::new([&[0x80][..], &len].concat()))
            .chain(std::io::repeat(b'v').take(LONG))
            .chain(&b"\xff"[..])
    };
    for head in [&b"REDIS0003\x00\x01k"[..], b"REDIS0003\x04\x01k\x01\x01f"] {
        let before = dhat::HeapStats::get().total_bytes;
        let outcome = scan(piped(long_string(head)), Rank::RdbBytes);
        assert!(outcome.output.is_clean());
        assert_eq!(outcome.output.totals.keys, 1);
        assert!(outcome.output.totals.rdb_bytes > LONG);
        let allocated = dhat::HeapStats::get().total_bytes - before;
        assert!(allocated < 8 << 20, "{allocated} bytes in all");
    }
    drop(profiler);
}
