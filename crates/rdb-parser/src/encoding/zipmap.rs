//! Zipmap: `u8 count, (len field, field, len value, u8 free, value, free unused bytes)*, 0xFF`.
//!
//! A length is one byte below 254, or 254 and four bytes, little-endian. A first byte of 254 or 255
//! means that the number of pairs is not stated. Source: `zipmap.c` of Redis 2.4 to 6.2.

use super::blob::{Blob, field};
use crate::error::Result;
use crate::input::Input;
use crate::string::RdbString;

pub(super) const HEADER_BYTES: usize = 1;

/// First byte of a length of four bytes. As the first byte of a zipmap: the count is not stated.
const LONG: u8 = 254;

/// Fewest bytes of a pair: two lengths and the free byte.
const MIN_PAIR_BYTES: u64 = 3;

/// The number of strings: twice the pairs.
pub(super) fn header_count(header: &[u8], blob_bytes: u64) -> Result<Option<u64>, &'static str> {
    let [pairs] = field(header, 0)?;
    let room = blob_bytes.checked_sub(2).ok_or("shorter than its header")?;
    match pairs {
        LONG.. => Ok(None),
        0 => Err("no pairs"),
        pairs if u64::from(pairs) > room / MIN_PAIR_BYTES => Err("more pairs than fit"),
        pairs => Ok(Some(2 * u64::from(pairs))),
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
    while !blob.at_terminator()? {
        let field_len = take_length(blob)?;
        blob.show_string(0, field_len, see)?;
        let value_len = take_length(blob)?;
        let free = blob.require(1)?.first().copied().unwrap_or_default();
        blob.consume(1);
        blob.show_string(0, value_len, see)?;
        blob.skip(u64::from(free))?;
        walked += 2;
    }
    blob.check_count(stated, walked)
}

fn take_length<I: Input>(blob: &mut Blob<'_, I>) -> Result<u64> {
    match blob.require(1)?.first().copied().unwrap_or_default() {
        short @ 0..LONG => {
            blob.consume(1);
            Ok(u64::from(short))
        }
        LONG => {
            let len = u32::from_le_bytes(blob.require(5)?.last_chunk().copied().unwrap_or_default());
            if len < u32::from(LONG) {
                return Err(blob.corrupt("a short length in the long form"));
            }
            blob.consume(5);
            Ok(u64::from(len))
        }
        _ => Err(blob.corrupt("a terminator where a length is due")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::packed::Packed;
    use super::super::packed::tests::{entries, header_count};
    use super::LONG;
    use proptest::prelude::*;

    fn push_length(out: &mut Vec<u8>, len: usize) {
        if let Ok(short @ 0..LONG) = u8::try_from(len) {
            out.push(short);
        } else {
            out.push(LONG);
            out.extend(u32::try_from(len).expect("short").to_le_bytes());
        }
    }

    fn build(pairs: &[(Vec<u8>, Vec<u8>, u8)]) -> Vec<u8> {
        let mut blob = vec![u8::try_from(pairs.len()).map_or(254, |n| n.min(254))];
        for (field, value, free) in pairs {
            push_length(&mut blob, field.len());
            blob.extend(field);
            push_length(&mut blob, value.len());
            blob.push(*free);
            blob.extend(value);
            blob.extend(vec![0xaa; usize::from(*free)]);
        }
        blob.push(0xff);
        blob
    }

    #[test]
    fn from_254_pairs_on_the_count_is_walked() {
        for n in [253usize, 254, 255, 300] {
            let pairs = vec![(b"f".to_vec(), b"v".to_vec(), 0); n];
            let blob = build(&pairs);
            assert_eq!(
                header_count(Packed::Zipmap, &blob).expect("valid"),
                (n < 254).then_some(2 * n as u64)
            );
            assert_eq!(entries(Packed::Zipmap, &blob).expect("valid").len(), 2 * n);
        }
    }

    #[test]
    fn damage_is_reported() {
        let good = build(&[(b"f".to_vec(), b"v".to_vec(), 1)]);
        let damaged = |at: usize, byte: u8| {
            let mut blob = good.clone();
            blob[at] = byte;
            entries(Packed::Zipmap, &blob)
        };
        assert!(entries(Packed::Zipmap, &good).is_ok());
        assert!(damaged(0, 2).is_err(), "count");
        assert!(damaged(1, 9).is_err(), "field past the end");
        assert!(damaged(3, 9).is_err(), "value past the end");
        assert!(damaged(3, 255).is_err(), "terminator for a length");
        assert!(damaged(4, 9).is_err(), "free bytes past the end");
        assert!(damaged(good.len() - 1, 0).is_err(), "terminator");
        assert!(entries(Packed::Zipmap, &[0]).is_err(), "header");
        assert!(entries(Packed::Zipmap, &[0, 0xff]).is_err(), "no pairs");
        let long = [&[1, 254, 1, 0, 0, 0][..], b"f\x01\x00v\xff"].concat();
        assert!(entries(Packed::Zipmap, &long).is_err(), "a short length in the long form");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in proptest::collection::vec((
                proptest::collection::vec(any::<u8>(), 0..300),
                proptest::collection::vec(any::<u8>(), 0..300),
                0u8..5,
            ), 1..20),
        ) {
            let blob = build(&pairs);
            prop_assert_eq!(header_count(Packed::Zipmap, &blob).expect("valid"), Some(2 * pairs.len() as u64));
            let texts: Vec<Vec<u8>> = pairs.into_iter().flat_map(|(f, v, _)| [f, v]).collect();
            prop_assert_eq!(entries(Packed::Zipmap, &blob).expect("valid"), texts);
        }
    }
}
