//! Rate limit of requests.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Keys that are remembered. One that may send as much as it ever may is forgotten first.
const MAX_KEYS: usize = 10_000;

/// Token buckets, one for each key.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    /// 0 for no limit.
    per_second: f64,
    at_once: f64,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl<K: Clone + Eq + Hash> Throttle<K> {
    /// A key may send `at_once` requests at once, and `per_second` on average.
    pub(crate) fn new(per_second: f64, at_once: f64) -> Self {
        Self { per_second, at_once, buckets: Mutex::default() }
    }

    /// Whether `key` may send a request at `now`, which then counts.
    pub(crate) fn allows(&self, key: &K, now: Instant) -> bool {
        let is_allowed = self.would_allow(key, now);
        if is_allowed {
            self.count(key, now);
        }
        is_allowed
    }

    /// Whether `key` may send a request at `now`.
    pub(crate) fn would_allow(&self, key: &K, now: Instant) -> bool {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        self.per_second <= 0.0 || buckets.get(key).is_none_or(|bucket| self.tokens(*bucket, now) >= 1.0)
    }

    /// Counts a request of `key` at `now`.
    pub(crate) fn count(&self, key: &K, now: Instant) {
        if self.per_second <= 0.0 {
            return;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_KEYS && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| self.tokens(*bucket, now) < self.at_once);
            if buckets.len() >= MAX_KEYS {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(key.clone()).or_insert(Bucket { tokens: self.at_once, at: now });
        *bucket = Bucket { tokens: self.tokens(*bucket, now) - 1.0, at: now };
    }

    /// The tokens of a bucket at `now`.
    fn tokens(&self, bucket: Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(self.at_once)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_key_has_its_own_allowance_which_refills() {
        let throttle = Throttle::new(2.0, 2.0);
        let now = Instant::now();
        assert!(throttle.allows(&"a", now) && throttle.allows(&"a", now) && !throttle.allows(&"a", now));
        assert!(throttle.allows(&"b", now));
        let later = now + Duration::from_millis(500);
        assert!(throttle.allows(&"a", later) && !throttle.allows(&"a", later));
        let much_later = now + Duration::from_mins(1);
        assert_eq!((0..5).filter(|_| throttle.allows(&"a", much_later)).count(), 2);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let throttle = Throttle::new(0.0, 0.0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| throttle.allows(&"a", now)));
    }

    #[test]
    fn the_number_of_remembered_keys_is_bounded() {
        let throttle = Throttle::new(1.0, 5.0);
        let now = Instant::now();
        for key in 0..3 * MAX_KEYS {
            assert!(throttle.allows(&key, now));
            assert!(throttle.buckets.lock().expect("no panic").len() <= MAX_KEYS);
        }
        throttle.count(&0, now);
        let later = now + Duration::from_mins(1);
        for key in 0..MAX_KEYS {
            throttle.count(&key, later);
        }
        assert!(throttle.would_allow(&0, later));
    }
}
