//! Reads the record of one key: its bytes, and the first elements of its value.

use std::fmt::Write as _;

use bigkeys_scan::{Input, KeyRecord, Scan};
use rdb_parser::contents::{Element, Text};
use rdb_parser::escape::Escaped;

/// Bytes of a record that are shown as hexadecimal numbers.
pub(crate) const MAX_HEX_BYTES: usize = 64 << 10;

/// Elements that are shown.
pub(crate) const MAX_ELEMENTS: usize = 1000;

/// Bytes of a record in which elements are looked for.
const MAX_READ_BYTES: u64 = 16 << 20;

/// Bytes of a string that are shown, and of the line of a stream's entry.
const MAX_SHOWN_BYTES: usize = 256;
const MAX_ENTRY_BYTES: usize = 4096;

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
    let record = opened.record(key, MAX_READ_BYTES).map_err(|error| format!("{}: {error}", input.name()))?;
    let mut lines = Lines::default();
    let outcome = record.for_each_element(|element| lines.add(element));
    lines.end_entry();
    let remark = match outcome {
        _ if lines.lines.len() == MAX_ELEMENTS => Some(format!("the first {MAX_ELEMENTS} are shown")),
        Err(_) if key.measure.rdb_bytes > MAX_READ_BYTES => {
            Some(format!("only the first {} MiB of the record were read", MAX_READ_BYTES >> 20))
        }
        Err(error) => Some(error.to_string()),
        Ok(()) if lines.lines.is_empty() => Some("elements of this type are not shown".to_owned()),
        Ok(()) => None,
    };
    let shown = record.bytes().len().min(MAX_HEX_BYTES);
    let bytes = record.bytes().get(..shown).unwrap_or_default().to_vec();
    Ok(Value { bytes, elements: lines.lines, remark })
}

/// The first elements of a value as lines.
#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    /// The fields of the stream's entry that has not ended.
    entry: String,
}

impl Lines {
    fn add(&mut self, element: Element<'_>) {
        if !matches!(element, Element::EntryField { .. } | Element::EntryEnd) {
            self.end_entry();
        }
        if self.lines.len() >= MAX_ELEMENTS {
            return;
        }
        let line = match element {
            Element::Whole(value) | Element::Item(value) => shown(value),
            Element::Member { member, expires_at_ms } => with_expiry(shown(member), expires_at_ms),
            Element::Scored { member, score: Some(score) } => format!("{}  score {score}", shown(member)),
            Element::Scored { member, score: None } => format!("{}  score unreadable", shown(member)),
            Element::Field { field, value, expires_at_ms } => {
                with_expiry(format!("{}  = {}", shown(field), shown(value)), expires_at_ms)
            }
            Element::Cell { index, value } => format!("[{index}]  {}", shown(value)),
            Element::EntryStart { id: (ms, sequence) } => {
                self.entry = format!("{ms}-{sequence}");
                return;
            }
            Element::EntryField { field, value } => {
                // An entry may have any number of fields.
                if self.entry.len() < MAX_ENTRY_BYTES {
                    let _ = write!(self.entry, "  {} = {}", shown(field), shown(value));
                }
                return;
            }
            Element::EntryEnd => std::mem::take(&mut self.entry),
            Element::Group { name } => format!("group {}", shown(name)),
            Element::Consumer { name } => format!("  consumer {}", shown(name)),
            _ => return,
        };
        self.lines.push(line);
    }

    /// Adds the fields of an entry that has no end: its node is damaged, or the record was not read whole.
    fn end_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        if !entry.is_empty() && self.lines.len() < MAX_ELEMENTS {
            self.lines.push(entry);
        }
    }
}

fn with_expiry(text: String, expires_at_ms: Option<u64>) -> String {
    match expires_at_ms {
        Some(at_ms) => format!("{text}  expires {at_ms}"),
        None => text,
    }
}

/// The beginning of a string, escaped.
fn shown(text: Text<'_>) -> String {
    match text {
        Text::Whole(bytes) => match bytes.get(..MAX_SHOWN_BYTES) {
            Some(beginning) if bytes.len() > MAX_SHOWN_BYTES => {
                format!("{}… ({} bytes)", Escaped::for_terminal(beginning), bytes.len())
            }
            _ => Escaped::for_terminal(bytes).to_string(),
        },
        Text::Skipped { bytes } => format!("({bytes} bytes)"),
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
    use bigkeys_scan::{DataType, IoMode};

    use super::*;

    /// The lines of the only key of a file.
    fn lines_of(file: &[u8]) -> (Vec<String>, Option<String>) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("dump.rdb");
        std::fs::write(&path, file).expect("written");
        let scan = Scan::inputs([&path]);
        let report = scan.run().expect("an RDB file");
        let key = report.top.values().flatten().next().expect("a key");
        let value = read(&scan, &Input::new(&path), key).expect("readable");
        (value.elements, value.remark)
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
                            None => {
                                // Groups and consumers of a stream are lines, and no elements.
                                let is_element = |line: &&String| {
                                    key.measure.data_type != DataType::Stream
                                        || !line.starts_with("group ") && !line.starts_with("  consumer ")
                                };
                                let shown = value.elements.iter().filter(is_element).count();
                                assert_eq!(shown, elements, "{case}");
                            }
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
        let lines = |file: &[u8]| lines_of(&[file, b"\xff"].concat()).0;
        assert_eq!(lines(b"REDIS0003\x00\x01k\x03a\x1bb"), [r"a\x1bb"]);
        assert_eq!(lines(b"REDIS0003\x01\x01k\x02\x01a\xc0\x07"), ["a", "7"]);
        assert_eq!(lines(b"REDIS0003\x03\x01k\x01\x01m\x031.5"), ["m  score 1.5"]);
        assert_eq!(lines(b"REDIS0003\x04\x01k\x02\x01a\x01b\x01c\x01d"), ["a  = b", "c  = d"]);
    }

    #[test]
    fn an_entry_without_an_end_is_a_line_before_what_follows() {
        let text = Text::Whole(b"x");
        let mut lines = Lines::default();
        for element in [
            Element::EntryStart { id: (1, 0) },
            Element::EntryField { field: text, value: text },
            Element::EntryStart { id: (1, 0) },
            Element::EntryEnd,
            Element::EntryStart { id: (2, 0) },
            Element::Group { name: text },
        ] {
            lines.add(element);
        }
        assert_eq!(lines.lines, ["1-0  x = x", "1-0", "2-0", "group x"]);
    }

    #[test]
    fn a_dump_has_offsets_numbers_and_text() {
        let bytes: Vec<u8> = (0x1f..0x3f).collect();
        let lines = hex_lines(&bytes, 256, 1, 9);
        assert_eq!(lines, ["00000110  2f 30 31 32 33 34 35 36  37 38 39 3a 3b 3c 3d 3e  /0123456789:;<=>"]);
    }
}
