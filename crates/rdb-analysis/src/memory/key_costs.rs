//! Bytes of keys besides their values.

use super::sizes;
use crate::server::{Allocator, Key, KeyCharge, OBJECT, Profile};

/// Names from this length on reserve room for an expiry.
const LONG_NAME_BYTES: u64 = 128;

/// Names of a length below this are looked up.
const TABLED: usize = 256;

/// Bytes of keys besides their values, by the lengths of their names.
#[derive(Clone, Debug)]
pub(crate) struct KeyCosts {
    lasting: [u16; TABLED],
    expiring: [u16; TABLED],
}

impl KeyCosts {
    pub(crate) fn new(profile: &Profile, allocator: Allocator) -> Self {
        let tabled = |expires| {
            let mut table = [0; TABLED];
            for (bytes, cost) in (0..).zip(&mut table) {
                let exact = key_bytes(profile, |request| allocator.usable(request), Key { bytes, expires });
                *cost = u16::try_from(exact).unwrap_or(u16::MAX);
            }
            table
        };
        Self { lasting: tabled(false), expiring: tabled(true) }
    }

    /// Bytes of a key besides its value.
    #[inline]
    pub(crate) fn bytes(&self, profile: &Profile, allocator: Allocator, key: Key) -> u64 {
        let table = if key.expires { &self.expiring } else { &self.lasting };
        match usize::try_from(key.bytes).ok().and_then(|index| table.get(index)) {
            Some(&cost) => u64::from(cost),
            None => key_bytes(profile, |request| allocator.usable(request), key),
        }
    }
}

/// Bytes of a key besides its value.
fn key_bytes(profile: &Profile, usable: impl Fn(u64) -> u64, key: Key) -> u64 {
    let embedded = profile.headers.embedded_bytes(key.bytes);
    match profile.key {
        KeyCharge::Separate => 24 + sizes::string(usable, profile, key.bytes),
        KeyCharge::InEntry => usable(embedded.saturating_add(17)),
        KeyCharge::InObject | KeyCharge::InRequestedObject => {
            let expiry = if key.expires || key.bytes >= LONG_NAME_BYTES { 8 } else { 0 };
            let request = embedded.saturating_add(OBJECT + 1 + expiry);
            if profile.key == KeyCharge::InObject { usable(request) } else { request }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Family, embedded_bytes};

    fn embedded(family: Family, allocator: Allocator, key: u64, expires: bool, len: u64) -> Option<u64> {
        let profile = Profile::of(family, None);
        let key = Key { bytes: key, expires };
        let object = embedded_bytes(profile, |request| allocator.usable(request), key, len)?;
        let apart = match profile.key {
            KeyCharge::InObject | KeyCharge::InRequestedObject => 0,
            _ => KeyCosts::new(profile, allocator).bytes(profile, allocator, key),
        };
        Some(object + apart)
    }

    #[test]
    fn a_short_value_and_its_key_in_each_family() {
        use Allocator::JemallocQ8;
        // A key of 10 and a value of 20 bytes.
        // 6.2: 24 + A(12) + 16 + 22.
        assert_eq!(embedded(Family::Redis6_2, JemallocQ8, 10, false, 20), Some(24 + 16 + 16 + 22));
        // 7.0 to 8.0: the object is rounded, A(40).
        assert_eq!(embedded(Family::Redis7_0, JemallocQ8, 10, true, 20), Some(24 + 16 + 40));
        // Valkey 8.0: the key is in its entry, A(17 + 12).
        assert_eq!(embedded(Family::Valkey8_0, JemallocQ8, 10, false, 20), Some(32 + 40));
        // 8.2: all in one, A(16 + 1 + 12 + 24), with an expiry A(61).
        assert_eq!(embedded(Family::Redis8_2, JemallocQ8, 10, false, 20), Some(56));
        assert_eq!(embedded(Family::Redis8_2, JemallocQ8, 10, true, 20), Some(64));
        // Valkey 9 saves the pointer: A(8 + 1 + 12 + 24).
        assert_eq!(embedded(Family::Valkey9, JemallocQ8, 10, false, 20), Some(48));
    }

    #[test]
    fn only_valkey_9_embeds_more_than_44_bytes() {
        for family in [Family::Redis6_2, Family::Redis7_2, Family::Valkey8_0] {
            assert!(embedded(family, Allocator::JemallocQ8, 500, false, 44).is_some());
            assert!(embedded(family, Allocator::JemallocQ8, 1, false, 45).is_none());
        }
        assert!(embedded(Family::Redis8_2, Allocator::JemallocQ8, 10, false, 32).is_none());
        assert_eq!(embedded(Family::Valkey9, Allocator::JemallocQ8, 10, false, 100), Some(128));
        assert_eq!(embedded(Family::Valkey9, Allocator::JemallocQ8, 10, false, 104), None);
    }

    #[test]
    fn slack_of_the_allocator_may_take_an_expiry() {
        // 8 + 1 + 12 + (4 + 96) = 121: with an expiry 129, too much to be embedded anew, and q8
        // gives 128.
        assert_eq!(embedded(Family::Valkey9, Allocator::JemallocQ8, 10, true, 96), None);
        // 8 + 1 + 12 + (4 + 92) = 117: the class of 128 has room.
        assert_eq!(embedded(Family::Valkey9, Allocator::JemallocQ8, 10, true, 92), Some(128));
        // glibc gives 120 for 114, and 136 for 121.
        assert_eq!(embedded(Family::Valkey9, Allocator::Glibc, 10, true, 96), Some(136));
    }

    #[test]
    fn the_table_of_keys_holds_what_the_formula_says() {
        for family in [Family::Redis7_2, Family::Redis8_2, Family::Valkey8_0] {
            let profile = Profile::of(family, None);
            let costs = KeyCosts::new(profile, Allocator::JemallocQ16);
            for bytes in 0..600 {
                for expires in [false, true] {
                    let key = Key { bytes, expires };
                    let exact = key_bytes(profile, |n| Allocator::JemallocQ16.usable(n), key);
                    assert_eq!(costs.bytes(profile, Allocator::JemallocQ16, key), exact);
                }
            }
        }
    }

    #[test]
    fn what_a_key_costs() {
        let cost = |family, bytes, expires| {
            key_bytes(Profile::of(family, None), |n| Allocator::JemallocQ8.usable(n), Key { bytes, expires })
        };
        assert_eq!(cost(Family::Redis7_2, 10, false), 40);
        assert_eq!(cost(Family::Redis7_2, 10, true), 40, "an expiry is charged to nobody");
        assert_eq!(cost(Family::Valkey8_0, 10, true), 32);
        assert_eq!(cost(Family::Redis8_2, 10, false), 32);
        assert_eq!(cost(Family::Redis8_2, 10, true), 40);
        assert_eq!(cost(Family::Redis8_2, 128, false), cost(Family::Redis8_2, 128, true));
    }
}
