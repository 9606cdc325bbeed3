//! Packed values that a server builds while loading: from elements that are stored one by one, or from
//! the entries of another encoding.

use rdb_parser::format::listpack_backlen_bytes;
use rdb_parser::string::parse_canonical_integer;
use rdb_parser::visitor::Score;
use rdb_parser::{DoubleText, double_to_integer};

/// Bytes of a listpack or ziplist without entries.
const LISTPACK_BYTES: u64 = 7;
const ZIPLIST_BYTES: u64 = 11;

/// Longest entry whose length takes one byte in the next entry of a ziplist. A longer length takes
/// five.
const MAX_SHORT_PREVIOUS: u64 = 253;

/// What decides the bytes of a string in a packed value: its length, or the integer that it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedString {
    pub(crate) len: u64,
    pub(crate) integer: Option<i64>,
}

impl PackedString {
    /// Bytes of an integer as an entry of a listpack.
    pub(crate) fn entry_bytes(integer: i64) -> u64 {
        // Its length takes one byte.
        listpack_integer(integer) + 1
    }
}

/// The length of a packed value, entry by entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedLength {
    ziplist: bool,
    bytes: u64,
    previous: u64,
}

impl PackedLength {
    /// A packed value without entries.
    pub(crate) fn new(ziplist: bool) -> Self {
        Self { ziplist, bytes: if ziplist { ZIPLIST_BYTES } else { LISTPACK_BYTES }, previous: 0 }
    }

    pub(crate) fn bytes(self) -> u64 {
        self.bytes
    }

    /// Adds a string.
    #[inline]
    pub(crate) fn push(&mut self, string: PackedString) {
        match string.integer {
            Some(value) => self.push_integer(value),
            None => self.push_text(string.len),
        }
    }

    /// Adds a score. Since 7.2 (`shortest`), its text is the shortest that reads back as the same
    /// number. Before, it has 17 digits.
    pub(crate) fn push_score(&mut self, score: Score<'_>, shortest: bool) {
        let Some(value) = score.value() else { return self.push_text(3) };
        // Servers with ziplists write the text of every score.
        if let Some(integer) = double_to_integer(value).filter(|_| !self.ziplist) {
            return self.push_integer(integer);
        }
        let text = if shortest { DoubleText::shortest(value) } else { DoubleText::with_17_digits(value) };
        match parse_canonical_integer(text.bytes()) {
            Some(value) => self.push_integer(value),
            None => self.push_text(text.bytes().len() as u64),
        }
    }

    /// Adds an entry of `entry` bytes.
    pub(crate) fn push_opaque(&mut self, entry: u64) {
        self.previous = entry;
        self.bytes = self.bytes.saturating_add(entry);
    }

    /// Adds an integer.
    pub(crate) fn push_integer(&mut self, value: i64) {
        let encoded = if self.ziplist { ziplist_integer(value) } else { listpack_integer(value) };
        self.push_encoded(encoded);
    }

    fn push_text(&mut self, len: u64) {
        let header = match len {
            0..64 => 1,
            64..4096 => 2,
            4096..16_384 if self.ziplist => 2,
            _ => 5,
        };
        self.push_encoded(len.saturating_add(header));
    }

    fn push_encoded(&mut self, encoded: u64) {
        let link = if self.ziplist {
            if self.previous > MAX_SHORT_PREVIOUS { 5 } else { 1 }
        } else {
            u64::from(listpack_backlen_bytes(encoded))
        };
        let entry = encoded.saturating_add(link);
        self.previous = entry;
        self.bytes = self.bytes.saturating_add(entry);
    }
}

/// Source: `lpEncodeGetType` in `listpack.c`.
fn listpack_integer(value: i64) -> u64 {
    match value {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

/// Source: `zipTryEncoding` in `ziplist.c`.
fn ziplist_integer(value: i64) -> u64 {
    match value {
        0..=12 => 1,
        -128..=127 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(string: &str) -> PackedString {
        PackedString { len: string.len() as u64, integer: parse_canonical_integer(string.as_bytes()) }
    }

    fn listpack(strings: &[&str]) -> u64 {
        let mut length = PackedLength::new(false);
        for string in strings {
            length.push(packed(string));
        }
        length.bytes()
    }

    #[test]
    fn entries_of_a_listpack() {
        for (entry, bytes) in [
            ("0", 2),
            ("127", 2),
            ("128", 3),
            ("-1", 3),
            ("4095", 3),
            ("4096", 4),
            ("8388607", 5),
            ("-2147483648", 6),
            ("2147483648", 10),
            ("", 2),
            ("a", 3),
            ("007", 5),
        ] {
            assert_eq!(listpack(&[entry]), 7 + bytes, "{entry}");
        }
        assert_eq!(listpack(&[&"x".repeat(63)]), 7 + 65);
        assert_eq!(listpack(&[&"x".repeat(64)]), 7 + 67);
        assert_eq!(listpack(&[&"x".repeat(126)]), 7 + 130, "128 encoded bytes need two to go back");
        assert_eq!(listpack(&[&"x".repeat(4096)]), 7 + 4103);
    }

    #[test]
    fn entries_of_a_ziplist_state_the_length_before_them() {
        let mut length = PackedLength::new(true);
        for (string, bytes) in [("12", 2), ("13", 3), (&*"x".repeat(300), 303), ("1", 6)] {
            let before = length.bytes();
            length.push(packed(string));
            assert_eq!(length.bytes() - before, bytes, "{string:?}");
        }
        assert_eq!(length.bytes(), 11 + 2 + 3 + 303 + 6);
    }

    #[test]
    fn whole_scores_are_integers() {
        let score = |value: f64, ziplist, shortest| {
            let mut length = PackedLength::new(ziplist);
            let before = length.bytes();
            length.push_score(Score::Binary(value), shortest);
            length.bytes() - before
        };
        for shortest in [false, true] {
            assert_eq!(score(3.0, false, shortest), 2);
            assert_eq!(score(-4096.0, false, shortest), 3);
            assert_eq!(score(4_503_599_627_370_497.0, false, shortest), 10);
            assert_eq!(score(4_611_686_018_427_387_904.0, false, shortest), 10);
            assert_eq!(score(-0.0, false, shortest), 2);
            assert_eq!(score(0.5, false, shortest), 5);
            assert_eq!(score(f64::INFINITY, false, shortest), 5);
        }
        assert_eq!(score(4_503_599_627_370_497.0, true, false), 10, "the text is an integer");
        assert_eq!(score(-0.0, true, false), 4, "the text -0");
    }
}
