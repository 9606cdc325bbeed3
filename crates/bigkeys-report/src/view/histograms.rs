//! How sizes and elements are distributed, and what expires when.

use rdb_analysis::{DistributionTable, ForecastRow, Quantiles};
use serde::Serialize;

use crate::text::{bytes, count, length};
use crate::words;

/// A histogram of one measure.
#[derive(Debug, Serialize)]
pub(super) struct Histogram {
    title: &'static str,
    id: &'static str,
    /// Numbers that a part of the keys does not exceed.
    quantiles: Vec<(&'static str, String)>,
    bars: Vec<Bar>,
}

/// A bar: its place in percent of the picture, and what it stands for.
#[derive(Debug, Serialize)]
struct Bar {
    x: String,
    width: String,
    y: String,
    height: String,
    label: String,
    keys: String,
    /// Bytes of the keys, where they are known.
    bytes: Option<String>,
}

/// The histograms of all keys.
pub(super) fn of_keys(table: &DistributionTable) -> Vec<Histogram> {
    [
        Histogram::new("Bytes of a key", "sizes", &table.bytes, bytes),
        Histogram::new("Elements of a key", "elements", &table.elements, count),
        Histogram::new("Seconds without access", "idle", &table.idle_seconds, count),
        Histogram::new("Access frequency (LFU)", "frequency", &table.freq, count),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Histogram {
    /// A bar for each power of two. `None`: no key has such a number.
    fn new(
        title: &'static str,
        id: &'static str,
        quantiles: &Quantiles,
        show: fn(u64) -> String,
    ) -> Option<Self> {
        let mut powers: Vec<(u64, u64)> = Vec::new();
        for bucket in &quantiles.histogram {
            let power = if bucket.from == 0 { 0 } else { 1 << bucket.from.ilog2() };
            match powers.last_mut() {
                Some((last, keys)) if *last == power => *keys += bucket.keys,
                _ => powers.push((power, bucket.keys)),
            }
        }
        let (first, last) = (powers.first()?.0, powers.last()?.0);
        let place = |power: u64| u64::from(power.checked_ilog2().map_or(0, |log| log + 1));
        let places = place(last) - place(first) + 1;
        let most = powers.iter().map(|&(_, keys)| keys).max().unwrap_or(0);
        let bars = powers.iter().map(|&(power, keys)| {
            let label = match power {
                0 | 1 => show(power),
                _ => format!("{} to below {}", show(power), show(power.saturating_mul(2))),
            };
            Bar::new(place(power) - place(first), places, (keys, most), label, None)
        });
        let &Quantiles { p50, p90, p99, p999, max, .. } = quantiles;
        let named = [("half", p50), ("90 %", p90), ("99 %", p99), ("99.9 %", p999), ("all", max)];
        Some(Self {
            title,
            id,
            quantiles: named.map(|(name, number)| (name, show(number))).to_vec(),
            bars: bars.collect(),
        })
    }
}

impl Bar {
    /// The bar at `place` of `places`, as high as `number` is of the largest.
    fn new(
        place: u64,
        places: u64,
        (number, most): (u64, u64),
        label: String,
        bytes: Option<String>,
    ) -> Self {
        let step = crate::text::percent(1, places);
        // A bar that is not empty can be seen.
        let height = if number == 0 { 0.0 } else { crate::text::percent(number, most).max(1.0) };
        Self {
            x: length(crate::text::percent(place, places) + step * 0.05),
            width: length(step * 0.9),
            y: length(100.0 - height),
            height: length(height),
            label,
            keys: count(number),
            bytes,
        }
    }
}

/// What expires when.
#[derive(Debug, Serialize)]
pub(super) struct ForecastView {
    /// The next 24 hours, the days after them, and what lives longer.
    hours: Vec<Bar>,
    days: Vec<Bar>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    span: String,
    keys: String,
    bytes: String,
}

impl ForecastView {
    /// `None`: no key expires.
    pub(super) fn new(table: &DistributionTable) -> Option<Self> {
        let rows: Vec<&ForecastRow> = table.forecast.iter().filter(|row| row.keys > 0).collect();
        if rows.is_empty() {
            return None;
        }
        let is_hour =
            |row: &ForecastRow| matches!((row.from_s, row.to_s), (Some(from), Some(to)) if to - from <= 3600);
        let is_day = |row: &ForecastRow| row.from_s.is_some() && !is_hour(row);
        Some(Self {
            hours: bars(table, is_hour),
            days: bars(table, is_day),
            rows: rows
                .into_iter()
                .map(|row| Row { span: words::span(row), keys: count(row.keys), bytes: bytes(row.bytes) })
                .collect(),
        })
    }
}

/// A bar of bytes for each span of a kind. None if no key expires in one.
fn bars(table: &DistributionTable, is_shown: impl Fn(&ForecastRow) -> bool) -> Vec<Bar> {
    let rows: Vec<&ForecastRow> = table.forecast.iter().filter(|row| is_shown(row)).collect();
    let most = rows.iter().map(|row| row.bytes).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    let places = rows.len() as u64;
    let bar = |(place, row): (u64, &&ForecastRow)| {
        let mut bar = Bar::new(place, places, (row.bytes, most), words::span(row), Some(bytes(row.bytes)));
        bar.keys = count(row.keys);
        bar
    };
    (0..).zip(&rows).map(bar).collect()
}
