//! How sizes, idle times and expiries are distributed.

use serde::{Deserialize, Serialize};

use super::bounded::{Add, Bounded};
use super::cells::{MAX_OTHER_TYPES, OTHER_MODULES};
use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use super::names::{HistogramBucket, SizeHistogram};
use super::portable::{Portable, empty_child};
use crate::measure::{DataType, KeyView, TypeWire};

/// Types with distributions of their own.
const MAX_TYPES: usize = DataType::BUILT_IN.len() + MAX_OTHER_TYPES;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Hours that a forecast has, and days behind them.
const HOURS: usize = 24;
const DAYS: usize = 29;

/// Where the last of these days ends.
const LATER_MS: i64 = 30 * DAY_MS;

/// Collects how sizes, idle times, access frequencies and expiries are distributed.
///
/// ```
/// use rdb_analysis::{Distributions, ScanOptions, Source, analyze};
///
/// let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
/// let source = Source::from_bytes("dump.rdb", file);
/// let outcome = analyze(vec![source], Distributions, &ScanOptions::default(), &(), &false.into())?;
/// assert_eq!(outcome.output.elements.max, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Distributions;

/// The result of [`Distributions`]. Bytes are those in memory, or in the file where memory is not
/// modelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DistributionTable {
    /// Bytes of all keys.
    pub bytes: Quantiles,
    /// Elements of all keys that have a number of elements.
    pub elements: Quantiles,
    /// By type.
    pub by_type: Vec<TypeDistribution>,
    /// Seconds without access, of the keys for which the file says it.
    pub idle_seconds: Quantiles,
    /// Access frequency (LFU), of the keys for which the file says it.
    pub freq: Quantiles,
    /// What expires when: the keys that had expired, 24 hours, 29 days, and what lives longer.
    pub forecast: Vec<ForecastRow>,
}

/// The distributions of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TypeDistribution {
    /// The type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Bytes of its keys.
    pub bytes: Quantiles,
    /// Elements of its keys.
    pub elements: Quantiles,
}

/// Numbers that a part of the keys does not exceed.
///
/// Each is exact or at most 25 % too high, and never below the true one. The largest is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Quantiles {
    /// Keys with such a number.
    pub keys: u64,
    /// That of half of them.
    pub p50: u64,
    /// That of 90 % of them.
    pub p90: u64,
    /// That of 99 % of them.
    pub p99: u64,
    /// That of 99.9 % of them.
    pub p999: u64,
    /// That of all of them.
    pub max: u64,
    /// The histogram of the numbers: four buckets for each power of two, without empty buckets.
    pub histogram: Vec<HistogramBucket>,
}

/// Keys that expire in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ForecastRow {
    /// Seconds after the file was written at which the span begins. `None`: the keys had expired.
    pub from_s: Option<i64>,
    /// Seconds after which it ends. `None`: it does not end.
    pub to_s: Option<i64>,
    /// Keys that expire in it.
    pub keys: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Numbers of keys, and the largest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Numbers {
    histogram: SizeHistogram,
    max: u64,
}

impl Numbers {
    fn add(&mut self, number: u64) {
        self.histogram.add(number);
        self.max = self.max.max(number);
    }

    fn merge(&mut self, other: &Self) {
        self.histogram.merge(&other.histogram);
        self.max = self.max.max(other.max);
    }

    fn quantiles(&self) -> Quantiles {
        let at = |thousandths| self.histogram.at_most(thousandths).min(self.max);
        Quantiles {
            keys: self.histogram.keys(),
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p999: at(999),
            max: self.max,
            histogram: self.histogram.buckets().collect(),
        }
    }
}

/// The numbers of a type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct TypeNumbers {
    bytes: Numbers,
    elements: Numbers,
}

impl Add for TypeNumbers {
    fn add_all(&mut self, other: Self) {
        self.bytes.merge(&other.bytes);
        self.elements.merge(&other.elements);
    }
}

/// The keys of a range or more. The child of [`Distributions`].
#[derive(Debug)]
pub struct KeyNumbers {
    types: Bounded<DataType, TypeNumbers, MAX_TYPES>,
    idle_seconds: Numbers,
    freq: Numbers,
    /// Keys and bytes: expired, by hour, by day, later.
    expiry: [(u64, u64); 1 + HOURS + DAYS + 1],
}

/// What is carried of [`KeyNumbers`].
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyNumbersWire {
    /// `None`: the types without numbers of their own.
    types: Vec<(Option<TypeWire>, TypeNumbers)>,
    idle_seconds: Numbers,
    freq: Numbers,
    expiry: Vec<(u64, u64)>,
}

impl Portable for Distributions {
    type Wire = KeyNumbersWire;

    fn to_wire(&self, child: KeyNumbers) -> KeyNumbersWire {
        let KeyNumbers { types, idle_seconds, freq, expiry } = child;
        let types = types.into_values().map(|(data_type, numbers)| (data_type.map(TypeWire::from), numbers));
        KeyNumbersWire { types: types.collect(), idle_seconds, freq, expiry: expiry.to_vec() }
    }

    fn child_of(&self, wire: KeyNumbersWire) -> KeyNumbers {
        let mut child = empty_child(self);
        for (data_type, numbers) in wire.types {
            match data_type.and_then(TypeWire::into_type) {
                Some(data_type) => child.types.value(data_type).add_all(numbers),
                None => child.types.rest().add_all(numbers),
            }
        }
        (child.idle_seconds, child.freq) = (wire.idle_seconds, wire.freq);
        child.expiry.iter_mut().zip(wire.expiry).for_each(|(span, carried)| *span = carried);
        child
    }
}

/// The span in which a key with this time to live expires.
fn span(ttl_ms: i64) -> usize {
    let index = |number: i64| usize::try_from(number).unwrap_or(0);
    match ttl_ms {
        ..=0 => 0,
        _ if ttl_ms < DAY_MS => 1 + index(ttl_ms / HOUR_MS),
        _ => (HOURS + index(ttl_ms / DAY_MS)).min(1 + HOURS + DAYS),
    }
}

impl Observe for KeyNumbers {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn observe(&mut self, key: &KeyView<'_>) {
        let measure = &key.measure;
        let bytes = measure.memory_bytes.unwrap_or(measure.rdb_bytes);
        let numbers = match measure.data_type {
            OTHER_MODULES => self.types.rest(),
            data_type => self.types.value(data_type),
        };
        numbers.bytes.add(bytes);
        if let Some(elements) = measure.elements {
            numbers.elements.add(elements);
        }
        if let Some(seconds) = measure.idle_seconds {
            self.idle_seconds.add(seconds);
        }
        if let Some(freq) = measure.freq {
            self.freq.add(freq.into());
        }
        if let Some(at_ms) = measure.expires_at_ms {
            let (keys, sum) = &mut self.expiry[span(at_ms.saturating_sub(key.time_ms))];
            *keys += 1;
            *sum = sum.saturating_add(bytes);
        }
    }
}

impl Collector for Distributions {
    type Child = KeyNumbers;
    type Output = DistributionTable;

    fn child(&self, _: RangeStart) -> KeyNumbers {
        KeyNumbers {
            types: Bounded::default(),
            idle_seconds: Numbers::default(),
            freq: Numbers::default(),
            expiry: [(0, 0); 1 + HOURS + DAYS + 1],
        }
    }

    fn merge(&self, all: &mut KeyNumbers, child: KeyNumbers) {
        all.types.merge(child.types);
        all.idle_seconds.merge(&child.idle_seconds);
        all.freq.merge(&child.freq);
        for ((keys, bytes), (more_keys, more_bytes)) in all.expiry.iter_mut().zip(child.expiry) {
            *keys += more_keys;
            *bytes = bytes.saturating_add(more_bytes);
        }
    }

    fn finish(&self, all: KeyNumbers) -> DistributionTable {
        let mut sum = TypeNumbers::default();
        let mut by_type = Vec::new();
        for (data_type, numbers) in all.types.into_values() {
            by_type.push(TypeDistribution {
                data_type: data_type.unwrap_or(OTHER_MODULES),
                bytes: numbers.bytes.quantiles(),
                elements: numbers.elements.quantiles(),
            });
            sum.add_all(numbers);
        }
        let hours = (0..).take(HOURS).map(|hour: i64| (hour * HOUR_MS, (hour + 1) * HOUR_MS));
        let days = (1..).take(DAYS).map(|day: i64| (day * DAY_MS, (day + 1) * DAY_MS));
        let spans = hours.chain(days).map(|(from, to)| (Some(from / 1000), Some(to / 1000)));
        let last = (Some(LATER_MS / 1000), None);
        let spans = std::iter::once((None, Some(0))).chain(spans).chain([last]);
        let row = |((from_s, to_s), (keys, bytes))| ForecastRow { from_s, to_s, keys, bytes };
        DistributionTable {
            bytes: sum.bytes.quantiles(),
            elements: sum.elements.quantiles(),
            by_type,
            idle_seconds: all.idle_seconds.quantiles(),
            freq: all.freq.quantiles(),
            forecast: spans.zip(all.expiry).map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScanOptions, Source, Totals, analyze};

    #[test]
    fn spans_follow_each_other() {
        for (ttl_ms, expected) in [
            (i64::MIN, 0),
            (0, 0),
            (1, 1),
            (HOUR_MS - 1, 1),
            (HOUR_MS, 2),
            (DAY_MS - 1, HOURS),
            (DAY_MS, HOURS + 1),
            (2 * DAY_MS - 1, HOURS + 1),
            (30 * DAY_MS - 1, HOURS + DAYS),
            (30 * DAY_MS, HOURS + DAYS + 1),
            (i64::MAX, HOURS + DAYS + 1),
        ] {
            assert_eq!(span(ttl_ms), expected, "{ttl_ms}");
        }
    }

    #[test]
    fn distributions_are_the_same_on_any_number_of_threads() {
        let written_ms = 1_700_000_000_000i64;
        let mut file = b"REDIS0009\xfa\x05ctime\xc2\x00\xf1\x53\x65\xfe\x00".to_vec();
        for n in 0..5000i64 {
            if n % 3 == 0 {
                file.push(0xfc);
                file.extend((written_ms + (n - 100) * HOUR_MS / 4).to_le_bytes());
            }
            if n % 5 == 0 {
                file.extend([0xf9, u8::try_from(n % 200).expect("a byte")]);
            }
            file.extend([0, 4]);
            file.extend(format!("{n:04}").as_bytes());
            file.extend([u8::try_from(n % 60).expect("short")]);
            file.extend(std::iter::repeat_n(b'x', usize::try_from(n % 60).expect("short")));
        }
        file.extend(b"\xff\0\0\0\0\0\0\0\0");
        let run = |threads, range_bytes| {
            let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
            let sources = vec![Source::from_bytes("test", &file)];
            analyze(sources, (Totals, Distributions), &options, &(), &false.into()).expect("threads").output
        };
        let (totals, table) = run(1, None);
        assert_eq!((table.bytes.keys, table.freq.keys, table.idle_seconds.keys), (5000, 1000, 0));
        assert_eq!(table.freq.max, 195);
        let expiring: u64 = table.forecast.iter().map(|row| row.keys).sum();
        assert_eq!(expiring, totals.keys_with_expiry);
        assert_eq!(table.forecast[0].keys, 34);
        assert_eq!((table.forecast[1].from_s, table.forecast[54].to_s), (Some(0), None));
        assert!(table.forecast.windows(2).all(|rows| rows[0].to_s == rows[1].from_s));
        for (threads, range_bytes) in [(2, Some(2000)), (3, Some(30_000))] {
            assert_eq!(run(threads, range_bytes).1, table);
        }
    }
}
