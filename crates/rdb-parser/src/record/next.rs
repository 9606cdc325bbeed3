//! What a reader has read, without borrowing from the reader.

use crate::dragonfly::CompleteValue;
use crate::error::Error;
use crate::format::{ModuleId, RareRecord, ValueType};
use crate::outline::Outline;
use crate::prefix::Prefix;
use crate::string::PinnedString;
use crate::value::OpenValue;
use crate::warning::Warnings;

/// A key.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(super) key: PinnedString,
    pub(super) value_type: ValueType,
    /// Offset of the value type.
    pub(super) start: u64,
    pub(super) prefix: Prefix,
    pub(super) outline: Outline,
    pub(super) warnings: Warnings,
}

/// A key whose value is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyHead {
    pub(super) key: PinnedString,
    pub(super) value_type: ValueType,
    /// Offset of the value type.
    pub(super) start: u64,
    pub(super) prefix: Prefix,
}

/// A key of whose value only a part was read. Its name stays pinned in the input.
#[derive(Debug)]
pub(crate) struct OpenKey {
    pub(super) head: KeyHead,
    pub(crate) value: OpenValue,
    /// The first damage in the part.
    pub(super) damage: Option<Error>,
    pub(crate) warnings: Warnings,
}

/// What a reader reads next.
pub(crate) enum Next {
    Key(Found),
    Other(Other),
}

/// Anything but a key. Small, because the loop over keys returns it.
pub(crate) enum Other {
    Record(Record),
    /// No record with an event of its own. An event may be pending, or a blob may have ended.
    Pending,
    /// The opcode of a compressed blob.
    Blob(BlobStart),
}

/// A record with an event that is not an unchunked key.
pub(crate) enum Record {
    /// A chunked value that is complete now.
    Chunked(Box<CompleteValue>),
    Aux,
    SelectDb,
    ResizeDb {
        keys: u64,
        expires: u64,
    },
    SlotInfo {
        slot: u16,
        keys: u64,
        expires: u64,
    },
    Function,
    ModuleAux(ModuleId),
    Skipped {
        opcode: u8,
    },
}

/// The opcode of a compressed blob.
#[derive(Clone, Copy)]
pub(crate) struct BlobStart {
    pub(crate) record: RareRecord,
    /// Offset of the opcode.
    pub(crate) start: u64,
}
