//! Rate limit of requests.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Token buckets, one for each key. A key may send as many requests at once as in a second on
/// average.
#[derive(Debug)]
pub(crate) struct Throttle {
    /// 0 for no limit.
    per_second: f64,
    // Keys are those of the configuration, so the map is small.
    buckets: Mutex<HashMap<String, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Throttle {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second), buckets: Mutex::default() }
    }

    /// Whether `key` may send a request at `now`.
    pub(crate) fn allows(&self, key: &str, now: Instant) -> bool {
        if self.per_second <= 0.0 {
            return true;
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = Bucket { tokens: self.per_second, at: now };
        let bucket = match buckets.get_mut(key) {
            Some(bucket) => bucket,
            None => buckets.entry(key.to_owned()).or_insert(full),
        };
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.per_second);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_key_has_its_own_allowance_which_refills() {
        let throttle = Throttle::new(2);
        let now = Instant::now();
        assert!(throttle.allows("a", now) && throttle.allows("a", now) && !throttle.allows("a", now));
        assert!(throttle.allows("b", now));
        let later = now + Duration::from_millis(500);
        assert!(throttle.allows("a", later) && !throttle.allows("a", later));
        let much_later = now + Duration::from_mins(1);
        assert_eq!((0..5).filter(|_| throttle.allows("a", much_later)).count(), 2);
    }

    #[test]
    fn no_limit_is_no_limit() {
        let throttle = Throttle::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| throttle.allows("a", now)));
    }
}
