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

    /// Whether to walk packed encodings (listpacks, ziplists, intsets, zipmaps) entry by entry too,
    /// decompressing them where they are compressed. Without it their entries are only counted.
    /// The nodes of streams are walked too, and checked and measured, but their strings not shown.
    fn wants_packed(&self) -> bool {
        false
    }
}

impl Visitor for () {}
