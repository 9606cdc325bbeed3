//! Visitors see the strings inside values while the parser skips the values.

use crate::encoding::Packed;
use crate::format::ValueType;
use crate::limits::MAX_SHOWN_STRING_BYTES;
use crate::string::RdbString;

/// The role of a string in its element.
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

/// A stream ID as stored: milliseconds and sequence number, big-endian.
pub type StreamId = [u8; 16];

/// A score of a sorted set that is stored element by element.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Score<'a> {
    /// A double.
    Binary(f64),
    /// The text of a double, not validated.
    Text(&'a [u8]),
}

impl Score<'_> {
    /// The number. `None` if the text is not a number.
    pub fn value(&self) -> Option<f64> {
        match *self {
            Self::Binary(value) => Some(value),
            Self::Text(text) => std::str::from_utf8(text).ok()?.trim_ascii().parse().ok(),
        }
    }
}

/// What a visitor needs of counted elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The lengths of their strings.
    Lengths,
    /// The strings that are integers, too, and scores.
    Integers,
    /// All strings, too.
    Strings,
}

/// Sees the strings inside values while the parser skips them.
///
/// The parser is compiled for each visitor, so a method that a visitor does not implement costs
/// nothing. `()` sees nothing. Strings come in file order. The strings of one element follow each
/// other, each with its [`Role`].
pub trait Visitor {
    /// Longest string that is shown, in bytes as stored, or as decompressed inside a packed encoding. An
    /// input that is a reader is held in memory up to it, so a larger number is for one value at a time.
    const MAX_SHOWN_STRING_BYTES: u64 = MAX_SHOWN_STRING_BYTES;

    /// A value begins. `elements` is its count, if the file states one before the elements.
    fn begin(&mut self, value_type: ValueType, elements: Option<u64>) {
        let _ = (value_type, elements);
    }

    /// A string of the value, [`Skipped`](RdbString::Skipped) if it is longer than
    /// [`MAX_SHOWN_STRING_BYTES`](Self::MAX_SHOWN_STRING_BYTES).
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let _ = (role, string);
    }

    /// What the visitor needs of counted elements. Less is faster. Asked after the value
    /// [has begun](Self::begin) and, while the answer is the same, after each element. The answer for
    /// a value may only become less.
    fn detail(&self) -> Detail {
        Detail::Strings
    }

    /// Whether to decompress compressed strings, so that damage to a string is damage to its value.
    /// Asked often, so it should be a constant.
    fn needs_expanded(&self) -> bool {
        false
    }

    /// A counted element is complete: the roles of its strings, their decoded lengths, and those that
    /// are canonical integers. Without `integers` if the [detail](Self::detail) is
    /// [`Lengths`](Detail::Lengths).
    ///
    /// A hash that uses a template has its strings shown for any detail, and `integers` never.
    fn element<const STRINGS: usize>(
        &mut self,
        roles: &'static [Role; STRINGS],
        lengths: &[u64; STRINGS],
        integers: Option<&[Option<i64>; STRINGS]>,
    ) {
        let _ = (roles, lengths, integers);
    }

    /// The score of the last member, if it is stored as a double: as text or in eight bytes. Not shown
    /// if the [detail](Self::detail) is [`Lengths`](Detail::Lengths).
    fn score(&mut self, score: Score<'_>) {
        let _ = score;
    }

    /// The expiry of a field, if counted elements store it. `None`: the field does not expire. The
    /// number is as stored: milliseconds since 1970 for
    /// [`HashExpiryValkey`](ValueType::HashExpiryValkey), which shows it after field and value, and
    /// for [`HashExpiryPreRelease`](ValueType::HashExpiryPreRelease); relative to a common start
    /// for [`HashExpiry`](ValueType::HashExpiry). The latter two show it before field and value.
    fn field_expiry(&mut self, expiry: Option<u64>) {
        let _ = expiry;
    }

    /// The earliest expiry of a hash's fields, before the first field. A field expires at `first_ms` + n - 1
    /// for the number n that [`field_expiry`](Self::field_expiry) shows. For
    /// [`HashExpiry`](ValueType::HashExpiry) only.
    fn first_expiry(&mut self, first_ms: u64) {
        let _ = first_ms;
    }

    /// A cell of an array, after its content was shown: its index, and the length of its string. `None`:
    /// the cell holds a number, which was shown as text.
    fn array_cell(&mut self, index: u64, string_bytes: Option<u64>) {
        let _ = (index, string_bytes);
    }

    /// A node of a list: whether it is packed or one large item, its bytes, decompressed, and its
    /// bytes in the file if they are compressed.
    fn list_node(&mut self, packed: bool, bytes: u64, lzf_bytes: Option<u64>) {
        let _ = (packed, bytes, lzf_bytes);
    }

    /// A node of a stream: its ID and the bytes of its listpack, decompressed. A node with a
    /// damaged ID is not shown.
    fn stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        let _ = (id, listpack_bytes);
    }

    /// An entry of a stream that is not deleted: its ID, and the bytes of its fields and values.
    ///
    /// Shown if the visitor [needs packed encodings](Self::needs_packed). A damaged node shows the
    /// entries before the damage, and none if its ID is damaged.
    fn stream_entry(&mut self, id: &StreamId, bytes: u64) {
        let _ = (id, bytes);
    }

    /// A field of a stream's entry and its value, before the [entry](Self::stream_entry). Shown if
    /// [`needs_stream_fields`](Self::needs_stream_fields). The fields of a damaged node may be shown
    /// without their entry.
    fn stream_field(&mut self, id: &StreamId, field: RdbString<'_>, value: RdbString<'_>) {
        let _ = (id, field, value);
    }

    /// Whether to show the fields of stream entries, which needs memory for the names of a node's fields.
    /// Asked for each node if the visitor [needs packed encodings](Self::needs_packed).
    fn needs_stream_fields(&self) -> bool {
        false
    }

    /// A consumer group begins. The [pending entries](Self::stream_pending) that follow are the
    /// group's.
    fn stream_group(&mut self, name: RdbString<'_>) {
        let _ = name;
    }

    /// A consumer of the group begins. The [pending entries](Self::stream_pending) that follow are
    /// the consumer's.
    fn stream_consumer(&mut self, name: RdbString<'_>) {
        let _ = name;
    }

    /// The ID of an entry that was delivered and not acknowledged. Shown if
    /// [`needs_pending`](Self::needs_pending).
    fn stream_pending(&mut self, id: &StreamId) {
        let _ = id;
    }

    /// Whether to show the IDs of pending entries. Otherwise those of consumers are skipped at
    /// once.
    fn needs_pending(&self) -> bool {
        false
    }

    /// Whether to walk packed encodings (listpacks, ziplists, intsets, zipmaps) entry by entry, and
    /// to decompress them for that. Otherwise their entries are only counted. The nodes of streams
    /// are then walked, checked and measured, too. The visitor sees their
    /// [entries](Self::stream_entry).
    fn needs_packed(&self) -> bool {
        false
    }

    /// Whether to walk the packed value, or the list's node, that follows, and to show its entries. For
    /// nodes of streams, [`needs_packed`](Self::needs_packed) decides. `elements` is their number,
    /// if it is known without a walk. Asked once for each, before its first entry. A value whose number
    /// is not known is walked in any case.
    fn needs_walk(&mut self, packed: Packed, elements: Option<u64>) -> bool {
        let _ = (packed, elements);
        self.needs_packed()
    }
}

impl Visitor for () {
    fn detail(&self) -> Detail {
        Detail::Lengths
    }
}
