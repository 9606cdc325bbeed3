//! Guessing where records begin, for a reader that starts in the middle of a file.

use crate::dragonfly::frame_magic;
use crate::event::Header;
use crate::format::{Dialect, RareRecord, ValueType, opcode};
use crate::read::{StringForm, StringHeader, decode_length, decode_string_header};

/// Longest name of a key that a guess takes for one.
const MAX_KEY_BYTES: usize = 1024;

/// The name, as it is stored, of the key whose record may begin at the start of `bytes`; `None` if none
/// does. Cheap to ask at every byte of a file, and mostly right to say no.
///
/// Looks at the prefix opcodes, the value type, the name, and where the value's end can be told from its first
/// bytes at the opcode behind it. The format has no marks to find records by, so a name proves nothing; a true
/// beginning of a record with a name of ordinary length is never denied.
#[inline]
pub fn guess_key(bytes: &[u8], header: Header) -> Option<&[u8]> {
    let first = *bytes.first()?;
    // Most bytes of a file are text.
    if first <= MAX_VALUE_TYPE {
        guess_value(bytes, header)
    } else if first >= opcode::IDLE {
        guess_value(behind_prefix(bytes)?, header)
    } else {
        None
    }
}

/// Whether a compressed blob of Dragonfly may begin at the start of `bytes`: opcode, length, the magic of its
/// frame, and behind it something that a record may begin with. As cheap to ask, and wrong only where somebody
/// wants it to be. A true beginning is never denied.
#[inline]
pub fn guess_blob(bytes: &[u8], header: Header) -> bool {
    bytes.first().is_some_and(|&first| first >= FIRST_BLOB) && blob(bytes, header).is_some()
}

/// The lower of the opcodes of blobs.
const FIRST_BLOB: u8 = 201;

fn blob(bytes: &[u8], header: Header) -> Option<()> {
    let (&first, rest) = bytes.split_first()?;
    let magic = frame_magic(RareRecord::from_byte(first, Dialect::Dragonfly)?)?;
    let payload = string(rest).filter(|payload| payload.form == StringForm::Raw)?;
    let frame = rest.get(payload.header_len..)?;
    let header = Header { dialect: Dialect::Dragonfly, ..header };
    let next = frame.get(payload_len(payload)?..)?.first();
    let is_one = frame.starts_with(&magic)
        && next.is_none_or(|&next| next >= FIRST_BLOB || may_begin_record(next, header));
    is_one.then_some(())
}

/// No dialect has a higher type that this crate reads.
const MAX_VALUE_TYPE: u8 = 64;

/// What follows the prefix opcode at the start of `bytes`, and one more behind it.
fn behind_prefix(bytes: &[u8]) -> Option<&[u8]> {
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

/// The name between a value type and a value that may begin at the start of `bytes`.
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
            // It may end with the bytes.
            after.first().is_none_or(|&next| may_begin_record(next, header))
        }
        // No length comes first.
        ValueType::HashExpiry | ValueType::HashListpackExpiry | ValueType::Module => true,
        // A count of elements, each of which takes a byte at least.
        _ => matches!(decode_length(value), Ok(Some((count, _))) if count <= value.len() as u64),
    };
    if fits { rest.get(name.header_len..name.header_len + name_len) } else { None }
}

/// Whether a record may begin with `byte`.
#[inline]
fn may_begin_record(byte: u8, header: Header) -> bool {
    byte >= FIRST_OPCODE || ValueType::from_byte(byte, header.dialect, header.version).is_some()
}

/// The lowest opcode that a file may have between its keys.
const FIRST_OPCODE: u8 = 242;

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
    fn true_beginnings_are_never_denied() {
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
    fn a_blob_shows_its_frame_and_what_follows_it() {
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
    fn text_and_impossible_lengths_are_denied() {
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
