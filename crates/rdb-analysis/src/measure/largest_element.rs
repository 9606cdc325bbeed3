//! Names the largest element of a value while the parser skips the value.

use std::fmt;

use rdb_parser::visitor::StreamId;
use rdb_parser::{RdbString, Role};

/// First bytes of an element's name that are kept.
const MAX_NAME_BYTES: usize = 256;

/// Names the largest element of a value. Of elements of equal size, the first in the file counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LargestElement {
    /// A number from 0. For an array, the index of the cell. For all else, the place of the element in
    /// the value, in file order: items of lists, and elements whose names are not known or have more
    /// than 64 KiB.
    Index(u64),
    /// A member of a set or sorted set.
    Member(ElementName),
    /// A field of a hash, with its value.
    Field(ElementName),
    /// An entry of a stream.
    Entry(EntryId),
}

/// The name of a member or a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ElementName {
    /// The first 256 bytes of the name.
    pub bytes: Vec<u8>,
    /// Length of the whole name.
    pub whole_bytes: u64,
}

/// The ID of an entry of a stream. Displayed as the server does: `1526919030474-55`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId {
    /// Milliseconds since 1970, if the server made the ID.
    pub ms: u64,
    /// Sequence number within the millisecond.
    pub sequence: u64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

impl LargestElement {
    /// The kind of element: `index`, `member`, `field` or `entry`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Index(_) => "index",
            Self::Member(_) => "member",
            Self::Field(_) => "field",
            Self::Entry(_) => "entry",
        }
    }

    /// Bytes that the name has allocated.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Self::Member(name) | Self::Field(name) => name.bytes.capacity(),
            Self::Index(_) | Self::Entry(_) => 0,
        }
    }
}

/// The largest of consecutive elements, and the number of these elements.
#[derive(Clone, Debug, Default)]
pub(crate) struct LargestOfPart {
    elements: u64,
    largest: Option<(u64, LargestElement)>,
}

impl LargestOfPart {
    /// Appends the elements that follow.
    pub(crate) fn append(&mut self, next: &Self) {
        if let Some((bytes, element)) = &next.largest
            && self.is_larger(*bytes)
        {
            let element = match element {
                LargestElement::Index(index) => LargestElement::Index(self.elements.saturating_add(*index)),
                named => named.clone(),
            };
            self.largest = Some((*bytes, element));
        }
        self.elements = self.elements.saturating_add(next.elements);
    }

    fn is_larger(&self, bytes: u64) -> bool {
        self.largest.as_ref().is_none_or(|&(largest, _)| bytes > largest)
    }

    /// Adds an element of `bytes` bytes. `name` names the element, given its index. Returns whether the
    /// element is the largest so far.
    fn add(&mut self, bytes: u64, name: impl FnOnce(u64) -> LargestElement) -> bool {
        let is_largest = self.is_larger(bytes);
        if is_largest {
            self.largest = Some((bytes, name(self.elements)));
        }
        self.elements += 1;
        is_largest
    }

    /// Sets the index of the largest element.
    fn set_index(&mut self, index: u64) {
        if let Some((_, element)) = &mut self.largest {
            *element = LargestElement::Index(index);
        }
    }
}

/// Finds the largest element among the strings of a value.
#[derive(Debug, Default)]
pub(crate) struct ElementWatch {
    seen: LargestOfPart,
    /// The field whose value follows.
    field: ElementName,
    /// Whether `field` has the name of the current field.
    has_field: bool,
    /// Whether the last item is the largest element so far.
    item_is_largest: bool,
    scratch: Vec<u8>,
}

impl ElementWatch {
    /// A value begins.
    pub(crate) fn begin(&mut self) {
        self.seen = LargestOfPart::default();
        self.field.whole_bytes = 0;
        self.has_field = false;
    }

    /// A string of an element.
    pub(crate) fn string(&mut self, role: Role, string: RdbString<'_>) {
        let bytes = string.decoded_len();
        match role {
            Role::Item => self.item_is_largest = self.seen.add(bytes, LargestElement::Index),
            Role::Member => {
                let Self { seen, scratch, .. } = self;
                seen.add(bytes, |index| {
                    let mut member = ElementName::default();
                    if member.set(string, scratch) {
                        LargestElement::Member(member)
                    } else {
                        LargestElement::Index(index)
                    }
                });
            }
            Role::Field => {
                self.has_field = self.field.set(string, &mut self.scratch);
            }
            Role::Value => {
                let Self { seen, field, has_field, .. } = self;
                seen.add(bytes.saturating_add(field.whole_bytes), |index| {
                    if *has_field {
                        LargestElement::Field(field.clone())
                    } else {
                        LargestElement::Index(index)
                    }
                });
                field.whole_bytes = 0;
                *has_field = false;
            }
            _ => {}
        }
    }

    /// The index of the array's cell whose string was the last.
    pub(crate) fn array_cell(&mut self, index: u64) {
        if self.item_is_largest {
            self.seen.set_index(index);
        }
    }

    /// An entry of a stream.
    pub(crate) fn stream_entry(&mut self, id: StreamId, bytes: u64) {
        let (parts, _) = id.as_chunks();
        let part = |index: usize| parts.get(index).map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.seen.add(bytes, |_| LargestElement::Entry(EntryId { ms: part(0), sequence: part(1) }));
    }

    /// Returns the largest element since the value began or since the last call, and starts anew.
    pub(crate) fn take_part(&mut self) -> LargestOfPart {
        std::mem::take(&mut self.seen)
    }

    /// Appends elements that another range has seen.
    pub(crate) fn add_part(&mut self, part: &LargestOfPart) {
        self.seen.append(part);
    }

    /// The largest element of the value. `None` if its size is not `largest_bytes`, the size that the
    /// parser states: then the parser has not shown all elements.
    pub(crate) fn largest(&self, largest_bytes: Option<u64>) -> Option<&LargestElement> {
        let (bytes, element) = self.seen.largest.as_ref()?;
        (Some(*bytes) == largest_bytes).then_some(element)
    }
}

impl ElementName {
    /// Whether `bytes` is the whole name.
    pub fn is_whole(&self) -> bool {
        self.whole_bytes == self.bytes.len() as u64
    }

    /// Sets the name to `string`. Returns false if the parser skipped the string, or the string is
    /// damaged.
    fn set(&mut self, string: RdbString<'_>, scratch: &mut Vec<u8>) -> bool {
        self.whole_bytes = string.decoded_len();
        self.bytes.clear();
        let name = string.decode_prefix(MAX_NAME_BYTES, scratch);
        self.bytes.extend_from_slice(name.as_deref().unwrap_or_default());
        name.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(bytes: &[u8], whole_bytes: u64) -> ElementName {
        ElementName { bytes: bytes.to_vec(), whole_bytes }
    }

    #[test]
    fn a_field_counts_with_its_value_and_its_expiry_does_not() {
        let mut hash = ElementWatch::default();
        for (field, value) in [(&b"a"[..], &b"1234567"[..]), (b"longer", b"12345"), (b"b", b"")] {
            hash.string(Role::Field, RdbString::Raw(field));
            hash.string(Role::Value, RdbString::Raw(value));
            hash.string(Role::Expiry, RdbString::Int(1_800_000_000_000));
        }
        assert_eq!(hash.largest(Some(11)), Some(&LargestElement::Field(name(b"longer", 6))));
        assert_eq!(hash.largest(Some(12)), None, "another element was not shown");
    }

    #[test]
    fn a_long_name_is_cut_and_one_that_is_not_shown_has_an_index() {
        let mut set = ElementWatch::default();
        set.string(Role::Member, RdbString::Raw(&[b'm'; 300]));
        assert_eq!(set.largest(Some(300)), Some(&LargestElement::Member(name(&[b'm'; 256], 300))));
        set.string(Role::Member, RdbString::Skipped { decoded_len: 70_000 });
        assert_eq!(set.largest(Some(70_000)), Some(&LargestElement::Index(1)));
    }

    #[test]
    fn a_cell_has_the_index_of_its_array() {
        let mut array = ElementWatch::default();
        for (index, cell) in [(2, &b"ab"[..]), (1, b"a"), (70, b"abc"), (71, b"abc")] {
            array.string(Role::Item, RdbString::Raw(cell));
            array.array_cell(index);
        }
        assert_eq!(array.largest(Some(3)), Some(&LargestElement::Index(70)));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            lengths in proptest::collection::vec(0usize..20, 1..40),
            cuts in proptest::collection::vec(any::<bool>(), 40),
        ) {
            let strings: Vec<Vec<u8>> = lengths.iter().map(|&len| vec![b'x'; len]).collect();
            let mut whole = ElementWatch::default();
            let (mut parts, mut part) = (ElementWatch::default(), ElementWatch::default());
            for (string, is_cut) in strings.iter().zip(cuts) {
                whole.string(Role::Item, RdbString::Raw(string));
                part.string(Role::Item, RdbString::Raw(string));
                if is_cut {
                    parts.add_part(&part.take_part());
                }
            }
            parts.add_part(&part.take_part());
            let longest = lengths.iter().copied().max().expect("not empty");
            let first = lengths.iter().position(|&len| len == longest).expect("there");
            let expected = LargestElement::Index(first as u64);
            prop_assert_eq!(whole.largest(Some(longest as u64)), Some(&expected));
            prop_assert_eq!(parts.largest(Some(longest as u64)), Some(&expected));
        }
    }
}
