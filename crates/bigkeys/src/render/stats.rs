//! How sizes, idle times and expiries are distributed.

use std::io::{self, Write};

use bigkeys_report::words;
use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::{KeysAs, provenance};
use rdb_analysis::{DistributionTable, Quantiles, Report};
use rdb_parser::escape::Escaped;
use serde::Serialize;

use super::layout::{Table, cell, numbers};
use super::sources;
use super::style::{TableStyle, heading};
use super::table::share;

/// Version of the shape of the JSON. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// Writes sizes, elements and accesses, and what expires when.
pub(crate) fn table(
    out: &mut dyn Write,
    report: &Report,
    table: &DistributionTable,
    style: TableStyle,
) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    let measure = if report.totals.memory_bytes.is_some() { "memory" } else { "file" };
    let bytes = table.by_type.iter().map(|row| (row.data_type.name(), &row.bytes));
    let bytes = bytes.chain([("total".into(), &table.bytes)]);
    heading(out, &format!("Bytes of a key in {measure}"), style)?;
    quantiles(out, bytes, &|bytes| BinaryBytes(bytes).to_string(), style)?;
    let elements = table.by_type.iter().map(|row| (row.data_type.name(), &row.elements));
    let elements = elements.chain([("total".into(), &table.elements)]);
    heading(out, "Elements of a key", style)?;
    quantiles(out, elements, &|elements| HumanCount(elements).to_string(), style)?;
    let accesses =
        [("seconds without access".into(), &table.idle_seconds), ("access frequency".into(), &table.freq)];
    if accesses.iter().any(|(_, quantiles)| quantiles.keys > 0) {
        heading(out, "Accesses", style)?;
        quantiles(out, accesses.into_iter(), &|number| HumanCount(number).to_string(), style)?;
    }
    forecast(out, report, table, style)
}

/// Rows without keys are left out.
fn quantiles<'a>(
    out: &mut dyn Write,
    rows: impl Iterator<Item = (std::borrow::Cow<'a, str>, &'a Quantiles)>,
    show: &dyn Fn(u64) -> String,
    style: TableStyle,
) -> io::Result<()> {
    let columns = vec![
        numbers("keys", 3),
        numbers("half below", 0),
        numbers("90 % below", 2),
        numbers("99 % below", 1),
        numbers("99.9 % below", 4),
        numbers("largest", 0),
    ];
    let mut table = Table::new(columns, "");
    for (name, row) in rows.filter(|(_, row)| row.keys > 0) {
        let &Quantiles { keys, p50, p90, p99, p999, max, .. } = row;
        let mut cells = vec![cell(Some(HumanCount(keys)))];
        cells.extend([p50, p90, p99, p999, max].map(show));
        table.push(cells, Escaped::for_terminal(name.as_bytes()).to_string());
    }
    table.write(out, style.width, |name, _| name.clone())
}

/// What expires when. Spans without keys are left out.
fn forecast(
    out: &mut dyn Write,
    report: &Report,
    table: &DistributionTable,
    style: TableStyle,
) -> io::Result<()> {
    if table.forecast.iter().all(|row| row.keys == 0) {
        return Ok(());
    }
    heading(out, "What expires, counted from when the file was written", style)?;
    let whole = report.totals.memory_bytes.unwrap_or(report.totals.rdb_bytes);
    let columns =
        vec![numbers("share", 1), numbers("bytes", 0), numbers("keys", 0), numbers("bytes until then", 2)];
    let mut rows = Table::new(columns, "expires");
    let mut until = 0u64;
    for row in table.forecast.iter().filter(|row| row.keys > 0) {
        until = until.saturating_add(row.bytes);
        let cells = vec![
            share(row.bytes, whole),
            cell(Some(BinaryBytes(row.bytes))),
            cell(Some(HumanCount(row.keys))),
            cell(Some(BinaryBytes(until))),
        ];
        rows.push(cells, words::span(row));
    }
    rows.write(out, style.width, |name, _| name.clone())
}

/// The same as JSON.
pub(crate) fn json<'a>(
    report: &'a Report,
    table: &'a DistributionTable,
    keys_as: KeysAs,
) -> impl Serialize + 'a {
    StatsJson {
        schema_version: SCHEMA_VERSION,
        provenance: provenance(report, keys_as),
        bytes_are: if report.totals.memory_bytes.is_some() { "memory_bytes" } else { "rdb_bytes" },
        table,
    }
}

#[derive(Serialize)]
struct StatsJson<'a, P> {
    schema_version: u32,
    #[serde(flatten)]
    provenance: P,
    bytes_are: &'static str,
    #[serde(flatten)]
    table: &'a DistributionTable,
}
