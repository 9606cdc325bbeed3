//! Gives a collector some of the keys.

use rdb_parser::ErrorKind;

use super::collector::{Collector, EndOfSource, Observe, PlaceUse, RangeStart};
use crate::measure::KeyView;
use crate::parallel::Place;

/// Gives a collector the keys that a function admits.
///
/// The function sees each key and its whole name. `BY_PLACE` says whether the function looks at
/// [`Measure::db`](crate::Measure::db) or [`Measure::slot`](crate::Measure::slot): a range that
/// assumed another database is then read again, and a file with slots is read by one thread.
///
/// Sources have no account of the server's memory then, because the account is one of all keys.
///
/// ```
/// use rdb_analysis::{Filtered, KeyView, ScanOptions, Source, Totals, analyze};
///
/// let file = b"REDIS0003\xfe\x00\x00\x01a\x01v\x00\x01b\x01v\xff";
/// let source = Source::from_bytes("dump.rdb", file);
/// let only_a = Filtered::<_, _, false>::new(Totals, |_: &KeyView<'_>, name: &[u8]| name == b"a");
/// let outcome = analyze(vec![source], only_a, &ScanOptions::default(), &(), &false.into())?;
/// assert_eq!(outcome.output.keys, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Filtered<C, F, const BY_PLACE: bool> {
    collector: C,
    admits: F,
}

impl<C, F, const BY_PLACE: bool> Filtered<C, F, BY_PLACE>
where
    F: Fn(&KeyView<'_>, &[u8]) -> bool + Clone + Send + Sync,
{
    /// Gives `collector` the keys for which `admits` returns true.
    pub fn new(collector: C, admits: F) -> Self {
        Self { collector, admits }
    }
}

impl<C: Collector, F, const BY_PLACE: bool> Collector for Filtered<C, F, BY_PLACE>
where
    F: Fn(&KeyView<'_>, &[u8]) -> bool + Clone + Send + Sync,
{
    type Child = FilteredKeys<C::Child, F, BY_PLACE>;
    type Output = C::Output;

    fn child(&self, start: RangeStart) -> Self::Child {
        FilteredKeys {
            inner: self.collector.child(start),
            admits: self.admits.clone(),
            is_admitted: false,
            scratch: Vec::new(),
        }
    }

    fn merge(&self, all: &mut Self::Child, child: Self::Child) {
        self.collector.merge(&mut all.inner, child.inner);
    }

    fn end_source(&self, all: &mut Self::Child, source: &EndOfSource<'_>) {
        let mut facts = source.facts.clone();
        facts.memory_model = None;
        self.collector.end_source(&mut all.inner, &EndOfSource { facts: &facts, ..*source });
    }

    fn finish(&self, all: Self::Child) -> C::Output {
        self.collector.finish(all.inner)
    }
}

/// The keys of a range that a function admits. The child of [`Filtered`].
#[derive(Debug)]
pub struct FilteredKeys<O, F, const BY_PLACE: bool> {
    inner: O,
    admits: F,
    /// Whether the key that was checked last is admitted.
    is_admitted: bool,
    scratch: Vec<u8>,
}

impl<O: Observe, F, const BY_PLACE: bool> Observe for FilteredKeys<O, F, BY_PLACE>
where
    F: Fn(&KeyView<'_>, &[u8]) -> bool + Send,
{
    const PLACE: PlaceUse = if BY_PLACE { PlaceUse::Required } else { O::PLACE };

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let name = key.key.decode(&mut self.scratch)?;
        self.is_admitted = (self.admits)(key, name);
        if self.is_admitted { self.inner.check(key) } else { Ok(()) }
    }

    /// Every key is [checked](Self::check) before.
    fn observe(&mut self, key: &KeyView<'_>) {
        if self.is_admitted {
            self.inner.observe(key);
        }
    }

    fn is_full(&self) -> bool {
        self.inner.is_full()
    }

    fn correct_place(&mut self, place: Place) {
        self.inner.correct_place(place);
    }
}
