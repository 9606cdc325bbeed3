//! Guesses whether elements of a value follow each other at a place in the middle of a file.

use crate::file_slice::FileSlice;
use crate::format::ValueType;
use crate::guess;
use crate::read::{StringForm, StringHeader, decode_length, decode_string_header};
use crate::value::{ElementParts, PLAIN_NODE};

/// Elements from which a shape is learned, at most and at least.
const LEARNED: u64 = 1024;
const LEARNED_AT_LEAST: u64 = 16;

/// Elements, and nodes of a list or stream, that must follow each other before a place is believed,
/// and how many of the strings of elements may begin in a way that was not seen.
const CHAIN: usize = 32;
const CHAIN_OF_NODES: usize = 4;
const STRANGERS: usize = 3;

/// Bytes in which a place is looked for: some, and those of two long elements, up to a limit.
const SEARCH_BYTES: u64 = 512;
const MAX_SEARCH_BYTES: u64 = 1 << 20;

/// Elements that one search reads at most.
const BUDGET: usize = 64 << 10;

/// Length of the ID of a stream's node.
const ID_BYTES: u64 = 16;

/// Most strings in an element.
const STRINGS: usize = ElementParts::MAX_STRINGS;

/// What the elements of a value look like, learned from some of them.
#[derive(Clone, Debug)]
pub struct ElementShape {
    value_type: ValueType,
    parts: ElementParts,
    /// Of each string of an element.
    strings: [StringShape; STRINGS],
    mean_bytes: u64,
}

/// What the strings at one place of all elements look like.
#[derive(Clone, Copy, Debug)]
struct StringShape {
    /// How often each first byte was seen.
    heads: [u16; 256],
    /// Longest, as stored.
    longest: u64,
}

impl StringShape {
    fn learn(&mut self, head: u8, bytes: u64) {
        if let Some(times) = self.heads.get_mut(usize::from(head)) {
            *times += 1;
        }
        self.longest = bytes.max(self.longest);
    }

    /// How often this first byte was seen.
    #[inline]
    fn times(&self, head: u8) -> u16 {
        self.heads.get(usize::from(head)).copied().unwrap_or(0)
    }
}

/// An element: its length, and the first byte and stored length of each of its strings.
struct Seen {
    bytes: u64,
    strings: [(u8, u64); STRINGS],
}

impl ElementShape {
    /// Learns from up to `count` elements of a value that begin at an offset of the file. `None` if
    /// there are too few, or if values of this type are not read in parts.
    pub fn learn(slice: FileSlice<'_>, offset: u64, value_type: ValueType, count: u64) -> Option<Self> {
        let parts = ElementParts::of(value_type)?;
        let nothing = StringShape { heads: [0; 256], longest: 0 };
        let mut shape = Self { value_type, parts, strings: [nothing; STRINGS], mean_bytes: 0 };
        let mut at = offset;
        let mut learned = 0;
        while learned < count.min(LEARNED) {
            let Some(seen) = shape.element_at(slice, at) else { break };
            for (string, (head, bytes)) in shape.strings.iter_mut().zip(seen.strings).take(parts.strings) {
                string.learn(head, bytes);
            }
            at += seen.bytes;
            learned += 1;
        }
        shape.mean_bytes = (at - offset) / learned.max(1);
        (learned >= LEARNED_AT_LEAST).then_some(shape)
    }

    /// Whether a value of `count` elements has enough of them.
    pub fn is_learned_from(count: u64) -> bool {
        count >= LEARNED_AT_LEAST
    }

    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        self.value_type
    }

    /// Mean length of an element, as stored.
    pub fn mean_bytes(&self) -> u64 {
        self.mean_bytes
    }

    /// Whether a string, or a node of a list, of this many bytes is much longer than those that
    /// were learned.
    pub fn is_unusual(&self, bytes: u64) -> bool {
        bytes > 64 + 4 * self.strings.iter().map(|string| string.longest).max().unwrap_or(0)
    }

    /// An offset at or behind `from`, and before `to`, at which an element seems to begin.
    ///
    /// RDB has no marks between elements, so this is a guess. A search in bytes that no server
    /// wrote ends after a bounded number of steps.
    pub fn find(&self, slice: FileSlice<'_>, from: u64, to: u64) -> Option<u64> {
        let element = self.strings.iter().fold(0u64, |sum, string| sum.saturating_add(string.longest));
        let search = SEARCH_BYTES.saturating_add(element.saturating_mul(2)).min(MAX_SEARCH_BYTES);
        let mut budget = BUDGET;
        for at in from..to.min(from.saturating_add(search)) {
            if let Some(end) = self.chain_from(slice, at, &mut budget) {
                // The first elements of a chain may be parts of others. Nodes begin in a way that
                // is not found by chance.
                return Some(if self.parts.are_nodes { at } else { self.in_phase(slice, end) });
            }
            if budget == 0 {
                return None;
            }
        }
        None
    }

    /// The end of the element at the offset `at`. `None` if there is no valid one.
    pub fn end_of_element(&self, slice: FileSlice<'_>, at: u64) -> Option<u64> {
        at.checked_add(self.element_at(slice, at)?.bytes)
    }

    /// As [`end_of_element`](Self::end_of_element). `None` also if a string of the element is
    /// [unusual](Self::is_unusual).
    pub fn end_of_usual_element(&self, slice: FileSlice<'_>, at: u64) -> Option<u64> {
        let seen = self.element_at(slice, at)?;
        let is_unusual = seen.strings.iter().any(|&(_, bytes)| self.is_unusual(bytes));
        at.checked_add(seen.bytes).filter(|_| !is_unusual)
    }

    /// The end of a chain of elements that begins at `at`, if it looks like what was learned.
    #[inline]
    fn chain_from(&self, slice: FileSlice<'_>, at: u64, budget: &mut usize) -> Option<u64> {
        let mut at = at;
        let mut strangers = 0;
        let (chain, most_strangers) =
            if self.parts.are_nodes { (CHAIN_OF_NODES, 0) } else { (CHAIN, STRANGERS) };
        for _ in 0..chain {
            let seen = self.element_at(slice, at)?;
            *budget = budget.saturating_sub(1);
            for (&(head, bytes), string) in seen.strings.iter().zip(&self.strings).take(self.parts.strings) {
                if bytes > 64 + 2 * string.longest {
                    return None;
                }
                strangers += usize::from(string.times(head) == 0);
            }
            if strangers > most_strangers || *budget == 0 {
                return None;
            }
            at += seen.bytes;
        }
        Some(at)
    }

    /// `at`, or the end of the string there if the strings after it fit better as elements.
    ///
    /// A chain of pairs may begin with a value as well as with a field.
    fn in_phase(&self, slice: FileSlice<'_>, at: u64) -> u64 {
        if !self.parts.is_plain_pair() {
            return at;
        }
        let Some(first) = slice.from(at).and_then(string_bytes) else { return at };
        let shifted = at.saturating_add(first);
        if self.likelihood(slice, shifted) > self.likelihood(slice, at) { shifted } else { at }
    }

    /// How well the elements from `at` on fit, as the logarithm of a probability.
    fn likelihood(&self, slice: FileSlice<'_>, at: u64) -> f64 {
        let mut at = at;
        let mut sum = 0.0;
        for _ in 0..CHAIN {
            let Some(seen) = self.element_at(slice, at) else { break };
            for (&(head, _), string) in seen.strings.iter().zip(&self.strings).take(self.parts.strings) {
                sum += (f64::from(string.times(head)) + 0.01).ln();
            }
            at += seen.bytes;
        }
        sum
    }

    #[inline]
    fn element_at(&self, slice: FileSlice<'_>, at: u64) -> Option<Seen> {
        let bytes = slice.from(at)?;
        let mut rest = bytes;
        let mut leading = 0;
        if self.parts.leading_length {
            let len;
            (leading, len) = decode_length(rest).ok()??;
            rest = rest.get(len..)?;
        }
        let mut strings = [(0, 0); STRINGS];
        for (index, string) in strings.iter_mut().enumerate().take(self.parts.strings) {
            let header = decode_string_header(rest).ok()??;
            *string = (*rest.first()?, header.payload_len);
            let payload = rest.get(header.header_len..)?;
            if self.parts.are_nodes && !is_of_node(index + 1 < self.parts.strings, leading, header, payload) {
                return None;
            }
            rest = payload.get(usize::try_from(header.payload_len).ok()?..)?;
        }
        let tail =
            if self.parts.text_double { guess::text_double_bytes(rest)? } else { self.parts.tail_bytes };
        rest = rest.get(tail..)?;
        Some(Seen { bytes: (bytes.len() - rest.len()) as u64, strings })
    }
}

/// Whether a string of a node can be one: the ID of a stream's node, or a listpack or ziplist,
/// which begins with its own length. `leading` is the kind of a list's node, if it states one.
fn is_of_node(is_id: bool, leading: u64, header: StringHeader, payload: &[u8]) -> bool {
    match header.form {
        _ if is_id => header.decoded_len == ID_BYTES,
        StringForm::Raw if leading != PLAIN_NODE => {
            let length = payload.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            length.is_some_and(|length| u64::from(length) == header.payload_len)
        }
        _ => true,
    }
}

/// Bytes of the string at the start of `bytes`, header included.
#[inline]
fn string_bytes(bytes: &[u8]) -> Option<u64> {
    let header = decode_string_header(bytes).ok()??;
    header.payload_len.checked_add(header.header_len as u64)
}
