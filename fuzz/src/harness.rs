//! One function for each target. Each must return for any input; a panic is a finding.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read, Write as _};

use rdb_parser::contents::{Contents, Element, Text};
use rdb_parser::{
    Event, Flavour, Input, Options, Outline, Parser, RdbString, Role, SliceInput, Visitor, Window, dump,
};

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 10] = [
    ("whole_file", whole_file),
    ("window", window),
    ("listpack", listpack),
    ("ziplist", ziplist),
    ("intset", intset),
    ("zipmap", zipmap),
    ("stream", stream),
    ("lzf", lzf),
    ("dragonfly", dragonfly),
    ("dump", dump_payload),
];

/// Reads a file, with and without looking into packed values.
pub fn whole_file(data: &[u8]) {
    for deep in [false, true] {
        read(SliceInput::new(data), data.len(), deep, None);
    }
}

/// Reads a file through a window, whose reads have lengths that the first byte selects, and from a
/// slice.
pub fn window(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    for deep in [false, true] {
        let mut slice = Vec::new();
        let mut windowed = Vec::new();
        read(SliceInput::new(data), data.len(), deep, Some(&mut slice));
        let input = Window::new(Trickle { bytes: data, state: u32::from(seed) | 1 }, Some(data.len() as u64));
        read(input, data.len(), deep, Some(&mut windowed));
        assert_eq!(slice, windowed, "a window gives what the slice gives");
    }
    let input = Window::new(Trickle { bytes: data, state: u32::from(seed) | 1 }, Some(data.len() as u64));
    let (slice, windowed) = (elements(SliceInput::new(data)), elements(input));
    assert_eq!(slice, windowed, "a window gives the elements that the slice gives");
}

/// The number of elements of the values up to the first error, and a hash of their strings.
fn elements<I: Input>(input: I) -> (u64, u64) {
    let (mut count, mut hash) = (0, DefaultHasher::new());
    let mut is_in_entry = false;
    let Ok(mut parser) = Parser::new(input, Options::default()) else { return (0, 0) };
    let mut contents = Contents::new(|element: Element<'_>| {
        count += 1;
        std::mem::discriminant(&element).hash(&mut hash);
        match element {
            Element::EntryStart { id } => {
                id.hash(&mut hash);
                is_in_entry = true;
            }
            Element::EntryField { .. } => assert!(is_in_entry, "a field belongs to an entry"),
            Element::EntryEnd => assert!(std::mem::take(&mut is_in_entry), "an entry starts before it ends"),
            _ => is_in_entry = false,
        }
        for text in element.texts().into_iter().flatten() {
            match text {
                Text::Whole(bytes) => bytes.hash(&mut hash),
                Text::Skipped { bytes } => bytes.hash(&mut hash),
            }
        }
    });
    while let Ok(Some(event)) = parser.next_event_with(&mut contents) {
        if let Event::Entry(_) = event {
            contents.end_value();
        }
    }
    (count, hash.finish())
}

/// The input as the entries of a listpack, and as a whole listpack.
pub fn listpack(data: &[u8]) {
    let total = u32::try_from(data.len() + 7).unwrap_or(u32::MAX).to_le_bytes();
    for value_type in [16, 17, 20] {
        packed(value_type, data);
        packed(value_type, &[&total[..], &[0xff, 0xff], data, &[0xff]].concat());
    }
}

/// The input as the entries of a ziplist, and as a whole ziplist.
pub fn ziplist(data: &[u8]) {
    let total = u32::try_from(data.len() + 11).unwrap_or(u32::MAX).to_le_bytes();
    for value_type in [10, 12, 13] {
        packed(value_type, data);
        packed(value_type, &[&total[..], &10u32.to_le_bytes(), &[0xff, 0xff], data, &[0xff]].concat());
    }
}

/// The input as an intset.
pub fn intset(data: &[u8]) {
    packed(11, data);
    if let Some((&width, values)) = data.split_first() {
        let width = 2u32 << (width % 3);
        let values = &values[..values.len() - values.len() % width as usize];
        let count = u32::try_from(values.len()).unwrap_or(0) / width;
        packed(11, &[&width.to_le_bytes()[..], &count.to_le_bytes(), values].concat());
    }
}

/// The input as the pairs of a zipmap, and as a whole zipmap.
pub fn zipmap(data: &[u8]) {
    packed(9, data);
    packed(9, &[&[0xfe], data, &[0xff]].concat());
}

/// The input as the entries of a stream's node, and as what follows the nodes.
pub fn stream(data: &[u8]) {
    let total = u32::try_from(data.len() + 7).unwrap_or(u32::MAX).to_le_bytes();
    let node = [&total[..], &[0xff, 0xff], data, &[0xff]].concat();
    let body = [&[21, 1, b'k', 1][..], &string(&[0; 16]), &string(&node), &[1], &[0; 8]].concat();
    whole_file(&file(&body));
    for value_type in [15, 19, 21, 26, 27] {
        whole_file(&file(&[&[value_type, 1, b'k', 0], data].concat()));
    }
}

/// The input as LZF data for as many bytes as its beginning says.
pub fn lzf(data: &[u8]) {
    let Some((len, compressed)) = data.split_first_chunk() else { return };
    let decoded_len = u64::from(u32::from_le_bytes(*len) % (3 << 20));
    let (mut whole, mut part) = (Vec::new(), Vec::new());
    let string = RdbString::Lzf { compressed, decoded_len };
    let limit = (decoded_len / 2) as usize;
    match string.decode(&mut whole) {
        Ok(decoded) => {
            assert_eq!(decoded.len() as u64, decoded_len);
            let prefix = string.decode_prefix(limit, &mut part).expect("a part of valid data is valid");
            assert_eq!(prefix, &decoded[..limit]);
        }
        Err(_) => {
            let _ = string.decode_prefix(limit, &mut part);
        }
    }
    let header =
        [&[20, 1, b'k', 0xc3][..], &long_len(compressed.len()), &[0x80], &(decoded_len as u32).to_be_bytes()];
    whole_file(&file(&[&header.concat()[..], compressed].concat()));
}

/// The input as the body of a Dragonfly file, as a compressed blob in one, as its content, or a
/// chunk of a value.
pub fn dragonfly(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let size = u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes();
    let body = match kind % 5 {
        0 => data.to_vec(),
        1 => [&[201][..], &string(data)].concat(),
        2 => [&[202][..], &string(data)].concat(),
        3 => [&[202][..], &string(&lz4(data))].concat(),
        _ => [&[224, 1, 0, 0, 0][..], &size, data, data].concat(),
    };
    let file = [b"REDIS0009\xfa\x06df-ver\x01x", &body[..], b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0"].concat();
    whole_file(&file);
}

/// The input as a dump payload.
pub fn dump_payload(data: &[u8]) {
    for dialect in [None, Some(rdb_parser::Dialect::Dragonfly)] {
        let mut seen = Seen { deep: true, strings: 0 };
        let _ = dump::parse_with(data, dialect, &mut seen);
    }
}

/// Sees all strings, and decodes them.
struct Seen {
    deep: bool,
    strings: u64,
}

impl Visitor for Seen {
    fn string(&mut self, _: Role, string: RdbString<'_>) {
        if string.decoded_len() < 1 << 20 {
            let _ = string.decode(&mut Vec::new());
        }
        self.strings += 1;
    }

    fn needs_packed(&self) -> bool {
        self.deep
    }
}

/// Reads everything. `log` takes what was seen.
fn read<I: Input>(input: I, bytes: usize, deep: bool, mut log: Option<&mut Vec<String>>) {
    let mut note = |line: String| {
        if let Some(log) = &mut log {
            log.push(line);
        }
    };
    let mut parser = match Parser::new(input, Options::default()) {
        Ok(parser) => parser,
        Err(error) => return note(error.to_string()),
    };
    let mut seen = Seen { deep, strings: 0 };
    let mut left = 4 * bytes + 16;
    loop {
        match parser.next_event_with(&mut seen) {
            Ok(Some(event)) => note(format!("{event:?}")),
            Ok(None) => break,
            Err(error) => note(format!("{} {error}", error.is_contained())),
        }
        left -= 1;
        if left == 0 {
            // Each record takes a byte at least; a compressed blob may hold very many more than it
            // has.
            assert_eq!(parser.flavour(), Flavour::Dragonfly, "the reading ends");
            return;
        }
    }
    note(format!("{:?} {}", parser.flavour(), seen.strings));
}

/// A key with the blob as its value, raw and compressed: both must give the same.
fn packed(value_type: u8, blob: &[u8]) {
    let mut compressed = Vec::new();
    for run in blob.chunks(32) {
        compressed.push(run.len() as u8 - 1);
        compressed.extend_from_slice(run);
    }
    let raw = outline(&[&[value_type, 1, b'k'][..], &string(blob)].concat());
    let head =
        [&[value_type, 1, b'k', 0xc3][..], &long_len(compressed.len()), &long_len(blob.len())].concat();
    let expanded = outline(&[&head[..], &compressed].concat());
    assert_eq!(raw, expanded, "compressed or not, it is the same value");
}

fn outline(record: &[u8]) -> Option<Outline> {
    let file = file(record);
    whole_file(&file);
    let mut parser = Parser::from_slice(&file).expect("a header");
    match parser.next_event_with(&mut Seen { deep: true, strings: 0 }) {
        Ok(Some(rdb_parser::Event::Entry(entry))) => Some(entry.outline),
        _ => None,
    }
}

/// A file with a good key behind the body.
fn file(body: &[u8]) -> Vec<u8> {
    [b"REDIS0014", body, b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0"].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&long_len(bytes.len())[..], bytes].concat()
}

fn long_len(len: usize) -> Vec<u8> {
    [&[0x81][..], &(len as u64).to_be_bytes()].concat()
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().content_size(Some(content.len() as u64));
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Gives a few bytes at a time.
struct Trickle<'a> {
    bytes: &'a [u8],
    state: u32,
}

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let wanted = 1 + (self.state >> 28) as usize;
        let n = wanted.min(out.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(n);
        out[..n].copy_from_slice(now);
        self.bytes = later;
        Ok(n)
    }
}
