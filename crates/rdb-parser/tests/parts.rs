//! Values that are read in parts: left inside, jumped over, and read from the middle.

use std::ops::ControlFlow;

use rdb_parser::keys::{KeyRun, KeySink};
use rdb_parser::resume::{ElementReader, ElementShape, FileSlice};
use rdb_parser::{Entry, Outline, Parser, ValueType};

/// Bytes of a value that are read before it is left.
const GRAIN_BYTES: u64 = 64;

/// The outlines and spans of keys.
#[derive(Default)]
struct Keys {
    found: Vec<(Outline, std::ops::Range<u64>)>,
    visitor: (),
}

impl KeySink for Keys {
    type Visitor = ();
    type Break = ();

    fn visitor(&mut self) -> &mut () {
        &mut self.visitor
    }

    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        self.found.push((entry.outline, entry.span.clone()));
        ControlFlow::Continue(())
    }
}

fn put(out: &mut Vec<u8>, string: &[u8]) {
    match string.len() {
        len @ 0..64 => out.push(u8::try_from(len).expect("six bits")),
        len => out.extend((0x4000 | u16::try_from(len).expect("14 bits")).to_be_bytes()),
    }
    out.extend(string);
}

/// A listpack of one string.
fn listpack(text: &[u8]) -> Vec<u8> {
    let len = u8::try_from(text.len()).expect("short");
    let mut pack = u32::from(len + 9).to_le_bytes().to_vec();
    pack.extend([1, 0, 0x80 | len]);
    pack.extend(text);
    pack.extend([len + 1, 0xff]);
    pack
}

/// A file with one value of `count` elements between two strings, and where its elements begin.
fn file(value_type: ValueType, byte: u8, count: u16) -> (Vec<u8>, u64) {
    let mut out = b"REDIS0012\x00\x01a\x01b".to_vec();
    out.push(byte);
    put(&mut out, b"key");
    if value_type == ValueType::HashExpiry {
        out.extend(1_700_000_000_000u64.to_le_bytes());
    }
    out.push(0x80);
    out.extend(u32::from(count).to_be_bytes());
    let start = out.len() as u64;
    for index in 0..count {
        let name = format!("member:{index}");
        match value_type {
            ValueType::ListQuicklist2 => {
                out.push(2);
                put(&mut out, &listpack(name.as_bytes()));
            }
            ValueType::Stream3 => {
                put(&mut out, &[&u64::from(index).to_be_bytes()[..], &[0; 8]].concat());
                put(&mut out, &listpack(name.as_bytes()));
            }
            _ => {
                if value_type == ValueType::HashExpiry {
                    out.push(u8::try_from(index % 60).expect("short"));
                }
                put(&mut out, name.as_bytes());
                if value_type == ValueType::ZsetBinary {
                    out.extend(f64::from(index).to_le_bytes());
                } else if value_type != ValueType::Set {
                    put(&mut out, "value ".repeat(usize::from(index % 9) + 3).as_bytes());
                }
            }
        }
    }
    if value_type == ValueType::Stream3 {
        out.extend([10, 1, 0, 1, 0, 0, 0, 10, 0]);
    }
    out.extend(b"\x00\x01y\x01z\xff\0\0\0\0\0\0\0\0");
    (out, start)
}

const TYPES: [(ValueType, u8); 6] = [
    (ValueType::Hash, 4),
    (ValueType::Set, 2),
    (ValueType::ZsetBinary, 5),
    (ValueType::HashExpiry, 24),
    (ValueType::ListQuicklist2, 18),
    (ValueType::Stream3, 21),
];

/// All keys, read without leaving a value.
fn whole(file: &[u8]) -> Vec<(Outline, std::ops::Range<u64>)> {
    let mut keys = Keys::default();
    let mut parser = Parser::from_slice(file).expect("a header");
    while !matches!(parser.read_keys(u64::MAX, &mut keys).expect("valid"), KeyRun::End) {}
    keys.found
}

#[test]
fn a_value_that_is_left_and_gone_on_with_is_the_same_value() {
    for (value_type, byte) in TYPES {
        let (file, _) = file(value_type, byte, 500);
        let mut keys = Keys::default();
        let mut parser = Parser::from_slice(&file).expect("a header");
        parser.leave_values_behind(0, GRAIN_BYTES);
        let mut times_left = 0;
        loop {
            match parser.read_keys(u64::MAX, &mut keys).expect("valid") {
                KeyRun::End => break,
                KeyRun::Inside => {
                    times_left += 1;
                    let open = parser.open_value().expect("it was left");
                    assert_eq!(open.value_type, value_type);
                    assert!(!parser.is_between_keys());
                    // To the end of an element in the middle of the next grain.
                    let to = parser.position() + GRAIN_BYTES / 2;
                    parser.read_open_value(to, &mut ()).expect("valid");
                    assert!(parser.position() >= to);
                }
                _ => {}
            }
        }
        assert!(times_left > 10, "{value_type:?} was left {times_left} times");
        assert_eq!(keys.found, whole(&file), "{value_type:?}");
    }
}

#[test]
fn elements_that_were_read_elsewhere_add_up_to_the_whole_value() {
    for (value_type, byte) in TYPES {
        let (file, start) = file(value_type, byte, 500);
        let slice = FileSlice { bytes: &file, offset: 0 };
        let mut keys = Keys::default();
        let mut parser = Parser::from_slice(&file).expect("a header");
        parser.leave_values_behind(0, GRAIN_BYTES);
        while !matches!(parser.read_keys(u64::MAX, &mut keys).expect("valid"), KeyRun::Inside) {}
        let from = parser.position();
        assert!(from > start);
        let mut reader = ElementReader::new(slice, from, value_type).expect("it is read in parts");
        let first = reader.read_to(from + 1000, &mut ()).expect("valid");
        let second = reader.read_to(from + 3000, &mut ()).expect("valid");
        assert!(!parser.jump_elements(&second), "{value_type:?}: it does not follow");
        assert!(parser.jump_elements(&first) && parser.jump_elements(&second), "{value_type:?}");
        assert_eq!(parser.position(), reader.position());
        let mut beyond = ElementReader::new(slice, reader.position(), value_type).expect("as before");
        let left = parser.open_value().expect("still open").left;
        if let Some(run) = beyond.read_to(file.len() as u64 - 20, &mut ()) {
            assert_eq!(parser.jump_elements(&run), run.elements <= left, "{value_type:?}");
        }
        while !matches!(parser.read_keys(u64::MAX, &mut keys).expect("valid"), KeyRun::End) {}
        assert_eq!(keys.found, whole(&file), "{value_type:?}");
    }
}

#[test]
fn elements_are_found_from_any_place_in_a_value() {
    for (value_type, byte) in TYPES {
        let (file, start) = file(value_type, byte, 2000);
        let slice = FileSlice { bytes: &file, offset: 0 };
        let shape = ElementShape::learn(slice, start, value_type, 2000).expect("enough elements");
        let mut ends = vec![start];
        while let Some(end) = shape.end_of_element(slice, ends[ends.len() - 1]).filter(|_| ends.len() <= 2000)
        {
            ends.push(end);
        }
        for from in (start + 1..start + 2000).step_by(7) {
            let found = shape.find(slice, from, file.len() as u64).expect("an element");
            assert!(
                found >= from && ends.binary_search(&found).is_ok(),
                "{value_type:?} from {from}: {found}"
            );
        }
    }
}
