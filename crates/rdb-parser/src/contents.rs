//! The elements of values, whole.
//!
//! [`Contents`] is a [`Visitor`] that makes [`Element`]s of the strings of a value.
//!
//! ```
//! use rdb_parser::contents::{Contents, Element, Text};
//! use rdb_parser::{Event, Parser};
//!
//! let file = b"REDIS0003\x04\x01k\x01\x01f\x01v\xff";
//! let mut parser = Parser::from_slice(file)?;
//! let mut seen = Vec::new();
//! let mut contents = Contents::new(|element: Element<'_>| {
//!     if let Element::Field { field: Text::Whole(field), value: Text::Whole(value), .. } = element {
//!         seen.push((field.to_vec(), value.to_vec()));
//!     }
//! });
//! while let Some(event) = parser.next_event_with(&mut contents)? {
//!     if let Event::Entry(_) = event {
//!         contents.end_value();
//!     }
//! }
//! assert_eq!(seen, [(b"f".to_vec(), b"v".to_vec())]);
//! # Ok::<(), rdb_parser::Error>(())
//! ```
//!
//! # Copies
//!
//! These strings are borrowed from the file, unless they are compressed or numbers: strings, items of
//! lists, members of the sets and values of the hashes of Redis whose elements cannot expire, values of
//! entries, and names of groups and consumers. All other strings are copied into buffers that all
//! elements share.
//!
//! # Memory
//!
//! An element is held while it is put together: up to [`MAX_TEXT_BYTES`], 512 MiB, for each of its strings.
//! A string of a reader or of a compressed value is read through a window, whose buffer has up to 1 GiB for
//! a string of 512 MiB.

use crate::format::ValueType;
use crate::string::RdbString;
use crate::visitor::{Role, Score, StreamId, Visitor};

/// Longest string of an element, in bytes: the limit of servers for strings.
pub const MAX_TEXT_BYTES: u64 = 512 << 20;

/// A string of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Its bytes.
    Whole(&'a [u8]),
    /// It is not held, because:
    ///
    /// * it is longer than [`MAX_TEXT_BYTES`], or compressed and damaged;
    /// * it names a field of a hash template, and is longer than
    ///   [`MAX_HELD_FIELD_NAME_BYTES`](crate::limits::MAX_HELD_FIELD_NAME_BYTES);
    /// * it names a field that the entries of a stream's node share, and that node has more than 65,536 such
    ///   fields, or more than 1 MiB of their names.
    Skipped {
        /// Its length in bytes. 0 for the fields after the 65,536th.
        bytes: u64,
    },
}

/// An element of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Element<'a> {
    /// The value of a string.
    Whole(Text<'a>),
    /// An item of a list.
    Item(Text<'a>),
    /// A member of a set. Members of Dragonfly may expire. The expiries of KeyDB stand behind the value, and
    /// are not read.
    Member {
        /// The member.
        member: Text<'a>,
        /// When it expires, in milliseconds since 1970.
        expires_at_ms: Option<u64>,
    },
    /// A member of a sorted set.
    Scored {
        /// The member.
        member: Text<'a>,
        /// The score. `None`: it is no number.
        score: Option<f64>,
    },
    /// A field of a hash.
    Field {
        /// The field.
        field: Text<'a>,
        /// Its value.
        value: Text<'a>,
        /// When it expires, in milliseconds since 1970.
        expires_at_ms: Option<u64>,
    },
    /// A cell of an array.
    Cell {
        /// Its index.
        index: u64,
        /// Its content, numbers as text.
        value: Text<'a>,
    },
    /// The start of a stream's entry.
    EntryStart {
        /// The ID of the entry: milliseconds and sequence number.
        id: (u64, u64),
    },
    /// A field of the stream's entry that started last.
    EntryField {
        /// The field.
        field: Text<'a>,
        /// Its value.
        value: Text<'a>,
    },
    /// The end of the stream's entry that started last. An entry of a damaged node may have no end.
    EntryEnd,
    /// A consumer group of a stream.
    Group {
        /// Its name.
        name: Text<'a>,
    },
    /// A consumer of the group before it.
    Consumer {
        /// Its name.
        name: Text<'a>,
    },
}

impl<'a> Element<'a> {
    /// Its strings, in the order of its fields.
    pub fn texts(&self) -> [Option<Text<'a>>; 2] {
        match *self {
            Self::Whole(text) | Self::Item(text) => [Some(text), None],
            Self::Member { member, .. } | Self::Scored { member, .. } => [Some(member), None],
            Self::Field { field, value, .. } | Self::EntryField { field, value } => {
                [Some(field), Some(value)]
            }
            Self::Cell { value, .. } => [Some(value), None],
            Self::EntryStart { .. } | Self::EntryEnd => [None, None],
            Self::Group { name } | Self::Consumer { name } => [Some(name), None],
        }
    }
}

/// Gives the elements of values to a function.
#[derive(Debug)]
pub struct Contents<F> {
    see: F,
    kind: Kind,
    /// The element that is not complete.
    held: Held,
    first_expiry_ms: u64,
    /// The entry of a stream that has started and not ended.
    open_entry: Option<StreamId>,
    scratch: Vec<u8>,
}

/// How the strings of a value make elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Single,
    /// Members of Redis, which cannot expire.
    PlainMembers,
    Scored,
    /// Fields that cannot expire.
    PlainPairs,
    /// An expiry may come after field and value.
    Pairs,
    /// Expiries are relative to the first, and come before field and value.
    RelativeThenPairs,
    /// Expiries come before field and value.
    ExpiryThenPairs,
    Cells,
}

/// Strings and numbers of an element.
#[derive(Debug, Default)]
struct Held {
    has_first: bool,
    has_second: bool,
    first: HeldText,
    second: HeldText,
    score: Option<f64>,
    expiry: Option<u64>,
}

/// A string that outlives the parser's buffer.
#[derive(Debug, Default)]
struct HeldText {
    bytes: Vec<u8>,
    skipped_bytes: Option<u64>,
}

impl HeldText {
    fn set(&mut self, text: Text<'_>) {
        self.bytes.clear();
        self.skipped_bytes = match text {
            Text::Whole(bytes) => {
                self.bytes.extend_from_slice(bytes);
                None
            }
            Text::Skipped { bytes } => Some(bytes),
        };
    }

    fn text(&self) -> Text<'_> {
        self.skipped_bytes.map_or(Text::Whole(&self.bytes), |bytes| Text::Skipped { bytes })
    }
}

impl<'a> Text<'a> {
    fn of(string: RdbString<'a>, scratch: &'a mut Vec<u8>) -> Self {
        let bytes = string.decoded_len();
        match string {
            RdbString::Raw(bytes) => Self::Whole(bytes),
            RdbString::Lzf { decoded_len, .. } if decoded_len > MAX_TEXT_BYTES => Self::Skipped { bytes },
            string => string.decode(scratch).map_or(Self::Skipped { bytes }, Self::Whole),
        }
    }
}

impl<F: FnMut(Element<'_>)> Contents<F> {
    /// Gives elements to `see`.
    pub fn new(see: F) -> Self {
        let held = Held::default();
        Self { see, kind: Kind::Single, held, first_expiry_ms: 0, open_entry: None, scratch: Vec::new() }
    }

    /// Gives the last element of a value to the function. Called after the value was read.
    pub fn end_value(&mut self) {
        let Self { see, kind, held, first_expiry_ms, .. } = self;
        let (has_first, has_second) = (held.has_first, held.has_second);
        (held.has_first, held.has_second) = (false, false);
        match kind {
            Kind::Scored if has_first => {
                see(Element::Scored { member: held.first.text(), score: held.score });
            }
            Kind::Pairs | Kind::RelativeThenPairs | Kind::ExpiryThenPairs if has_first && has_second => {
                let expires_at_ms = match (&kind, held.expiry.filter(|&expiry| expiry > 0)) {
                    (Kind::RelativeThenPairs, Some(expiry)) => first_expiry_ms.checked_add(expiry - 1),
                    (_, expiry) => expiry,
                };
                see(Element::Field { field: held.first.text(), value: held.second.text(), expires_at_ms });
            }
            Kind::Single if has_first => {
                see(Element::Member {
                    member: held.first.text(),
                    expires_at_ms: held.expiry.filter(|&at| at > 0),
                });
            }
            _ => {}
        }
        held.score = None;
        if !matches!(kind, Kind::RelativeThenPairs | Kind::ExpiryThenPairs) {
            held.expiry = None;
        }
    }

    /// Starts the entry of a stream, unless it has started.
    fn start_entry(&mut self, id: &StreamId) {
        if self.open_entry != Some(*id) {
            self.open_entry = Some(*id);
            (self.see)(Element::EntryStart { id: parts(id) });
        }
    }
}

/// Milliseconds and sequence number of an ID.
fn parts(id: &StreamId) -> (u64, u64) {
    let part = |at| id.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |part| u64::from_be_bytes(*part));
    (part(0), part(8))
}

impl<F: FnMut(Element<'_>)> Visitor for Contents<F> {
    const MAX_SHOWN_STRING_BYTES: u64 = MAX_TEXT_BYTES;

    fn begin(&mut self, value_type: ValueType, _: Option<u64>) {
        self.kind = match value_type {
            ValueType::ZsetText
            | ValueType::ZsetBinary
            | ValueType::ZsetZiplist
            | ValueType::ZsetListpack => Kind::Scored,
            ValueType::Set | ValueType::SetIntset | ValueType::SetListpack => Kind::PlainMembers,
            ValueType::Hash | ValueType::HashZipmap | ValueType::HashZiplist | ValueType::HashListpack => {
                Kind::PlainPairs
            }
            ValueType::HashExpiry => Kind::RelativeThenPairs,
            ValueType::HashExpiryPreRelease => Kind::ExpiryThenPairs,
            ValueType::Array => Kind::Cells,
            _ => Kind::Single,
        };
        self.held.has_first = false;
        self.held.has_second = false;
        (self.held.score, self.held.expiry) = (None, None);
        self.open_entry = None;
    }

    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let Self { see, held, scratch, kind, .. } = self;
        match role {
            Role::Whole => see(Element::Whole(Text::of(string, scratch))),
            Role::Item if *kind == Kind::Cells => held.first.set(Text::of(string, scratch)),
            Role::Item => see(Element::Item(Text::of(string, scratch))),
            Role::Member if *kind == Kind::PlainMembers => {
                see(Element::Member { member: Text::of(string, scratch), expires_at_ms: None });
            }
            Role::Member => {
                self.end_value();
                let Self { held, scratch, .. } = self;
                held.first.set(Text::of(string, scratch));
                held.has_first = true;
            }
            Role::Field if *kind == Kind::PlainPairs => held.first.set(Text::of(string, scratch)),
            Role::Value if *kind == Kind::PlainPairs => see(Element::Field {
                field: held.first.text(),
                value: Text::of(string, scratch),
                expires_at_ms: None,
            }),
            Role::Field => {
                if *kind == Kind::Single {
                    *kind = Kind::Pairs;
                }
                // Expiries that come first belong to the field that follows them.
                let expiry = held.expiry;
                if !matches!(self.kind, Kind::RelativeThenPairs | Kind::ExpiryThenPairs) {
                    self.end_value();
                }
                let Self { held, scratch, .. } = self;
                held.first.set(Text::of(string, scratch));
                (held.has_first, held.expiry) = (true, expiry.filter(|_| !matches!(self.kind, Kind::Pairs)));
            }
            Role::Value => {
                held.second.set(Text::of(string, scratch));
                held.has_second = true;
                if matches!(kind, Kind::RelativeThenPairs | Kind::ExpiryThenPairs) {
                    self.end_value();
                    self.held.expiry = None;
                }
            }
            Role::Score => held.score = score_of(string, scratch),
            Role::Expiry => held.expiry = string.canonical_integer().and_then(|ms| u64::try_from(ms).ok()),
        }
    }

    fn score(&mut self, score: Score<'_>) {
        self.held.score = score.value();
    }

    fn field_expiry(&mut self, expiry: Option<u64>) {
        self.held.expiry = expiry;
    }

    fn first_expiry(&mut self, first_ms: u64) {
        self.first_expiry_ms = first_ms;
    }

    fn array_cell(&mut self, index: u64, _: Option<u64>) {
        (self.see)(Element::Cell { index, value: self.held.first.text() });
    }

    fn stream_node(&mut self, _: &StreamId, _: u64) {
        // The entry of a damaged node may have the ID of an entry of this one.
        self.open_entry = None;
    }

    fn stream_field(&mut self, id: &StreamId, field: RdbString<'_>, value: RdbString<'_>) {
        self.start_entry(id);
        let Self { see, held, scratch, .. } = self;
        let field = Text::of(field, &mut held.first.bytes);
        see(Element::EntryField { field, value: Text::of(value, scratch) });
    }

    fn stream_entry(&mut self, id: &StreamId, _: u64) {
        self.start_entry(id);
        self.open_entry = None;
        (self.see)(Element::EntryEnd);
    }

    fn stream_group(&mut self, name: RdbString<'_>) {
        (self.see)(Element::Group { name: Text::of(name, &mut self.scratch) });
    }

    fn stream_consumer(&mut self, name: RdbString<'_>) {
        (self.see)(Element::Consumer { name: Text::of(name, &mut self.scratch) });
    }

    fn needs_packed(&self) -> bool {
        true
    }

    fn needs_stream_fields(&self) -> bool {
        true
    }
}

/// The score in a packed encoding: a number or its text.
fn score_of(string: RdbString<'_>, scratch: &mut Vec<u8>) -> Option<f64> {
    Score::Text(string.decode(scratch).ok()?).value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Parser};

    /// The elements of the only key of a file.
    fn elements(file: &[u8]) -> Vec<String> {
        let mut seen = Vec::new();
        let text = |text: Text<'_>| match text {
            Text::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Text::Skipped { bytes } => format!("({bytes})"),
        };
        let mut contents = Contents::new(|element: Element<'_>| {
            seen.push(match element {
                Element::Whole(whole) => text(whole),
                Element::Item(item) => text(item),
                Element::Member { member, expires_at_ms } => format!("{} {expires_at_ms:?}", text(member)),
                Element::Scored { member, score } => format!("{} {score:?}", text(member)),
                Element::Field { field, value, expires_at_ms } => {
                    format!("{}={} {expires_at_ms:?}", text(field), text(value))
                }
                Element::Cell { index, value } => format!("[{index}]{}", text(value)),
                Element::EntryStart { id } => format!("{id:?}"),
                Element::EntryField { field, value } => format!("{}={}", text(field), text(value)),
                Element::EntryEnd => "end".to_owned(),
                Element::Group { name } => format!("group {}", text(name)),
                Element::Consumer { name } => format!("consumer {}", text(name)),
            });
        });
        let mut parser = Parser::from_slice(file).expect("a header");
        loop {
            match parser.next_event_with(&mut contents) {
                Ok(None) => return seen,
                Ok(Some(Event::Entry(_))) => contents.end_value(),
                Ok(Some(_)) => {}
                // The parser goes on after the value.
                Err(error) => assert!(error.is_contained(), "{error}"),
            }
        }
    }

    #[test]
    fn elements_have_all_their_strings() {
        assert_eq!(elements(b"REDIS0003\x00\x01k\xc0\x07\xff"), ["7"]);
        assert_eq!(elements(b"REDIS0003\x01\x01k\x02\x01a\x01b\xff"), ["a", "b"]);
        assert_eq!(elements(b"REDIS0003\x02\x01k\x02\x01a\x01b\xff"), ["a None", "b None"]);
        assert_eq!(
            elements(b"REDIS0003\x03\x01k\x02\x01a\x031.5\x01b\xfe\xff"),
            ["a Some(1.5)", "b Some(inf)"]
        );
        assert_eq!(elements(b"REDIS0003\x04\x01k\x02\x01a\x01b\x01c\x01d\xff"), ["a=b None", "c=d None"]);
        // An intset of 16-bit numbers.
        assert_eq!(
            elements(b"REDIS0003\x0b\x01k\x0c\x02\0\0\0\x02\0\0\0\x01\0\x02\0\xff"),
            ["1 None", "2 None"]
        );
    }

    #[test]
    fn expiries_of_fields_are_absolute_and_belong_to_their_field() {
        let first = 1_700_000_000_000u64;
        let mut file = b"REDIS0012\x18\x01k".to_vec();
        file.extend(first.to_le_bytes());
        file.extend(b"\x03\x00\x01a\x01b\x01\x01c\x01d\x06\x01e\x01f\xff");
        file.extend([0; 8]);
        let at = |ms: u64| format!("Some({})", first + ms);
        assert_eq!(
            elements(&file),
            ["a=b None".to_owned(), format!("c=d {}", at(0)), format!("e=f {}", at(5))]
        );
    }

    /// A node of a stream: an entry with the field `f` and the value `v`, and an entry without fields, a
    /// millisecond later. The first entry is damaged if `length` is not 4.
    fn stream_node(ms: u64, length: u8) -> Vec<u8> {
        let number = |n: u8| vec![n, 1];
        let string = |byte: u8| vec![0x81, byte, 2];
        let head = [number(2), number(0), number(1), string(b'f'), number(0)].concat();
        let first = [number(2), number(0), number(0), string(b'v'), number(length)].concat();
        let second = [number(0), number(1), number(0), number(0), number(4)].concat();
        let body = [head, first, second, vec![0xff]].concat();
        let total = u32::try_from(6 + body.len()).expect("short");
        let id = [&[16][..], &ms.to_be_bytes(), &[0; 8]].concat();
        let listpack = [&total.to_le_bytes()[..], &[15, 0], &body].concat();
        [id, vec![u8::try_from(total).expect("short")], listpack].concat()
    }

    #[test]
    fn an_entry_of_a_damaged_node_starts_and_does_not_end() {
        // Two nodes have the same ID, which is damage, too.
        let nodes = [stream_node(10, 4), stream_node(20, 5), stream_node(20, 4), stream_node(30, 4)].concat();
        let tail = [8, 31, 0, 0];
        let file = [&b"REDIS0009\x0f\x01k\x04"[..], &nodes, &tail, &[0xff], &[0; 8]].concat();
        let start = |ms: u64| format!("({ms}, 0)");
        let field = || "f=v".to_owned();
        let end = || "end".to_owned();
        let whole = |ms| [start(ms), field(), end(), start(ms + 1), end()];
        let damaged = [start(20), field()];
        assert_eq!(elements(&file), [&whole(10)[..], &damaged, &whole(20), &whole(30)].concat());
    }

    const LONG_BYTES: usize = 3 << 16;

    /// A string of a file, with a length of 32 bits.
    fn long_string(bytes: &[u8]) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).expect("short");
        [&[0x80], &len.to_be_bytes()[..], bytes].concat()
    }

    #[test]
    fn a_string_that_is_longer_than_visitors_see_is_whole() {
        let file = [&b"REDIS0003\x00\x01k"[..], &long_string(&vec![b'v'; LONG_BYTES]), &[0xff]].concat();
        assert_eq!(elements(&file)[0].len(), LONG_BYTES);
    }

    /// A listpack of a field `f` and a value of `value_bytes`.
    fn long_listpack(value_bytes: usize) -> Vec<u8> {
        let len = u32::try_from(value_bytes).expect("short");
        let entry = [&[0xf0], &len.to_le_bytes()[..], &vec![b'v'; value_bytes]].concat();
        // The length of the entry in groups of 7 bits, for walks from the end.
        let mut groups = vec![entry.len()];
        while groups[0] > 0x7f {
            groups.splice(..1, [groups[0] >> 7, groups[0] & 0x7f | 0x80]);
        }
        let backlen: Vec<u8> = groups.into_iter().map(|group| u8::try_from(group).expect("a byte")).collect();
        let body = [&b"\x81f\x02"[..], &entry, &backlen, &[0xff]].concat();
        let total = u32::try_from(6 + body.len()).expect("short");
        [&total.to_le_bytes()[..], &[2, 0], &body].concat()
    }

    /// LZF data that copies nothing.
    fn literals(data: &[u8]) -> Vec<u8> {
        data.chunks(32)
            .flat_map(|run| [&[u8::try_from(run.len() - 1).expect("at most 31")], run].concat())
            .collect()
    }

    #[test]
    fn a_long_string_in_a_packed_encoding_is_whole() {
        // Compressed, the longer one is decompressed in parts.
        for value_bytes in [LONG_BYTES, 3 << 20] {
            let listpack = long_listpack(value_bytes);
            let compressed = literals(&listpack);
            let lengths = [compressed.len(), listpack.len()].map(|len| u32::try_from(len).expect("short"));
            let [stored, decoded] = lengths.map(|len| [&[0x80], &len.to_be_bytes()[..]].concat());
            for value in [long_string(&listpack), [&[0xc3], &stored[..], &decoded, &compressed].concat()] {
                let file = [&b"REDIS0010\x10\x01k"[..], &value, &[0xff], &[0; 8]].concat();
                assert!(elements(&file) == [format!("f={} None", "v".repeat(value_bytes))]);
            }
        }
    }
}
