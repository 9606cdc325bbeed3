//! Sums by type, encoding, database and time to expiry, each with a bar.

use rdb_analysis::{Group, Report};
use serde::Serialize;

use super::overview::weight;
use crate::text::{self, bytes, count, length};
use crate::words;

/// Databases that have a row each.
const MAX_ROWS: usize = 64;

/// A table of sums.
#[derive(Debug, Serialize)]
pub(super) struct BarTable {
    title: &'static str,
    id: &'static str,
    /// What a row is.
    what: &'static str,
    rows: Vec<Row>,
    /// Number of rows that are left out. They are the smallest.
    more: usize,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    /// Length of the bar, in percent of the whole.
    bar: String,
    share: String,
    memory: Option<String>,
    file: String,
    keys: String,
    elements: String,
}

/// The tables of a report. One without keys is left out.
pub(super) fn of_report(report: &Report) -> Vec<BarTable> {
    let types = report.by_type.iter().map(|row| (row.data_type.to_string(), row.group));
    let encodings = report.by_encoding.iter().map(|row| {
        let data_type = row.data_type.to_string();
        let encoding = row.encoding.name();
        let name = if data_type == encoding { data_type } else { format!("{data_type} {encoding}") };
        (name, row.group)
    });
    let databases = report
        .by_db
        .iter()
        .map(|row| (row.db.map_or_else(|| "all others".to_owned(), |db| format!("db {db}")), row.group));
    let expiry = report.expiry.iter().map(|row| (words::expiry(row.bucket).to_owned(), row.group));
    let tables = [
        BarTable::new("By type", "by-type", "type", types.collect(), report, true),
        BarTable::new("By encoding", "by-encoding", "type and encoding", encodings.collect(), report, true),
        BarTable::new("By database", "by-db", "database", databases.collect(), report, true),
        BarTable::new("By time to expiry", "by-expiry", "expires", expiry.collect(), report, false),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

impl BarTable {
    fn new(
        title: &'static str,
        id: &'static str,
        what: &'static str,
        mut groups: Vec<(String, Group)>,
        report: &Report,
        is_ranked: bool,
    ) -> Self {
        groups.retain(|(_, group)| group.keys > 0);
        if is_ranked {
            groups.sort_by_key(|(_, group)| std::cmp::Reverse(weight(group, report)));
        }
        let more = groups.len().saturating_sub(MAX_ROWS);
        let whole = weight(&report.totals, report);
        let row = |(name, group): (String, Group)| {
            let part = weight(&group, report);
            Row {
                name: text::name(name.as_bytes(), name.len() as u64),
                bar: length(text::percent(part, whole)),
                share: text::share(part, whole),
                memory: words::in_memory(&group),
                file: bytes(group.rdb_bytes),
                keys: count(group.keys),
                elements: count(group.elements),
            }
        };
        Self { title, id, what, rows: groups.into_iter().take(MAX_ROWS).map(row).collect(), more }
    }
}
