//! A key of one side of a comparison, as bytes.
//!
//! A key that did not change has the same record on both sides, so records are compared byte by
//! byte. Numbers are written as 7 bits a byte, because most are small and records go to files.

use std::io;

use rdb_analysis::KeyView;
use rdb_parser::ErrorKind;

use crate::spool::{HEAD_BYTES, damaged, head};

/// What is compared of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyState<'a> {
    pub(super) db: u64,
    pub(super) name: &'a [u8],
    /// The name of the type in reports.
    pub(super) data_type: &'a [u8],
    /// The answer of `OBJECT ENCODING`.
    pub(super) encoding: &'a [u8],
    /// In memory where that is modelled, or else in the file.
    pub(super) bytes: u64,
    pub(super) elements: Option<u64>,
    pub(super) expires_at_ms: Option<i64>,
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
    let data_type = measure.data_type.name();
    let state = KeyState {
        db: measure.db,
        name,
        data_type: data_type.as_bytes(),
        encoding: measure.encoding.name().as_bytes(),
        bytes: measure.memory_bytes.unwrap_or(measure.rdb_bytes),
        elements: measure.elements,
        expires_at_ms: measure.expires_at_ms,
    };
    state.append(hash(measure.db, name), out);
    Ok(())
}

/// The part of a record that says which key it is: the database and the name.
///
/// # Errors
///
/// The record is damaged.
pub(super) fn key_of(fields: &[u8]) -> io::Result<&[u8]> {
    let split = || {
        let mut rest = fields;
        let key_bytes = usize::try_from(read_number(&mut rest)?).ok()?;
        rest.get(..key_bytes)
    };
    split().ok_or_else(damaged)
}

impl<'a> KeyState<'a> {
    /// Appends the record to `out`.
    pub(super) fn append(&self, hash: u64, out: &mut Vec<u8>) {
        let Self { db, name, data_type, encoding, bytes, elements, expires_at_ms } = *self;
        let start = out.len();
        out.extend([0; HEAD_BYTES]);
        write_number((number_bytes(db) + name.len()) as u64, out);
        write_number(db, out);
        out.extend_from_slice(name);
        write_number(bytes, out);
        write_number(elements.map_or(0, |elements| elements.saturating_add(1)), out);
        out.push(u8::from(expires_at_ms.is_some()));
        if let Some(at) = expires_at_ms {
            out.extend(at.to_le_bytes());
        }
        // The names of types and encodings are short.
        for text in [data_type, encoding] {
            let text = text.get(..text.len().min(u8::MAX.into())).unwrap_or_default();
            out.push(text.len().to_le_bytes()[0]);
            out.extend_from_slice(text);
        }
        let fields_bytes = (out.len() - start - HEAD_BYTES) as u64;
        out[start..start + HEAD_BYTES].copy_from_slice(&head(fields_bytes, hash));
    }

    /// Reads the fields of a record. `None`: they are damaged.
    pub(super) fn read(fields: &'a [u8]) -> Option<Self> {
        let mut rest = fields;
        let key_bytes = usize::try_from(read_number(&mut rest)?).ok()?;
        let (mut name, mut rest) = rest.split_at_checked(key_bytes)?;
        let db = read_number(&mut name)?;
        let bytes = read_number(&mut rest)?;
        let elements = read_number(&mut rest)?.checked_sub(1);
        let (&has_expiry, mut rest) = rest.split_first()?;
        let mut expires_at_ms = None;
        if has_expiry == 1 {
            let (at, behind) = rest.split_first_chunk()?;
            (expires_at_ms, rest) = (Some(i64::from_le_bytes(*at)), behind);
        }
        let mut text = || {
            let (&len, behind) = rest.split_first()?;
            let (text, behind) = behind.split_at_checked(len.into())?;
            rest = behind;
            Some(text)
        };
        let (data_type, encoding) = (text()?, text()?);
        Some(Self { db, name, data_type, encoding, bytes, elements, expires_at_ms })
    }
}

/// Bytes that [`write_number`] writes.
fn number_bytes(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(7).max(1) as usize
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads a number from the beginning of `bytes`, and moves that beginning behind it.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_is_read_back_and_says_which_key_it_is(
            (db, bytes) in (any::<u64>(), any::<u64>()),
            elements in proptest::option::of(0..u64::MAX),
            expires_at_ms in any::<Option<i64>>(),
            name in proptest::collection::vec(any::<u8>(), 0..300),
            data_type in "[a-z]{0,9}",
        ) {
            let state = KeyState {
                db,
                name: &name,
                data_type: data_type.as_bytes(),
                encoding: b"listpack",
                bytes,
                elements,
                expires_at_ms,
            };
            let mut record = Vec::new();
            state.append(7, &mut record);
            let fields = &record[HEAD_BYTES..];
            prop_assert_eq!(KeyState::read(fields), Some(state));
            prop_assert!(key_of(fields).expect("sound").ends_with(&name));
            for end in 0..fields.len() {
                prop_assert_ne!(KeyState::read(&fields[..end]), Some(state));
            }
        }
    }
}
