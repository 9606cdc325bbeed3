//! The text of a double, as servers write it.

use std::io::Write as _;

/// Enough bytes for the text of a double: sign, 17 digits, point, leading zeros or exponent.
const MAX_TEXT_BYTES: usize = 40;

/// Half the largest 64-bit integer: `double2ll` in `util.c` finds integers up to this.
const MAX_INTEGER: f64 = 4_611_686_018_427_387_904.0;

/// The integer that a server takes a double for, if it is a whole number of at most 2^62.
///
/// Source: `double2ll` in `util.c`.
pub fn double_to_integer(value: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "a whole number within the range")]
    (value.abs() <= MAX_INTEGER && value.fract().abs() <= 0.0).then_some(value as i64)
}

/// The text of a double, without an allocation.
#[derive(Clone, Debug)]
pub struct DoubleText {
    text: [u8; MAX_TEXT_BYTES],
    len: usize,
}

impl DoubleText {
    /// The text of a score up to Redis 7.0: `%.17g`.
    ///
    /// Source: `d2string` in `util.c`.
    pub fn with_17_digits(value: f64) -> Self {
        let mut text = Self::new();
        text.write_17_digits(value);
        text
    }

    /// The text of a score since Redis 7.2: the shortest that reads back as the same number.
    ///
    /// Source: `fpconv_dtoa` in `fpconv_dtoa.c`.
    pub fn shortest(value: f64) -> Self {
        let mut text = Self::new();
        text.write_shortest(value);
        text
    }

    /// The text of a number in an array (Redis 8.8): the shortest, and `.0` after a whole number.
    ///
    /// Source: `arFormatFloat` in `sparsearray.c`, and `d2string` in `util.c`.
    pub fn of_array_cell(value: f64) -> Self {
        let mut text = Self::new();
        match double_to_integer(value) {
            Some(0) if value.is_sign_negative() => text.push(b"-0"),
            Some(integer) => {
                text.push(if integer < 0 { b"-" } else { b"" });
                text.push_number(integer.unsigned_abs());
            }
            None => text.write_shortest(value),
        }
        if value.is_finite() && !text.bytes().iter().any(|byte| matches!(byte, b'.' | b'e')) {
            text.push(b".0");
        }
        text
    }

    fn new() -> Self {
        Self { text: [0; MAX_TEXT_BYTES], len: 0 }
    }

    /// The text, in ASCII.
    pub fn bytes(&self) -> &[u8] {
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
        self.push_number(u64::from(exponent));
    }

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
            self.push_number(u64::from(exponent.unsigned_abs()));
        }
    }

    fn write_special(&mut self, value: f64) {
        self.push(match value {
            f64::INFINITY => b"inf",
            f64::NEG_INFINITY => b"-inf",
            _ => b"nan",
        });
    }

    fn push_number(&mut self, number: u64) {
        let rest = self.text.get_mut(self.len..).unwrap_or_default();
        let room = rest.len();
        let mut rest = rest;
        // It fits: nothing but a sign comes before a number of more than three digits.
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
            assert_eq!(DoubleText::with_17_digits(value).bytes(), digits_17.as_bytes());
            assert_eq!(DoubleText::shortest(value).bytes(), shortest.as_bytes());
        }
    }

    #[test]
    fn a_whole_number_in_an_array_keeps_its_point() {
        for (value, text) in [
            (3.0, "3.0"),
            (-0.0, "-0.0"),
            (-12.5, "-12.5"),
            (1e17, "100000000000000000.0"),
            (-4_611_686_018_427_387_904.0, "-4611686018427387904.0"),
            (1e19, "1e+19"),
            (1.5e-9, "1.5e-9"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(DoubleText::of_array_cell(value).bytes(), text.as_bytes());
        }
    }

    #[test]
    fn every_double_has_room() {
        for value in
            [f64::MIN, f64::MIN_POSITIVE, -5e-324, -1.234_567_890_123_456_7e-308, -1.234_567_890_123_456_7e-6]
        {
            for text in [DoubleText::with_17_digits(value), DoubleText::shortest(value)] {
                let text = std::str::from_utf8(text.bytes()).expect("ASCII").to_owned();
                assert_eq!(text.parse(), Ok(value), "{text}");
            }
        }
    }
}
