//! Payloads of the commands `DUMP` and `RESTORE`: one value without its key.
//!
//! A payload has a value type, a value, the RDB version (`u16`) and the CRC-64 of all bytes before
//! it (`u64`), both little-endian. Redis 8.6 may put metadata of the key before the value type.
//! Source: `createDumpPayload` in `cluster.c`.

use crate::crc64::Crc64;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Checksum, Header};
use crate::format::{Dialect, FIRST_VALKEY_VERSION, ValueType, is_known_version};
use crate::input::{Input as _, SliceInput};
use crate::outline::Outline;
use crate::record::RecordReader;
use crate::state::ParserState;
use crate::visitor::Visitor;
use crate::warning::{Warning, Warnings};

/// Version and checksum.
const FOOTER_BYTES: usize = 10;

/// A payload whose value was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dump {
    /// How the value is stored.
    pub value_type: ValueType,
    /// Version of the format.
    pub rdb_version: u16,
    /// Which server's type numbering applies.
    pub dialect: Dialect,
    /// Whether the payload has its checksum. Servers refuse a payload with another one.
    pub checksum: Checksum,
    /// The measures of the value.
    pub outline: Outline,
    /// What is irregular about the value.
    pub warnings: Warnings,
}

/// Reads a payload of Redis, or of Valkey if its version is 80 or higher.
///
/// ```
/// let payload = b"\x00\x05hello\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00";
/// let dump = rdb_parser::dump::parse(payload)?;
/// assert_eq!(dump.outline.value_bytes, Some(5));
/// assert_eq!(dump.rdb_version, 11);
/// # Ok::<(), rdb_parser::Error>(())
/// ```
///
/// # Errors
///
/// Any damage. Offsets count from the first byte of the payload. A wrong checksum is not an error,
/// see [`Dump::checksum`].
pub fn parse(payload: &[u8]) -> Result<Dump> {
    parse_with(payload, None, &mut ())
}

/// Like [`parse`], and shows the strings of the value to `visitor`. A payload does not name
/// Dragonfly, so a caller that knows the `dialect` passes it.
///
/// # Errors
///
/// Like [`parse`].
pub fn parse_with<V: Visitor>(payload: &[u8], dialect: Option<Dialect>, visitor: &mut V) -> Result<Dump> {
    let truncated = || Error::truncated("a dump payload", payload.len() as u64);
    let (body, footer) = payload.split_last_chunk::<FOOTER_BYTES>().ok_or_else(truncated)?;
    let (version, stored) = footer.split_first_chunk::<2>().ok_or_else(truncated)?;
    let rdb_version = u16::from_le_bytes(*version);
    let stored = stored.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let version = u32::from(rdb_version);
    let dialect =
        dialect.unwrap_or(if version >= FIRST_VALKEY_VERSION { Dialect::Valkey } else { Dialect::Redis });

    let state = ParserState::after(Header { dialect, version });
    let mut reader = RecordReader::new(SliceInput::new(body), state);
    let (value_type, outline, mut warnings) = reader.read_bare_value(visitor)?;
    if reader.input().remaining() != Some(0) {
        let kind = ErrorKind::Corrupt("dump payload", "bytes behind the value");
        return Err(Error::new(kind, reader.input().position()));
    }
    warnings.insert_if(!is_known_version(dialect, version), Warning::UnknownVersion);
    Ok(Dump { value_type, rdb_version, dialect, checksum: check(payload, stored), outline, warnings })
}

/// Compares the stored checksum with that of the bytes before it.
fn check(payload: &[u8], stored: u64) -> Checksum {
    if stored == 0 {
        return Checksum::Absent;
    }
    let mut crc = Crc64::new();
    crc.update(payload.split_last_chunk::<8>().map_or(payload, |(summed, _)| summed));
    match crc.value() {
        computed if computed == stored => Checksum::Verified,
        computed => Checksum::Mismatch { stored, computed },
    }
}
