//! Intset: `u32 width (2, 4 or 8), u32 count`, then the integers in ascending order, little-endian.
//!
//! Source: `intset.c` of Redis 6.2.

use super::blob::{Blob, field};
use crate::error::Result;
use crate::input::Input;
use crate::string::RdbString;

pub(super) const HEADER_BYTES: usize = 8;

fn width(header: &[u8]) -> Result<u64, &'static str> {
    match u32::from_le_bytes(field(header, 0)?) {
        width @ (2 | 4 | 8) => Ok(u64::from(width)),
        _ => Err("the width of its integers is not 2, 4 or 8"),
    }
}

pub(super) fn header_count(header: &[u8], blob_bytes: u64) -> Result<u64, &'static str> {
    let count = u64::from(u32::from_le_bytes(field(header, 4)?));
    if HEADER_BYTES as u64 + width(header)? * count != blob_bytes {
        return Err("width and count do not give its length");
    }
    Ok(count)
}

pub(super) fn walk<I: Input>(
    blob: &mut Blob<'_, I>,
    blob_bytes: u64,
    see: &mut impl FnMut(RdbString<'_>),
) -> Result<u64> {
    let header = blob.require(HEADER_BYTES)?;
    let checked = header_count(header, blob_bytes).and_then(|count| Ok((count, width(header)?)));
    let (count, width) = checked.map_err(|detail| blob.corrupt(detail))?;
    blob.consume(HEADER_BYTES);
    for _ in 0..count {
        let value = match width {
            2 => i64::from(i16::from_le_bytes(take(blob)?)),
            4 => i64::from(i32::from_le_bytes(take(blob)?)),
            _ => i64::from_le_bytes(take(blob)?),
        };
        see(RdbString::Int(value));
    }
    Ok(count)
}

fn take<const N: usize, I: Input>(blob: &mut Blob<'_, I>) -> Result<[u8; N]> {
    let bytes = blob.require(N)?.first_chunk().copied().unwrap_or([0; N]);
    blob.consume(N);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::packed::Packed;
    use super::super::packed::tests::{entries, header_count};
    use proptest::prelude::*;

    fn build(values: &[i64], width: u32) -> Vec<u8> {
        let mut blob = width.to_le_bytes().to_vec();
        blob.extend(u32::try_from(values.len()).expect("short").to_le_bytes());
        for value in values {
            blob.extend(&value.to_le_bytes()[..width as usize]);
        }
        blob
    }

    #[test]
    fn damage_is_reported() {
        assert!(entries(Packed::Intset, &build(&[1, 2], 2)).is_ok());
        assert!(entries(Packed::Intset, &build(&[1, 2], 3)).is_err(), "width");
        assert!(entries(Packed::Intset, &build(&[1, 2], 4)[..12]).is_err(), "length");
        assert!(entries(Packed::Intset, &[2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err(), "count");
        assert!(entries(Packed::Intset, &[2, 0, 0]).is_err(), "header");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(any::<i64>(), 0..50), width in 1u32..4) {
            let width = 1 << width;
            let shift = 64 - 8 * width;
            let values: Vec<i64> = values.iter().map(|v| v >> shift).collect();
            let blob = build(&values, width);
            prop_assert_eq!(header_count(Packed::Intset, &blob).expect("valid"), Some(values.len() as u64));
            let texts: Vec<Vec<u8>> = values.iter().map(|v| v.to_string().into_bytes()).collect();
            prop_assert_eq!(entries(Packed::Intset, &blob).expect("valid"), texts);
        }
    }
}
