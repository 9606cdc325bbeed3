//! Ziplist: `u32 total bytes, u32 offset of the last entry, u16 count, entry*, 0xFF`.
//!
//! An entry is the length of the previous entry, its encoding and its data. Numbers are
//! little-endian except the lengths inside encodings. Source: `ziplist.c` of Redis 6.2.

use super::blob::{Blob, field, i24};
use crate::error::Result;
use crate::input::Input;
use crate::string::RdbString;

pub(super) const HEADER_BYTES: usize = 10;

const COUNT_UNKNOWN: u16 = u16::MAX;

/// First byte of the long form of the length of the previous entry.
const LONG_PREVIOUS: u8 = 0xfe;

pub(super) fn header_count(header: &[u8], blob_bytes: u64) -> Result<Option<u64>, &'static str> {
    let total = u32::from_le_bytes(field(header, 0)?);
    let last = u32::from_le_bytes(field(header, 4)?);
    let count = u16::from_le_bytes(field(header, 8)?);
    if u64::from(total) != blob_bytes {
        return Err("the header states another total length");
    }
    let room = blob_bytes.checked_sub(HEADER_BYTES as u64 + 1).ok_or("shorter than its header")?;
    if u64::from(last) < HEADER_BYTES as u64 || u64::from(last) >= blob_bytes {
        return Err("the last entry is outside");
    }
    match count {
        COUNT_UNKNOWN => Ok(None),
        count if u64::from(count) > room / 2 => Err("more entries than fit"),
        count => Ok(Some(u64::from(count))),
    }
}

pub(super) fn walk<I: Input>(
    blob: &mut Blob<'_, I>,
    blob_bytes: u64,
    see: &mut impl FnMut(RdbString<'_>),
) -> Result<u64> {
    let stated =
        header_count(blob.require(HEADER_BYTES)?, blob_bytes).map_err(|detail| blob.corrupt(detail))?;
    blob.consume(HEADER_BYTES);
    let mut walked = 0;
    let mut previous_bytes = 0;
    while !blob.at_terminator()? {
        let start = blob.position();
        let stated_previous = take_previous(blob)?;
        // Servers that turn a ziplist into a listpack compare it (`ziplistValidateIntegrity`).
        if stated_previous != previous_bytes {
            return Err(blob.corrupt("an entry states another length of the one before it"));
        }
        match decode_head(blob.peek(9)?) {
            Some(Head::Int(len, value)) => {
                see(RdbString::Int(value));
                blob.consume(len);
            }
            Some(Head::Str(header_len, len)) => blob.show_string(header_len, len, see)?,
            None => return Err(blob.corrupt("unknown or cut-off entry encoding")),
        }
        previous_bytes = blob.position() - start;
        walked += 1;
    }
    blob.check_count(stated, walked)
}

/// Reads the length of the previous entry.
fn take_previous<I: Input>(blob: &mut Blob<'_, I>) -> Result<u64> {
    match blob.require(1)?.first().copied().unwrap_or_default() {
        LONG_PREVIOUS => {
            let bytes = blob.require(5)?.last_chunk().copied().unwrap_or_default();
            blob.consume(5);
            Ok(u64::from(u32::from_le_bytes(bytes)))
        }
        short => {
            blob.consume(1);
            Ok(u64::from(short))
        }
    }
}

/// What an entry's encoding says: a number, or a string that follows.
enum Head {
    /// Bytes of encoding and data, and the number.
    Int(usize, i64),
    /// Bytes before the string, and its length.
    Str(usize, u64),
}

#[inline]
fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (&first, rest) = bytes.split_first()?;
    Some(match first {
        0x00..=0x3f => Head::Str(1, u64::from(first)),
        0x40..=0x7f => Head::Str(2, u64::from(first & 0x3f) << 8 | u64::from(*rest.first()?)),
        0x80..=0xbf => Head::Str(5, u64::from(u32::from_be_bytes(*rest.first_chunk()?))),
        0xc0 => Head::Int(3, i64::from(i16::from_le_bytes(*rest.first_chunk()?))),
        0xd0 => Head::Int(5, i64::from(i32::from_le_bytes(*rest.first_chunk()?))),
        0xe0 => Head::Int(9, i64::from_le_bytes(*rest.first_chunk()?)),
        0xf0 => Head::Int(4, i24(*rest.first_chunk()?)),
        0xfe => Head::Int(2, i64::from(i8::from_le_bytes(*rest.first_chunk()?))),
        0xf1..=0xfd => Head::Int(1, i64::from(first & 0x0f) - 1),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::listpack::tests::text;
    use super::super::packed::Packed;
    use super::super::packed::tests::{entries, header_count};
    use proptest::prelude::*;

    fn encode(text: &[u8]) -> Vec<u8> {
        if let Some(value) = crate::string::parse_canonical_integer(text) {
            let bytes = value.to_le_bytes();
            return match value {
                0..=12 => vec![0xf1 + bytes[0]],
                -128..=127 => vec![0xfe, bytes[0]],
                -32_768..=32_767 => [&[0xc0], &bytes[..2]].concat(),
                -8_388_608..=8_388_607 => [&[0xf0], &bytes[..3]].concat(),
                _ if i32::try_from(value).is_ok() => [&[0xd0], &bytes[..4]].concat(),
                _ => [&[0xe0][..], &bytes].concat(),
            };
        }
        let len = u32::try_from(text.len()).expect("short");
        let head = match len {
            0..64 => vec![u8::try_from(len).expect("six bits")],
            64..16_384 => (0x4000 | u16::try_from(len).expect("14 bits")).to_be_bytes().to_vec(),
            _ => [&[0x80][..], &len.to_be_bytes()].concat(),
        };
        [&head[..], text].concat()
    }

    fn build(texts: &[Vec<u8>], always_long: bool) -> Vec<u8> {
        let mut body = Vec::new();
        let mut previous = 0;
        let mut last = 10;
        for text in texts {
            last = body.len() + 10;
            if previous < 254 && !always_long {
                body.push(u8::try_from(previous).expect("short"));
            } else {
                body.push(0xfe);
                body.extend(u32::try_from(previous).expect("short").to_le_bytes());
            }
            body.extend(encode(text));
            previous = body.len() + 10 - last;
        }
        let total = u32::try_from(body.len() + 11).expect("short");
        let count = u16::try_from(texts.len()).unwrap_or(u16::MAX);
        let last = u32::try_from(last).expect("short");
        [&total.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
    }

    #[test]
    fn a_saturated_count_is_walked() {
        for n in [65_534, 65_535, 66_000] {
            let blob = build(&vec![b"7".to_vec(); n], false);
            let stated = header_count(Packed::Ziplist, &blob).expect("valid");
            assert_eq!(stated, (n < 65_535).then_some(n as u64));
            assert_eq!(entries(Packed::Ziplist, &blob).expect("valid").len(), n);
        }
    }

    #[test]
    fn damage_is_reported() {
        let good = build(&[b"abc".to_vec(), b"300".to_vec()], false);
        let damaged = |at: usize, byte: u8| {
            let mut blob = good.clone();
            blob[at] = byte;
            entries(Packed::Ziplist, &blob)
        };
        assert!(damaged(0, 99).is_err(), "total length");
        assert!(damaged(4, 99).is_err(), "last entry");
        assert!(damaged(8, 3).is_err(), "count");
        assert!(damaged(10, 4).is_err(), "length of an entry before the first");
        assert!(damaged(15, 4).is_err(), "length of the entry before");
        assert!(damaged(11, 0x3f).is_err(), "string length past the end");
        assert!(damaged(11, 0xff).is_err(), "unknown encoding");
        assert!(damaged(10, 0xff).is_err(), "early terminator");
        assert!(damaged(good.len() - 1, 0).is_err(), "terminator");
        for len in 0..11 {
            assert!(entries(Packed::Ziplist, &good[..len]).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in proptest::collection::vec(text(), 0..40), always_long: bool) {
            let blob = build(&texts, always_long);
            prop_assert_eq!(header_count(Packed::Ziplist, &blob).expect("valid"), Some(texts.len() as u64));
            prop_assert_eq!(entries(Packed::Ziplist, &blob).expect("valid"), texts);
        }

        #[test]
        fn any_bytes_are_survived(mut blob in proptest::collection::vec(any::<u8>(), 11..60)) {
            let total = u32::try_from(blob.len()).expect("short");
            blob[..4].copy_from_slice(&total.to_le_bytes());
            blob[4..8].copy_from_slice(&10u32.to_le_bytes());
            blob[8..10].copy_from_slice(&[0xff, 0xff]);
            *blob.last_mut().expect("not empty") = 0xff;
            let _ = entries(Packed::Ziplist, &blob);
        }
    }
}
