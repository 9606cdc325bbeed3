//! Writes RDB data byte by byte, and reads it in all ways there are.
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod hostile;

use std::io::Read;
use std::ops::Range;

use rdb_parser::{
    Checksum, Error, Event, Input, KeyMeta, Options, Outline, Parser, RdbString, Role, SliceInput, ValueType,
    Visitor, Warning, Warnings, Window,
};

/// A length in the shortest form.
pub(crate) fn len(value: u64) -> Vec<u8> {
    match value {
        0..64 => vec![u8::try_from(value).expect("six bits")],
        64..16384 => (0x4000 | u16::try_from(value).expect("14 bits")).to_be_bytes().to_vec(),
        _ => match u32::try_from(value) {
            Ok(value) => [&[0x80][..], &value.to_be_bytes()].concat(),
            Err(_) => long_len(value),
        },
    }
}

/// A length in nine bytes.
pub(crate) fn long_len(value: u64) -> Vec<u8> {
    [&[0x81][..], &value.to_be_bytes()].concat()
}

/// A raw string.
pub(crate) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&len(bytes.len() as u64)[..], bytes].concat()
}

/// A string of LZF data that decompresses to this number of bytes.
pub(crate) fn lzf_string(compressed: &[u8], decoded_len: u64) -> Vec<u8> {
    [&[0xc3][..], &len(compressed.len() as u64), &len(decoded_len), compressed].concat()
}

/// `bytes` as LZF data: runs of one byte become references, everything else literals.
pub(crate) fn lzf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let run = match at.checked_sub(1) {
            Some(before) => bytes[at..].iter().take(264).take_while(|&&b| b == bytes[before]).count(),
            None => 0,
        };
        if run < 3 {
            literals.push(bytes[at]);
            at += 1;
            continue;
        }
        flush(&mut literals, &mut out);
        match run - 2 {
            short @ 1..7 => out.extend([u8::try_from(short << 5).expect("three bits"), 0]),
            long => out.extend([7 << 5, u8::try_from(long - 7).expect("at most 255"), 0]),
        }
        at += run;
    }
    flush(&mut literals, &mut out);
    out
}

fn flush(literals: &mut Vec<u8>, out: &mut Vec<u8>) {
    for run in literals.chunks(32) {
        out.push(u8::try_from(run.len() - 1).expect("at most 31"));
        out.extend_from_slice(run);
    }
    literals.clear();
}

/// `bytes` as a compressed string.
pub(crate) fn compressed(bytes: &[u8]) -> Vec<u8> {
    lzf_string(&lzf(bytes), bytes.len() as u64)
}

/// A record: value type, key, value.
pub(crate) fn key(value_type: u8, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[value_type][..], &string(name), value.as_ref()].concat()
}

/// An AUX field.
pub(crate) fn aux(name: &str, value: &str) -> Vec<u8> {
    [&[0xfa][..], &string(name), &string(value)].concat()
}

/// A whole file: magic, body, end, and the checksum that the version has.
pub(crate) fn file(magic: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut file = [magic.as_bytes(), body.as_ref(), &[0xff]].concat();
    let digits: String = magic.chars().filter(char::is_ascii_digit).collect();
    if digits.parse::<u32>().expect("a version") >= 5 {
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &file);
        file.extend(crc.to_le_bytes());
    }
    file
}

/// An entry of a listpack.
pub(crate) fn listpack_entry(text: &str) -> Vec<u8> {
    let encoded = match text.parse::<i64>() {
        Ok(value @ 0..=127) => vec![u8::try_from(value).expect("seven bits")],
        Ok(value) => [&[0xf4][..], &value.to_le_bytes()].concat(),
        Err(_) => {
            let len = u32::try_from(text.len()).expect("short");
            match u8::try_from(len) {
                Ok(short @ 0..64) => [&[0x80 | short], text.as_bytes()].concat(),
                _ => [&[0xf0][..], &len.to_le_bytes(), text.as_bytes()].concat(),
            }
        }
    };
    let mut backlen = Vec::new();
    let mut rest = encoded.len();
    loop {
        backlen.insert(0, u8::try_from(rest & 127).expect("seven bits") | 0x80);
        rest >>= 7;
        if rest == 0 {
            break;
        }
    }
    backlen[0] &= 0x7f;
    [encoded, backlen].concat()
}

/// A listpack of texts; those that are numbers are stored as such.
pub(crate) fn listpack(texts: &[&str]) -> Vec<u8> {
    let body: Vec<u8> = texts.iter().flat_map(|text| listpack_entry(text)).collect();
    listpack_of(&body, u16::try_from(texts.len()).unwrap_or(u16::MAX))
}

/// A listpack of entries already encoded.
pub(crate) fn listpack_of(entries: &[u8], count: u16) -> Vec<u8> {
    let total = u32::try_from(entries.len() + 7).expect("short");
    [&total.to_le_bytes()[..], &count.to_le_bytes(), entries, &[0xff]].concat()
}

/// A ziplist of short texts.
pub(crate) fn ziplist(texts: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut last = 10;
    let mut previous = 0;
    for text in texts {
        last = 10 + body.len();
        body.push(previous);
        previous = u8::try_from(text.len() + 2).expect("short");
        body.push(u8::try_from(text.len()).expect("short"));
        body.extend(text.as_bytes());
    }
    let total = u32::try_from(body.len() + 11).expect("short");
    let count = u16::try_from(texts.len()).expect("few");
    let last = u32::try_from(last).expect("short");
    [&total.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
}

/// An intset of 16-bit integers.
pub(crate) fn intset(values: &[i16]) -> Vec<u8> {
    let count = u32::try_from(values.len()).expect("few");
    let body: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [&2u32.to_le_bytes()[..], &count.to_le_bytes(), &body].concat()
}

/// A stream of type 21 with one node, no group, and the stated length.
pub(crate) fn stream(node: &[u8], length: u64) -> Vec<u8> {
    [&[1][..], &string([0; 16]), &string(node), &len(length), &[0; 7], &[0]].concat()
}

/// The listpack of a stream's node with two entries of the fields of its master entry.
pub(crate) fn stream_node() -> Vec<u8> {
    listpack(&["2", "0", "1", "field", "0", "2", "0", "0", "a", "4", "2", "1", "0", "b", "4"])
}

/// Sees everything, to have it decoded.
#[derive(Default)]
pub(crate) struct Deep {
    pub(crate) deep: bool,
    pub(crate) strings: Vec<(Role, Vec<u8>)>,
}

impl Visitor for Deep {
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let mut scratch = Vec::new();
        self.strings.push((role, string.decode(&mut scratch).unwrap_or(b"?").to_vec()));
    }

    fn needs_packed(&self) -> bool {
        self.deep
    }
}

/// Everything a parser says of an input, as text: events, errors, and what it stands at in the end.
pub(crate) fn trace<I: Input>(input: I, deep: bool) -> Vec<String> {
    let mut parser = match Parser::new(input, Options::default()) {
        Ok(parser) => parser,
        Err(error) => return vec![format!("no file: {error}")],
    };
    let mut visitor = Deep { deep, strings: Vec::new() };
    let mut lines = Vec::new();
    loop {
        visitor.strings.clear();
        match parser.next_event_with(&mut visitor) {
            Ok(Some(event)) => {
                lines.push(format!("{event:?}"));
                lines.push(format!("{:?}", visitor.strings));
            }
            Ok(None) => break,
            Err(error) => {
                lines.push(format!("{}: {error}", if error.is_contained() { "damage" } else { "error" }));
            }
        }
    }
    lines.push(format!("{:?}", parser.flavour()));
    lines
}

/// Gives a few bytes at a time, in a pattern that depends on `seed`.
pub(crate) struct Trickle<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl<'a> Trickle<'a> {
    pub(crate) fn new(bytes: &'a [u8], seed: u64) -> Self {
        Self { bytes, state: seed | 1 }
    }
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wanted = match self.state >> 60 {
            0..4 => 1,
            4..8 => 7,
            8..12 => 509,
            _ => 70_001,
        };
        let n = wanted.min(out.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(n);
        out[..n].copy_from_slice(now);
        self.bytes = later;
        Ok(n)
    }
}

/// A window over `bytes` that knows their number.
pub(crate) fn window(bytes: &[u8], seed: u64) -> Window<Trickle<'_>> {
    Window::new(Trickle::new(bytes, seed), Some(bytes.len() as u64))
}

/// What a file holds: keys with their facts, and the errors.
pub(crate) struct Content {
    pub(crate) keys: Vec<Key>,
    pub(crate) errors: Vec<Error>,
    pub(crate) warnings: Vec<(Warning, u64)>,
    pub(crate) opcodes: Vec<u8>,
    pub(crate) checksum: Option<Checksum>,
    /// Whether the bytes of keys and the overhead add up to the file.
    pub(crate) adds_up: bool,
}

/// An entry without its borrows.
pub(crate) struct Key {
    pub(crate) name: Vec<u8>,
    pub(crate) name_bytes: u64,
    pub(crate) db: u64,
    pub(crate) value_type: ValueType,
    pub(crate) meta: KeyMeta,
    pub(crate) span: Range<u64>,
    pub(crate) rdb_bytes: u64,
    pub(crate) outline: Outline,
    pub(crate) warnings: Warnings,
}

impl Content {
    pub(crate) fn of(file: &[u8], deep: bool) -> Self {
        let slice = trace(SliceInput::new(file), deep);
        for seed in [1, 99] {
            assert_eq!(slice, trace(window(file, seed), deep), "a window gives the same as the slice");
        }
        let mut parser = Parser::from_slice(file).expect("a header");
        let mut visitor = Deep { deep, strings: Vec::new() };
        let mut content = Self {
            keys: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            opcodes: Vec::new(),
            checksum: None,
            adds_up: false,
        };
        let mut key_bytes = 0;
        loop {
            match parser.next_event_with(&mut visitor) {
                Ok(Some(Event::Entry(entry))) => {
                    let mut scratch = Vec::new();
                    let name = entry.key.decode_prefix(usize::MAX, &mut scratch).expect("a name").to_vec();
                    key_bytes += entry.rdb_bytes;
                    content.keys.push(Key {
                        name,
                        name_bytes: entry.key.decoded_len(),
                        db: entry.db,
                        value_type: entry.value_type,
                        meta: entry.meta,
                        span: entry.span,
                        rdb_bytes: entry.rdb_bytes,
                        outline: entry.outline,
                        warnings: entry.warnings,
                    });
                }
                Ok(Some(Event::Warning { warning, offset })) => content.warnings.push((warning, offset)),
                Ok(Some(Event::Other { opcode })) => content.opcodes.push(opcode),
                Ok(Some(Event::End { checksum })) => content.checksum = Some(checksum),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => content.errors.push(error),
            }
        }
        content.adds_up = key_bytes + parser.overhead_bytes() == file.len() as u64;
        content
    }

    /// The only key.
    pub(crate) fn key(&self) -> &Key {
        assert_eq!((self.keys.len(), self.errors.len()), (1, 0), "{:?}", self.errors);
        &self.keys[0]
    }

    /// The only error.
    pub(crate) fn error(&self) -> &Error {
        assert_eq!(self.errors.len(), 1, "{:?}", self.errors);
        &self.errors[0]
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.keys.iter().map(|key| String::from_utf8_lossy(&key.name).into_owned()).collect()
    }
}
