//! The findings of a rule in words.

use bigkeys::{Limit, RuleResult};
use indicatif::{BinaryBytes, HumanCount};
use jiff::Timestamp;
use rdb_analysis::KeyRecord;

use crate::messages::count;

/// A finding in words. `key`: the key, if it is about one.
pub(super) struct Finding<'a> {
    pub(super) key: Option<&'a KeyRecord>,
    pub(super) text: String,
}

/// The findings of a rule, of keys only those that are listed.
pub(super) fn findings(result: &RuleResult) -> Vec<Finding<'_>> {
    if !result.is_broken() {
        return Vec::new();
    }
    match &result.rule.limit {
        Limit::NoKey => {
            result.largest.iter().map(|key| Finding { key: Some(key), text: key_text(key) }).collect()
        }
        Limit::SameSecond { max_keys } => {
            let text = |second: &bigkeys::ExpirySecond| {
                let at = Timestamp::from_second(second.at_s)
                    .map_or_else(|_| format!("second {} since 1970", second.at_s), |at| at.to_string());
                format!("{} expire at {at}, and {} may", count(second.keys, "key"), HumanCount(*max_keys))
            };
            result.seconds.iter().map(|second| Finding { key: None, text: text(second) }).collect()
        }
        limit => vec![Finding { key: None, text: total_text(result, limit) }],
    }
}

/// What a key is.
fn key_text(key: &KeyRecord) -> String {
    let m = &key.measure;
    let parts = [
        Some(format!("{} {}", m.data_type.name(), m.encoding)),
        m.elements.map(|elements| count(elements, "element")),
        m.value_bytes.map(|bytes| format!("{} of payload", BinaryBytes(bytes))),
        m.memory_bytes.map(|bytes| format!("{} in memory", BinaryBytes(bytes))),
        Some(format!("{} in the file", BinaryBytes(m.rdb_bytes))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The sums that exceed their limits.
fn total_text(result: &RuleResult, limit: &Limit) -> String {
    let Limit::Total { max_keys, max_memory_bytes, max_rdb_bytes, max_elements } = *limit else {
        return String::new();
    };
    let keys = &result.keys;
    let number = |sum: u64| HumanCount(sum).to_string();
    let bytes = |sum: u64| BinaryBytes(sum).to_string();
    let exceeded = |sum: u64, max: Option<u64>, what: &str, shown: &dyn Fn(u64) -> String| {
        let max = max.filter(|&max| sum > max)?;
        Some(format!("{} {what}, and {} may be", shown(sum), shown(max)))
    };
    let parts = [
        exceeded(keys.keys, max_keys, "keys", &number),
        exceeded(keys.memory_bytes.unwrap_or(0), max_memory_bytes, "in memory", &bytes),
        exceeded(keys.rdb_bytes, max_rdb_bytes, "in the file", &bytes),
        exceeded(keys.elements, max_elements, "elements", &number),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
