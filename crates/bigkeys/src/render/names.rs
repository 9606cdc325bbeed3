//! Key names in tables.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdb_analysis::KeyRecord;
use rdb_analysis::json::KeysAs;
use rdb_parser::escape::Escaped;
use unicode_width::UnicodeWidthStr as _;

/// Stands for what was left out.
const ELLIPSIS: &str = "…";

/// Columns that an escaped byte takes, such as `\x0a`.
const ESCAPED_BYTE: usize = 4;

/// A key's name to be shown.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether `bytes` is the whole name.
    pub(super) is_whole: bool,
    pub(super) keys_as: KeysAs,
}

impl<'a> Name<'a> {
    /// The name of a key of a report.
    pub(super) fn of(key: &'a KeyRecord, keys_as: KeysAs) -> Self {
        Self { bytes: &key.key, is_whole: key.key_bytes == key.key.len() as u64, keys_as }
    }

    /// The name as far as it is known.
    pub(super) fn whole(&self) -> String {
        let ellipsis = if self.is_whole { "" } else { ELLIPSIS };
        self.text(self.bytes) + ellipsis
    }

    /// The name in at most `columns` columns, without its middle if it is too long.
    ///
    /// Escape sequences are shown whole or not at all.
    pub(super) fn shortened(&self, columns: usize) -> String {
        let longest = columns.saturating_mul(ESCAPED_BYTE);
        if self.is_whole && self.bytes.len() <= longest {
            let text = self.text(self.bytes);
            if text.width() <= columns {
                return text;
            }
        }
        let room = columns.saturating_sub(ELLIPSIS.width());
        // The end of a name tells more than its middle.
        let tail_room = if self.is_whole { room / 3 } else { 0 };
        let head = self.text(beginning(self.bytes, longest));
        let tail = self.text(end(self.bytes, longest));
        let head = first(&head, room - tail_room);
        let tail = last(&tail, tail_room);
        format!("{head}{ELLIPSIS}{tail}")
    }

    fn text(&self, bytes: &[u8]) -> String {
        match self.keys_as {
            KeysAs::Auto => Escaped::for_terminal(bytes).to_string(),
            KeysAs::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// At most `len` first bytes, without a part of a character at the end.
fn beginning(bytes: &[u8], len: usize) -> &[u8] {
    let mut end = len.min(bytes.len());
    while end > 0 && bytes.get(end).is_some_and(|&byte| is_continuation(byte)) {
        end -= 1;
    }
    bytes.get(..end).unwrap_or(bytes)
}

/// At most `len` last bytes, without a part of a character at the start.
fn end(bytes: &[u8], len: usize) -> &[u8] {
    let mut start = bytes.len().saturating_sub(len);
    while bytes.get(start).is_some_and(|&byte| is_continuation(byte)) {
        start += 1;
    }
    bytes.get(start..).unwrap_or_default()
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// As much from the start of `text` as fits.
fn first(text: &str, columns: usize) -> String {
    let mut taken = String::new();
    let mut width = 0;
    for unit in units(text) {
        width += unit.width();
        if width > columns {
            break;
        }
        taken.push_str(unit);
    }
    taken
}

/// As much from the end of `text` as fits.
fn last(text: &str, columns: usize) -> String {
    let units: Vec<&str> = units(text).collect();
    let mut width = 0;
    let mut start = units.len();
    while let Some(unit) = start.checked_sub(1).and_then(|before| units.get(before)) {
        width += unit.width();
        if width > columns {
            break;
        }
        start -= 1;
    }
    units.get(start..).unwrap_or_default().concat()
}

/// The characters of an escaped text. An escape sequence `\xHH` is one.
fn units(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let len = if rest.starts_with("\\x") {
            ESCAPED_BYTE.min(rest.len())
        } else {
            rest.chars().next()?.len_utf8()
        };
        let (unit, after) = rest.split_at(len);
        rest = after;
        Some(unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8], columns: usize) -> String {
        Name { bytes, is_whole: true, keys_as: KeysAs::Auto }.shortened(columns)
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(shown(b"user:1", 6), "user:1");
        assert_eq!(shown(b"user:0123456789:session", 13), "user:012…sion");
        let first_bytes = Name { bytes: b"user:0123456789", is_whole: false, keys_as: KeysAs::Auto };
        assert_eq!(first_bytes.shortened(10), "user:0123…");
    }

    #[test]
    fn an_escape_sequence_is_shown_whole_or_not_at_all() {
        for columns in 1..40 {
            let text = shown(b"\x1b[2J\x1b[2J\x1b[2J\x1b[2J\x1b", columns);
            assert!(text.width() <= columns, "{columns}: {text}");
            let without_escapes = text.replace("\\x1b", "");
            assert!(!without_escapes.contains('\\'), "{columns}: {text}");
        }
    }

    #[test]
    fn wide_characters_take_two_columns() {
        for columns in 1..30 {
            let text = shown("鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵".as_bytes(), columns);
            assert!(text.width() <= columns, "{columns}: {text}");
            assert!(!text.contains("\\x"), "no character is torn: {text}");
        }
    }
}
