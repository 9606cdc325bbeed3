//! Guesses whether a record begins at a place in the middle of a file.

use crate::dragonfly::frame_magic;
use crate::event::Header;
use crate::format::{
    Dialect, FirstByte, RareRecord, ValueType, may_be_blob_opcode, may_begin_record, opcode,
};
use crate::read::{StringForm, StringHeader, decode_length, decode_string_header};
use crate::state::ParserState;
use crate::value::{ElementParts, NAN_DOUBLE};

/// Longest name, in bytes as stored, that [`guess_key`] accepts.
const MAX_KEY_BYTES: usize = 1024;

/// Guesses whether the record of a key begins at the start of `bytes`. Returns the key's name, as
/// stored, if so.
///
/// Cheap enough for every byte of a file. Looks at the prefix opcodes, the value type, the name,
/// and, where the first bytes of the value tell its end, the opcode there. RDB has no marks between
/// records, so a name proves nothing. The true start of a record with a name of ordinary length is
/// always accepted.
#[inline]
pub fn guess_key(bytes: &[u8], header: Header) -> Option<&[u8]> {
    match FirstByte::of_key(*bytes.first()?)? {
        FirstByte::ValueType => guess_value(bytes, header),
        FirstByte::Prefix => guess_value(after_prefix(bytes)?, header),
    }
}

/// Guesses whether a compressed blob of Dragonfly begins at the start of `bytes`.
///
/// As cheap as [`guess_key`]. Looks at the opcode, the length, the magic of the frame, and the
/// first byte after the frame. Only bytes that somebody wrote for this purpose are accepted without
/// being a blob. The true start of a blob is always accepted.
#[inline]
pub fn guess_blob(bytes: &[u8], header: Header) -> bool {
    bytes.first().is_some_and(|&first| may_be_blob_opcode(first)) && is_blob(bytes, header).is_some()
}

fn is_blob(bytes: &[u8], header: Header) -> Option<()> {
    let (&first, rest) = bytes.split_first()?;
    let magic = frame_magic(RareRecord::from_byte(first, Dialect::Dragonfly)?)?;
    let payload = string(rest).filter(|payload| payload.form == StringForm::Raw)?;
    let frame = rest.get(payload.header_len..)?;
    let next = frame.get(payload_len(payload)?..)?.first();
    let may_follow =
        |next| may_be_blob_opcode(next) || may_begin_record(next, Dialect::Dragonfly, header.version);
    (frame.starts_with(&magic) && next.is_none_or(|&next| may_follow(next))).then_some(())
}

/// Whether the bytes that end with `before` may end with a prefix opcode of the key after them,
/// such as an expiry.
///
/// A parser that starts after a prefix opcode reads the key without its expiry, so such a place is
/// no start.
pub fn may_end_with_prefix(before: &[u8]) -> bool {
    // The payload of an idle time is a length of 1, 2 or 5 bytes.
    let opcodes = [
        (opcode::EXPIRE_TIME_MS, 8),
        (opcode::EXPIRE_TIME, 4),
        (opcode::FREQ, 1),
        (opcode::IDLE, 1),
        (opcode::IDLE, 2),
        (opcode::IDLE, 5),
    ];
    opcodes.iter().any(|&(opcode, payload)| before.iter().rev().nth(payload) == Some(&opcode))
}

/// The bytes after one prefix opcode, or two.
fn after_prefix(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    for _ in 0..2 {
        let (&first, after) = rest.split_first()?;
        rest = match first {
            opcode::EXPIRE_TIME_MS => after.get(8..)?,
            opcode::EXPIRE_TIME => after.get(4..)?,
            opcode::FREQ => after.get(1..)?,
            opcode::IDLE => after.get(decode_length(after).ok()??.1..)?,
            _ => break,
        };
    }
    Some(rest)
}

/// Where the elements of the record at the start of `bytes` begin: the type of its value, the bytes
/// before the first element, and the number of elements, or of nodes of a list or stream. `None` if
/// the record has no counted elements.
pub fn elements_of(bytes: &[u8], state: &ParserState) -> Option<(ValueType, u64, u64)> {
    let mut rest = after_prefix(bytes)?;
    let value_type = state.value_type(*rest.first()?)?;
    ElementParts::of(value_type)?;
    rest = rest.get(1..)?;
    let name = string(rest)?;
    rest = rest.get(name.header_len.checked_add(payload_len(name)?)?..)?;
    if value_type == ValueType::HashExpiry {
        // The first expiry of all.
        rest = rest.get(8..)?;
    }
    let (count, len) = decode_length(rest).ok()??;
    rest = rest.get(len..)?;
    Some((value_type, (bytes.len() - rest.len()) as u64, count))
}

/// Bytes of the double as text at the start of `bytes`.
pub(crate) fn text_double_bytes(bytes: &[u8]) -> Option<usize> {
    let &len = bytes.first()?;
    Some(if len < NAN_DOUBLE { 1 + usize::from(len) } else { 1 })
}

/// The name between a value type and a value at the start of `bytes`.
#[inline]
fn guess_value(bytes: &[u8], header: Header) -> Option<&[u8]> {
    let (&first, rest) = bytes.split_first()?;
    let value_type = ValueType::from_byte(first, header.dialect, header.version)?;
    let name = string(rest)?;
    let name_len = payload_len(name).filter(|&len| len <= MAX_KEY_BYTES)?;
    let value = rest.get(name.header_len + name_len..)?;
    let fits = match value_type {
        ValueType::String
        | ValueType::HashZipmap
        | ValueType::ListZiplist
        | ValueType::SetIntset
        | ValueType::ZsetZiplist
        | ValueType::HashZiplist
        | ValueType::HashListpack
        | ValueType::ZsetListpack
        | ValueType::SetListpack => {
            let blob = string(value)?;
            let after = value.get(blob.header_len.checked_add(payload_len(blob)?)?..)?;
            // A value may end with the bytes.
            after.first().is_none_or(|&next| may_begin_record(next, header.dialect, header.version))
        }
        // No length comes first.
        ValueType::HashExpiry | ValueType::HashListpackExpiry | ValueType::Module => true,
        // A count of elements of at least one byte each.
        _ => matches!(decode_length(value), Ok(Some((count, _))) if count <= value.len() as u64),
    };
    if fits { rest.get(name.header_len..name.header_len + name_len) } else { None }
}

#[inline]
fn string(bytes: &[u8]) -> Option<StringHeader> {
    decode_string_header(bytes).ok()?
}

#[inline]
fn payload_len(header: StringHeader) -> Option<usize> {
    usize::try_from(header.payload_len).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Dialect;

    const HEADER: Header = Header { dialect: Dialect::Redis, version: 11 };

    #[test]
    fn the_true_start_of_a_key_is_accepted() {
        for record in [
            &b"\x00\x03key\x05value\x00"[..],
            b"\x00\xc0\x07\xc0\x08\xff",
            b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01k\x01v\xfe",
            b"\xfd\x01\x02\x03\x04\x00\x01k\x01v\xfc",
            b"\xf8\x05\x02\x01k\x01\x01m",
            b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08\xf9\x05\x04\x01k\x01\x01f\x01v",
            b"\x12\x01k\x01\x02\x07listpac",
        ] {
            assert!(guess_key(record, HEADER).is_some(), "{record:?}");
        }
    }

    #[test]
    fn the_true_start_of_a_blob_is_accepted() {
        let blobs: [&[u8]; 3] = [
            b"\xc9\x05\x28\xb5\x2f\xfdx\xca",
            b"\xca\x40\x04\x04\x22\x4d\x18\x00",
            b"\xca\x04\x04\x22\x4d\x18",
        ];
        for blob in blobs {
            assert!(guess_blob(blob, HEADER), "{blob:?}");
            assert!(!guess_blob(&blob[..5], HEADER), "{blob:?}");
        }
        for other in [
            &b"\xca\x05\x28\xb5\x2f\xfdx\xca"[..],
            b"\xca\x04\x04\x22\x4d\x18\x63",
            b"\xcb\x04\x04\x22\x4d\x18",
            b"",
        ] {
            assert!(!guess_blob(other, HEADER), "{other:?}");
        }
    }

    #[test]
    fn text_and_impossible_lengths_are_not_accepted() {
        for other in [
            &b"hello, world"[..],
            b"",
            b"\x00",
            b"\x00\x03ke",
            b"\x00\x01k\x05value\x63",
            b"\xff\xff\xff\xff",
            b"\x02\x01k\x80\xff\xff\xff\xff",
        ] {
            assert_eq!(guess_key(other, HEADER), None, "{other:?}");
        }
    }
}
