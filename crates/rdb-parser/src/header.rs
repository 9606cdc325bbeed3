//! The header of a file: its magic and version.

use crate::error::{Error, ErrorKind, Result};
use crate::event::Header;
use crate::format::{
    Dialect, FIRST_VALKEY_VERSION, HEADER_BYTES, REDIS_MAGIC, VALKEY_ENVELOPE_MAGIC, VALKEY_MAGIC,
};
use crate::input::Input;

/// The text of the [`Error`] for a file in an envelope.
const IN_ENVELOPE: &str = "an RDB file in the compressed envelope of Valkey 9.2 (VCS): decompress the frame behind its 7 bytes first";

/// Reads `REDIS` and four digits, or `VALKEY` and three.
pub(crate) fn read_header<I: Input>(input: &mut I) -> Result<Header> {
    let start = input.position();
    let shown = input.peek(HEADER_BYTES)?;
    let Some((dialect, digits)) = shown.get(..HEADER_BYTES).and_then(split_magic) else {
        return Err(refuse(shown, start));
    };
    let lowest = match dialect {
        Dialect::Redis | Dialect::Dragonfly => 1,
        Dialect::Valkey => FIRST_VALKEY_VERSION,
    };
    let version = digits
        .iter()
        .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| 10 * sum + u32::from(digit - b'0')));
    match version {
        Some(version) if version >= lowest => {
            input.consume(HEADER_BYTES);
            Ok(Header { dialect, version })
        }
        _ => Err(Error::new(ErrorKind::BadVersion, start + (HEADER_BYTES - digits.len()) as u64)),
    }
}

/// The dialect that the magic names, and the digits of the version.
fn split_magic(header: &[u8]) -> Option<(Dialect, &[u8])> {
    let redis = header.strip_prefix(REDIS_MAGIC).map(|digits| (Dialect::Redis, digits));
    redis.or_else(|| header.strip_prefix(VALKEY_MAGIC).map(|digits| (Dialect::Valkey, digits)))
}

/// The error for data that begins with `shown` at `start`, which has no magic.
#[cold]
fn refuse(shown: &[u8], start: u64) -> Error {
    let begins_magic = |magic: &[u8]| magic.starts_with(shown) || shown.starts_with(magic);
    if shown.len() < HEADER_BYTES && (begins_magic(REDIS_MAGIC) || begins_magic(VALKEY_MAGIC)) {
        Error::truncated("the header", start + shown.len() as u64)
    } else if shown.starts_with(VALKEY_ENVELOPE_MAGIC) {
        Error::new(ErrorKind::Unsupported(IN_ENVELOPE), start)
    } else {
        Error::new(ErrorKind::BadMagic, start)
    }
}
