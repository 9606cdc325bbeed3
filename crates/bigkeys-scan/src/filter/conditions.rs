//! Conditions that are lists, limits and samples.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::error::FilterError;

/// Numbers and ranges, such as `0,2-5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberList(Vec<RangeInclusive<u64>>);

impl NumberList {
    pub(super) fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|range| range.contains(&number))
    }
}

/// As it is parsed.
impl fmt::Display for NumberList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for NumberList {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some(first..=last)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| FilterError::Numbers { text: text.to_owned() })
    }
}

/// A condition on the time that a key has to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TtlCondition {
    /// The key has no expiry.
    None,
    /// The key has an expiry.
    Any,
    /// The key had expired and was not deleted.
    Expired,
    /// The key lives for less than this number of milliseconds, and has not expired.
    Below(i64),
    /// The key lives for more than this number of milliseconds.
    Above(i64),
}

impl TtlCondition {
    /// Whether it holds for a key with this time to live in milliseconds.
    pub(super) fn holds(self, ttl_ms: Option<i64>) -> bool {
        match (self, ttl_ms) {
            (Self::None, ttl_ms) => ttl_ms.is_none(),
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Expired, Some(ttl_ms)) => ttl_ms <= 0,
            (Self::Below(limit_ms), Some(ttl_ms)) => 0 < ttl_ms && ttl_ms < limit_ms,
            (Self::Above(limit_ms), Some(ttl_ms)) => ttl_ms > limit_ms,
        }
    }
}

/// As it is parsed, with limits in seconds.
impl fmt::Display for TtlCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Any => f.write_str("any"),
            Self::Expired => f.write_str("expired"),
            Self::Below(limit_ms) => write!(f, "<{}s", limit_ms / 1000),
            Self::Above(limit_ms) => write!(f, ">{}s", limit_ms / 1000),
        }
    }
}

impl FromStr for TtlCondition {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let wrong = || FilterError::Ttl { text: text.to_owned() };
        match text.trim() {
            "none" => Ok(Self::None),
            "any" => Ok(Self::Any),
            "expired" => Ok(Self::Expired),
            limit if limit.starts_with('<') => duration_ms(&limit[1..]).map(Self::Below).ok_or_else(wrong),
            limit if limit.starts_with('>') => duration_ms(&limit[1..]).map(Self::Above).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

/// A number of seconds, or of `s`, `m`, `h`, `d` or `w`.
fn duration_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let seconds = match unit.trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(seconds * 1000)
}

/// A sample of keys. Whether a key is in it depends on its name only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    below: u64,
}

impl Sample {
    pub(super) fn new(rate: f64) -> Result<Self, FilterError> {
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(FilterError::Rate { rate });
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the rate is in (0, 1]")]
        let below = (rate * 2f64.powi(32)).ceil() as u64;
        Ok(Self { below })
    }

    pub(super) fn contains(self, name: &[u8]) -> bool {
        // FNV-1a, mixed once more, because the sample must be the same in every version.
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_numbers_and_ranges() {
        let list: NumberList = "0, 2-5".parse().expect("a list");
        let inside: Vec<u64> = (0..8).filter(|&number| list.contains(number)).collect();
        assert_eq!(inside, [0, 2, 3, 4, 5]);
        assert_eq!(list.to_string(), "0,2-5");
        for text in ["", "a", "1-", "5-2", "1,,2"] {
            assert!(text.parse::<NumberList>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_to_live_is_compared_with_a_limit() {
        let holds = |text: &str, ttl_ms| text.parse::<TtlCondition>().map(|ttl| ttl.holds(ttl_ms)).ok();
        assert_eq!(holds("none", None), Some(true));
        assert_eq!(holds("none", Some(5)), Some(false));
        assert_eq!(holds("<1h", Some(3_599_999)), Some(true));
        assert_eq!(holds("<1h", Some(0)), Some(false), "it had expired");
        assert_eq!(holds("<1h", None), Some(false));
        assert_eq!(holds(">7d", Some(8 * 86_400_000)), Some(true));
        assert_eq!(holds("expired", Some(-1)), Some(true));
        assert_eq!("<1h".parse::<TtlCondition>().expect("a limit").to_string(), "<3600s");
        assert_eq!(holds("1h", None), None);
        assert_eq!(holds("<1y", None), None);
        assert_eq!(holds("<9223372036854775807w", None), None);
    }

    #[test]
    fn a_sample_has_about_its_part_of_the_names() {
        let sample = Sample::new(0.1).expect("a rate");
        let names = (0..10_000).filter(|i| sample.contains(format!("user:{i}").as_bytes())).count();
        assert!((900..1100).contains(&names), "{names}");
        let all = Sample::new(1.0).expect("a rate");
        assert!((0..1000).all(|i| all.contains(format!("{i}").as_bytes())));
        assert!(Sample::new(0.0).is_err() && Sample::new(1.5).is_err() && Sample::new(f64::NAN).is_err());
    }
}
