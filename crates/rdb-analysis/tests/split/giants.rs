//! Files of values that are longer than a range, hostile ones included.

use proptest::prelude::*;

use super::records::{Record, write};

/// The elements of a value: how many the value states, and their bytes.
type Elements = (u64, Vec<u8>);

/// What a string of an element holds.
#[derive(Clone, Copy, Debug)]
enum Filling {
    /// Letters and digits of a length up to this.
    Text(usize),
    /// A whole file, with keys.
    File,
    /// The beginning of a record: a type, a name and a count.
    Record,
    /// Bytes that are read as empty strings.
    Zeros,
    /// Bytes of any value.
    Noise,
}

fn filling() -> impl Strategy<Value = Filling> {
    prop_oneof![
        6 => (1usize..60).prop_map(Filling::Text),
        1 => Just(Filling::File),
        1 => Just(Filling::Record),
        1 => Just(Filling::Zeros),
        1 => Just(Filling::Noise),
    ]
}

/// A generator of numbers, so that a value has a seed and no thousand numbers to shrink.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }

    fn string(&mut self, filling: Filling) -> Vec<u8> {
        match filling {
            Filling::Text(longest) => {
                let len = self.below(longest) + 1;
                (0..len).map(|_| b"abcdefghijklmnopqrstuvwxyz0123456789:"[self.below(37)]).collect()
            }
            Filling::File => {
                write(&[Record::String(b"key".to_vec(), b"value".to_vec()), Record::SelectDb(7)])
            }
            Filling::Record => {
                [&[b"\x02\x04\x05\x12\x00"[self.below(5)]][..], b"\x05key:1\x20members"].concat()
            }
            Filling::Zeros => vec![0; self.below(40)],
            Filling::Noise => {
                (0..self.below(80)).map(|_| u8::try_from(self.below(256)).expect("a byte")).collect()
            }
        }
    }
}

fn put(out: &mut Vec<u8>, string: &[u8]) {
    match string.len() {
        len @ 0..64 => out.push(u8::try_from(len).expect("six bits")),
        len => out.extend((0x4000 | u16::try_from(len).expect("14 bits")).to_be_bytes()),
    }
    out.extend(string);
}

/// A listpack of strings of at most 63 bytes.
fn listpack(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut entries = Vec::new();
    for string in strings {
        let string = &string[..string.len().min(63)];
        let len = u8::try_from(string.len()).expect("short");
        entries.push(0x80 | len);
        entries.extend(string);
        entries.push(len + 1);
    }
    let mut pack = u32::try_from(entries.len() + 7).expect("short").to_le_bytes().to_vec();
    pack.extend(u16::try_from(strings.len()).expect("few").to_le_bytes());
    pack.extend(entries);
    pack.push(0xff);
    pack
}

/// Elements of the value type `value_type`.
fn elements(value_type: u8, count: usize, filling: Filling, numbers: &mut Numbers) -> Elements {
    let mut out = Vec::new();
    for index in 0..count {
        match value_type {
            1 | 2 => put(&mut out, &numbers.string(filling)),
            3 => {
                put(&mut out, &numbers.string(filling));
                put(&mut out, b"12.5");
            }
            5 => {
                put(&mut out, &numbers.string(filling));
                out.extend((f64::from(u32::try_from(index).expect("few")) / 3.0).to_le_bytes());
            }
            14 => put(&mut out, &listpack(&[numbers.string(filling)])),
            18 => {
                out.push(2);
                let strings: Vec<_> = (0..=numbers.below(5)).map(|_| numbers.string(filling)).collect();
                put(&mut out, &listpack(&strings));
            }
            21 => {
                put(&mut out, &[&(1000 + index as u64).to_be_bytes()[..], &[0; 8]].concat());
                put(&mut out, &listpack(&[numbers.string(filling), numbers.string(filling)]));
            }
            22 | 24 => {
                out.push(u8::try_from(numbers.below(60)).expect("short"));
                put(&mut out, &numbers.string(Filling::Text(12)));
                put(&mut out, &numbers.string(filling));
            }
            _ => {
                put(&mut out, &numbers.string(Filling::Text(12)));
                put(&mut out, &numbers.string(filling));
            }
        }
    }
    (count as u64, out)
}

/// A record of a value of `value_type`. `lie` is added to the number of elements.
fn giant(value_type: u8, count: usize, filling: Filling, seed: u64, lie: i8) -> Record {
    let mut numbers = Numbers(seed);
    let (count, body) = elements(value_type, count, filling, &mut numbers);
    let mut record = vec![value_type];
    put(&mut record, format!("giant:{seed}").as_bytes());
    if value_type == 24 {
        record.extend(1_700_000_000_000u64.to_le_bytes());
    }
    record.push(0x81);
    record.extend(count.saturating_add_signed(i64::from(lie)).to_be_bytes());
    record.extend(body);
    if value_type == 21 {
        // Length, last, first and largest deleted ID, entries added; no groups.
        record.extend([10, 1, 0, 1, 0, 0, 0, 10, 0]);
    }
    Record::Bytes(record)
}

fn small() -> impl Strategy<Value = Record> {
    (0u8..100, 0usize..30)
        .prop_map(|(key, len)| Record::String(format!("key:{key}").into_bytes(), vec![b'v'; len]))
}

/// A value of any type that is read in parts.
fn any_giant() -> impl Strategy<Value = Record> {
    let value_type = prop::sample::select(vec![1u8, 2, 3, 4, 5, 14, 18, 21, 22, 24]);
    let lie = prop_oneof![12 => Just(0i8), 1 => -3i8..4];
    (value_type, 0usize..400, filling(), 0u64..1000, lie)
        .prop_map(|(value_type, count, filling, seed, lie)| giant(value_type, count, filling, seed, lie))
}

/// Records with long values among them. The last may be the end of the file.
pub(crate) fn records_with_giants() -> impl Strategy<Value = Vec<Record>> {
    let record = prop_oneof![2 => any_giant(), 3 => small(), 1 => (0u64..3).prop_map(Record::SelectDb)];
    proptest::collection::vec(record, 1..12)
}

/// The values that a server writes, each longer than all ranges of the test.
pub(crate) fn regular_giants() -> Vec<u8> {
    let giants =
        [4u8, 2, 5, 18, 21, 22, 24, 14].map(|value_type| giant(value_type, 20_000, Filling::Text(40), 5, 0));
    let mut records = Vec::new();
    for (index, giant) in giants.into_iter().enumerate() {
        for key in 0..20 {
            records.push(Record::String(format!("key:{index}:{key}").into_bytes(), b"value".to_vec()));
        }
        records.push(giant);
    }
    write(&records)
}
