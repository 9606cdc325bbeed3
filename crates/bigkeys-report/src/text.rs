//! Numbers and names as text.

use rdb_parser::escape::Escaped;
use unit_prefix::NumberPrefix;

/// Characters of a name that are shown.
const MAX_NAME_CHARS: usize = 160;

/// Bytes of a name that are looked at: an escaped byte takes four characters.
const MAX_NAME_BYTES: usize = 4 * MAX_NAME_CHARS;

/// Bytes with a binary prefix, as in tables of the program: `1.25 MiB`.
pub fn bytes(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "rounded to two digits")]
    match NumberPrefix::binary(bytes as f64) {
        NumberPrefix::Standalone(number) => format!("{number:.0} B"),
        NumberPrefix::Prefixed(prefix, number) => format!("{number:.2} {prefix}B"),
    }
}

/// Growth in bytes, with its sign.
pub(crate) fn growth(growth: i128) -> String {
    let sign = match growth {
        0 => "",
        ..0 => "-",
        _ => "+",
    };
    format!("{sign}{}", bytes(u64::try_from(growth.unsigned_abs()).unwrap_or(u64::MAX)))
}

/// Digits in groups of three: `12,345`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun, in the plural unless there is one.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Share of a whole in percent. 0 of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a share")]
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// A length in percent, for a picture.
pub(crate) fn length(percent: f64) -> String {
    format!("{percent:.2}")
}

/// A share as text: `12.3 %`.
pub fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", percent(part, whole))
}

/// The first 160 characters of a name, escaped. `whole_bytes` is the length of the whole name, which
/// follows if the name is not shown whole.
pub fn name(name: &[u8], whole_bytes: u64) -> String {
    match shown(name) {
        (shown, _) if shown.is_empty() && whole_bytes == 0 => "(empty)".to_owned(),
        (shown, true) if name.len() as u64 == whole_bytes => shown,
        (shown, _) => format!("{shown}… ({})", counted(whole_bytes, "byte")),
    }
}

/// The beginning of a name of which no more than `known_bytes` are known.
pub(crate) fn cut_name(name: &[u8], known_bytes: usize) -> String {
    match shown(name) {
        _ if name.len() < known_bytes => self::name(name, name.len() as u64),
        (shown, _) => format!("{shown}… (at least {})", counted(name.len() as u64, "byte")),
    }
}

/// The beginning of a name, and whether it is all of `name`.
fn shown(name: &[u8]) -> (String, bool) {
    let beginning = name.get(..MAX_NAME_BYTES).unwrap_or(name);
    // A character that was split at the end would be shown as bytes.
    let beginning = match beginning.utf8_chunks().last() {
        Some(last) if beginning.len() < name.len() && last.invalid().len() < 4 => {
            beginning.get(..beginning.len() - last.invalid().len()).unwrap_or(beginning)
        }
        _ => beginning,
    };
    let mut shown = Escaped::for_terminal(beginning).to_string();
    let is_whole = beginning.len() == name.len();
    let Some((mut end, _)) = shown.char_indices().nth(MAX_NAME_CHARS) else { return (shown, is_whole) };
    // An escaped byte, `\xHH`, is shown whole or not at all.
    if let Some(escape) = shown.get(..end).and_then(|text| text.rfind("\\x")).filter(|at| end - at < 4) {
        end = escape;
    }
    shown.truncate(end);
    (shown, false)
}

/// Text that is not a name of a key, such as a path, harmless as text.
pub(crate) fn plain(text: &str) -> String {
    Escaped::for_message(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_tables() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(5 << 18), "1.25 MiB");
        assert_eq!(growth(-2048), "-2.00 KiB");
        assert_eq!(growth(0), "0 B");
        assert_eq!((count(0), count(999), count(1_234_567)), ("0".into(), "999".into(), "1,234,567".into()));
        assert_eq!((counted(1, "key"), counted(2, "key")), ("1 key".into(), "2 keys".into()));
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(1, 0), "0.0 %");
    }

    #[test]
    fn a_long_name_is_shortened_and_says_its_length() {
        assert_eq!(name(b"user:1", 6), "user:1");
        assert_eq!(name(b"user:", 600), "user:… (600 bytes)");
        let long = name(&vec![b'k'; 512 << 10], 512 << 10);
        assert_eq!(long, format!("{}… (524,288 bytes)", "k".repeat(160)));
        let escaped = name(&[&[b'k'; 158][..], b"\x01\x01"].concat(), 160);
        assert_eq!(escaped, format!("{}… (160 bytes)", "k".repeat(158)));
        assert_eq!(name(b"", 0), "(empty)");
        assert_eq!(cut_name(b"user:", 1024), "user:");
        assert_eq!(cut_name(b"user:", 5), "user:… (at least 5 bytes)");
        let wide = name("鍵".repeat(400).as_bytes(), 1200);
        assert!(wide.starts_with("鍵鍵") && !wide.contains("\\x"), "{wide}");
    }

    #[test]
    fn a_name_cannot_reorder_the_text_around_it() {
        assert_eq!(name("a\u{202e}b".as_bytes(), 5), r"a\xe2\x80\xaeb");
    }
}
