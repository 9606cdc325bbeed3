//! Peak memory does not depend on what a file holds. One test in a program of its own, because it
//! measures the process.
#![cfg(target_os = "linux")]

mod support;

use std::io::{Cursor, Read};

use rdb_parser::{Options, Parser, Window};
use support::{Deep, key, listpack_of, long_len, string};

/// What the analysis of any file may take (`docs/adr` and the issue that demands it).
const LIMIT_BYTES: u64 = 64 << 20;

/// The largest resident set of this process so far.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kilobytes.expect("a number") << 10
}

/// The same bytes again and again.
struct Pattern(&'static [u8], usize);

impl Read for Pattern {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        for byte in out.iter_mut() {
            *byte = self.0[self.1];
            self.1 = (self.1 + 1) % self.0.len();
        }
        Ok(out.len())
    }
}

/// Reads all of it, with everything looked into; returns the number of events and of errors.
fn drain(reader: impl Read) -> (usize, usize) {
    let mut parser = Parser::new(Window::new(reader, None), Options::default()).expect("a header");
    let mut visitor = Deep { deep: true, strings: Vec::new() };
    let (mut events, mut errors) = (0, 0);
    loop {
        visitor.strings.clear();
        match parser.next_event_with(&mut visitor) {
            Ok(Some(_)) => events += 1,
            Ok(None) => return (events, errors),
            Err(_) => errors += 1,
        }
    }
}

fn around(before: &[u8], middle: impl Read, behind: &[u8]) -> impl Read {
    let before = [b"REDIS0009", before].concat();
    let behind = [behind, &[0xff], &[0; 8]].concat();
    Cursor::new(before).chain(middle).chain(Cursor::new(behind))
}

#[test]
fn no_file_takes_much_memory() {
    let mut peak = peak_bytes();
    let mut check = |what: &str, found: (usize, usize), expected: (usize, usize)| {
        assert_eq!(found, expected, "{what}");
        let now = peak_bytes();
        assert!(now - peak < LIMIT_BYTES, "{what} took {} MiB", (now - peak) >> 20);
        peak = now.min(peak);
    };
    let long = 300u64 << 20;

    // Strings, names, and fields of the file, raw.
    for head in [&[0, 1, b'k'][..], &[0], &[0xfa, 1, b'a'], &[0xf5], &[2, 1, b'k', 1], &[21, 1, b'k', 1]] {
        let bytes = [head, &long_len(long)].concat();
        let expected = match head {
            [21, ..] => (0, 1), // no node id
            _ => (2, 0),
        };
        let behind: &[u8] = match head {
            [0] => &[1, b'v'],
            _ => &[],
        };
        check("a long string", drain(around(&bytes, std::io::repeat(b'x').take(long), behind)), expected);
    }

    // A listpack of one item that expands 88 times.
    let runs = 1_020_000u64; // so long that its length takes five bytes behind it, too
    let item = 1 + runs * 264;
    let start =
        listpack_of(&[&[0xf0][..], &u32::try_from(item).expect("32 bits").to_le_bytes(), b"a"].concat(), 1);
    let decoded = 11 + item + 5 + 1;
    let mut start = start[..12].to_vec();
    start[..4].copy_from_slice(&u32::try_from(decoded).expect("32 bits").to_le_bytes());
    let start = [&[11][..], &start].concat();
    let whole = item + 5;
    let backlen: Vec<u8> = (0..5u32)
        .map(|group| {
            u8::try_from(whole >> (7 * (4 - group)) & 127).expect("seven bits")
                | if group == 0 { 0 } else { 128 }
        })
        .collect();
    let end = [&[5][..], &backlen, &[0xff]].concat();
    let compressed = start.len() as u64 + 3 * runs + end.len() as u64;
    let head = [&[20, 1, b'k', 0xc3][..], &long_len(compressed), &long_len(decoded), &start].concat();
    let pattern = Pattern(&[7 << 5, 255, 0], 0).take(3 * runs);
    check("a compressed listpack", drain(around(&head, pattern, &end)), (2, 0));

    // A name that expands as much.
    let head = [&[0, 0xc3][..], &long_len(2 + 3 * runs), &long_len(1 + 264 * runs), &[0, b'k']].concat();
    let pattern = Pattern(&[7 << 5, 255, 0], 0).take(3 * runs);
    check("a compressed name", drain(around(&head, pattern, &[1, b'v'])), (2, 0));

    // Many of everything that is kept.
    let templates: Vec<u8> =
        (0..600_000u64).flat_map(|id| [&[242][..], &long_len(id << 20), &[1, 1, b'f']].concat()).collect();
    // A warning and a record for each, and the warning of the one that is too many.
    let events = 2 * rdb_parser::limits::MAX_HASH_TEMPLATES + 1;
    check("templates", drain(Cursor::new([b"REDIS0015", &templates[..]].concat())), (events, 1));
    drop(templates);

    #[cfg(feature = "dragonfly")]
    {
        let name = "n".repeat(1 << 16);
        let begin = [&[2][..], &string(&name), &[2], &string("m")].concat();
        let size = u32::try_from(begin.len()).expect("short").to_le_bytes();
        let open: Vec<u8> =
            (1..=257u32).flat_map(|id| [&[224][..], &id.to_le_bytes(), &size, &begin].concat()).collect();
        check("chunked values", drain(Cursor::new([b"REDIS0009", &open[..]].concat())), (1, 1));

        let content = [&[0, 1, b'k'][..], &long_len(200 << 20)].concat();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("in memory");
        encoder.set_pledged_src_size(Some(content.len() as u64 + (200 << 20))).expect("a size");
        std::io::copy(&mut Cursor::new(content).chain(std::io::repeat(0).take(200 << 20)), &mut encoder)
            .expect("in memory");
        let frame = encoder.finish().expect("in memory");
        let blob = [&[201][..], &string(frame)].concat();
        check(
            "a blob that expands much",
            drain(around(&blob, std::io::empty(), &key(0, "k", string("v")))),
            (4, 0),
        );
    }
}
