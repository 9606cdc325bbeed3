//! Keys that expire in the same second.

use std::cmp::Reverse;

use super::bounded::{Add, Bounded};
use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use crate::measure::KeyView;

/// Seconds with a count of their own: the earliest. Each takes about 30 bytes.
const MAX_SECONDS: usize = 1 << 20;

/// Seconds that the child of a range may hold.
const MAX_SECONDS_IN_RANGE: usize = 8 << 10;

/// Counts the keys that expire in the same second, and lists the seconds with the most keys.
///
/// Only the earliest 1,048,576 seconds in which keys expire are counted.
#[derive(Clone, Copy, Debug)]
pub struct ExpirySeconds {
    /// Seconds to list.
    pub top: usize,
}

/// The keys that expire in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpirySecond {
    /// The second since 1970.
    pub at_s: i64,
    /// The number of keys.
    pub keys: u64,
}

/// The seconds of a range or more. The child of [`ExpirySeconds`].
#[derive(Debug, Default)]
pub struct Seconds(Bounded<i64, Keys, MAX_SECONDS>);

#[derive(Clone, Copy, Debug, Default)]
struct Keys(u64);

impl Add for Keys {
    fn add_all(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Observe for Seconds {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn observe(&mut self, key: &KeyView<'_>) {
        if let Some(at_ms) = key.measure.expires_at_ms {
            self.0.value(at_ms.div_euclid(1000)).0 += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() > MAX_SECONDS_IN_RANGE
    }
}

impl Collector for ExpirySeconds {
    type Child = Seconds;
    type Output = Vec<ExpirySecond>;

    fn child(&self, _: RangeStart) -> Seconds {
        Seconds::default()
    }

    fn merge(&self, all: &mut Seconds, child: Seconds) {
        all.0.merge(child.0);
    }

    /// The second with the most keys comes first. Seconds with as many keys are in their order.
    fn finish(&self, all: Seconds) -> Vec<ExpirySecond> {
        let seconds = all.0.into_values();
        let mut seconds: Vec<_> =
            seconds.filter_map(|(at_s, keys)| Some(ExpirySecond { at_s: at_s?, keys: keys.0 })).collect();
        seconds.sort_by_key(|second| (Reverse(second.keys), second.at_s));
        seconds.truncate(self.top);
        seconds
    }
}
