//! The verdict on each source: what it is, and how much of it was read.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;
use indicatif::{BinaryBytes, HumanCount};
use jiff::Timestamp;
use rdb_analysis::{Report, SourceReport};
use rdb_parser::escape::Escaped;

use super::layout::Width;
use super::style::{DAMAGE, HEADING, WARNING};
use crate::messages::count;

/// Sources that have a line each. Of more, only those that are not complete have one.
const MAX_LISTED: usize = 8;

/// Writes the verdict on all sources: a block for one, or for each with `per_file`, or else a line
/// for each.
pub(super) fn verdicts(out: &mut dyn Write, report: &Report, width: Width, per_file: bool) -> io::Result<()> {
    if per_file || report.sources.len() == 1 {
        return report.sources.iter().try_for_each(|source| block(out, source, width));
    }
    summary(out, report, width)?;
    let is_folded = report.sources.len() > MAX_LISTED;
    let is_quiet = |source: &SourceReport| source.facts.is_clean() && source.facts.warnings.is_empty();
    for source in report.sources.iter().filter(|source| !is_folded || !is_quiet(source)) {
        line(out, source, width)?;
    }
    let folded = report.sources.iter().filter(|source| is_folded && is_quiet(source)).count();
    if folded > 0 {
        let text = format!("  {} complete; --per-file lists each", count(folded as u64, "file"));
        width.paragraph(out, &text, "    ")?;
    }
    Ok(())
}

/// Writes which keys are looked at, and how many of all. Nothing without a filter.
pub(super) fn filter(out: &mut dyn Write, report: &Report, width: Width) -> io::Result<()> {
    let Some(filter) = &report.filter else { return Ok(()) };
    let all: u64 = report.sources.iter().map(|source| source.facts.keys).sum();
    let text = format!(
        "  Only {} of {}: {}",
        HumanCount(report.totals.keys),
        count(all, "key"),
        Escaped::for_terminal(filter.as_bytes())
    );
    width.paragraph(out, &text, "    ")
}

/// One line about all sources.
fn summary(out: &mut dyn Write, report: &Report, width: Width) -> io::Result<()> {
    let sources = &report.sources;
    let bytes = sources.iter().map(|source| source.facts.bytes).sum();
    let keys = sources.iter().map(|source| source.facts.keys).sum();
    let damaged = sources.iter().filter(|source| !source.facts.is_clean()).count();
    let mut servers: BTreeMap<String, u64> = BTreeMap::new();
    for source in sources {
        *servers.entry(server(source)).or_default() += 1;
    }
    let servers: Vec<_> = servers.into_keys().collect();
    let (verdict, style) = match damaged {
        0 => ("complete".to_owned(), HEADING),
        some => (
            format!("PARTIAL: {} of them not read to the end or damaged", count(some as u64, "file")),
            DAMAGE,
        ),
    };
    let text = format!(
        "{}, {}, {}: {verdict}",
        count(sources.len() as u64, "file"),
        BinaryBytes(bytes),
        count(keys, "key")
    );
    width.styled(out, &text, "  ", style)?;
    width.paragraph(out, &format!("  {}", servers.join(", ")), "    ")
}

/// One line about one of several sources, and one more for damage.
fn line(out: &mut dyn Write, source: &SourceReport, width: Width) -> io::Result<()> {
    let facts = &source.facts;
    let path = Escaped::for_terminal(source.path.as_bytes());
    let shard = source.shard.as_ref().map(|shard| format!(", shard {shard}")).unwrap_or_default();
    let text = format!(
        "  {path}: {}, {}, checksum {}{shard}",
        BinaryBytes(facts.bytes),
        count(facts.keys, "key"),
        facts.checksum_name()
    );
    width.paragraph(out, &text, "    ")?;
    details(out, source, width, "    ")
}

/// Several lines about one source.
fn block(out: &mut dyn Write, source: &SourceReport, width: Width) -> io::Result<()> {
    let facts = &source.facts;
    let path = Escaped::for_terminal(source.path.as_bytes());
    let verdict = if facts.is_clean() { "complete" } else { "PARTIAL" };
    let style = if facts.is_clean() { HEADING } else { DAMAGE };
    let text = format!("{path}: {verdict}, checksum {}", facts.checksum_name());
    width.styled(out, &text, "  ", style)?;
    let written = facts.created_at_s.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let parts = [
        Some(BinaryBytes(facts.bytes).to_string()),
        Some(count(facts.keys, "key")),
        Some(server(source)),
        written.map(|time| format!("written {time}")),
        source.shard.as_ref().map(|shard| format!("shard {shard}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    width.paragraph(out, &format!("  {}", parts.join(", ")), "  ")?;
    details(out, source, width, "  ")
}

/// The server that wrote a source, and the version of the format.
fn server(source: &SourceReport) -> String {
    let facts = &source.facts;
    let version = facts.server_version.as_deref().unwrap_or("of unknown version");
    let version = Escaped::for_terminal(version.as_bytes());
    format!("{} {version}, RDB {}", facts.flavour.name(), facts.header.version)
}

/// What is unusual about a source: damage, trailing bytes, notes, irregular records.
fn details(out: &mut dyn Write, source: &SourceReport, width: Width, indent: &str) -> io::Result<()> {
    let facts = &source.facts;
    let hanging = format!("{indent}  ");
    let mut detail =
        |text: String, style: Style| width.styled(out, &format!("{indent}{text}"), &hanging, style);
    if let Some(reason) = &facts.coverage.reason {
        detail(format!("PARTIAL: {}", Escaped::for_message(reason)), DAMAGE)?;
    }
    if let Some(kind) = facts.trailing_kind {
        let style = if kind.may_hold_data() { WARNING } else { Style::new() };
        let text = format!("followed by {}: {}", BinaryBytes(facts.trailing_bytes), kind.describe());
        detail(text, style)?;
    }
    for note in &facts.notes {
        let style = if note.is_warning { WARNING } else { Style::new() };
        detail(Escaped::for_message(&note.text).to_string(), style)?;
    }
    // One line for each kind, already escaped.
    for line in facts.warnings.to_string().lines() {
        detail(format!("irregular: {line}"), Style::new())?;
    }
    Ok(())
}
