//! The primitives of the format: lengths, strings, fixed-width numbers.

use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::lzf;

/// Longest encoded length: a marker and eight bytes.
const MAX_LENGTH_BYTES: usize = 9;

/// Longest string header: a marker and two lengths.
pub(crate) const MAX_STRING_HEADER_BYTES: usize = 1 + 2 * MAX_LENGTH_BYTES;

/// The meaning of a length's first byte, by its two high bits, and the two long forms.
const SIX_BITS: u8 = 0;
const FOURTEEN_BITS: u8 = 1;
const LONG: u8 = 2;
const LENGTH_32: u8 = 0x80;
const LENGTH_64: u8 = 0x81;

/// How the payload of a string is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StringForm {
    /// The bytes themselves.
    Raw,
    /// A little-endian integer of 1, 2 or 4 bytes, stored in place of its decimal text.
    Int,
    /// LZF data.
    Lzf,
}

/// The part of a string before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StringHeader {
    pub(crate) form: StringForm,
    /// Bytes of this header.
    pub(crate) header_len: usize,
    /// Bytes of the payload that follows.
    pub(crate) payload_len: u64,
    /// Length of the decoded string. 0 for an integer, whose length is unknown until its payload is
    /// read.
    pub(crate) decoded_len: u64,
}

impl StringHeader {
    /// Bytes of the payload if it is compressed.
    pub(crate) fn lzf_bytes(self) -> Option<u64> {
        (self.form == StringForm::Lzf).then_some(self.payload_len)
    }
}

/// Decodes a length at the start of `bytes`: its value and its own length in bytes.
///
/// | first byte | bytes | value |
/// |---|---|---|
/// | `00xxxxxx` | 1 | 6 bits |
/// | `01xxxxxx` | 2 | 14 bits, big-endian |
/// | `0x80` | 5 | 32 bits, big-endian |
/// | `0x81` | 9 | 64 bits, big-endian |
///
/// `Ok(None)`: the bytes end before the length does. Source: `rdbLoadLenByRef` in `rdb.c`.
#[inline]
pub(crate) fn decode_length(bytes: &[u8]) -> Result<Option<(u64, usize)>, ErrorKind> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    match first >> 6 {
        SIX_BITS => Ok(Some((u64::from(first & 0x3f), 1))),
        FOURTEEN_BITS => Ok(bytes.get(1).map(|&low| (u64::from(first & 0x3f) << 8 | u64::from(low), 2))),
        LONG => match first {
            LENGTH_32 => Ok(bytes
                .get(1..)
                .and_then(<[u8]>::first_chunk)
                .map(|b| (u64::from(u32::from_be_bytes(*b)), 5))),
            LENGTH_64 => {
                Ok(bytes.get(1..).and_then(<[u8]>::first_chunk).map(|b| (u64::from_be_bytes(*b), 9)))
            }
            _ => Err(ErrorKind::BadLength("an invalid length marker")),
        },
        _ => Err(ErrorKind::BadLength("a special encoding where a plain length is due")),
    }
}

/// Decodes a length of one or two bytes at the start of `bytes`: its value and its own length.
/// `None` if it is longer, an encoding, or not whole.
#[inline(always)]
pub(crate) fn short_length(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [first @ 0..0x40, ..] => Some((usize::from(first), 1)),
        [first @ 0x40..LENGTH_32, second, ..] => {
            Some((usize::from(first & 0x3f) << 8 | usize::from(second), 2))
        }
        _ => None,
    }
}

/// Decodes a string header at the start of `bytes`. `Ok(None)`: the bytes end before the header
/// does.
///
/// Source: `rdbGenericLoadStringObject` in `rdb.c`.
#[inline]
pub(crate) fn decode_string_header(bytes: &[u8]) -> Result<Option<StringHeader>, ErrorKind> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    if first < 0xc0 {
        return Ok(decode_length(bytes)?.map(|(len, header_len)| StringHeader {
            form: StringForm::Raw,
            header_len,
            payload_len: len,
            decoded_len: len,
        }));
    }
    if first <= 0xc2 {
        let payload_len = 1 << (first & 3);
        return Ok(Some(StringHeader { form: StringForm::Int, header_len: 1, payload_len, decoded_len: 0 }));
    }
    if first > 0xc3 {
        return Err(ErrorKind::BadString("unknown encoding"));
    }
    let Some((payload_len, a)) = decode_length(bytes.get(1..).unwrap_or_default())? else { return Ok(None) };
    let Some((decoded_len, b)) = decode_length(bytes.get(1 + a..).unwrap_or_default())? else {
        return Ok(None);
    };
    if !lzf::is_plausible(payload_len, decoded_len) {
        return Err(ErrorKind::BadLzf("no data can expand that much"));
    }
    Ok(Some(StringHeader { form: StringForm::Lzf, header_len: 1 + a + b, payload_len, decoded_len }))
}

/// The value of an integer payload of 1, 2 or 4 bytes.
#[inline]
pub(crate) fn decode_int(payload: &[u8]) -> Option<i64> {
    match *payload {
        [a] => Some(i64::from(i8::from_le_bytes([a]))),
        [a, b] => Some(i64::from(i16::from_le_bytes([a, b]))),
        [a, b, c, d] => Some(i64::from(i32::from_le_bytes([a, b, c, d]))),
        _ => None,
    }
}

/// Characters of the decimal text of `value`.
#[inline]
pub(crate) fn decimal_len(value: i64) -> u64 {
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    u64::from(digits) + u64::from(value < 0)
}

/// Reading primitives from any [`Input`].
pub(crate) trait ReadExt: Input {
    /// Turns the failure of a decoder into an error at the cursor.
    #[cold]
    fn fail(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.position())
    }

    #[inline]
    fn read_u8(&mut self, what: &'static str) -> Result<u8> {
        let byte = self.require(1, what)?.first().copied().unwrap_or_default();
        self.consume(1);
        Ok(byte)
    }

    #[inline]
    fn read_array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let array = self.require(N, what)?.first_chunk().copied().unwrap_or([0; N]);
        self.consume(N);
        Ok(array)
    }

    #[inline]
    fn read_length(&mut self, what: &'static str) -> Result<u64> {
        match decode_length(self.peek(MAX_LENGTH_BYTES)?) {
            Ok(Some((value, len))) => {
                self.consume(len);
                Ok(value)
            }
            Ok(None) => Err(Error::truncated(what, self.data_end())),
            Err(kind) => Err(self.fail(kind)),
        }
    }

    /// Reads a count of things that take at least `min_bytes` each. A count that does not fit into
    /// the bytes that are left is truncated data, which this reports without a walk.
    #[inline]
    fn read_count(&mut self, min_bytes: u64, things: &'static str) -> Result<u64> {
        let count = self.read_length(things)?;
        match self.remaining() {
            Some(left) if count.checked_mul(min_bytes).is_none_or(|needed| needed > left) => {
                Err(Error::truncated(things, self.position().saturating_add(left)))
            }
            _ => Ok(count),
        }
    }

    /// Reads the header of a string, leaving the cursor on its payload.
    #[inline(always)]
    fn read_string_header(&mut self, what: &'static str) -> Result<StringHeader> {
        // Most strings are short and stored as they are.
        if let Some((len, header_len)) = short_length(self.peek(MAX_STRING_HEADER_BYTES)?) {
            self.consume(header_len);
            let len = len as u64;
            return Ok(StringHeader {
                form: StringForm::Raw,
                header_len,
                payload_len: len,
                decoded_len: len,
            });
        }
        self.read_uncommon_string_header(what)
    }

    #[inline(never)]
    fn read_uncommon_string_header(&mut self, what: &'static str) -> Result<StringHeader> {
        match decode_string_header(self.peek(MAX_STRING_HEADER_BYTES)?) {
            Ok(Some(header)) => {
                self.consume(header.header_len);
                Ok(header)
            }
            Ok(None) => Err(Error::truncated(what, self.data_end())),
            Err(kind) => Err(self.fail(kind)),
        }
    }

    /// Skips a whole string.
    #[inline]
    fn skip_string(&mut self, what: &'static str) -> Result<()> {
        let header = self.read_string_header(what)?;
        self.skip(header.payload_len, what)
    }
}

impl<I: Input> ReadExt for I {}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::SliceInput;
    use proptest::prelude::*;

    /// Writes `value` in the shortest form, as every server does.
    pub(crate) fn write_length(out: &mut Vec<u8>, value: u64) {
        match value {
            0..64 => out.push(u8::try_from(value).expect("six bits")),
            64..16384 => out.extend((0x4000 | u16::try_from(value).expect("14 bits")).to_be_bytes()),
            _ => {
                if let Ok(value) = u32::try_from(value) {
                    out.push(LENGTH_32);
                    out.extend(value.to_be_bytes());
                } else {
                    out.push(LENGTH_64);
                    out.extend(value.to_be_bytes());
                }
            }
        }
    }

    fn length(bytes: &[u8]) -> Result<Option<(u64, usize)>, ErrorKind> {
        decode_length(bytes)
    }

    #[test]
    fn boundaries_of_the_length_forms() {
        for (value, len) in [(0, 1), (63, 1), (64, 2), (16383, 2), (16384, 5), (1 << 32, 9), (u64::MAX, 9)] {
            let mut bytes = Vec::new();
            write_length(&mut bytes, value);
            assert_eq!(bytes.len(), len);
            assert_eq!(length(&bytes).expect("valid"), Some((value, len)));
        }
        // A longer form than necessary is legal.
        assert_eq!(length(&[0x80, 0, 0, 0, 1]).expect("valid"), Some((1, 5)));
        assert_eq!(length(&[0x81, 0, 0, 0, 0, 0, 0, 0, 1]).expect("valid"), Some((1, 9)));
    }

    #[test]
    fn reserved_length_markers_are_errors() {
        for byte in 0x82..=0xff {
            assert!(length(&[byte; 9]).is_err(), "{byte:02x}");
        }
        for byte in 0xc4..=0xff {
            assert!(decode_string_header(&[byte; 19]).is_err(), "{byte:02x}");
        }
    }

    #[test]
    fn a_count_that_cannot_fit_is_refused() {
        assert!(SliceInput::new(&[3, 0, 0, 0]).read_count(1, "x").is_ok());
        assert!(SliceInput::new(&[3, 0, 0]).read_count(1, "x").is_err());
        let huge = [0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
        assert!(SliceInput::new(&huge).read_count(16, "x").is_err());
    }

    proptest! {
        #[test]
        fn a_written_length_reads_back(value in any::<u64>(), shift in 0u32..64) {
            let mut bytes = Vec::new();
            write_length(&mut bytes, value >> shift);
            prop_assert_eq!(length(&bytes).expect("valid"), Some((value >> shift, bytes.len())));
            for cut in 0..bytes.len() {
                prop_assert_eq!(length(&bytes[..cut]).expect("only short"), None);
            }
        }

        #[test]
        fn the_width_of_an_integer_is_that_of_its_text(value in any::<i64>(), shift in 0u32..64) {
            let value = value >> shift;
            prop_assert_eq!(decimal_len(value), value.to_string().len() as u64);
        }
    }
}
