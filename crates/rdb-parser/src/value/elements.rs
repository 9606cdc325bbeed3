//! Collections stored string by string: the hot loop of files with large collections.

use super::open::{ElementParts, OpenValue};
use super::sums::{ElementLayout, ElementSums, PartSums};
use super::walker::{
    FIELD_EXPIRY_OUT_OF_RANGE, FIELD_WITH_EXPIRY, MAX_FIELD_EXPIRY_MS, MEMBER_WITH_EXPIRY, PAIR, Walker,
    decoded_len, score_warnings, shown_len, view_string,
};
use crate::error::{Error, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::{ReadExt as _, StringForm, decode_length, decode_string_header};
use crate::string::RdbString;
use crate::visitor::{Role, Score, Visitor};
use crate::warning::Warning;

/// Bytes walked before the input adds them to the checksum.
const CHECKPOINT_BYTES: usize = 256 << 10;

/// What stands beside the strings of a counted element. Always a constant, so that each layout gets
/// a loop of its own.
#[derive(Clone, Copy)]
pub(crate) struct ElementForm {
    /// Whether an expiry, stored as a length, stands before the strings.
    leading_expiry: bool,
    /// What stands after the strings.
    tail: Tail,
}

/// Compiles code for the layout of a value: for its form, the roles of its strings, and the number
/// of the first of them that are payload.
macro_rules! for_layout {
    ($layout:expr, |$form:ident, $roles:ident, $payload:ident| $code:expr) => {
        for_layout!(@ $layout, $form, $roles, $payload, $code, {
            Items: PLAIN, &[Role::Item], 1;
            Members: PLAIN, &[Role::Member], 1;
            MembersWithScore: WITH_BINARY_SCORE, &[Role::Member], 1;
            MembersWithTextScore: WITH_TEXT_SCORE, &[Role::Member], 1;
            Pairs: PLAIN, PAIR, 2;
            PairsThenExpiry: EXPIRY_LAST, PAIR, 2;
            ExpiryThenPairs: EXPIRY_FIRST, PAIR, 2;
            PairsWithExpiry: PLAIN, FIELD_WITH_EXPIRY, 2;
            MembersWithExpiry: PLAIN, MEMBER_WITH_EXPIRY, 1;
        })
    };
    (@ $layout:expr, $form:ident, $roles:ident, $payload:ident, $code:expr,
        { $($name:ident: $its_form:ident, $its_roles:expr, $its_payload:expr;)* }) => {
        match $layout {
            $(ElementLayout::$name => {
                let ($form, $roles, $payload) = (ElementForm::$its_form, $its_roles, $its_payload);
                $code
            })*
        }
    };
}

/// What stands after the strings of an element.
#[derive(Clone, Copy)]
enum Tail {
    Nothing,
    /// A binary double.
    BinaryDouble,
    /// Milliseconds, or -1 for none.
    Expiry,
    /// A double as text: its length in one byte, or 253 to 255 for NaN and the infinities.
    TextDouble,
}

/// Length byte of a text double that means NaN. It and the bytes above it mean a value without
/// text.
pub(crate) const NAN_DOUBLE: u8 = 253;

impl ElementLayout {
    /// Of what an element consists.
    pub(super) fn parts(self) -> ElementParts {
        for_layout!(self, |form, roles, _payload| ElementParts {
            are_nodes: false,
            leading_length: form.leading_expiry,
            strings: roles.len(),
            text_double: matches!(form.tail, Tail::TextDouble),
            tail_bytes: if matches!(form.tail, Tail::BinaryDouble | Tail::Expiry) { 8 } else { 0 },
        })
    }

    /// Fewest bytes of an element.
    fn min_element_bytes(self) -> u64 {
        for_layout!(self, |form, roles, _payload| form.min_element_bytes(roles.len()))
    }
}

impl ElementForm {
    const PLAIN: Self = Self { leading_expiry: false, tail: Tail::Nothing };
    const WITH_BINARY_SCORE: Self = Self { leading_expiry: false, tail: Tail::BinaryDouble };
    const WITH_TEXT_SCORE: Self = Self { leading_expiry: false, tail: Tail::TextDouble };
    const EXPIRY_FIRST: Self = Self { leading_expiry: true, tail: Tail::Nothing };
    const EXPIRY_LAST: Self = Self { leading_expiry: false, tail: Tail::Expiry };

    /// Fewest bytes of an element with this number of strings.
    const fn min_element_bytes(self, strings: usize) -> u64 {
        let tail = match self.tail {
            Tail::Nothing => 0,
            Tail::BinaryDouble | Tail::Expiry => 8,
            Tail::TextDouble => 1,
        };
        strings as u64 + self.leading_expiry as u64 + tail
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

    /// Skips elements, and shows their strings as long as the visitor needs them, and otherwise
    /// their lengths. Stops where the [pace](super::open::Pace) ends. Adds to `sums`, and returns
    /// the number of elements that are left.
    #[inline]
    pub(super) fn skip_elements(
        &mut self,
        layout: ElementLayout,
        count: u64,
        sums: &mut ElementSums,
    ) -> Result<u64> {
        let mut left = count;
        if self.visitor.needs_strings() {
            left = self.skip_some::<true>(layout, left, sums)?;
        }
        if !self.visitor.needs_strings() {
            left = self.skip_some::<false>(layout, left, sums)?;
        }
        Ok(left)
    }

    /// As [`skip_elements`](Self::skip_elements). Ends also where the visitor needs no more
    /// strings, if they are `SHOWN`.
    #[inline]
    fn skip_some<const SHOWN: bool>(
        &mut self,
        layout: ElementLayout,
        count: u64,
        sums: &mut ElementSums,
    ) -> Result<u64> {
        // The loop has the sums by value, so that they are in registers.
        let skipped = for_layout!(layout, |form, roles, payload| {
            self.skip_some_of::<_, SHOWN>(count, form, roles, payload, *sums)
        });
        let left;
        (*sums, left) = skipped?;
        Ok(left)
    }

    /// As [`skip_some`](Self::skip_some), for one layout.
    #[inline]
    fn skip_some_of<const STRINGS: usize, const SHOWN: bool>(
        &mut self,
        count: u64,
        form: ElementForm,
        roles: &'static [Role; STRINGS],
        payload: usize,
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
                let len =
                    element_within::<STRINGS, SHOWN, V>(rest, form, roles, payload, self.visitor, &mut sums);
                let Some(len) = len else {
                    whole = false;
                    break;
                };
                at += len;
                left -= 1;
                wanted = !SHOWN || self.visitor.needs_strings();
            }
            self.input.consume(at);
            self.input.checkpoint();
            if !whole {
                self.element_shown::<STRINGS, SHOWN>(form, roles, payload, &mut sums)?;
                left -= 1;
                wanted = !SHOWN || self.visitor.needs_strings();
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
        for_layout!(layout, |form, roles, payload| {
            self.element_shown::<_, true>(form, roles, payload, sums)
        })
    }

    /// Skips one element, of which the input may hold a part only, and names the damage of an
    /// invalid one.
    #[cold]
    fn element_shown<const STRINGS: usize, const SHOWN: bool>(
        &mut self,
        form: ElementForm,
        roles: &'static [Role; STRINGS],
        payload: usize,
        sums: &mut ElementSums,
    ) -> Result<()> {
        if form.leading_expiry {
            let expiry = self.input.read_length("a field's expiry")?;
            sums.largest_expiry = sums.largest_expiry.max(expiry);
            self.visitor.field_expiry(some_expiry(expiry));
        }
        let mut element_bytes = 0u64;
        let mut lengths = [0; STRINGS];
        for (index, (&role, shown)) in roles.iter().zip(&mut lengths).enumerate() {
            let len = if SHOWN {
                self.show_string(role, "an element")?
            } else {
                self.skip_string_for_len("an element")?
            };
            *shown = len;
            if index < payload {
                sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(len);
                element_bytes = element_bytes.saturating_add(len);
            }
        }
        if !SHOWN {
            self.visitor.lengths(roles, &lengths);
        }
        sums.tally.add_element(element_bytes);
        match form.tail {
            Tail::Nothing => {}
            Tail::BinaryDouble => {
                let score = self.input.read_array("a score")?;
                sums.note_double(score);
                if SHOWN {
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
                    if SHOWN {
                        self.visitor.score(Score::Text(text));
                    }
                    self.input.consume(usize::from(len));
                } else {
                    sums.warnings.insert_if(len == NAN_DOUBLE, Warning::NotANumber);
                    if SHOWN {
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
fn element_within<const STRINGS: usize, const SHOWN: bool, V: Visitor>(
    bytes: &[u8],
    form: ElementForm,
    roles: &'static [Role; STRINGS],
    payload_strings: usize,
    visitor: &mut V,
    sums: &mut ElementSums,
) -> Option<usize> {
    let mut at = 0;
    let mut expiry = 0;
    if form.leading_expiry {
        (expiry, at) = decode_length(bytes).ok()??;
    }
    let mut strings = [RdbString::Raw(&[]); STRINGS];
    let mut lengths = [0; STRINGS];
    let mut element_bytes = 0u64;
    let mut longest = 0;
    for (index, (string, shown_length)) in strings.iter_mut().zip(&mut lengths).enumerate() {
        let rest = bytes.get(at..)?;
        let header = decode_string_header(rest).ok()??;
        if SHOWN && header.form == StringForm::Lzf && visitor.needs_expanded() {
            return None;
        }
        let payload_len = usize::try_from(header.payload_len).ok()?;
        let payload = rest.get(header.header_len..)?.get(..payload_len)?;
        let len = decoded_len(header, payload);
        if SHOWN {
            *string = match shown_len(header) {
                Some(_) => view_string(header, payload),
                None => RdbString::Skipped { decoded_len: len },
            };
        }
        *shown_length = len;
        if index < payload_strings {
            longest = len.max(longest);
            element_bytes = element_bytes.saturating_add(len);
        }
        at += header.header_len + payload_len;
    }
    let mut score = None;
    match form.tail {
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
    if form.leading_expiry {
        sums.largest_expiry = sums.largest_expiry.max(expiry);
        visitor.field_expiry(some_expiry(expiry));
    }
    if SHOWN {
        for (string, &role) in strings.iter().zip(roles) {
            visitor.string(role, *string);
        }
        if let Some(score) = score {
            visitor.score(score);
        }
    } else {
        visitor.lengths(roles, &lengths);
    }
    if matches!(form.tail, Tail::Expiry) {
        visitor.field_expiry(some_expiry(expiry));
    }
    sums.tally.longest_string_bytes = sums.tally.longest_string_bytes.max(longest);
    sums.tally.add_element(element_bytes);
    Some(at)
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
