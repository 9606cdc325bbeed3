//! Strings as visitors see them.

use crate::error::Result;
use crate::input::Input;
use crate::read::{ReadExt as _, StringForm, StringHeader, decimal_len, decode_int};
use crate::string::RdbString;
use crate::visitor::Visitor;

/// Hands the string at the cursor to `see` and skips it. `V` says how long a shown string may be.
pub(super) fn view_next<I: Input, V: Visitor>(
    input: &mut I,
    what: &'static str,
    see: impl FnOnce(RdbString<'_>),
) -> Result<()> {
    let header = input.read_string_header(what)?;
    if let Some(len) = shown_len::<V>(header) {
        see(view_string(header, input.require(len, what)?));
        input.consume(len);
    } else {
        input.skip(header.payload_len, what)?;
        see(RdbString::Skipped { decoded_len: header.decoded_len });
    }
    Ok(())
}

/// Bytes of the payload if the string is short enough to be shown to `V`.
#[inline]
pub(super) fn shown_len<V: Visitor>(header: StringHeader) -> Option<usize> {
    if header.payload_len > V::MAX_SHOWN_STRING_BYTES {
        return None;
    }
    usize::try_from(header.payload_len).ok()
}

/// The string that `header` and the payload after it make.
#[inline]
pub(super) fn view_string(header: StringHeader, payload: &[u8]) -> RdbString<'_> {
    match header.form {
        StringForm::Raw => RdbString::Raw(payload),
        StringForm::Int => RdbString::Int(decode_int(payload).unwrap_or_default()),
        StringForm::Lzf => RdbString::Lzf { compressed: payload, decoded_len: header.decoded_len },
    }
}

/// Decoded length of the string that `header` and the payload after it make.
#[inline]
pub(super) fn decoded_len(header: StringHeader, payload: &[u8]) -> u64 {
    match header.form {
        StringForm::Int => decimal_len(decode_int(payload).unwrap_or_default()),
        StringForm::Raw | StringForm::Lzf => header.decoded_len,
    }
}
