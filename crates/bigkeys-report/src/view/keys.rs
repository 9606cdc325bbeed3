//! The biggest keys of all types.

use std::cmp::Reverse;

use rdb_analysis::{KeyRecord, LargestElement, Report};
use serde::Serialize;

use crate::text::{self, bytes, count, plain};
use crate::words;

/// The list of keys.
#[derive(Debug, Serialize)]
pub(super) struct KeysView {
    /// The measure by which keys rank.
    ranked_by: &'static str,
    types: Vec<String>,
    has_memory: bool,
    has_shards: bool,
    has_elements_named: bool,
    rows: Vec<Row>,
}

/// A key. `sort` has the numbers by which columns sort.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    data_type: String,
    encoding: &'static str,
    db: u64,
    shard: Option<String>,
    memory: Option<String>,
    memory_sort: u64,
    file: String,
    file_sort: u64,
    elements: String,
    elements_sort: u64,
    largest: Option<String>,
    largest_sort: u64,
    largest_name: Option<String>,
    expires: Option<String>,
    expires_sort: i64,
}

impl KeysView {
    /// `None`: the report lists no keys.
    pub(super) fn new(report: &Report) -> Option<Self> {
        let mut keys: Vec<&KeyRecord> = report.top.values().flatten().collect();
        // The lists are sorted, and the sort is stable.
        keys.sort_by_key(|key| Reverse(report.rank.of(&key.measure)));
        let rows: Vec<Row> = keys.iter().map(|key| Row::new(key)).collect();
        let mut types: Vec<String> = rows.iter().map(|row| row.data_type.clone()).collect();
        types.sort_unstable();
        types.dedup();
        (!rows.is_empty()).then(|| Self {
            ranked_by: words::rank(report.rank),
            types,
            has_memory: report.totals.memory_bytes.is_some(),
            has_shards: rows.iter().any(|row| row.shard.is_some()),
            has_elements_named: rows.iter().any(|row| row.largest_name.is_some()),
            rows,
        })
    }
}

impl Row {
    fn new(key: &KeyRecord) -> Self {
        let measure = &key.measure;
        let data_type = measure.data_type.to_string();
        let mark = if measure.memory_is_modelled { "" } else { "> " };
        Self {
            name: text::name(&key.key, key.key_bytes),
            data_type: text::name(data_type.as_bytes(), data_type.len() as u64),
            encoding: measure.encoding.name(),
            db: measure.db,
            shard: key.shard.as_deref().map(plain),
            memory: measure.memory_bytes.map(|memory| format!("{mark}{}", bytes(memory))),
            memory_sort: measure.memory_bytes.unwrap_or(0),
            file: bytes(measure.rdb_bytes),
            file_sort: measure.rdb_bytes,
            elements: measure.elements.map(count).unwrap_or_default(),
            elements_sort: measure.elements.unwrap_or(0),
            largest: measure.largest_element_bytes.map(bytes),
            largest_sort: measure.largest_element_bytes.unwrap_or(0),
            largest_name: key.largest_element.as_ref().map(element_name),
            expires: measure.expires_at_ms.map(|at| {
                jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
            }),
            expires_sort: measure.expires_at_ms.unwrap_or(i64::MAX),
        }
    }
}

fn element_name(element: &LargestElement) -> String {
    match element {
        LargestElement::Index(index) => format!("index {}", count(*index)),
        LargestElement::Member(name) | LargestElement::Field(name) => {
            text::name(&name.bytes, name.whole_bytes)
        }
        LargestElement::Entry(id) => format!("entry {id}"),
        other => other.kind().to_owned(),
    }
}
