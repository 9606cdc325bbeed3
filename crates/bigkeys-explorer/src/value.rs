//! Reads the record of one key: its bytes, and the first elements of its value.

use std::fmt::Write as _;
use std::io::{self, Read};

use bigkeys_scan::{Input, KeyRecord, Scan};
use rdb_analysis::SourceData;
use rdb_parser::escape::Escaped;
use rdb_parser::visitor::{Score, StreamId};
use rdb_parser::{Event, Parser, RdbString, Role, ValueType, Visitor};

/// Bytes of a record that are shown as hexadecimal numbers.
pub(crate) const MAX_HEX_BYTES: u64 = 64 << 10;

/// Elements that are shown.
pub(crate) const MAX_ELEMENTS: usize = 1000;

/// Bytes of a record in which elements are looked for.
const MAX_READ_BYTES: u64 = 16 << 20;

/// Bytes of a string that are shown.
const MAX_SHOWN_BYTES: usize = 256;

/// Length of the header of an RDB file: `REDIS0011`.
const HEADER_BYTES: usize = 9;

/// Bytes of a file in which the AUX fields are looked for.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// An AUX field of Dragonfly.
const DRAGONFLY_AUX: &[u8] = b"\xfa\x06df-ver\x01x";

/// What is shown of a value.
#[derive(Debug, Default)]
pub(crate) struct Value {
    /// The first bytes of the record, from its offset.
    pub(crate) bytes: Vec<u8>,
    /// The first elements, a line each.
    pub(crate) elements: Vec<String>,
    /// Why there are no more elements, or none.
    pub(crate) remark: Option<String>,
}

/// Reads the value of a listed key from its input.
///
/// # Errors
///
/// The input cannot be opened or read again. The text says why.
pub(crate) fn read(scan: &Scan<'_>, input: &Input, key: &KeyRecord) -> Result<Value, String> {
    let mut opened = scan.open_input(input.clone()).map_err(|error| error.to_string())?;
    let source = opened.source();
    let (offset, rdb_bytes) = (key.measure.offset, key.measure.rdb_bytes);
    let bytes = rdb_bytes.min(MAX_READ_BYTES);
    let read = match source.data {
        SourceData::Bytes(all) => {
            let after = |at: u64| usize::try_from(at).ok().and_then(|at| all.get(at..)).unwrap_or_default();
            // Offsets count the bytes before the RDB data.
            Stored::read(
                after(source.origin.prefix_bytes),
                offset.saturating_sub(source.origin.prefix_bytes),
                bytes,
            )
        }
        SourceData::Reader { reader, .. } => {
            Stored::read(reader, offset.saturating_sub(source.origin.prefix_bytes), bytes)
        }
    };
    let stored = read.map_err(|error| format!("{}: {error}", input.name()))?;
    let mut value = elements(&stored, &key.key);
    let shown = stored.record.len().min(usize::try_from(MAX_HEX_BYTES).unwrap_or(usize::MAX));
    value.bytes = stored.record.get(..shown).unwrap_or_default().to_vec();
    if rdb_bytes > bytes && value.elements.len() < MAX_ELEMENTS {
        value.remark = Some(format!("only the first {} MiB of the record were read", MAX_READ_BYTES >> 20));
    }
    Ok(value)
}

/// A record, and what has to come before it so that it can be parsed alone.
struct Stored {
    /// The header of the file, and the AUX field by which Dragonfly is recognised.
    head: Vec<u8>,
    record: Vec<u8>,
}

impl Stored {
    /// Reads a record of at most `bytes` that begins `offset` bytes after the beginning of `data`.
    fn read(mut data: impl Read, offset: u64, bytes: u64) -> io::Result<Self> {
        let mut beginning = Vec::new();
        data.by_ref().take(offset.min(MAX_HEAD_BYTES)).read_to_end(&mut beginning)?;
        io::copy(&mut data.by_ref().take(offset - beginning.len() as u64), &mut io::sink())?;
        let mut record = Vec::new();
        data.take(bytes).read_to_end(&mut record)?;
        let mut head = beginning.get(..HEADER_BYTES).unwrap_or_default().to_vec();
        if is_of_dragonfly(&beginning) {
            head.extend(DRAGONFLY_AUX);
        }
        Ok(Self { head, record })
    }
}

/// Whether an AUX field at the beginning of a file names Dragonfly, which has numbers of its own for types.
fn is_of_dragonfly(beginning: &[u8]) -> bool {
    let Ok(mut parser) = Parser::from_slice(beginning) else { return false };
    while let Ok(Some(event)) = parser.next_event() {
        match event {
            Event::Aux { name: RdbString::Raw(b"df-ver"), .. } => return true,
            Event::Entry(_) => return false,
            _ => {}
        }
    }
    false
}

/// The first elements of a key, whose record is parsed as the only one of a file.
fn elements(stored: &Stored, name: &[u8]) -> Value {
    let mut visitor = FirstElements::default();
    let mut scratch = Vec::new();
    let outcome = Parser::from_reader(stored.head.chain(&stored.record[..])).and_then(|mut parser| {
        loop {
            match parser.next_event_with(&mut visitor)? {
                // A record of Dragonfly may hold several keys.
                Some(Event::Entry(entry)) => {
                    let found = entry.key.decode_prefix(name.len(), &mut scratch);
                    if found.is_ok_and(|found| found.starts_with(name)) {
                        return Ok(true);
                    }
                    visitor = FirstElements::default();
                }
                Some(_) => {}
                None => return Ok(false),
            }
        }
    });
    visitor.end_element();
    let mut value = Value::default();
    let cannot = |why: &dyn std::fmt::Display| Some(format!("its elements cannot be shown: {why}"));
    value.remark = match outcome {
        Ok(false) => {
            visitor.lines.clear();
            cannot(&"they are not stored in one record")
        }
        _ if visitor.lacks_fields => {
            visitor.lines.clear();
            cannot(&"their fields are in the record of a template")
        }
        _ if visitor.lines.len() == MAX_ELEMENTS => Some(format!("the first {MAX_ELEMENTS} are shown")),
        Err(error) if visitor.lines.is_empty() => cannot(error.kind()),
        Err(error) => Some(format!("the elements before the damage are shown: {}", error.kind())),
        Ok(true) if visitor.lines.is_empty() => Some("elements of this type are not shown".to_owned()),
        Ok(true) => None,
    };
    value.elements = visitor.lines;
    value
}

/// The first elements of a value as lines.
#[derive(Default)]
struct FirstElements {
    lines: Vec<String>,
    /// The parts of the element that is not complete.
    parts: Vec<String>,
    /// Whether a value came without its field, whose name stands in another record.
    lacks_fields: bool,
    scratch: Vec<u8>,
}

impl FirstElements {
    fn is_full(&self) -> bool {
        self.lines.len() >= MAX_ELEMENTS
    }

    fn end_element(&mut self) {
        if !self.parts.is_empty() && !self.is_full() {
            self.lines.push(std::mem::take(&mut self.parts).join("  "));
        }
        self.parts.clear();
    }

    fn text(&mut self, string: RdbString<'_>) -> String {
        let whole = string.decoded_len();
        let shown = match string.decode_prefix(MAX_SHOWN_BYTES, &mut self.scratch) {
            Ok(bytes) => bytes.get(..MAX_SHOWN_BYTES).unwrap_or(bytes),
            Err(_) => return format!("({whole} bytes)"),
        };
        let text = Escaped::for_terminal(shown);
        if whole > shown.len() as u64 { format!("{text}… ({whole} bytes)") } else { text.to_string() }
    }
}

impl Visitor for FirstElements {
    fn begin(&mut self, _: ValueType, _: Option<u64>) {
        // The parser may begin again when it has learned how the value is stored.
        self.parts.clear();
    }

    fn string(&mut self, role: Role, string: RdbString<'_>) {
        if self.is_full() {
            return;
        }
        // These begin an element.
        if matches!(role, Role::Whole | Role::Item | Role::Member | Role::Field) {
            self.end_element();
        }
        let text = self.text(string);
        self.parts.push(match role {
            Role::Score => format!("score {text}"),
            Role::Expiry if text == "0" => return,
            Role::Expiry => format!("expires {text}"),
            Role::Value => {
                self.lacks_fields |= self.parts.is_empty();
                format!("= {text}")
            }
            _ => text,
        });
    }

    fn score(&mut self, score: Score<'_>) {
        if let Some(score) = score.value().filter(|_| !self.is_full()) {
            self.parts.push(format!("score {score}"));
        }
    }

    fn stream_entry(&mut self, id: &StreamId, bytes: u64) {
        self.end_element();
        let [milliseconds, sequence] = [0, 8]
            .map(|at| id.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |part| u64::from_be_bytes(*part)));
        self.parts.push(format!("{milliseconds}-{sequence}  {bytes} bytes"));
    }

    fn array_cell(&mut self, index: u64, _: Option<u64>) {
        if let Some(content) = self.parts.last_mut() {
            *content = format!("[{index}]  {content}");
        }
    }

    fn needs_packed(&self) -> bool {
        true
    }
}

/// Lines of a hexadecimal dump, of 16 bytes each, from the line `first`.
pub(crate) fn hex_lines(bytes: &[u8], offset: u64, first: usize, lines: usize) -> Vec<String> {
    let chunks = bytes.chunks(16).enumerate().skip(first).take(lines);
    chunks
        .map(|(index, chunk)| {
            let mut numbers = String::new();
            for (at, byte) in chunk.iter().enumerate() {
                let _ = write!(numbers, "{}{byte:02x} ", if at == 8 { " " } else { "" });
            }
            let text: String = chunk
                .iter()
                .map(|&byte| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' })
                .collect();
            format!("{:08x}  {numbers:<50}{text}", offset + index as u64 * 16)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use bigkeys_scan::IoMode;

    use super::*;

    fn value_of(file: &[u8]) -> Value {
        let (head, record) = file.split_at(HEADER_BYTES);
        elements(&Stored { head: head.to_vec(), record: record.to_vec() }, b"k")
    }

    #[test]
    fn every_listed_key_of_the_bundled_files_shows_its_elements_or_says_why_not() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        let (mut shown, mut explained) = (0, 0);
        for directory in [root.clone(), root.join("fixtures")] {
            for entry in std::fs::read_dir(directory).expect("readable") {
                let path = entry.expect("readable").path();
                if path.extension().is_none_or(|extension| extension != "rdb") {
                    continue;
                }
                // Mapped and read give the same.
                for mode in [IoMode::Auto, IoMode::Read] {
                    let scan = Scan::inputs([&path]).io(mode);
                    let report = scan.run().expect("an RDB file");
                    for key in report.top.values().flatten() {
                        let value = read(&scan, &Input::new(&path), key).expect("readable");
                        let elements = usize::try_from(key.measure.elements.unwrap_or(0)).expect("few");
                        let case =
                            format!("{}: {:?}: {:?}", path.display(), key.measure.data_type, value.remark);
                        match value.remark {
                            None => assert_eq!(value.elements.len(), elements, "{case}"),
                            Some(_) if value.elements.len() == MAX_ELEMENTS => {
                                assert!(elements > MAX_ELEMENTS, "{case}");
                            }
                            Some(_) => assert_eq!(value.elements, Vec::<String>::new(), "{case}"),
                        }
                        *if value.elements.is_empty() { &mut explained } else { &mut shown } += 1;
                        assert!(!value.bytes.is_empty(), "{case}");
                    }
                }
            }
        }
        assert!(shown > 10 * explained, "{shown} shown, {explained} explained");
    }

    #[test]
    fn elements_are_lines_with_their_parts() {
        assert_eq!(value_of(b"REDIS0003\x00\x01k\x03a\x1bb").elements, [r"a\x1bb"]);
        assert_eq!(value_of(b"REDIS0003\x01\x01k\x02\x01a\xc0\x07").elements, ["a", "7"]);
        assert_eq!(value_of(b"REDIS0003\x03\x01k\x01\x01m\x031.5").elements, ["m  score 1.5"]);
        assert_eq!(value_of(b"REDIS0003\x04\x01k\x02\x01a\x01b\x01c\x01d").elements, ["a  = b", "c  = d"]);
    }

    #[test]
    fn the_elements_before_damage_are_shown() {
        let value = value_of(b"REDIS0003\x01\x01k\x03\x01a\x01b");
        assert_eq!(value.elements, ["a", "b"]);
        assert!(value.remark.expect("a reason").starts_with("the elements before the damage"));
        let none = value_of(b"REDIS0003\x01\x01k\x03");
        assert!(none.remark.expect("a reason").starts_with("its elements cannot be shown"));
    }

    #[test]
    fn a_dump_has_offsets_numbers_and_text() {
        let bytes: Vec<u8> = (0x1f..0x3f).collect();
        let lines = hex_lines(&bytes, 256, 1, 9);
        assert_eq!(lines, ["00000110  2f 30 31 32 33 34 35 36  37 38 39 3a 3b 3c 3d 3e  /0123456789:;<=>"]);
    }
}
