//! Seeing inside values while they are outlined.

use crate::format::ValueType;
use crate::string::RdbString;

/// Part that a string plays in the element it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The value of a key of type string.
    Whole,
    /// An item of a list.
    Item,
    /// A member of a set or sorted set.
    Member,
    /// The score of a sorted set's member, where it is stored as text or integer. A binary score
    /// is not shown.
    Score,
    /// A field of a hash.
    Field,
    /// The value of a field.
    Value,
    /// The expiry of a field, in milliseconds since 1970, where it is stored as text or integer.
    Expiry,
}

/// An ID of a stream as it stands in the file: milliseconds and sequence number, big-endian.
pub type StreamId = [u8; 16];

/// A score as a table of a sorted set stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Score<'a> {
    /// A double.
    Binary(f64),
    /// The text of one, not validated.
    Text(&'a [u8]),
}

impl Score<'_> {
    /// The number. `None` if its text is not one.
    pub fn value(&self) -> Option<f64> {
        match *self {
            Self::Binary(value) => Some(value),
            Self::Text(text) => std::str::from_utf8(text).ok()?.trim_ascii().parse().ok(),
        }
    }
}

/// Is shown the strings inside values as the parser passes over them.
///
/// The parser is compiled for each visitor: what a visitor does not implement costs nothing, and
/// `()` sees nothing at all. Strings come in file order; those of an element that has several come
/// one after the other, each with its [`Role`].
pub trait Visitor {
    /// A value begins. `elements` is its declared count where the file states one in front.
    fn begin(&mut self, value_type: ValueType, elements: Option<u64>) {
        let _ = (value_type, elements);
    }

    /// A string of the value, [`Skipped`](RdbString::Skipped) if it is longer than
    /// [`MAX_SHOWN_STRING_BYTES`](crate::limits::MAX_SHOWN_STRING_BYTES).
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let _ = (role, string);
    }

    /// Whether to show the strings of a table as [strings](Self::string), or only their
    /// [lengths](Self::lengths), which is faster. Asked when a table [has begun](Self::begin) and, as long as the
    /// answer is yes, behind each of its elements.
    fn needs_strings(&self) -> bool {
        true
    }

    /// Whether compressed strings are to be expanded, so that damage to one is damage to its value. Asked
    /// often; meant to be a constant.
    fn needs_expanded(&self) -> bool {
        false
    }

    /// The decoded lengths of the strings of a table's element and the parts they play. Shown instead of the
    /// strings, and of the score, if those are not [wanted](Self::needs_strings).
    fn lengths<const STRINGS: usize>(&mut self, roles: &'static [Role; STRINGS], lengths: &[u64; STRINGS]) {
        let _ = (roles, lengths);
    }

    /// The score of the member shown before, where it is stored as a double: its text or its eight
    /// bytes.
    fn score(&mut self, score: Score<'_>) {
        let _ = score;
    }

    /// When a field expires, where tables store it. `None`: it does not. The number is as it stands in
    /// the file: milliseconds since 1970 for
    /// [`HashExpiryValkey`](ValueType::HashExpiryValkey), which shows it after field and value, and for
    /// [`HashExpiryPreRelease`](ValueType::HashExpiryPreRelease); relative to a common start for
    /// [`HashExpiry`](ValueType::HashExpiry). The latter two show it before field and value.
    fn field_expiry(&mut self, expiry: Option<u64>) {
        let _ = expiry;
    }

    /// A node of a list was passed over: its bytes, decompressed, and whether it is packed or one large
    /// item.
    fn list_node(&mut self, packed: bool, bytes: u64) {
        let _ = (packed, bytes);
    }

    /// A node of a stream: its ID and the bytes, decompressed, of its listpack. A node whose ID is
    /// damaged is not shown.
    fn stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        let _ = (id, listpack_bytes);
    }

    /// A consumer group begins. The [pending entries](Self::stream_pending) that follow are the group's.
    fn stream_group(&mut self, name_bytes: u64) {
        let _ = name_bytes;
    }

    /// A consumer of the group begins. The [pending entries](Self::stream_pending) that follow are the
    /// consumer's.
    fn stream_consumer(&mut self, name_bytes: u64) {
        let _ = name_bytes;
    }

    /// The ID of an entry that was delivered and not acknowledged. Shown if
    /// [wanted](Self::needs_pending).
    fn stream_pending(&mut self, id: &StreamId) {
        let _ = id;
    }

    /// Whether to show the IDs of pending entries; without it those of consumers are skipped at once.
    fn needs_pending(&self) -> bool {
        false
    }

    /// Whether to walk packed encodings (listpacks, ziplists, intsets, zipmaps) entry by entry too,
    /// decompressing them where they are compressed. Without it their entries are only counted.
    /// The nodes of streams are walked too, and checked and measured, but their strings not shown.
    fn needs_packed(&self) -> bool {
        false
    }
}

impl Visitor for () {
    fn needs_strings(&self) -> bool {
        false
    }
}
