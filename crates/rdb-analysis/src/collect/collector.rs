//! The extension point: what gathers a result over all keys, on all threads.

use rdb_parser::ErrorKind;

use crate::measure::{KeyView, Measure};
use crate::parallel::Place;
use crate::scan::SourceFacts;

/// Gathers a result over the keys of all sources, on all threads.
///
/// A scan splits sources into ranges. Each range gets a child of its own, which sees the keys of
/// that range in file order. Children are merged, and [`finish`](Self::finish) makes the result of
/// the last one. A tuple of collectors is a collector, so several results take one pass.
///
/// ```
/// use rdb_analysis::{Collector, KeyView, Observe, RangeStart, ScanOptions, Source, Totals, analyze};
///
/// /// Counts the keys without an expiry.
/// struct Lasting;
///
/// struct Count(u64);
///
/// impl Observe for Count {
///     const PLACE: rdb_analysis::PlaceUse = rdb_analysis::PlaceUse::Ignored;
///
///     fn observe(&mut self, key: &KeyView<'_>) {
///         self.0 += u64::from(key.measure.expires_at_ms.is_none());
///     }
/// }
///
/// impl Collector for Lasting {
///     type Child = Count;
///     type Output = u64;
///
///     fn child(&self, _: RangeStart) -> Count {
///         Count(0)
///     }
///
///     fn merge(&self, all: &mut Count, child: Count) {
///         all.0 += child.0;
///     }
///
///     fn finish(&self, all: Count) -> u64 {
///         all.0
///     }
/// }
///
/// let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
/// let source = Source::from_bytes("dump.rdb", file);
/// let outcome = analyze(vec![source], (Totals, Lasting), &ScanOptions::default(), &(), &false.into())?;
/// let (totals, lasting) = outcome.output;
/// assert_eq!((totals.keys, totals.elements, lasting), (1, 2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Collector: Sync {
    /// Gathers the keys of one range.
    type Child: Observe;

    /// The result.
    type Output;

    /// An empty child.
    fn child(&self, start: RangeStart) -> Self::Child;

    /// Adds the keys of `child` to `all`.
    ///
    /// Must be associative and commutative, because sources finish in any order.
    fn merge(&self, all: &mut Self::Child, child: Self::Child);

    /// Learns about a source whose last key was read. `all` has the keys of that source and no
    /// others.
    fn end_source(&self, all: &mut Self::Child, source: &EndOfSource<'_>) {
        let _ = (all, source);
    }

    /// Makes the result.
    fn finish(&self, all: Self::Child) -> Self::Output;
}

/// Gathers the keys of one range: the child of a [`Collector`].
pub trait Observe: Send {
    /// Which use it makes of the database and the slot of keys. With the default both are right, at
    /// a cost.
    const PLACE: PlaceUse = PlaceUse::Required;

    /// Checks whether [`observe`](Self::observe) can have what it needs of a key, above all its
    /// name. Changes no result.
    ///
    /// # Errors
    ///
    /// If the name is needed and cannot be decompressed. The key counts as damaged, and no
    /// collector observes it.
    #[inline(always)]
    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let _ = key;
        Ok(())
    }

    /// Adds a key.
    fn observe(&mut self, key: &KeyView<'_>);

    /// Whether the child of a range holds as much memory as it may. The range then ends before the
    /// next key.
    ///
    /// Up to six ranges per thread wait for their merge, so 256 KiB are a good limit.
    #[inline(always)]
    fn is_full(&self) -> bool {
        false
    }

    /// Corrects the database and slot of every key observed so far. Called if
    /// [`PLACE`](Self::PLACE) is [`Corrected`](PlaceUse::Corrected) and the range began [without a
    /// known place](RangeStart::is_place_known).
    fn correct_place(&mut self, place: Place) {
        let _ = place;
    }
}

/// Which use an [`Observe`] makes of [`Measure::db`] and [`Measure::slot`].
///
/// A range that begins in the middle of a file does not know its database before its first
/// `SELECTDB` opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceUse {
    /// It looks at neither.
    Ignored,
    /// It corrects both in [`Observe::correct_place`].
    Corrected,
    /// Both must be right when a key is observed. A range that assumed another database or slot is
    /// read again, and a file with slots is read by one thread.
    Required,
}

impl PlaceUse {
    /// The stronger of two.
    pub(crate) const fn max(self, other: Self) -> Self {
        if self as u8 > other as u8 { self } else { other }
    }
}

/// Where the child of a [`Collector`] begins.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RangeStart {
    /// Index of the source among those of the scan.
    pub source: usize,
    /// Whether the database and the slot of the first keys are known. Otherwise
    /// [`Observe::correct_place`] follows.
    pub is_place_known: bool,
}

/// A source whose last key was read.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EndOfSource<'a> {
    /// Index of the source among those of the scan.
    pub index: usize,
    /// Path or another name.
    pub path: &'a str,
    /// The node that wrote it, if the user says so.
    pub shard: Option<&'a str>,
    /// What was learned besides the keys.
    pub facts: &'a SourceFacts,
}

impl<C: Collector> Collector for &C {
    type Child = C::Child;
    type Output = C::Output;

    fn child(&self, start: RangeStart) -> C::Child {
        (**self).child(start)
    }

    fn merge(&self, all: &mut C::Child, child: C::Child) {
        (**self).merge(all, child);
    }

    fn end_source(&self, all: &mut C::Child, source: &EndOfSource<'_>) {
        (**self).end_source(all, source);
    }

    fn finish(&self, all: C::Child) -> C::Output {
        (**self).finish(all)
    }
}

/// `None` collects nothing.
impl<C: Collector> Collector for Option<C> {
    type Child = Option<C::Child>;
    type Output = Option<C::Output>;

    fn child(&self, start: RangeStart) -> Self::Child {
        self.as_ref().map(|collector| collector.child(start))
    }

    fn merge(&self, all: &mut Self::Child, child: Self::Child) {
        if let (Some(collector), Some(all), Some(child)) = (self, all, child) {
            collector.merge(all, child);
        }
    }

    fn end_source(&self, all: &mut Self::Child, source: &EndOfSource<'_>) {
        if let (Some(collector), Some(all)) = (self, all) {
            collector.end_source(all, source);
        }
    }

    fn finish(&self, all: Self::Child) -> Self::Output {
        self.as_ref().zip(all).map(|(collector, all)| collector.finish(all))
    }
}

impl<O: Observe> Observe for Option<O> {
    const PLACE: PlaceUse = O::PLACE;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.as_mut().map_or(Ok(()), |inner| inner.check(key))
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        if let Some(inner) = self {
            inner.observe(key);
        }
    }

    fn is_full(&self) -> bool {
        self.as_ref().is_some_and(O::is_full)
    }

    fn correct_place(&mut self, place: Place) {
        if let Some(inner) = self {
            inner.correct_place(place);
        }
    }
}

/// Collectors of one kind, as many as a program needs. The output has their outputs in their order.
impl<C: Collector> Collector for Vec<C> {
    type Child = Vec<C::Child>;
    type Output = Vec<C::Output>;

    fn child(&self, start: RangeStart) -> Self::Child {
        self.iter().map(|collector| collector.child(start)).collect()
    }

    fn merge(&self, all: &mut Self::Child, child: Self::Child) {
        for ((collector, all), child) in self.iter().zip(all).zip(child) {
            collector.merge(all, child);
        }
    }

    fn end_source(&self, all: &mut Self::Child, source: &EndOfSource<'_>) {
        for (collector, all) in self.iter().zip(all) {
            collector.end_source(all, source);
        }
    }

    fn finish(&self, all: Self::Child) -> Self::Output {
        self.iter().zip(all).map(|(collector, all)| collector.finish(all)).collect()
    }
}

impl<O: Observe> Observe for Vec<O> {
    const PLACE: PlaceUse = O::PLACE;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.iter_mut().try_for_each(|inner| inner.check(key))
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        for inner in self {
            inner.observe(key);
        }
    }

    fn is_full(&self) -> bool {
        self.iter().any(O::is_full)
    }

    fn correct_place(&mut self, place: Place) {
        for inner in self {
            inner.correct_place(place);
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))+) => {$(
        impl<$($name: Observe),+> Observe for ($($name,)+) {
            const PLACE: PlaceUse = PlaceUse::Ignored$(.max($name::PLACE))+;

            #[inline(always)]
            fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
                $(self.$index.check(key)?;)+
                Ok(())
            }

            #[inline(always)]
            fn observe(&mut self, key: &KeyView<'_>) {
                $(self.$index.observe(key);)+
            }

            #[inline(always)]
            fn is_full(&self) -> bool {
                $(self.$index.is_full())||+
            }

            fn correct_place(&mut self, place: Place) {
                $(self.$index.correct_place(place);)+
            }
        }

        impl<$($name: Collector),+> Collector for ($($name,)+) {
            type Child = ($($name::Child,)+);
            type Output = ($($name::Output,)+);

            fn child(&self, start: RangeStart) -> Self::Child {
                ($(self.$index.child(start),)+)
            }

            fn merge(&self, all: &mut Self::Child, child: Self::Child) {
                $(self.$index.merge(&mut all.$index, child.$index);)+
            }

            fn end_source(&self, all: &mut Self::Child, source: &EndOfSource<'_>) {
                $(self.$index.end_source(&mut all.$index, source);)+
            }

            fn finish(&self, all: Self::Child) -> Self::Output {
                ($(self.$index.finish(all.$index),)+)
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

impl Place {
    /// Corrects a measure of a key that was observed before the place was known.
    pub fn correct(self, measure: &mut Measure) {
        measure.db = self.db;
        measure.slot = self.slot_of(measure.slot);
    }
}
