//! The findings of a rule in words.

use bigkeys::{Excess, Limit, MaxSums, RuleResult};
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
        Limit::Total(max) => vec![Finding { key: None, text: total_text(result, max) }],
        _ => Vec::new(),
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

/// The sums that exceed their maximum.
fn total_text(result: &RuleResult, max: &MaxSums) -> String {
    let texts = max.excesses(&result.keys).map(|Excess { of, sum, max, .. }| match of {
        "memory_bytes" => format!("{} in memory, and the limit is {}", BinaryBytes(sum), BinaryBytes(max)),
        "rdb_bytes" => format!("{} in the file, and the limit is {}", BinaryBytes(sum), BinaryBytes(max)),
        _ => format!("{} {of}, and the limit is {}", HumanCount(sum), HumanCount(max)),
    });
    texts.collect::<Vec<_>>().join("; ")
}
