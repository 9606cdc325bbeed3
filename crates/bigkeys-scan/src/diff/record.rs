//! A key of one side of a comparison, as bytes.

use rdb_analysis::KeyView;
use rdb_parser::ErrorKind;

/// Bytes before the fields of a record: its length, and the hash of database and name.
pub(super) const HEAD_BYTES: usize = 12;

/// What is compared of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyState<'a> {
    pub(super) db: u64,
    pub(super) data_type: &'a str,
    pub(super) encoding: &'a str,
    /// In memory where that is modelled, or else in the file.
    pub(super) bytes: u64,
    pub(super) elements: Option<u64>,
    pub(super) expires_at_ms: Option<i64>,
    pub(super) name: &'a [u8],
}

/// Appends the record of a key to `out`. `hash` hashes the database and the name.
///
/// # Errors
///
/// The name cannot be decompressed.
pub(super) fn append(
    key: &KeyView<'_>,
    hash: impl Fn(u64, &[u8]) -> u64,
    out: &mut Vec<u8>,
) -> Result<(), ErrorKind> {
    let mut scratch = Vec::new();
    let name = key.key.decode(&mut scratch)?;
    let measure = &key.measure;
    let start = out.len();
    out.extend([0; HEAD_BYTES]);
    append_number(out, measure.db);
    append_text(out, &measure.data_type.name());
    append_text(out, measure.encoding.name());
    append_number(out, measure.memory_bytes.unwrap_or(measure.rdb_bytes));
    append_number(out, measure.elements.map_or(0, |elements| elements.saturating_add(1)));
    match measure.expires_at_ms {
        Some(at_ms) => {
            out.push(1);
            out.extend(at_ms.to_le_bytes());
        }
        None => out.push(0),
    }
    out.extend_from_slice(name);
    let fields_bytes = (out.len() - start - HEAD_BYTES) as u64;
    // A name has at most 4 GiB: the length of a string in a record has 32 bits where it is longer.
    let Ok(fields_bytes) = u32::try_from(fields_bytes) else {
        out.truncate(start);
        return Ok(());
    };
    out[start..start + 4].copy_from_slice(&fields_bytes.to_le_bytes());
    out[start + 4..start + HEAD_BYTES].copy_from_slice(&hash(measure.db, name).to_le_bytes());
    Ok(())
}

/// The length of the fields behind a head, and the hash.
pub(super) fn head(bytes: &[u8]) -> Option<(usize, u64)> {
    let fields_bytes = u32::from_le_bytes(*bytes.first_chunk()?);
    let hash = u64::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    Some((usize::try_from(fields_bytes).ok()?, hash))
}

impl<'a> KeyState<'a> {
    /// Reads the fields of a record. `None`: they are damaged.
    pub(super) fn read(mut fields: &'a [u8]) -> Option<Self> {
        let db = take_number(&mut fields)?;
        let data_type = take_text(&mut fields)?;
        let encoding = take_text(&mut fields)?;
        let bytes = take_number(&mut fields)?;
        let elements = take_number(&mut fields)?.checked_sub(1);
        let expires_at_ms = match take(&mut fields, 1)? {
            [0] => None,
            _ => Some(i64::from_le_bytes(*take(&mut fields, 8)?.first_chunk()?)),
        };
        Some(Self { db, data_type, encoding, bytes, elements, expires_at_ms, name: fields })
    }
}

fn append_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_bits(number) | 0x80);
        number >>= 7;
    }
    out.push(low_bits(number));
}

fn low_bits(number: u64) -> u8 {
    number.to_le_bytes()[0] & 0x7f
}

fn append_text(out: &mut Vec<u8>, text: &str) {
    append_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let &[byte] = take(bytes, 1)?.first_chunk()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = usize::try_from(take_number(bytes)?).ok()?;
    std::str::from_utf8(take(bytes, len)?).ok()
}
