//! A cache of results that take long to compute.

/// Number of cached results.
const PLACES: usize = 1024;

/// A cache from two numbers to a result. Each slot holds one result.
#[derive(Clone, Debug)]
pub(crate) struct Memo<T> {
    places: Vec<Option<((u64, u64), T)>>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { places: Vec::new() }
    }
}

impl<T: Copy> Memo<T> {
    /// The result for `key`, computed by `find` if it is not cached.
    pub(crate) fn get(&mut self, key: (u64, u64), find: impl FnOnce() -> T) -> T {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let mixed = (key.0.wrapping_mul(521) ^ key.1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = usize::try_from(mixed >> 54).unwrap_or_default();
        match self.places.get_mut(place) {
            Some(Some((known, answer))) if *known == key => *answer,
            Some(place) => place.insert((key, find())).1,
            None => find(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_that_of_its_key() {
        let mut memo = Memo::default();
        for round in 0..2 {
            for i in 0..60 {
                for n in 0..60 {
                    assert_eq!(memo.get((i, n), || i * 1000 + n), i * 1000 + n, "round {round}");
                }
            }
        }
    }
}
