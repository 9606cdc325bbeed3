//! Measures keys while the parser skips their values.

use std::fmt::Debug;

use rdb_parser::outline::Packed;
use rdb_parser::visitor::{Score, StreamId};
use rdb_parser::{Detail, Entry, RdbString, Role, ValueType, Visitor};

use super::data_type::DataType;
use super::encoding::{Encoding, ValueFacts};
use super::key::{KeyView, Measure};
use super::largest_element::{ElementWatch, LargestOfPart};
use super::old_value::OldValue;
use crate::server::{AssumedServer, PackedString};

/// What sees values beside the measures: the memory model of a server, or the walk of a check. `()`
/// is neither.
pub(crate) trait Estimator: Visitor + Sync {
    /// Whether this is a model, and not `()`.
    const IS_MODEL: bool;

    /// An estimator for the assumed server.
    fn new(server: &AssumedServer) -> Self;

    /// One for another range of the source, which has seen nothing.
    fn for_part(&self) -> Self;

    /// The memory of the key whose value was just skipped. `None`: not modelled.
    fn memory_bytes(&mut self, encoding: Encoding, facts: ValueFacts) -> Option<u64>;

    /// Whether the value that was just skipped has a member or field twice.
    fn has_duplicate(&mut self) -> bool {
        false
    }

    /// The visitor does not see the value of the next key.
    fn forget(&mut self) {}

    /// What adds up over the elements of a value.
    type Part: Debug + Send;

    /// The visitor sees elements in the middle of a value. Returns false if they do not add up.
    fn begin_part(&mut self) -> bool;

    /// Takes what was seen since the part began or the last call. `None` if it does not add up.
    fn take_part(&mut self) -> Option<Self::Part>;

    /// Whether [`add_part`](Self::add_part) gives what seeing the elements would give.
    fn adds_up(&self, part: &Self::Part) -> bool;

    /// Adds elements that follow in the current value, instead of seeing them.
    fn add_part(&mut self, part: &Self::Part);
}

/// No memory model.
impl Estimator for () {
    const IS_MODEL: bool = false;

    fn new(_: &AssumedServer) -> Self {}

    fn for_part(&self) -> Self {}

    fn memory_bytes(&mut self, _: Encoding, _: ValueFacts) -> Option<u64> {
        None
    }

    type Part = ();

    fn begin_part(&mut self) -> bool {
        true
    }

    fn take_part(&mut self) -> Option<()> {
        Some(())
    }

    fn adds_up(&self, (): &()) -> bool {
        true
    }

    fn add_part(&mut self, (): &()) {}
}

/// Consecutive elements of a value: their part of the memory model, and the largest.
#[derive(Debug)]
pub(crate) struct SeenPart<P> {
    memory: P,
    largest: LargestOfPart,
}

/// Sees values while the parser skips them, and measures keys. `M` is the memory model, or `()` for
/// none.
#[derive(Debug)]
pub(crate) struct Measurer<M> {
    server: AssumedServer,
    memory: M,
    deep: bool,
    /// Whether every string of the value so far is an integer. Kept for strings and sets, whose
    /// encoding depends on it.
    all_integers: bool,
    watch_integers: bool,
    /// What decides the encoding of a value of an old type.
    old: Option<OldValue>,
    /// Finds the largest element. `None`: the scan does not name it.
    elements: Option<ElementWatch>,
    /// Estimators of servers that were assumed earlier, at most one per server. A file may name
    /// another server in every record, and an estimator takes longer to make than a record takes to
    /// read.
    earlier: Vec<(AssumedServer, M)>,
}

impl<M: Estimator> Measurer<M> {
    /// `deep`: whether to walk packed values. `names_largest`: whether to name the largest element of
    /// each value, which walks packed values, too.
    pub(crate) fn new(server: AssumedServer, deep: bool, names_largest: bool) -> Self {
        Self {
            memory: M::new(&server),
            server,
            deep: deep || names_largest,
            all_integers: false,
            watch_integers: false,
            old: None,
            elements: names_largest.then(ElementWatch::default),
            earlier: Vec::new(),
        }
    }

    /// A measurer for another range of the source, with the same server.
    pub(crate) fn for_part(&self) -> Self {
        Self {
            memory: self.memory.for_part(),
            elements: self.elements.as_ref().map(|_| ElementWatch::default()),
            earlier: Vec::new(),
            ..*self
        }
    }

    /// The assumed server.
    pub(crate) fn server(&self) -> &AssumedServer {
        &self.server
    }

    /// Assumes `server` for the keys that follow.
    pub(crate) fn set_server(&mut self, server: AssumedServer) {
        if server != self.server {
            let known = self.earlier.iter().position(|(earlier, _)| *earlier == server);
            let memory = match known {
                Some(index) => self.earlier.swap_remove(index).1,
                None => M::new(&server),
            };
            let earlier = std::mem::replace(&mut self.memory, memory);
            self.earlier.push((self.server, earlier));
            self.forget();
        }
        self.server = server;
    }

    /// Forgets what was seen, because the value of the next entry was not shown. The rest may
    /// belong to a damaged value.
    pub(crate) fn forget(&mut self) {
        self.memory.forget();
        self.take_largest();
        (self.all_integers, self.watch_integers, self.old) = (false, false, None);
    }

    /// The visitor sees elements in the middle of a value of this type. Returns false if they do not
    /// add up.
    pub(crate) fn begin_part(&mut self, value_type: ValueType) -> bool {
        self.begin(value_type, None);
        // Known of whole values only.
        self.old = None;
        !self.watch_integers && self.memory.begin_part()
    }

    /// Takes what was seen since the part began or the last call. `None` if it does not add up.
    pub(crate) fn take_part(&mut self) -> Option<SeenPart<M::Part>> {
        Some(SeenPart { memory: self.memory.take_part()?, largest: self.take_largest() })
    }

    fn take_largest(&mut self) -> LargestOfPart {
        self.elements.as_mut().map(ElementWatch::take_part).unwrap_or_default()
    }

    /// Whether [`add_part`](Self::add_part) gives what seeing the elements would give.
    pub(crate) fn adds_up(&self, part: &SeenPart<M::Part>) -> bool {
        !self.watch_integers && !self.is_list_undecided() && self.memory.adds_up(&part.memory)
    }

    /// Adds elements that follow in the current value, instead of seeing them.
    pub(crate) fn add_part(&mut self, part: &SeenPart<M::Part>) {
        self.memory.add_part(&part.memory);
        if let Some(elements) = &mut self.elements {
            elements.add_part(&part.largest);
        }
    }

    /// Whether the items that follow may decide the encoding of the list.
    #[inline(always)]
    fn is_list_undecided(&self) -> bool {
        matches!(self.old, Some(OldValue::List { is_only: true, .. }))
    }

    #[inline(always)]
    fn watch_integer(&mut self, is_integer: bool) {
        if !is_integer {
            self.all_integers = false;
            self.watch_integers = false;
        }
    }

    /// The key whose value was just skipped. `time_ms` is that by which keys count as expired.
    #[inline(always)]
    pub(crate) fn view<'v>(&'v mut self, entry: &Entry<'v>, time_ms: i64) -> KeyView<'v> {
        let measure = self.measure(entry);
        let has_duplicate = self.memory.has_duplicate();
        let elements = self.elements.as_ref();
        let largest_element = elements.and_then(|elements| elements.largest(measure.largest_element_bytes));
        KeyView { key: entry.key, measure, largest_element, time_ms, warnings: entry.warnings, has_duplicate }
    }

    /// The measure of the entry whose value was just skipped.
    #[inline(always)]
    fn measure(&mut self, entry: &Entry<'_>) -> Measure {
        let outline = &entry.outline;
        let data_type = DataType::of(entry.value_type, &outline.layout);
        let mut facts = ValueFacts {
            data_type,
            value_type: entry.value_type,
            outline: *outline,
            all_integers: self.all_integers,
            key_bytes: entry.key.decoded_len(),
            has_expiry: entry.meta.expires_at_ms.is_some(),
        };
        if let Some(old) = &self.old {
            facts.outline.layout = old.layout(outline.layout);
        }
        let encoding = Encoding::after_loading(&self.server, facts);
        let memory_bytes = self.memory.memory_bytes(encoding, facts);
        let memory_is_modelled = memory_bytes.is_some();
        let memory_bytes = memory_bytes.or(M::IS_MODEL.then_some(entry.rdb_bytes));
        Measure {
            db: entry.db,
            data_type,
            encoding,
            elements: outline.elements,
            value_bytes: outline.value_bytes,
            rdb_bytes: entry.rdb_bytes,
            memory_bytes,
            memory_is_modelled,
            largest_element_bytes: outline.largest_element_bytes,
            expires_at_ms: entry.meta.expires_at_ms,
            idle_seconds: entry.meta.idle_seconds,
            freq: entry.meta.freq,
            slot: entry.meta.slot,
            offset: entry.span.start,
        }
    }
}

impl<M: Estimator> Visitor for Measurer<M> {
    #[inline]
    fn begin(&mut self, value_type: ValueType, elements: Option<u64>) {
        self.memory.begin(value_type, elements);
        self.watch_integers = match value_type {
            ValueType::String => true,
            ValueType::Set => elements.is_some_and(|n| n <= self.server.limits.set_max_intset_entries),
            _ => false,
        };
        self.all_integers = self.watch_integers;
        self.old = OldValue::of(value_type, &self.server);
        if let Some(elements) = &mut self.elements {
            elements.begin();
        }
    }

    #[inline]
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        self.memory.string(role, string);
        if role == Role::Whole {
            self.watch_integer(string.canonical_integer().is_some());
        } else if let Some(old @ OldValue::Zipmap { .. }) = &mut self.old {
            old.add(PackedString { len: string.decoded_len(), integer: None }, &self.server);
        }
        if let Some(elements) = &mut self.elements {
            elements.string(role, string);
        }
    }

    #[inline]
    fn detail(&self) -> Detail {
        let own = if self.elements.is_some() {
            Detail::Strings
        } else if self.watch_integers || self.is_list_undecided() {
            Detail::Integers
        } else {
            Detail::Lengths
        };
        own.max(self.memory.detail())
    }

    #[inline(always)]
    fn element<const STRINGS: usize>(
        &mut self,
        roles: &'static [Role; STRINGS],
        lengths: &[u64; STRINGS],
        integers: Option<&[Option<i64>; STRINGS]>,
    ) {
        self.memory.element(roles, lengths, integers);
        if let Some([first, ..]) = integers.map(<[_; STRINGS]>::as_slice) {
            self.watch_integer(first.is_some());
            if let Some(old) = &mut self.old {
                old.add(PackedString { len: lengths[0], integer: *first }, &self.server);
            }
        }
    }

    #[inline]
    fn score(&mut self, score: Score<'_>) {
        self.memory.score(score);
    }

    #[inline]
    fn field_expiry(&mut self, expiry: Option<u64>) {
        self.memory.field_expiry(expiry);
    }

    fn array_cell(&mut self, index: u64, string_bytes: Option<u64>) {
        self.memory.array_cell(index, string_bytes);
        if let Some(elements) = &mut self.elements {
            elements.array_cell(index);
        }
    }

    fn list_node(&mut self, packed: bool, bytes: u64, lzf_bytes: Option<u64>) {
        self.memory.list_node(packed, bytes, lzf_bytes);
    }

    fn stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        self.memory.stream_node(id, listpack_bytes);
    }

    fn stream_entry(&mut self, id: &StreamId, bytes: u64) {
        if let Some(elements) = &mut self.elements {
            elements.stream_entry(*id, bytes);
        }
    }

    fn stream_group(&mut self, name: RdbString<'_>) {
        self.memory.stream_group(name);
    }

    fn stream_consumer(&mut self, name: RdbString<'_>) {
        self.memory.stream_consumer(name);
    }

    #[inline]
    fn stream_pending(&mut self, id: &StreamId) {
        self.memory.stream_pending(id);
    }

    fn needs_pending(&self) -> bool {
        self.memory.needs_pending()
    }

    fn needs_packed(&self) -> bool {
        self.deep
    }

    fn needs_walk(&mut self, packed: Packed, elements: Option<u64>) -> bool {
        let is_needed = self.memory.needs_walk(packed, elements);
        self.deep || is_needed || self.old.is_some()
    }

    #[inline]
    fn needs_expanded(&self) -> bool {
        self.memory.needs_expanded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Assumptions;
    use rdb_parser::{Dialect, Flavour, Header};

    /// Of Redis 7.2.
    fn measurer() -> Measurer<()> {
        let header = Header { dialect: Dialect::Redis, version: 11 };
        let server = AssumedServer::new(&Assumptions::default(), header, Flavour::Redis, Some("7.2.4"));
        Measurer::new(server, false, false)
    }

    #[test]
    fn a_value_that_was_not_shown_has_nothing_of_the_value_before() {
        let mut measurer = measurer();
        measurer.begin(ValueType::List, Some(1));
        assert_eq!(measurer.detail(), Detail::Integers);
        measurer.forget();
        assert!(measurer.old.is_none());
        assert_eq!(measurer.detail(), Detail::Lengths);
    }

    #[test]
    fn a_list_of_more_than_one_node_is_read_by_its_lengths() {
        let mut measurer = measurer();
        measurer.begin(ValueType::List, Some(3));
        measurer.element(&[Role::Item], &[8000], Some(&[None]));
        assert_eq!(measurer.detail(), Detail::Integers);
        measurer.element(&[Role::Item], &[8000], Some(&[None]));
        assert_eq!(measurer.detail(), Detail::Lengths);
    }
}
