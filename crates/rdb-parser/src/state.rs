//! What the records of a file say about the records after them.

use crate::error::{Error, ErrorKind};
use crate::event::{Flavour, Header};
use crate::format::{Dialect, FIRST_VALKEY_VERSION_WITH_ENVELOPE, SLOTS, ValueType};

/// What a parser knows between two records, so that [another parser](crate::Parser::resume) can go
/// on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParserState {
    /// Magic and version of the file.
    pub header: Header,
    /// Which server's opcode and type numbering applies: that of the header, or Dragonfly's.
    pub dialect: Dialect,
    /// The kind of server that wrote the file, as far as the file has said.
    pub flavour: Flavour,
    /// The logical database of the next key.
    pub db: u64,
    /// The cluster slot of the next key, if the file has named one.
    pub slot: Option<u16>,
}

impl ParserState {
    /// The state after the header.
    pub(crate) fn after(header: Header) -> Self {
        let flavour = match header.dialect {
            Dialect::Redis => Flavour::Redis,
            Dialect::Valkey => Flavour::Valkey,
            Dialect::Dragonfly => Flavour::Dragonfly,
        };
        Self { header, dialect: header.dialect, flavour, db: 0, slot: None }
    }

    /// The value type that `byte` means.
    #[inline(always)]
    pub(crate) fn value_type(&self, byte: u8) -> Option<ValueType> {
        ValueType::from_byte(byte, self.dialect, self.header.version)
    }

    /// Applies a SELECTDB opcode.
    pub(crate) fn select_db(&mut self, db: u64) {
        self.db = db;
        self.slot = None;
    }

    /// Applies an AUX field: who wrote the file, or the slot, which Valkey 8 and later name there.
    pub(crate) fn apply_aux(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"df-ver" => {
                self.flavour = Flavour::Dragonfly;
                if self.header.dialect == Dialect::Redis {
                    self.dialect = Dialect::Dragonfly;
                }
            }
            b"valkey-ver" => self.flavour = Flavour::Valkey,
            b"mvcc-tstamp" | b"repl-masters" => self.flavour = Flavour::KeyDb,
            name if name.starts_with(b"keydb-") => self.flavour = Flavour::KeyDb,
            b"slot-info" => {
                let digits = value.split(|&byte| byte == b',').next().unwrap_or_default();
                let slot: Option<u16> =
                    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                self.slot = slot.filter(|&slot| u64::from(slot) < SLOTS);
            }
            _ => {}
        }
    }

    /// Applies a record that only Dragonfly writes. Returns whether no earlier record named
    /// Dragonfly.
    pub(crate) fn infer_dragonfly(&mut self) -> bool {
        let is_new = self.dialect != Dialect::Dragonfly;
        if is_new {
            self.dialect = Dialect::Dragonfly;
            self.flavour = Flavour::Dragonfly;
        }
        is_new
    }

    /// Names the likely cause of an error, where the state shows one.
    #[cold]
    pub(crate) fn explain(&self, error: Error) -> Error {
        let may_be_compressed = self.header.dialect == Dialect::Valkey
            && self.header.version >= FIRST_VALKEY_VERSION_WITH_ENVELOPE;
        match error.kind() {
            ErrorKind::UnknownOpcode(_) | ErrorKind::BadString(_) if may_be_compressed => {
                error.with_kind(ErrorKind::Unsupported(
                    "a record that is not known of Valkey 9.2, perhaps compressed in a way that is not published",
                ))
            }
            _ => error,
        }
    }
}
