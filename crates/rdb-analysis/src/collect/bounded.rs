//! A map that a hostile file cannot grow without end.

use std::collections::BTreeMap;

/// Values whose sum does not depend on the order in which they are added.
pub(crate) trait Add: Default {
    /// Adds `other`.
    fn add_all(&mut self, other: Self);
}

/// Values by key for the `MAX` smallest keys, and the sum of all others.
///
/// Which keys have a value of their own depends only on the set of keys: a key is evicted only when
/// `MAX` smaller ones exist, so it never returns. So values are complete, and neither the order of
/// keys nor the order in which maps are merged matters.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<K, V, const MAX: usize> {
    kept: BTreeMap<K, V>,
    rest: Option<V>,
}

impl<K, V, const MAX: usize> Default for Bounded<K, V, MAX> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), rest: None }
    }
}

impl<K: Copy + Ord, V: Add, const MAX: usize> Bounded<K, V, MAX> {
    /// The value for `key`: its own, or the sum of the others.
    pub(crate) fn value(&mut self, key: K) -> &mut V {
        if self.kept.len() < MAX || self.kept.contains_key(&key) {
            return self.kept.entry(key).or_default();
        }
        match self.kept.last_entry() {
            Some(largest) if key < *largest.key() => {
                let value = largest.remove();
                self.rest.get_or_insert_default().add_all(value);
                self.kept.entry(key).or_default()
            }
            _ => self.rest(),
        }
    }

    /// The number of keys that have a value of their own.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The sum of the others.
    pub(crate) fn rest(&mut self) -> &mut V {
        self.rest.get_or_insert_default()
    }

    /// Adds the values of another map.
    pub(crate) fn merge(&mut self, other: Self) {
        for (key, value) in other.kept {
            self.value(key).add_all(value);
        }
        if let Some(rest) = other.rest {
            self.rest().add_all(rest);
        }
    }

    /// Values in ascending order of keys; last that of the others, without a key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<K>, &V)> {
        let kept = self.kept.iter().map(|(&key, value)| (Some(key), value));
        kept.chain(self.rest.iter().map(|rest| (None, rest)))
    }

    /// As [`iter`](Self::iter), by value.
    pub(crate) fn into_values(self) -> impl Iterator<Item = (Option<K>, V)> {
        let kept = self.kept.into_iter().map(|(key, value)| (Some(key), value));
        kept.chain(self.rest.map(|rest| (None, rest)))
    }

    /// As [`iter`](Self::iter), by mutable reference.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.kept.values_mut().chain(&mut self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Add for u64 {
        fn add_all(&mut self, other: Self) {
            *self += other;
        }
    }

    type Sums = Bounded<u8, u64, 3>;

    fn sums(values: &[(u8, u64)]) -> Sums {
        let mut sums = Sums::default();
        for &(key, value) in values {
            sums.value(key).add_all(value);
        }
        sums
    }

    fn list(sums: &Sums) -> Vec<(Option<u8>, u64)> {
        sums.iter().map(|(key, &value)| (key, value)).collect()
    }

    #[test]
    fn the_smallest_keys_are_kept_and_the_others_add_up() {
        let values = [(5, 1), (9, 10), (5, 100), (1, 1000), (7, 10_000), (9, 100_000), (3, 7)];
        assert_eq!(list(&sums(&values)), [(Some(1), 1000), (Some(3), 7), (Some(5), 101), (None, 110_010)]);
    }

    proptest! {
        #[test]
        fn neither_the_order_of_keys_nor_that_of_merges_matters(
            values in proptest::collection::vec((0u8..12, 0u64..1000), 0..40),
            shuffled in Just(()).prop_perturb(|(), mut rng| rng.random::<u64>()),
            parts in 1usize..6,
        ) {
            let whole = sums(&values);
            let mut order = values.clone();
            order.sort_by_key(|&(key, value)| (u64::from(key) * 1000 + value).wrapping_mul(shuffled | 1));
            prop_assert_eq!(list(&sums(&order)), list(&whole));
            let mut merged = Sums::default();
            for part in order.chunks(order.len() / parts + 1) {
                merged.merge(sums(part));
            }
            prop_assert_eq!(list(&merged), list(&whole));
        }
    }
}
