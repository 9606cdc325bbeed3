//! Listpack: `u32 total bytes, u16 count, entry*, 0xFF`, all little-endian.
//!
//! An entry is its encoding and data, then the length of both ("backlen"), for walks from the end.
//! Source: `listpack.c` of Redis 7 and Valkey 9.

use super::blob::{Blob, field, i24};
use crate::error::Result;
use crate::format::listpack_backlen_bytes;
use crate::input::Input;
use crate::string::RdbString;

pub(super) const HEADER_BYTES: usize = 6;

const COUNT_UNKNOWN: u16 = u16::MAX;

/// Lengths at which Valkey 9 writes one byte less of backlen than every other server.
const AMBIGUOUS_LENGTHS: [u64; 3] = [(1 << 14) - 1, (1 << 21) - 1, (1 << 28) - 1];

/// First byte of the backlen of an ambiguous length, when it is in Valkey's shorter form.
const SHORTER_FORM_MARK: u8 = 0x7f;

pub(super) fn header_count(header: &[u8], blob_bytes: u64) -> Result<Option<u64>, &'static str> {
    let total = u32::from_le_bytes(field(header, 0)?);
    let count = u16::from_le_bytes(field(header, 4)?);
    if u64::from(total) != blob_bytes {
        return Err("the header states another total length");
    }
    let room = blob_bytes.checked_sub(HEADER_BYTES as u64 + 1).ok_or("shorter than its header")?;
    match count {
        COUNT_UNKNOWN => Ok(None),
        count if u64::from(count) > room / 2 => Err("more entries than fit"),
        count => Ok(Some(u64::from(count))),
    }
}

pub(super) fn first_integer(beginning: &[u8]) -> Option<u64> {
    match decode_head(beginning.get(HEADER_BYTES..)?)? {
        Head::Int(_, value) => u64::try_from(value).ok(),
        Head::Str(..) => None,
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
    loop {
        walked += show_short_entries(blob, see)?;
        if blob.at_terminator()? {
            return blob.check_count(stated, walked);
        }
        let encoded_len = show_entry(blob, see)?;
        check_backlen(blob, encoded_len)?;
        walked += 1;
    }
}

/// Shows entries as long as they are [short](short_entry), and moves past them. Returns their
/// number.
fn show_short_entries<I: Input>(blob: &mut Blob<'_, I>, see: &mut impl FnMut(RdbString<'_>)) -> Result<u64> {
    let bytes = blob.peek(1)?;
    let (mut at, mut entries) = (0, 0);
    while let Some((entry, len)) = short_entry(bytes.get(at..).unwrap_or_default()) {
        see(entry);
        at += len;
        entries += 1;
    }
    blob.consume(at);
    Ok(entries)
}

/// An entry of less than 128 bytes, and its length with the backlen, which takes one byte. `None`
/// if the entry is longer, not whole in `bytes` or not valid.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the loop around it is the hot one of a deep scan")]
fn short_entry(bytes: &[u8]) -> Option<(RdbString<'_>, usize)> {
    let (entry, len) = match decode_head(bytes)? {
        Head::Int(len, value) => (RdbString::Int(value), len),
        Head::Str(header_len, len) if len < 0x80 => {
            let end = header_len + usize::try_from(len).ok()?;
            (RdbString::Raw(bytes.get(header_len..end)?), end)
        }
        Head::Str(..) => return None,
    };
    let backlen = usize::from(*bytes.get(len)?);
    (backlen == len && len < 0x80).then_some((entry, len + 1))
}

/// What the first bytes of an entry say: a number, or a string that follows.
enum Head {
    /// Bytes of the whole entry without backlen, and the number.
    Int(usize, i64),
    /// Bytes before the string, and its length.
    Str(usize, u64),
}

/// Shows one entry and moves past its encoding and data, whose length is returned.
fn show_entry<I: Input>(blob: &mut Blob<'_, I>, see: &mut impl FnMut(RdbString<'_>)) -> Result<u64> {
    let Some(head) = decode_head(blob.peek(9)?) else {
        return Err(blob.corrupt("unknown or cut-off entry encoding"));
    };
    match head {
        Head::Int(len, value) => {
            see(RdbString::Int(value));
            blob.consume(len);
            Ok(len as u64)
        }
        Head::Str(header_len, len) => {
            blob.show_string(header_len, len, see)?;
            Ok(header_len as u64 + len)
        }
    }
}

#[inline]
fn decode_head(bytes: &[u8]) -> Option<Head> {
    let (&first, rest) = bytes.split_first()?;
    Some(match first {
        0x00..=0x7f => Head::Int(1, i64::from(first)),
        0x80..=0xbf => Head::Str(1, u64::from(first & 0x3f)),
        0xc0..=0xdf => {
            let unsigned = i64::from(first & 0x1f) << 8 | i64::from(*rest.first()?);
            Head::Int(2, if unsigned >= 1 << 12 { unsigned - (1 << 13) } else { unsigned })
        }
        0xe0..=0xef => Head::Str(2, u64::from(first & 0x0f) << 8 | u64::from(*rest.first()?)),
        0xf0 => Head::Str(5, u64::from(u32::from_le_bytes(*rest.first_chunk()?))),
        0xf1 => Head::Int(3, i64::from(i16::from_le_bytes(*rest.first_chunk()?))),
        0xf2 => Head::Int(4, i24(*rest.first_chunk()?)),
        0xf3 => Head::Int(5, i64::from(i32::from_le_bytes(*rest.first_chunk()?))),
        0xf4 => Head::Int(9, i64::from_le_bytes(*rest.first_chunk()?)),
        _ => return None,
    })
}

/// Moves past the backlen, which must equal `encoded_len`: base 128, most significant group first,
/// the high bit set in every byte but the first.
fn check_backlen<I: Input>(blob: &mut Blob<'_, I>, encoded_len: u64) -> Result<()> {
    let mut width = usize::from(listpack_backlen_bytes(encoded_len));
    if AMBIGUOUS_LENGTHS.contains(&encoded_len) && blob.require(1)?.first() == Some(&SHORTER_FORM_MARK) {
        width -= 1;
    }
    let stated = blob.require(width)?.iter().fold(0, |sum: u64, byte| sum << 7 | u64::from(byte & 0x7f));
    if stated != encoded_len {
        return Err(blob.corrupt("an entry's length does not repeat behind it"));
    }
    blob.consume(width);
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::packed::Packed;
    use super::super::packed::tests::{entries, header_count};
    use super::listpack_backlen_bytes;
    use proptest::prelude::*;

    /// What a server stores for `text`: the shortest integer form, or a string.
    fn encode(text: &[u8]) -> Vec<u8> {
        if let Some(value) = crate::string::parse_canonical_integer(text) {
            let bytes = value.to_le_bytes();
            return match value {
                0..=127 => vec![bytes[0]],
                -4096..=4095 => {
                    let bits = u16::try_from(value & 0x1fff).expect("13 bits") | 0xc000;
                    bits.to_be_bytes().to_vec()
                }
                -32_768..=32_767 => [&[0xf1], &bytes[..2]].concat(),
                -8_388_608..=8_388_607 => [&[0xf2], &bytes[..3]].concat(),
                _ if i32::try_from(value).is_ok() => [&[0xf3], &bytes[..4]].concat(),
                _ => [&[0xf4][..], &bytes].concat(),
            };
        }
        let len = u32::try_from(text.len()).expect("short");
        let head = match len {
            0..64 => vec![0x80 | u8::try_from(len).expect("six bits")],
            64..4096 => (0xe000 | u16::try_from(len).expect("12 bits")).to_be_bytes().to_vec(),
            _ => [&[0xf0][..], &len.to_le_bytes()].concat(),
        };
        [&head[..], text].concat()
    }

    fn backlen_bytes(len: u64) -> usize {
        usize::from(listpack_backlen_bytes(len))
    }

    fn push_backlen(out: &mut Vec<u8>, len: u64, width: usize) {
        for group in (0..width).rev() {
            let bits = u8::try_from(len >> (7 * group) & 0x7f).expect("seven bits");
            out.push(if group == width - 1 { bits } else { bits | 0x80 });
        }
    }

    pub(crate) fn build(texts: &[Vec<u8>], width: impl Fn(u64) -> usize) -> Vec<u8> {
        let mut body = Vec::new();
        for text in texts {
            let entry = encode(text);
            body.extend_from_slice(&entry);
            push_backlen(&mut body, entry.len() as u64, width(entry.len() as u64));
        }
        let total = u32::try_from(body.len() + 7).expect("short");
        let count = u16::try_from(texts.len()).unwrap_or(u16::MAX);
        [&total.to_le_bytes()[..], &count.to_le_bytes(), &body, &[0xff]].concat()
    }

    #[test]
    fn both_ways_to_write_the_ambiguous_backlens_are_read() {
        for encoded_len in [16_383u64, 2_097_151] {
            let text = vec![b'x'; usize::try_from(encoded_len).expect("fits") - 5];
            for less in [0, 1] {
                let blob = build(std::slice::from_ref(&text), |len| backlen_bytes(len) - less);
                assert_eq!(entries(Packed::Listpack, &blob).expect("valid")[0].len(), text.len());
            }
        }
    }

    #[test]
    fn a_saturated_count_is_walked() {
        for n in [65_534, 65_535, 65_536] {
            let blob = build(&vec![b"7".to_vec(); n], backlen_bytes);
            let stated = header_count(Packed::Listpack, &blob).expect("valid");
            assert_eq!(stated, (n < 65_535).then_some(n as u64));
            assert_eq!(entries(Packed::Listpack, &blob).expect("valid").len(), n);
        }
    }

    #[test]
    fn damage_is_reported() {
        let good = build(&[b"abc".to_vec(), b"300".to_vec()], backlen_bytes);
        assert!(entries(Packed::Listpack, &good).is_ok());
        let damaged = |at: usize, byte: u8| {
            let mut blob = good.clone();
            blob[at] = byte;
            entries(Packed::Listpack, &blob)
        };
        assert!(damaged(0, 99).is_err(), "total length");
        assert!(damaged(4, 3).is_err(), "count");
        assert!(damaged(4, 200).is_err(), "count beyond the room");
        assert!(damaged(6, 0x84).is_err(), "string length");
        assert!(damaged(6, 0xbf).is_err(), "string length past the end");
        assert!(damaged(6, 0xf7).is_err(), "unknown encoding");
        assert!(damaged(10, 9).is_err(), "backlen");
        assert!(damaged(11, 0xff).is_err(), "early terminator");
        assert!(damaged(good.len() - 1, 0).is_err(), "terminator");
        for len in 0..7 {
            assert!(entries(Packed::Listpack, &good[..len]).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(texts in proptest::collection::vec(text(), 0..40)) {
            let blob = build(&texts, backlen_bytes);
            prop_assert_eq!(header_count(Packed::Listpack, &blob).expect("valid"), Some(texts.len() as u64));
            prop_assert_eq!(entries(Packed::Listpack, &blob).expect("valid"), texts);
        }

        #[test]
        fn any_bytes_are_survived(mut blob in proptest::collection::vec(any::<u8>(), 7..60)) {
            let _ = entries(Packed::Listpack, &blob);
            let total = u32::try_from(blob.len()).expect("short");
            blob[..4].copy_from_slice(&total.to_le_bytes());
            blob[4..6].copy_from_slice(&[0xff, 0xff]);
            *blob.last_mut().expect("not empty") = 0xff;
            let _ = entries(Packed::Listpack, &blob);
        }
    }

    /// Texts around every boundary of the entry forms.
    pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            (any::<i64>(), 0u32..64).prop_map(|(v, shift)| (v >> shift).to_string().into_bytes()),
            proptest::collection::vec(any::<u8>(), 0..70),
            (4090usize..4100).prop_map(|n| vec![b'y'; n]),
        ]
    }
}
