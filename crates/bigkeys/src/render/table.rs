//! Tables for people.

use std::io::{self, Write};

use anstyle::Style;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comfy_table::{Cell, CellAlignment, Table, presets};
use indicatif::{BinaryBytes, HumanCount};
use jiff::Timestamp;
use rdb_analysis::json::KeysAs;
use rdb_analysis::{ExpiryBucket, Group, Rank, Report, SourceReport};
use rdb_parser::escape::Escaped;

use super::{Row, RowFormat, memory};
use crate::messages::count;

/// Characters of a key's name that a table shows.
const MAX_NAME_CHARS: usize = 80;

pub(super) const HEADING: Style = Style::new().bold();
pub(super) const WARNING: Style =
    Style::new().bold().fg_color(Some(anstyle::Color::Ansi(anstyle::AnsiColor::Yellow)));

pub(crate) fn report(out: &mut dyn Write, report: &Report, keys_as: KeysAs) -> io::Result<()> {
    for source in &report.sources {
        describe(out, source)?;
    }
    memory::accounts(out, report)?;
    groups(
        out,
        "By type",
        "type",
        report.by_type.iter().map(|row| (row.data_type.to_string(), row.group)),
        report,
    )?;
    let encodings = report.by_encoding.iter();
    let encodings = encodings.map(|row| (format!("{} {}", row.data_type, row.encoding), row.group));
    groups(out, "By encoding", "type and encoding", encodings, report)?;
    if report.by_db.len() > 1 {
        let name = |db: Option<u64>| db.map_or_else(|| "others".to_owned(), |db| db.to_string());
        groups(out, "By database", "db", report.by_db.iter().map(|row| (name(row.db), row.group)), report)?;
    }
    let expiry = report.expiry.iter().filter(|row| row.group.keys > 0);
    groups(
        out,
        "By time to expiry",
        "expires",
        expiry.map(|row| (expiry_name(row.bucket), row.group)),
        report,
    )?;
    for (data_type, keys) in &report.top {
        let data_type = data_type.to_string();
        let heading = format!(
            "Biggest keys of type {}, by {}",
            Escaped::for_terminal(data_type.as_bytes()),
            rank_name(report.rank)
        );
        writeln!(out, "\n{HEADING}{heading}{HEADING:#}")?;
        let mut table =
            table(&["elements", "value", "in memory", "in file", "largest", "encoding", "db", "key"]);
        for key in keys {
            let m = &key.measure;
            let mut row = vec![
                number(m.elements.map(HumanCount)),
                number(m.value_bytes.map(BinaryBytes)),
                number(memory::of_key(m)),
                number(Some(BinaryBytes(m.rdb_bytes))),
                number(m.largest_element_bytes.map(BinaryBytes)),
                Cell::new(m.encoding),
                number(Some(m.db)),
            ];
            row.push(Cell::new(shown_name(&key.key, keys_as)));
            table.add_row(row);
        }
        writeln!(out, "{table}")?;
    }
    Ok(())
}

/// The lines that say what a source is and how much of it was read.
fn describe(out: &mut dyn Write, source: &SourceReport) -> io::Result<()> {
    let facts = &source.facts;
    let path = Escaped::for_terminal(source.path.as_bytes());
    let version = facts.server_version.as_deref().unwrap_or("of unknown version");
    write!(
        out,
        "{HEADING}{path}{HEADING:#}: {} {}, RDB {}",
        facts.flavour.name(),
        Escaped::for_terminal(version.as_bytes()),
        facts.header.version
    )?;
    if let Some(time) = facts.created_at_s.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        write!(out, ", written {time}")?;
    }
    if let Some(shard) = &source.shard {
        write!(out, ", shard {shard}")?;
    }
    let checksum = facts.checksum_name();
    writeln!(out, "\n  {}, {}, checksum {checksum}", BinaryBytes(facts.bytes), count(facts.keys, "key"))?;
    if let Some(kind) = facts.trailing_kind {
        writeln!(out, "  followed by {}: {}", BinaryBytes(facts.trailing_bytes), kind.describe())?;
    }
    for note in &facts.notes {
        writeln!(out, "  {}", Escaped::for_message(&note.text))?;
    }
    // One line for each kind, already escaped.
    for line in facts.warnings.to_string().lines() {
        writeln!(out, "  irregular: {line}")?;
    }
    if let Some(reason) = &facts.coverage.reason {
        let reason = Escaped::for_message(reason);
        writeln!(out, "  {WARNING}PARTIAL{WARNING:#}: {reason}")?;
    }
    Ok(())
}

fn groups(
    out: &mut dyn Write,
    heading: &str,
    column: &str,
    rows: impl Iterator<Item = (String, Group)>,
    report: &Report,
) -> io::Result<()> {
    writeln!(out, "\n{HEADING}{heading}{HEADING:#}")?;
    let by_memory = report.totals.memory_bytes.is_some();
    let weight = |group: &Group| if by_memory { group.memory_bytes.unwrap_or(0) } else { group.rdb_bytes };
    let mut table = table(&["keys", "with expiry", "elements", "in file", "in memory", "share", column]);
    for (name, group) in rows.chain([("total".to_owned(), report.totals)]) {
        table.add_row([
            number(Some(HumanCount(group.keys))),
            number(Some(HumanCount(group.keys_with_expiry))),
            number(Some(HumanCount(group.elements))),
            number(Some(BinaryBytes(group.rdb_bytes))),
            number(memory::of_group(&group)),
            number(Some(share(weight(&group), weight(&report.totals)))),
            Cell::new(Escaped::for_terminal(name.as_bytes())),
        ]);
    }
    writeln!(out, "{table}")
}

/// A part of a whole in percent, to one digit.
fn share(part: u64, whole: u64) -> String {
    let tenths =
        (u128::from(part) * 1000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

pub(super) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(columns.iter().map(Cell::new));
    table
}

pub(super) fn number(value: Option<impl std::fmt::Display>) -> Cell {
    let cell = match value {
        Some(value) => Cell::new(value),
        None => Cell::new("-"),
    };
    cell.set_alignment(CellAlignment::Right)
}

fn rank_name(rank: Rank) -> &'static str {
    match rank {
        Rank::Elements => "number of elements",
        Rank::ValueBytes => "bytes of payload",
        Rank::RdbBytes => "bytes in the file",
        Rank::MemoryBytes => "bytes in memory",
        _ => rank.name(),
    }
}

fn expiry_name(bucket: ExpiryBucket) -> String {
    match bucket {
        ExpiryBucket::Never => "never",
        ExpiryBucket::Expired => "had expired",
        ExpiryBucket::WithinHour => "within an hour",
        ExpiryBucket::WithinDay => "within a day",
        ExpiryBucket::WithinWeek => "within a week",
        ExpiryBucket::WithinMonth => "within 30 days",
        _ => "later",
    }
    .to_owned()
}

/// A name in full if it is short, otherwise its beginning.
fn shown_name(name: &[u8], keys_as: KeysAs) -> String {
    // More bytes than are shown would only be escaped to be cut off.
    let beginning = name.get(..4 * MAX_NAME_CHARS).unwrap_or(name);
    let text = match keys_as {
        KeysAs::Auto => Escaped::for_terminal(beginning).to_string(),
        KeysAs::Base64 => STANDARD.encode(beginning),
    };
    match text.char_indices().nth(MAX_NAME_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// One line a key, in columns of fixed width: all keys are not known in advance.
pub(crate) struct Lines(pub(crate) KeysAs);

impl RowFormat for Lines {
    fn head(&self) -> Vec<u8> {
        let heading = format!(
            "{:>3} {:9} {:10} {:>12} {:>12} {:>12} {:>12} key",
            "db", "type", "encoding", "elements", "value", "in memory", "in file"
        );
        format!("{HEADING}{heading}{HEADING:#}\n").into_bytes()
    }

    fn row(&self, row: Row<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let m = row.measure;
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        writeln!(
            out,
            "{:>3} {:9} {:10} {:>12} {:>12} {:>12} {:>12} {}",
            m.db,
            m.data_type,
            m.encoding,
            or_dash(m.elements.map(|n| HumanCount(n).to_string())),
            or_dash(m.value_bytes.map(|n| BinaryBytes(n).to_string())),
            or_dash(memory::of_key(m)),
            BinaryBytes(m.rdb_bytes).to_string(),
            shown_name(row.name, self.0)
        )
    }
}
