//! Packed values that a server builds while loading: from elements that are stored one by one, or from
//! the entries of another encoding.

use rdb_parser::format::listpack_backlen_bytes;
use rdb_parser::string::parse_canonical_integer;
use rdb_parser::visitor::Score;

use std::io::Write as _;

/// Bytes of a listpack or ziplist without entries.
const LISTPACK_BYTES: u64 = 7;
const ZIPLIST_BYTES: u64 = 11;

/// Longest entry whose length takes one byte in the next entry of a ziplist. A longer length takes
/// five.
const MAX_SHORT_PREVIOUS: u64 = 253;

/// Enough bytes for the text of a double: sign, 17 digits, point, leading zeros or exponent.
const MAX_DOUBLE_TEXT_BYTES: usize = 40;

/// Half the largest 64-bit integer. Servers with listpacks check scores up to this for integers
/// (`double2ll` in `util.c`). Servers with ziplists write the text of every score.
const MAX_INTEGER_SCORE: f64 = 4_611_686_018_427_387_904.0;

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
        if !self.ziplist && value.abs() <= MAX_INTEGER_SCORE && value.fract().abs() <= 0.0 {
            #[allow(clippy::cast_possible_truncation, reason = "a whole number within the range")]
            return self.push_integer(value as i64);
        }
        let mut text = DoubleText::new();
        if shortest {
            text.write_shortest(value);
        } else {
            text.write_17_digits(value);
        }
        match parse_canonical_integer(text.bytes()) {
            Some(value) => self.push_integer(value),
            None => self.push_text(text.len as u64),
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

/// The text of a double, in place.
#[derive(Debug)]
struct DoubleText {
    text: [u8; MAX_DOUBLE_TEXT_BYTES],
    len: usize,
}

impl DoubleText {
    fn new() -> Self {
        Self { text: [0; MAX_DOUBLE_TEXT_BYTES], len: 0 }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(place) = self.text.get_mut(self.len) {
                *place = byte;
                self.len += 1;
            }
        }
    }

    fn push_zeros(&mut self, count: i32) {
        for _ in 0..count {
            self.push(b"0");
        }
    }

    /// As `d2string` in `util.c` until 7.0: `%.17g`.
    fn write_17_digits(&mut self, value: f64) {
        let Some(digits) = Digits::of(value, Some(16)) else { return self.write_special(value) };
        if value.is_sign_negative() {
            self.push(b"-");
        }
        let exponent = digits.exponent;
        let digits = digits.without_trailing_zeros();
        if (-4..17).contains(&exponent) {
            self.push_decimal(digits, exponent);
            return;
        }
        self.push_mantissa(digits);
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        let exponent = exponent.unsigned_abs();
        if exponent < 10 {
            self.push(b"0");
        }
        self.push_number(exponent);
    }

    /// As `fpconv_dtoa` in `fpconv_dtoa.c` since 7.2.
    fn write_shortest(&mut self, value: f64) {
        let Some(digits) = Digits::of(value, None) else { return self.write_special(value) };
        if value.is_sign_negative() {
            self.push(b"-");
        }
        let exponent = digits.exponent;
        let digits = digits.without_trailing_zeros();
        let count = i32::try_from(digits.len()).unwrap_or(17);
        // Power of ten of the last digit.
        let last = exponent - count + 1;
        if last >= 0 && exponent.abs() < count + 7 {
            self.push(digits);
            self.push_zeros(last);
        } else if last < 0 && (last > -7 || exponent.abs() < 4) {
            self.push_decimal(digits, exponent);
        } else {
            self.push_mantissa(digits);
            self.push(if exponent < 0 { b"e-" } else { b"e+" });
            self.push_number(exponent.unsigned_abs());
        }
    }

    fn write_special(&mut self, value: f64) {
        self.push(match value {
            f64::INFINITY => b"inf",
            f64::NEG_INFINITY => b"-inf",
            _ => b"nan",
        });
    }

    fn push_number(&mut self, number: u32) {
        let rest = self.text.get_mut(self.len..).unwrap_or_default();
        let room = rest.len();
        let mut rest = rest;
        // It fits: an exponent has three digits at most.
        let _ = write!(rest, "{number}");
        self.len += room - rest.len();
    }

    /// `d.ddd`, or `d`.
    fn push_mantissa(&mut self, digits: &[u8]) {
        if let Some((first, rest)) = digits.split_first() {
            self.push(&[*first]);
            if !rest.is_empty() {
                self.push(b".");
                self.push(rest);
            }
        }
    }

    /// Digits with the point where the exponent of the first says.
    fn push_decimal(&mut self, digits: &[u8], exponent: i32) {
        let count = i32::try_from(digits.len()).unwrap_or(17);
        if exponent < 0 {
            self.push(b"0.");
            self.push_zeros(-exponent - 1);
            self.push(digits);
        } else if exponent + 1 >= count {
            self.push(digits);
            self.push_zeros(exponent + 1 - count);
        } else {
            let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or_default());
            self.push(whole);
            self.push(b".");
            self.push(fraction);
        }
    }
}

/// The significant decimal digits of a number, and the power of ten of the first.
struct Digits {
    text: [u8; 17],
    count: usize,
    exponent: i32,
}

impl Digits {
    /// With this number of digits after the first, or with the fewest that read back as the same
    /// number. `None`: infinite or no number.
    fn of(value: f64, after_first: Option<usize>) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let mut text = [0; 32];
        let mut rest = text.as_mut_slice();
        match after_first {
            Some(precision) => write!(rest, "{:.*e}", precision, value.abs()).ok()?,
            None => write!(rest, "{:e}", value.abs()).ok()?,
        }
        let used = 32 - rest.len();
        let text = std::str::from_utf8(text.get(..used)?).ok()?;
        let (mantissa, exponent) = text.split_once('e')?;
        let mut digits = [0; 17];
        let mut count = 0;
        for digit in mantissa.bytes().filter(u8::is_ascii_digit) {
            *digits.get_mut(count)? = digit;
            count += 1;
        }
        Some(Self { text: digits, count, exponent: exponent.parse().ok()? })
    }

    fn without_trailing_zeros(&self) -> &[u8] {
        let digits = self.text.get(..self.count).unwrap_or_default();
        let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
        digits.get(..kept).unwrap_or(digits)
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
    fn doubles_as_the_servers_write_them() {
        for (value, digits_17, shortest) in [
            (0.1, "0.10000000000000001", "0.1"),
            (-2.5, "-2.5", "-2.5"),
            (1e17, "1e+17", "1e+17"),
            (123_456_789.125, "123456789.125", "123456789.125"),
            (1e-5, "1.0000000000000001e-05", "0.00001"),
            (1.5e-7, "1.4999999999999999e-07", "1.5e-7"),
            (1e300, "1.0000000000000001e+300", "1e+300"),
            (0.000_123, "0.00012300000000000001", "0.000123"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
        ] {
            let mut text = DoubleText::new();
            text.write_17_digits(value);
            assert_eq!(text.bytes(), digits_17.as_bytes());
            let mut text = DoubleText::new();
            text.write_shortest(value);
            assert_eq!(text.bytes(), shortest.as_bytes());
        }
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
            assert_eq!(score(MAX_INTEGER_SCORE, false, shortest), 10);
            assert_eq!(score(-0.0, false, shortest), 2);
            assert_eq!(score(0.5, false, shortest), 5);
            assert_eq!(score(f64::INFINITY, false, shortest), 5);
        }
        assert_eq!(score(4_503_599_627_370_497.0, true, false), 10, "the text is an integer");
        assert_eq!(score(-0.0, true, false), 4, "the text -0");
    }
}
