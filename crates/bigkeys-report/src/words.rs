//! Results in words, for the page and for tables.

use bigkeys_scan::{Excess, Limit, MaxSums, RuleResult};
use jiff::Timestamp;
use rdb_analysis::{Expected, ExpectedError, ExpiryBucket, ForecastRow, Group, KeyRecord, Rank};

pub use crate::text::{bytes, count, counted, name, share};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// Bytes in memory, marked where they are a lower bound. `None`: not modelled.
pub fn in_memory(group: &Group) -> Option<String> {
    let mark = if group.memory_not_modelled_keys > 0 { "> " } else { "" };
    group.memory_bytes.map(|memory| format!("{mark}{}", bytes(memory)))
}

/// The measure by which keys rank.
pub fn rank(rank: Rank) -> &'static str {
    match rank {
        Rank::Elements => "number of elements",
        Rank::ValueBytes => "bytes of payload",
        Rank::RdbBytes => "bytes in the file",
        Rank::MemoryBytes => "bytes in memory",
        Rank::LargestElementBytes => "bytes of the largest element",
        _ => rank.name(),
    }
}

/// When the keys of a group expire.
pub fn expiry(bucket: ExpiryBucket) -> &'static str {
    match bucket {
        ExpiryBucket::Never => "never",
        ExpiryBucket::Expired => "had expired",
        ExpiryBucket::WithinHour => "within an hour",
        ExpiryBucket::WithinDay => "within a day",
        ExpiryBucket::WithinWeek => "within a week",
        ExpiryBucket::WithinMonth => "within 30 days",
        _ => "later",
    }
}

/// The span of time of a row: `in hour 3`, `on day 2`.
pub fn span(row: &ForecastRow) -> String {
    match (row.from_s, row.to_s) {
        (None, _) => "had expired".to_owned(),
        (Some(from), None) => format!("after {} days", from / DAY_S),
        (Some(from), Some(_)) if from < DAY_S => format!("in hour {}", from / HOUR_S + 1),
        (Some(from), Some(_)) => format!("on day {}", from / DAY_S + 1),
    }
}

/// How far the memory model may be off: first what is exact, then each bound.
pub fn expected_errors(errors: &[ExpectedError]) -> Vec<String> {
    let mut exact = Vec::new();
    let mut with_remainders = Vec::new();
    let mut extrapolated = Vec::new();
    let mut lines = Vec::new();
    for row in errors {
        let name = name_of(row);
        match row.expected {
            Expected::Exact => exact.push(name),
            Expected::Almost { one_in, max_percent } => lines.push(format!(
                "{name}: to the byte but for one key in {one_in}, which is within {max_percent} %"
            )),
            Expected::Random { percent_at_100_elements } => lines.push(format!(
                "{name}: standard error {percent_at_100_elements} % at 100 elements, a tenth of that at 10,000"
            )),
            Expected::Remainders { .. } => with_remainders.push(name),
            Expected::Extrapolated => extrapolated.push(name),
            Expected::LowerBound => {
                lines.push(format!("{name}: a lower bound, without a share of the template's field names"));
            }
            _ => {}
        }
    }
    if !with_remainders.is_empty() {
        let names = with_remainders.join(", ");
        lines.insert(0, format!("but for 16 bytes with one allocation in about 100: {names}"));
    }
    if !exact.is_empty() {
        lines.insert(0, format!("to the byte: {}", exact.join(", ")));
    }
    if !extrapolated.is_empty() {
        let names = extrapolated.join(", ");
        lines.push(format!("extrapolated, not compared with such a server: {names}"));
    }
    lines
}

fn name_of(row: &ExpectedError) -> String {
    let data_type = row.data_type.to_string();
    if data_type == row.encoding.name() { data_type } else { format!("{data_type} {}", row.encoding) }
}

/// A finding of a rule.
#[derive(Clone, Debug)]
pub struct Finding<'a> {
    /// The key, if the finding is about one.
    pub key: Option<&'a KeyRecord>,
    /// What was found.
    pub text: String,
}

/// The findings of a rule, of keys only those that are listed.
pub fn findings(result: &RuleResult) -> Vec<Finding<'_>> {
    if !result.is_broken() {
        return Vec::new();
    }
    match &result.rule.limit {
        Limit::NoKey => {
            result.largest.iter().map(|key| Finding { key: Some(key), text: key_text(key) }).collect()
        }
        Limit::SameSecond { max_keys } => {
            let text = |second: &bigkeys_scan::ExpirySecond| {
                let at = Timestamp::from_second(second.at_s)
                    .map_or_else(|_| format!("second {} since 1970", second.at_s), |at| at.to_string());
                format!("{} expire at {at}, and {} may", counted(second.keys, "key"), count(*max_keys))
            };
            result.seconds.iter().map(|second| Finding { key: None, text: text(second) }).collect()
        }
        Limit::Total(max) => vec![Finding { key: None, text: total_text(result, max) }],
        _ => Vec::new(),
    }
}

/// What a key is.
fn key_text(key: &KeyRecord) -> String {
    let m = &key.measure;
    let parts = [
        Some(format!("{} {}", m.data_type.name(), m.encoding)),
        m.elements.map(|elements| counted(elements, "element")),
        m.value_bytes.map(|payload| format!("{} of payload", bytes(payload))),
        m.memory_bytes.map(|memory| format!("{} in memory", bytes(memory))),
        Some(format!("{} in the file", bytes(m.rdb_bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The sums that exceed their maximum.
fn total_text(result: &RuleResult, max: &MaxSums) -> String {
    let texts = max.excesses(&result.keys).map(|Excess { of, sum, max, .. }| match of {
        "memory_bytes" => format!("{} in memory, and the limit is {}", bytes(sum), bytes(max)),
        "rdb_bytes" => format!("{} in the file, and the limit is {}", bytes(sum), bytes(max)),
        _ => format!("{} {of}, and the limit is {}", count(sum), count(max)),
    });
    texts.collect::<Vec<_>>().join("; ")
}
