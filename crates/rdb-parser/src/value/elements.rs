//! Collections stored string by string: the hot loop of files with large collections.

use std::array;

use super::open::{ElementParts, OpenValue};
use super::shown::{decoded_len, shown_len, view_next, view_string};
use super::sums::{ElementLayout, ElementSums, PartSums};
use super::walker::{FIELD_EXPIRY_OUT_OF_RANGE, MAX_FIELD_EXPIRY_MS, Walker, score_warnings};
use crate::error::{Error, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::{ReadExt as _, StringForm, decode_length, decode_string_header};
use crate::string::{RdbString, parse_canonical_integer};
use crate::visitor::{Detail, Role, Score, Visitor};
use crate::warning::Warning;

/// Bytes walked before the input adds them to the checksum.
const CHECKPOINT_BYTES: usize = 256 << 10;

/// The strings of a counted element and what stands beside them. Each layout has a type of its own, so
/// that each has a loop of its own.
trait Form<const STRINGS: usize> {
    /// The roles of the strings.
    const ROLES: &'static [Role; STRINGS];
    /// Number of strings that are payload, from the first.
    const PAYLOAD: usize;
    /// Whether an expiry, stored as a length, stands before the strings.
    const LEADING_EXPIRY: bool;
    /// What stands after the strings.
    const TAIL: Tail;

    /// Fewest bytes of an element.
    const MIN_ELEMENT_BYTES: u64 = STRINGS as u64
        + Self::LEADING_EXPIRY as u64
        + match Self::TAIL {
            Tail::Nothing => 0,
            Tail::BinaryDouble | Tail::Expiry => 8,
            Tail::TextDouble => 1,
        };
}

/// What stands after the strings of an element.
enum Tail {
    Nothing,
    /// A binary double.
    BinaryDouble,
    /// Milliseconds, or -1 for none.
    Expiry,
    /// A double as text: its length in one byte, or 253 to 255 for NaN and the infinities.
    TextDouble,
}

/// Makes the forms of the layouts, and the macro `for_layout`, which compiles code for each of them.
macro_rules! forms {
    ($dollar:tt; $($name:ident: $leading_expiry:literal, [$($role:ident),+] $payload:literal, $tail:ident;)*) => {
        $(
            struct $name;

            impl Form<{ [$(Role::$role),+].len() }> for $name {
                const ROLES: &'static [Role; { [$(Role::$role),+].len() }] = &[$(Role::$role),+];
                const PAYLOAD: usize = $payload;
                const LEADING_EXPIRY: bool = $leading_expiry;
                const TAIL: Tail = Tail::$tail;
            }
        )*

        macro_rules! for_layout {
            ($dollar layout:expr, |$dollar form:ident| $dollar code:expr) => {
                match $dollar layout {
                    $(ElementLayout::$name => {
                        type $dollar form = $name;
                        $dollar code
                    })*
                }
            };
        }
    };
}

// For each layout: whether an expiry stands before the strings, their roles, how many are payload,
// and what stands behind them.
forms! { $;
    Items: false, [Item] 1, Nothing;
    Members: false, [Member] 1, Nothing;
    MembersWithScore: false, [Member] 1, BinaryDouble;
    MembersWithTextScore: false, [Member] 1, TextDouble;
    Pairs: false, [Field, Value] 2, Nothing;
    PairsThenExpiry: false, [Field, Value] 2, Expiry;
    ExpiryThenPairs: true, [Field, Value] 2, Nothing;
    PairsWithExpiry: false, [Field, Value, Expiry] 2, Nothing;
    MembersWithExpiry: false, [Member, Expiry] 1, Nothing;
}

/// How much of an element is shown, as a type: each has loops of its own.
trait Shown {
    const DETAIL: Detail;
    const IS_STRINGS: bool = matches!(Self::DETAIL, Detail::Strings);
    const IS_LENGTHS: bool = matches!(Self::DETAIL, Detail::Lengths);
}

struct Lengths;
struct Integers;
struct Strings;

impl Shown for Lengths {
    const DETAIL: Detail = Detail::Lengths;
}

impl Shown for Integers {
    const DETAIL: Detail = Detail::Integers;
}

impl Shown for Strings {
    const DETAIL: Detail = Detail::Strings;
}

/// Length byte of a text double that means NaN. It and the bytes above it mean a value without
/// text.
pub(crate) const NAN_DOUBLE: u8 = 253;

impl ElementLayout {
    /// Of what an element consists.
    pub(super) fn parts(self) -> ElementParts {
        for_layout!(self, |F| ElementParts {
            are_nodes: false,
            leading_length: F::LEADING_EXPIRY,
            strings: F::ROLES.len(),
            text_double: matches!(F::TAIL, Tail::TextDouble),
            tail_bytes: if matches!(F::TAIL, Tail::BinaryDouble | Tail::Expiry) { 8 } else { 0 },
        })
    }

    /// Fewest bytes of an element.
    fn min_element_bytes(self) -> u64 {
        for_layout!(self, |F| F::MIN_ELEMENT_BYTES)
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Skips a count and its elements. `base_expiry` is what the expiries of the elements are
    /// relative to.
    ///
    /// Not inlined, because the loops would keep code that every key needs from being inlined.
    #[inline(never)]
    pub(super) fn elements(
        &mut self,
        value_type: ValueType,
        layout: ElementLayout,
        base_expiry: u64,
    ) -> Result<Outline> {
        let at = self.input.position();
        let count = self.input.read_count(layout.min_element_bytes(), "the elements of a collection")?;
        self.visitor.begin(value_type, Some(count));
        let mut sums = ElementSums::default();
        let left = self.skip_elements(layout, count, &mut sums)?;
        let sums = PartSums::Elements(layout, sums);
        self.finish_or_leave(OpenValue { value_type, at, base_expiry, count, left, sums })
    }

    /// The outline of a value after its last element.
    pub(super) fn whole_elements(&mut self, value: &OpenValue, sums: &ElementSums) -> Result<Outline> {
        let &OpenValue { value_type, at, base_expiry, count, .. } = value;
        let latest = match (value_type, sums.largest_expiry) {
            // 0 is no expiry.
            (ValueType::HashExpiry, relative @ 1..) => base_expiry.checked_add(relative - 1),
            (_, latest) => Some(latest),
        };
        if latest.is_none_or(|latest| latest > MAX_FIELD_EXPIRY_MS) {
            self.contain(Error::corrupt("hash", FIELD_EXPIRY_OUT_OF_RANGE, at))?;
        }
        Ok(self.elements_outline(count, sums))
    }

    /// Skips elements and shows what the visitor needs of them.
    ///
    /// Stops where the [pace](super::open::Pace) ends. Adds to `sums`, and returns the number of elements
    /// that are left.
    #[inline]
    pub(super) fn skip_elements(
        &mut self,
        layout: ElementLayout,
        count: u64,
        sums: &mut ElementSums,
    ) -> Result<u64> {
        let mut left = count;
        if self.visitor.detail() == Detail::Strings {
            left = self.skip_some::<Strings>(layout, left, sums)?;
        }
        if self.visitor.detail() == Detail::Integers {
            left = self.skip_some::<Integers>(layout, left, sums)?;
        }
        if self.visitor.detail() == Detail::Lengths {
            left = self.skip_some::<Lengths>(layout, left, sums)?;
        }
        Ok(left)
    }

    /// As [`skip_elements`](Self::skip_elements). Ends also where the visitor needs less than `S`.
    #[inline]
    fn skip_some<S: Shown>(
        &mut self,
        layout: ElementLayout,
        count: u64,
        sums: &mut ElementSums,
    ) -> Result<u64> {
        // The loop has the sums by value, so that they are in registers.
        let skipped = for_layout!(layout, |F| self.skip_some_of::<F, _, S>(count, *sums));
        let left;
        (*sums, left) = skipped?;
        Ok(left)
    }

    /// As [`skip_some`](Self::skip_some), for one layout.
    #[inline]
    fn skip_some_of<F: Form<STRINGS>, const STRINGS: usize, S: Shown>(
        &mut self,
        count: u64,
        mut sums: ElementSums,
    ) -> Result<(ElementSums, u64)> {
        let from = self.input.position();
        let mut left = count;
        let mut wanted = true;
        while left > 0 && wanted {
            let step_bytes = self.pace.step(self.input.position(), CHECKPOINT_BYTES);
            let bytes = self.input.peek(1)?;
            let mut at = 0;
            let mut whole = true;
            while left > 0 && at < step_bytes && wanted {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(len) = element_within::<F, STRINGS, S>(rest, self.visitor, &mut sums) else {
                    whole = false;
                    break;
                };
                at += len;
                left -= 1;
                wanted = S::IS_LENGTHS || self.visitor.detail() == S::DETAIL;
            }
            self.input.consume(at);
            self.input.checkpoint();
            if !whole {
                self.element_shown::<F, STRINGS, S>(&mut sums)?;
                left -= 1;
                wanted = S::IS_LENGTHS || self.visitor.detail() == S::DETAIL;
            }
            if self.pace.is_over(self.input.position(), from, count - left, left) {
                break;
            }
        }
        Ok((sums, left))
    }

    /// The outline of a value with these sums over all elements.
    pub(crate) fn elements_outline(&mut self, count: u64, sums: &ElementSums) -> Outline {
        self.warnings = self.warnings.union(sums.warnings);
        let layout = Layout::Elements { longest_string_bytes: sums.tally.longest_string_bytes };
        Outline::new(count, Some(sums.tally), layout)
    }

    /// Skips one element, of which the input may hold a part only, and shows its strings.
    pub(crate) fn element(&mut self, layout: ElementLayout, sums: &mut ElementSums) -> Result<()> {
        for_layout!(layout, |F| self.element_shown::<F, _, Strings>(sums))
    }

    /// Skips one element, of which the input may hold a part only, and names the damage of an
    /// invalid one.
    #[cold]
    fn element_shown<F: Form<STRINGS>, const STRINGS: usize, S: Shown>(
        &mut self,
        sums: &mut ElementSums,
    ) -> Result<()> {
        if F::LEADING_EXPIRY {
            let expiry = self.input.read_length("a field's expiry")?;
            sums.largest_expiry = sums.largest_expiry.max(expiry);
            self.visitor.field_expiry(some_expiry(expiry));
        }
        let mut element_bytes = 0u64;
        let mut lengths = [0; STRINGS];
        let mut integers = [None; STRINGS];
        let seen = lengths.iter_mut().zip(&mut integers);
        for (index, (&role, (length, integer))) in F::ROLES.iter().zip(seen).enumerate() {
            match S::DETAIL {
                Detail::Lengths => *length = self.skip_string_for_len("an element")?,
                Detail::Integers => view_next::<I, V>(self.input, "an element", |string| {
                    (*length, *integer) = (string.decoded_len(), string.canonical_integer());
                })?,
                Detail::Strings => {
                    let header = self.input.read_string_header("an element")?;
                    *integer = self.peek_integer(header)?;
                    *length = self.show_payload(role, header, "an element")?;
                }
            }
            if index < F::PAYLOAD {
                sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(*length);
                element_bytes = element_bytes.saturating_add(*length);
            }
        }
        self.visitor.element(F::ROLES, &lengths, (!S::IS_LENGTHS).then_some(&integers));
        sums.tally.add_element(element_bytes);
        match F::TAIL {
            Tail::Nothing => {}
            Tail::BinaryDouble => {
                let score = self.input.read_array("a score")?;
                sums.note_double(score);
                if !S::IS_LENGTHS {
                    self.visitor.score(Score::Binary(f64::from_le_bytes(score)));
                }
            }
            Tail::Expiry => {
                let stored = self.input.read_array("an expiry")?;
                sums.note_expiry(stored);
                let expiry = u64::try_from(i64::from_le_bytes(stored)).unwrap_or(0);
                self.visitor.field_expiry(some_expiry(expiry));
            }
            Tail::TextDouble => {
                let len = self.input.read_u8("a score")?;
                if len < NAN_DOUBLE {
                    let text = self.input.require(usize::from(len), "a score")?;
                    sums.warnings = sums.warnings.union(score_warnings(text));
                    if !S::IS_LENGTHS {
                        self.visitor.score(Score::Text(text));
                    }
                    self.input.consume(usize::from(len));
                } else {
                    sums.warnings.insert_if(len == NAN_DOUBLE, Warning::NotANumber);
                    if !S::IS_LENGTHS {
                        self.visitor.score(Score::Binary(textless_double(len)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Skips one element that is whole in `bytes`, and returns its length. `None`, with nothing counted
/// or shown, if it is not whole or not valid.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the loop around it is the hot one, and has one copy per value type")]
fn element_within<F: Form<STRINGS>, const STRINGS: usize, S: Shown>(
    bytes: &[u8],
    visitor: &mut impl Visitor,
    sums: &mut ElementSums,
) -> Option<usize> {
    let mut at = 0;
    let mut expiry = 0;
    if F::LEADING_EXPIRY {
        (expiry, at) = decode_length(bytes).ok()??;
    }
    // No element has more strings. They are not in a loop, so that they can be in registers.
    let seen = [
        string_within::<S, _>(true, bytes, &mut at, visitor)?,
        string_within::<S, _>(STRINGS > 1, bytes, &mut at, visitor)?,
        string_within::<S, _>(STRINGS > 2, bytes, &mut at, visitor)?,
    ];
    let lengths = array::from_fn(|index| seen.get(index).map_or(0, |string| string.len));
    let integers = array::from_fn(|index| seen.get(index).and_then(|string| string.integer));
    let (mut element_bytes, mut longest) = (0u64, 0);
    for string in seen.iter().take(F::PAYLOAD) {
        longest = string.len.max(longest);
        element_bytes = element_bytes.saturating_add(string.len);
    }
    let mut score = None;
    match F::TAIL {
        Tail::Nothing => {}
        Tail::BinaryDouble => {
            let double = *bytes.get(at..)?.first_chunk()?;
            sums.note_double(double);
            score = Some(Score::Binary(f64::from_le_bytes(double)));
            at += 8;
        }
        Tail::Expiry => {
            let stored = *bytes.get(at..)?.first_chunk()?;
            sums.note_expiry(stored);
            expiry = u64::try_from(i64::from_le_bytes(stored)).unwrap_or(0);
            at += 8;
        }
        Tail::TextDouble => match *bytes.get(at)? {
            marker @ NAN_DOUBLE.. => {
                sums.warnings.insert_if(marker == NAN_DOUBLE, Warning::NotANumber);
                score = Some(Score::Binary(textless_double(marker)));
                at += 1;
            }
            len => {
                let text = bytes.get(at + 1..)?.get(..usize::from(len))?;
                sums.warnings = sums.warnings.union(score_warnings(text));
                score = Some(Score::Text(text));
                at += 1 + text.len();
            }
        },
    }
    // The element is whole, so it is shown now, and only once.
    if F::LEADING_EXPIRY {
        sums.largest_expiry = sums.largest_expiry.max(expiry);
        visitor.field_expiry(some_expiry(expiry));
    }
    if S::IS_STRINGS {
        for (&role, seen) in F::ROLES.iter().zip(&seen) {
            visitor.string(role, seen.string);
        }
    }
    visitor.element(F::ROLES, &lengths, (!S::IS_LENGTHS).then_some(&integers));
    if let Some(score) = score
        && !S::IS_LENGTHS
    {
        visitor.score(score);
    }
    if matches!(F::TAIL, Tail::Expiry) {
        visitor.field_expiry(some_expiry(expiry));
    }
    sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(longest);
    sums.tally.add_element(element_bytes);
    Some(at)
}

/// A string of an element, as far as it is shown.
struct SeenString<'a> {
    /// Length, decoded.
    len: u64,
    integer: Option<i64>,
    string: RdbString<'a>,
}

impl SeenString<'_> {
    const NONE: Self = Self { len: 0, integer: None, string: RdbString::Raw(&[]) };
}

/// The string at `at`, which moves behind it, or none if none `is_there`. `None` if the string is not
/// whole or not valid, or has to be decompressed.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a part of the hot loop")]
fn string_within<'a, S: Shown, V: Visitor>(
    is_there: bool,
    bytes: &'a [u8],
    at: &mut usize,
    visitor: &V,
) -> Option<SeenString<'a>> {
    if !is_there {
        return Some(SeenString::NONE);
    }
    let rest = bytes.get(*at..)?;
    let (&first, behind) = rest.split_first()?;
    // Most strings are raw and have less than 64 bytes. Then all that follows is simpler.
    if first < 64 {
        let payload = behind.get(..usize::from(first))?;
        let integer = if S::IS_LENGTHS { None } else { parse_canonical_integer(payload) };
        *at += 1 + payload.len();
        return Some(SeenString { len: u64::from(first), integer, string: RdbString::Raw(payload) });
    }
    let header = decode_string_header(rest).ok()??;
    if S::IS_STRINGS && header.form == StringForm::Lzf && visitor.needs_expanded() {
        return None;
    }
    let payload_len = usize::try_from(header.payload_len).ok()?;
    let payload = rest.get(header.header_len..)?.get(..payload_len)?;
    let len = decoded_len(header, payload);
    let string = match shown_len::<V>(header) {
        Some(_) => view_string(header, payload),
        None => RdbString::Skipped { decoded_len: len },
    };
    let integer = if S::IS_LENGTHS { None } else { string.canonical_integer() };
    *at += header.header_len + payload_len;
    Some(SeenString { len, integer, string })
}

impl ElementSums {
    /// Adds the sums over other elements.
    pub(super) fn add(&mut self, other: &Self) {
        self.tally = self.tally.merge(other.tally);
        self.largest_expiry = self.largest_expiry.max(other.largest_expiry);
        self.warnings = self.warnings.union(other.warnings);
    }

    pub(super) fn longest_string_bytes(&self) -> u64 {
        self.tally.longest_string_bytes
    }

    #[inline]
    fn note_double(&mut self, bytes: [u8; 8]) {
        self.warnings.insert_if(f64::from_le_bytes(bytes).is_nan(), Warning::NotANumber);
    }

    #[inline]
    fn note_expiry(&mut self, bytes: [u8; 8]) {
        self.warnings.insert_if(i64::from_le_bytes(bytes) < -1, Warning::NegativeFieldExpiry);
    }
}

/// The expiry for a stored number.
#[inline]
fn some_expiry(stored: u64) -> Option<u64> {
    (stored > 0).then_some(stored)
}

/// The double for the length byte of a text double without text.
#[inline]
fn textless_double(marker: u8) -> f64 {
    match marker {
        NAN_DOUBLE => f64::NAN,
        254 => f64::INFINITY,
        _ => f64::NEG_INFINITY,
    }
}
