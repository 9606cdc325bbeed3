//! Payloads of the commands `DUMP` and `RESTORE`: one value without its key.
//!
//! A value type and a value, then `u16 RDB version, u64 CRC-64 of all before it`, both little-endian.
//! Redis 8.6 may put metadata of the key before the type. Source: `createDumpPayload` in `cluster.c`.

use crate::crc64::Crc64;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Checksum, Header};
use crate::format::{Dialect, FIRST_VALKEY_VERSION, RareRecord, ValueType, is_known_version};
use crate::input::{Input as _, SliceInput};
use crate::outline::Outline;
use crate::parser::{Parser, Record};
use crate::read::ReadExt as _;
use crate::value::Walker;
use crate::visitor::Visitor;
use crate::warning::{Warning, Warnings};

/// Version and checksum.
const FOOTER_BYTES: usize = 10;

/// What a payload holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dump {
    /// How the value is laid out.
    pub value_type: ValueType,
    /// Version of the format.
    pub rdb_version: u16,
    /// Whose numbers it uses.
    pub dialect: Dialect,
    /// What the checksum says. Servers refuse a payload that does not fit its own.
    pub checksum: Checksum,
    /// What was measured while the value was passed over.
    pub outline: Outline,
    /// What is irregular about it.
    pub warnings: Warnings,
}

/// Reads a payload. Whose it is follows from its version: Valkey's from 80 on, otherwise that of Redis.
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
/// Whatever is wrong with the payload; offsets count from its first byte. A checksum that does not fit is
/// no error.
pub fn parse(payload: &[u8]) -> Result<Dump> {
    parse_with(payload, None, &mut ())
}

/// As [`parse`], of a payload whose dialect may be known from elsewhere (nothing in it tells Dragonfly),
/// showing the strings of the value to `visitor`.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_with<V: Visitor>(payload: &[u8], dialect: Option<Dialect>, visitor: &mut V) -> Result<Dump> {
    let truncated = || Error::truncated("a dump payload", payload.len() as u64);
    let (body, footer) = payload.split_last_chunk::<FOOTER_BYTES>().ok_or_else(truncated)?;
    let (version, stored) = footer.split_first_chunk::<2>().ok_or_else(truncated)?;
    let rdb_version = u16::from_le_bytes(*version);
    let stored = stored.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let version = u32::from(rdb_version);
    let dialect =
        dialect.unwrap_or(if version >= FIRST_VALKEY_VERSION { Dialect::Valkey } else { Dialect::Redis });

    let mut parser = Parser::after_header(SliceInput::new(body), Header { dialect, version });
    let (value_type, outline, mut warnings) = read_value(&mut parser, visitor)?;
    if parser.input.remaining() != Some(0) {
        let kind = ErrorKind::Corrupt("dump payload", "bytes behind the value");
        return Err(Error::new(kind, parser.input.position()));
    }
    warnings.insert_if(!is_known_version(dialect, version), Warning::UnknownVersion);
    Ok(Dump { value_type, rdb_version, dialect, checksum: check(payload, stored), outline, warnings })
}

fn read_value<V: Visitor>(
    parser: &mut Parser<SliceInput<'_>>,
    visitor: &mut V,
) -> Result<(ValueType, Outline, Warnings)> {
    let (dialect, version) = (parser.dialect, parser.header.version);
    let value_type = loop {
        let start = parser.input.position();
        let byte = parser.input.read_u8("a dump payload")?;
        match (ValueType::from_byte(byte, dialect, version), RareRecord::from_byte(byte, dialect)) {
            (Some(value_type), _) => break value_type,
            (None, Some(RareRecord::KeyMetadata)) => {
                // It checks that a value type follows.
                let record = parser.read_rare_record(RareRecord::KeyMetadata, byte, start)?;
                debug_assert!(matches!(record, Record::Prefix), "metadata is a key's prefix");
            }
            (None, Some(RareRecord::Unskippable(what))) => {
                return Err(Error::new(ErrorKind::Unskippable(what), start));
            }
            _ => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
        }
    };
    let mut walker = Walker {
        input: &mut parser.input,
        visitor,
        scratch: &mut parser.scratch,
        templates: &parser.rare.templates,
        damage: None,
        warnings: parser.prefix.warnings,
    };
    let outline = walker.outline(value_type)?;
    match walker.damage {
        Some(damage) => Err(damage),
        None => Ok((value_type, outline, walker.warnings)),
    }
}

/// Compares the checksum, which is that of all bytes before it.
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
