//! Errors: what is wrong with a file, and where.

use std::fmt;
use std::io;

use crate::escape::Escaped;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes of a key that an [`Error`] keeps for its message.
pub(crate) const KEY_IN_MESSAGE_BYTES: usize = 128;

/// A failure to read an RDB file: the kind, the absolute offset, and the key.
///
/// One word wide, so results stay small on the hot path.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    offset: u64,
    contained: bool,
    key: Option<Vec<u8>>,
}

/// The class of a failure.
///
/// "Unknown" and "unsupported" mean that the file may be sound and this crate too old for it. All
/// other kinds except [`ErrorKind::Io`] mean that the file is damaged.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input could not be read.
    Io(io::Error),
    /// The data ends inside the named structure.
    Truncated(&'static str),
    /// The first nine bytes are not the magic of an RDB file.
    BadMagic,
    /// The magic is right, and the version is not a number that a server writes.
    BadVersion,
    /// A byte that is neither an opcode nor a value type of a known server.
    UnknownOpcode(u8),
    /// A known value type whose end only the software that wrote it can find.
    Unskippable(&'static str),
    /// An impossible length or count: an invalid form, or more than the file can hold.
    BadLength(&'static str),
    /// A string with an unknown encoding.
    BadString(&'static str),
    /// LZF data that does not decompress to the length in its header.
    BadLzf(&'static str),
    /// A damaged structure: its name, and the damage.
    Corrupt(&'static str, &'static str),
    /// A well-formed structure above one of the [`limits`](crate::limits).
    Limit(&'static str),
    /// A known structure that this crate, with its features, cannot read.
    Unsupported(&'static str),
}

impl ErrorKind {
    /// A short name of the kind, for programs. Unlike the message, it does not change between
    /// releases.
    ///
    /// `bigkeys check` writes it as the `code` of a finding.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "unreadable",
            Self::Truncated(_) => "truncated",
            Self::BadMagic | Self::BadVersion => "header",
            Self::UnknownOpcode(_) => "unknown_opcode",
            Self::Unskippable(_) => "unskippable",
            Self::BadLength(_) => "length",
            Self::BadString(_) => "string",
            Self::BadLzf(_) => "lzf",
            Self::Corrupt(..) => "corrupt",
            Self::Limit(_) => "limit",
            Self::Unsupported(_) => "unsupported",
        }
    }
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, offset: u64) -> Self {
        Self(Box::new(Inner { kind, offset, contained: false, key: None }))
    }

    #[cold]
    pub(crate) fn truncated(what: &'static str, offset: u64) -> Self {
        Self::new(ErrorKind::Truncated(what), offset)
    }

    #[cold]
    pub(crate) fn corrupt(encoding: &'static str, detail: &'static str, offset: u64) -> Self {
        Self::new(ErrorKind::Corrupt(encoding, detail), offset)
    }

    /// Moves the error to `offset`, for damage in decompressed data, which has no offsets in the
    /// file.
    #[cold]
    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.0.offset = offset;
        self
    }

    /// As [`at`](Self::at), except for the end of the data, whose offset stays.
    #[cold]
    pub(crate) fn inside(self, offset: u64) -> Self {
        match self.0.kind {
            ErrorKind::Truncated(_) | ErrorKind::Io(_) => self,
            _ => self.at(offset),
        }
    }

    #[cold]
    pub(crate) fn into_kind(self) -> ErrorKind {
        self.0.kind
    }

    #[cold]
    pub(crate) fn contained(mut self) -> Self {
        self.0.contained = true;
        self
    }

    /// The failure with another kind.
    #[cold]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The failure as one that ends the reading.
    #[cold]
    pub(crate) fn fatal(mut self) -> Self {
        self.0.contained = false;
        self
    }

    #[cold]
    pub(crate) fn in_key(mut self, key: &[u8]) -> Self {
        let kept = key.get(..KEY_IN_MESSAGE_BYTES).unwrap_or(key);
        self.0.key = Some(kept.to_vec());
        self
    }

    /// The class of the failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Absolute offset of the failure in the RDB data, in bytes.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Whether only one record is damaged, a key or a compressed blob of keys. Its end is known,
    /// and the next call of the parser returns the record after it.
    pub fn is_contained(&self) -> bool {
        self.0.contained
    }

    /// The first bytes of the key whose value was being read, if one was.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key.as_deref()
    }

    /// The message with key and offset, for a format that escapes control characters itself, such
    /// as JSON. The key is escaped by [`Escaped::for_text`]. The [`Display`](fmt::Display) form is
    /// for terminals.
    pub fn to_text(&self) -> String {
        self.sentence(Escaped::for_text)
    }

    fn sentence<'a>(&'a self, escape: fn(&'a [u8]) -> Escaped<'a>) -> String {
        let Inner { kind, offset, key, .. } = &*self.0;
        match key {
            Some(key) => format!("{kind}, in key \"{}\", at offset {offset} (0x{offset:x})", escape(key)),
            None => format!("{kind}, at offset {offset} (0x{offset:x})"),
        }
    }

    /// The message without key and offset.
    pub fn message(&self) -> String {
        self.0.kind.to_string()
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot read: {error}"),
            Self::Truncated(what) => write!(f, "the data ends inside {what}"),
            Self::BadMagic => f.write_str("not an RDB file: it starts with neither REDIS nor VALKEY"),
            Self::BadVersion => f.write_str("the RDB magic is not followed by a valid version number"),
            Self::UnknownOpcode(byte) => {
                write!(f, "unknown opcode or value type {byte} (0x{byte:02x})")
            }
            Self::Unskippable(what) => write!(f, "{what} cannot be skipped: its length is not in the file"),
            Self::BadLength(what) => write!(f, "impossible length of {what}"),
            Self::BadString(what) => write!(f, "invalid string: {what}"),
            Self::BadLzf(what) => write!(f, "invalid LZF data: {what}"),
            Self::Corrupt(encoding, detail) => write!(f, "corrupt {encoding}: {detail}"),
            Self::Limit(what) => write!(f, "{what} is larger than the limit"),
            Self::Unsupported(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(Escaped::for_terminal))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("offset", &self.0.offset)
            .field("contained", &self.0.contained)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ErrorKind {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.kind.source()
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorKind;

    #[test]
    fn every_kind_has_its_documented_code() {
        let kinds = [
            (ErrorKind::Io(std::io::Error::other("disk")), "unreadable"),
            (ErrorKind::Truncated("a value"), "truncated"),
            (ErrorKind::BadMagic, "header"),
            (ErrorKind::BadVersion, "header"),
            (ErrorKind::UnknownOpcode(99), "unknown_opcode"),
            (ErrorKind::Unskippable("a module value"), "unskippable"),
            (ErrorKind::BadLength("a string"), "length"),
            (ErrorKind::BadString("encoding"), "string"),
            (ErrorKind::BadLzf("length"), "lzf"),
            (ErrorKind::Corrupt("listpack", "length"), "corrupt"),
            (ErrorKind::Limit("a string"), "limit"),
            (ErrorKind::Unsupported("a compressed blob"), "unsupported"),
        ];
        for (kind, code) in kinds {
            assert_eq!(kind.code(), code, "{kind:?}");
        }
    }
}
