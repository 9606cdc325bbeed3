//! Escapes key names, which may be any bytes, for terminals, text and spreadsheets.
//!
//! All escapes have one notation: a byte that must not be shown is written `\xHH`. A backslash
//! before an `x` is written `\x5c`, so that [`unescape`] can undo the escapes. Every other
//! backslash stays. Each constructor escapes the bytes that are dangerous in one place.

use std::fmt::{self, Write as _};

/// Displays bytes as text without loss, see the [module documentation](self).
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a> {
    bytes: &'a [u8],
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Text,
    Terminal,
    Message,
    Cell,
}

impl<'a> Escaped<'a> {
    /// For a format that escapes control characters itself, such as JSON: escapes only bytes that
    /// are not UTF-8. UTF-8 text stays as it is unless it contains `\x`.
    pub fn for_text(bytes: &'a [u8]) -> Self {
        Self { bytes, place: Place::Text }
    }

    /// For terminals and logs: also escapes control characters (C0, DEL, C1), line and paragraph
    /// separators, and characters that reorder or hide text.
    pub fn for_terminal(bytes: &'a [u8]) -> Self {
        Self { bytes, place: Place::Terminal }
    }

    /// For a sentence on a terminal or in a log: escapes what [`for_terminal`](Self::for_terminal)
    /// escapes, except the backslash. So a name that is escaped already is not escaped again.
    pub fn for_message(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), place: Place::Message }
    }

    /// For a cell that a spreadsheet may open: also escapes a character that would make the cell a
    /// formula (`=`, `+`, `-`, `@`, also in full width) where a cell may begin, as OWASP's page on
    /// *CSV injection* advises. That is at the start, after white space there, and after a
    /// separator or a quote, which some spreadsheets read as the start of a cell.
    pub fn for_cell(bytes: &'a [u8]) -> Self {
        Self { bytes, place: Place::Cell }
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut may_start_cell = true;
        for chunk in self.bytes.utf8_chunks() {
            let text = chunk.valid();
            let mut rest = text.chars();
            while let Some(c) = rest.next() {
                let escape = match self.place {
                    Place::Message => is_unprintable(c),
                    _ if c == '\\' => rest.as_str().starts_with('x'),
                    Place::Text => false,
                    Place::Terminal => is_unprintable(c),
                    Place::Cell => is_unprintable(c) || (may_start_cell && starts_formula(c)),
                };
                if escape {
                    let mut utf8 = [0; 4];
                    write_bytes(f, c.encode_utf8(&mut utf8).as_bytes())?;
                } else {
                    f.write_char(c)?;
                }
                may_start_cell = !escape
                    && (matches!(c, ',' | ';' | '"' | '\'' | '|') || (may_start_cell && c.is_whitespace()));
            }
            write_bytes(f, chunk.invalid())?;
            may_start_cell &= chunk.invalid().is_empty();
        }
        Ok(())
    }
}

/// Whether a terminal may act on `c`, or `c` changes how the text after it looks.
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a spreadsheet may read a cell that begins with `c` as a formula. The second line has the
/// full-width and small forms, which some spreadsheets read like the first line.
fn starts_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@')
        || matches!(
            c,
            '\u{ff1d}'
                | '\u{ff0b}'
                | '\u{ff0d}'
                | '\u{ff20}'
                | '\u{fe66}'
                | '\u{fe62}'
                | '\u{fe63}'
                | '\u{fe6b}'
        )
}

fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))
}

/// The bytes from the text that [`Escaped`] displayed.
///
/// ```
/// use rdb_parser::escape::{unescape, Escaped};
/// let key = b"caf\xe9\x1b[2J";
/// let shown = Escaped::for_terminal(key).to_string();
/// assert_eq!(shown, r"caf\xe9\x1b[2J");
/// assert_eq!(unescape(&shown), key);
/// ```
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        let (before, escape) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let byte = escape.get(2..4).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let taken = if let Some(byte) = byte {
            bytes.push(byte);
            4
        } else {
            bytes.push(b'\\');
            1
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utf8_text_stays_readable() {
        assert_eq!(Escaped::for_terminal("ключ:1\\2".as_bytes()).to_string(), "ключ:1\\2");
        assert_eq!(Escaped::for_text(b"a\nb").to_string(), "a\nb");
    }

    #[test]
    fn controls_and_reordering_marks_do_not_reach_a_terminal() {
        let shown = Escaped::for_terminal("\x1b]0;x\x07\u{9b}2J\u{202e}\u{7f}".as_bytes()).to_string();
        assert_eq!(shown, r"\x1b]0;x\x07\xc2\x9b2J\xe2\x80\xae\x7f");
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(Escaped::for_cell(b"=1+1").to_string(), r"\x3d1+1");
        assert_eq!(Escaped::for_cell(b"a=1").to_string(), "a=1");
        for (text, shown) in [
            ("-1", r"\x2d1"),
            ("\u{ff1d}1", r"\xef\xbc\x9d1"),
            ("\u{ff0b}1", r"\xef\xbc\x8b1"),
            ("\u{ff0d}1", r"\xef\xbc\x8d1"),
            ("\u{ff20}a", r"\xef\xbc\xa0a"),
            ("\u{fe66}1", r"\xef\xb9\xa61"),
            (" =1", r" \x3d1"),
            ("\u{3000}\u{a0} @a", "\u{3000}\u{a0} \\x40a"),
            ("\t=1", r"\x09=1"),
            ("\r\n=1", r"\x0d\x0a=1"),
            ("\0=1", r"\x00=1"),
            ("\u{feff}=1", r"\xef\xbb\xbf=1"),
            ("\u{200b}=1", r"\xe2\x80\x8b=1"),
            (" \u{200b}=1", r" \xe2\x80\x8b=1"),
            ("a;=1", r"a;\x3d1"),
            ("a,\" +1", "a,\" \\x2b1"),
            ("a 'b'-c", r"a 'b'\x2dc"),
            ("a - b", "a - b"),
        ] {
            assert_eq!(Escaped::for_cell(text.as_bytes()).to_string(), shown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_in_a_message_is_escaped_once(bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[a-z\\\\x0-9=\u{9b}\n\"]{0,40}".prop_map(String::into_bytes),
        ]) {
            let shown = Escaped::for_terminal(&bytes).to_string();
            for escaped in [Escaped::for_text(&bytes), Escaped::for_terminal(&bytes)] {
                let message = escaped.to_string();
                prop_assert_eq!(Escaped::for_message(&message).to_string(), shown.clone());
            }
        }

        #[test]
        fn escaping_is_reversible(bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[a-z\\\\x0-9=\u{9b}\n]{0,40}".prop_map(String::into_bytes),
        ]) {
            for escaped in [Escaped::for_text(&bytes), Escaped::for_terminal(&bytes), Escaped::for_cell(&bytes)] {
                prop_assert_eq!(unescape(&escaped.to_string()), bytes.clone());
            }
        }
    }
}
