//! Strings as the format stores them, decoded on demand.

use std::io::Write as _;

use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::limits;
use crate::lzf;
use crate::read::{ReadExt as _, StringForm, StringHeader, decimal_len, decode_int};

/// A string borrowed from the file: a key, a field, a member, a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RdbString<'a> {
    /// The bytes themselves.
    Raw(&'a [u8]),
    /// A number, stored in place of its decimal text.
    Int(i64),
    /// LZF data.
    Lzf {
        /// The data as it is in the file.
        compressed: &'a [u8],
        /// Length of the decompressed string, if the data is valid.
        decoded_len: u64,
    },
    /// A string that was skipped because it is too long to hold, see [`Visitor`](crate::Visitor).
    Skipped {
        /// Length of the decoded string.
        decoded_len: u64,
    },
    /// The beginning of a key that is too long to hold, see
    /// [`MAX_WHOLE_KEY_BYTES`](crate::limits::MAX_WHOLE_KEY_BYTES).
    Truncated {
        /// The beginning, as stored.
        stored: &'a [u8],
        /// Whether it is LZF data.
        is_lzf: bool,
        /// Length of the whole decoded key.
        decoded_len: u64,
    },
}

impl<'a> RdbString<'a> {
    /// Length of the decoded string in bytes. Needs no decoding.
    #[inline]
    pub fn decoded_len(&self) -> u64 {
        match *self {
            Self::Raw(bytes) => bytes.len() as u64,
            Self::Int(value) => decimal_len(value),
            Self::Lzf { decoded_len, .. }
            | Self::Skipped { decoded_len }
            | Self::Truncated { decoded_len, .. } => decoded_len,
        }
    }

    /// The decoded bytes: borrowed from the file if they are stored as they are, otherwise written
    /// to `scratch`, whose content is replaced.
    ///
    /// ```
    /// use rdb_parser::RdbString;
    /// let mut scratch = Vec::new();
    /// assert_eq!(RdbString::Int(-12).decode(&mut scratch)?, b"-12");
    /// # Ok::<(), rdb_parser::ErrorKind>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadLzf`] if compressed data is damaged, [`ErrorKind::Limit`] if the string was
    /// skipped or does not fit in memory.
    pub fn decode<'s>(&self, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], ErrorKind>
    where
        'a: 's,
    {
        match *self {
            Self::Raw(bytes) => return Ok(bytes),
            Self::Int(value) => {
                scratch.clear();
                // Writing to a vector cannot fail.
                let _ = write!(scratch, "{value}");
            }
            Self::Lzf { compressed, decoded_len } => {
                let len =
                    usize::try_from(decoded_len).map_err(|_| ErrorKind::Limit("a compressed string"))?;
                lzf::decompress(compressed, len, scratch)?;
            }
            Self::Skipped { .. } | Self::Truncated { .. } => return Err(ErrorKind::Limit("a string")),
        }
        Ok(scratch)
    }

    /// The first `limit` decoded bytes, fewer if the string is shorter or only its beginning is
    /// held. Compare their number with [`decoded_len`](Self::decoded_len).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadLzf`] if compressed data is damaged before that point, [`ErrorKind::Limit`]
    /// if the string was skipped.
    pub fn decode_prefix<'s>(&self, limit: usize, scratch: &'s mut Vec<u8>) -> Result<&'s [u8], ErrorKind>
    where
        'a: 's,
    {
        let (stored, is_lzf, decoded_len) = match *self {
            Self::Truncated { stored, is_lzf, decoded_len } => (stored, is_lzf, decoded_len),
            Self::Lzf { compressed, decoded_len } if decoded_len > limit as u64 => {
                (compressed, true, decoded_len)
            }
            _ => return self.decode(scratch).map(|whole| whole.get(..limit).unwrap_or(whole)),
        };
        if !is_lzf {
            return Ok(stored.get(..limit).unwrap_or(stored));
        }
        let possible = lzf::max_decoded_len(stored.len() as u64).min(decoded_len).min(limit as u64);
        scratch.clear();
        scratch.resize(usize::try_from(possible).unwrap_or(limit), 0);
        let written = lzf::decompress_available(stored, scratch)?;
        Ok(scratch.get(..written).unwrap_or_default())
    }

    /// The integer whose canonical decimal form is the decoded text. Servers store such a string as a
    /// number (`string2ll` in `util.c`). A compressed string is longer than any integer.
    #[inline(always)]
    pub fn canonical_integer(&self) -> Option<i64> {
        match *self {
            Self::Raw(bytes) => parse_canonical_integer(bytes),
            Self::Int(value) => Some(value),
            Self::Lzf { .. } | Self::Skipped { .. } | Self::Truncated { .. } => None,
        }
    }
}

/// Parses the canonical decimal text of an integer: no plus sign, no leading zero, no `-0`, in the
/// range of `i64`.
#[inline(always)]
pub fn parse_canonical_integer(bytes: &[u8]) -> Option<i64> {
    let first = *bytes.first()?;
    if bytes.len() > 20 || !(first.is_ascii_digit() || first == b'-') {
        return None;
    }
    parse_number(bytes)
}

#[inline(never)]
fn parse_number(bytes: &[u8]) -> Option<i64> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    match digits {
        [b'0'] if bytes.len() == 1 => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// A string whose payload is [pinned](Input::pin) in the input, for use where the input cannot be
/// borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PinnedString {
    form: PinnedForm,
}

#[derive(Clone, Copy, Debug)]
enum PinnedForm {
    Raw,
    Int(i64),
    Lzf { decoded_len: u64 },
    Truncated { is_lzf: bool, decoded_len: u64 },
}

impl PinnedString {
    /// A string that is stored as it is.
    pub(crate) const RAW: Self = Self { form: PinnedForm::Raw };

    /// Reads a key: [pins](Input::pin) it, or the beginning of a very long one.
    #[inline(always)]
    pub(crate) fn read_key<I: Input>(input: &mut I) -> Result<Self> {
        let header = input.read_string_header("a key")?;
        if header.payload_len.max(header.decoded_len) <= limits::MAX_WHOLE_KEY_BYTES {
            return Self::read(input, header, "a key");
        }
        Self::read_long_key(input, header)
    }

    #[cold]
    fn read_long_key<I: Input>(input: &mut I, header: StringHeader) -> Result<Self> {
        let kept = header.payload_len.min(limits::TRUNCATED_KEY_BYTES);
        input.pin(kept, "a key")?;
        input.skip(header.payload_len - kept, "a key")?;
        let is_lzf = header.form == StringForm::Lzf;
        Ok(Self { form: PinnedForm::Truncated { is_lzf, decoded_len: header.decoded_len } })
    }

    /// Pins the payload that follows `header`.
    #[inline(always)]
    pub(crate) fn read<I: Input>(input: &mut I, header: StringHeader, what: &'static str) -> Result<Self> {
        let at = input.position();
        input.pin(header.payload_len, what)?;
        let form = match header.form {
            StringForm::Raw => PinnedForm::Raw,
            StringForm::Lzf => PinnedForm::Lzf { decoded_len: header.decoded_len },
            StringForm::Int => PinnedForm::Int(
                decode_int(input.pinned())
                    .ok_or_else(|| Error::new(ErrorKind::BadString("integer width"), at))?,
            ),
        };
        Ok(Self { form })
    }

    /// The string, borrowed from where it is pinned.
    #[inline(always)]
    pub(crate) fn view<I: Input>(self, input: &I) -> RdbString<'_> {
        match self.form {
            PinnedForm::Raw => RdbString::Raw(input.pinned()),
            PinnedForm::Int(value) => RdbString::Int(value),
            PinnedForm::Lzf { decoded_len } => RdbString::Lzf { compressed: input.pinned(), decoded_len },
            PinnedForm::Truncated { is_lzf, decoded_len } => {
                RdbString::Truncated { stored: input.pinned(), is_lzf, decoded_len }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceInput;
    use proptest::prelude::*;

    #[test]
    fn only_canonical_decimals_are_integers() {
        for yes in ["0", "7", "-1", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(parse_canonical_integer(yes.as_bytes()), yes.parse().ok(), "{yes}");
            assert!(RdbString::Raw(yes.as_bytes()).canonical_integer().is_some());
        }
        for no in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
            "123456789012345678901",
        ] {
            assert_eq!(parse_canonical_integer(no.as_bytes()), None, "{no}");
        }
    }

    fn round_trip(bytes: &[u8], text: &[u8]) {
        let mut input = SliceInput::new(bytes);
        let header = input.read_string_header("x").expect("valid");
        let string = PinnedString::read(&mut input, header, "x").expect("valid");
        let mut scratch = Vec::new();
        assert_eq!(string.view(&input).decode(&mut scratch).expect("valid"), text);
        assert_eq!(string.view(&input).decoded_len(), text.len() as u64);
        assert_eq!(input.remaining(), Some(0));
    }

    #[test]
    fn every_form_decodes() {
        round_trip(b"\x03abc", b"abc");
        round_trip(b"\x00", b"");
        round_trip(b"\xc0\xff", b"-1");
        round_trip(b"\xc1\x39\x30", b"12345");
        round_trip(b"\xc2\x00\x00\x00\x80", b"-2147483648");
        round_trip(b"\xc3\x05\x10\x00\x61\xe0\x06\x00", &[b'a'; 16]);
    }

    proptest! {
        #[test]
        fn a_written_string_reads_back(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = Vec::new();
            crate::read::tests::write_length(&mut bytes, text.len() as u64);
            bytes.extend_from_slice(&text);
            round_trip(&bytes, &text);
        }
    }
}
