//! Broken rules for people.

use std::io::{self, Write};

use bigkeys::{RuleResult, Severity};
use rdb_analysis::Report;
use rdb_parser::escape::Escaped;

use crate::messages::count;
use crate::render::style::{DAMAGE, TableStyle, WARNING};
use crate::render::{sources, table::keys_table};
use bigkeys_report::words::findings;

/// Writes the verdict on each file, each broken rule with its largest keys, and a summary.
pub(crate) fn table(
    out: &mut dyn Write,
    report: &Report,
    results: &[RuleResult],
    style: TableStyle,
) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    let broken: Vec<_> = results.iter().filter(|result| result.is_broken()).collect();
    for result in &broken {
        rule(out, report, result, style)?;
    }
    writeln!(out)?;
    let of = |severity| broken.iter().filter(|result| result.rule.severity == severity).count() as u64;
    let summary = if broken.is_empty() {
        format!("{}, none is broken", count(results.len() as u64, "rule"))
    } else {
        format!(
            "{}, {} broken: {}, {}, {}",
            count(results.len() as u64, "rule"),
            broken.len(),
            count(of(Severity::Error), "error"),
            count(of(Severity::Warning), "warning"),
            count(of(Severity::Note), "note"),
        )
    };
    style.width.paragraph(out, &summary, "  ")
}

fn rule(out: &mut dyn Write, report: &Report, result: &RuleResult, style: TableStyle) -> io::Result<()> {
    writeln!(out)?;
    let rule = &result.rule;
    let keys =
        if result.is_about_keys() { format!(": {}", count(result.findings(), "key")) } else { String::new() };
    let color = if rule.severity == Severity::Error { DAMAGE } else { WARNING };
    style.width.styled(out, &format!("{} {}{keys}", rule.severity, rule.id), "  ", color)?;
    let message = Escaped::for_terminal(rule.message.as_bytes());
    style.width.paragraph(out, &format!("  {message}"), "  ")?;
    if !result.is_about_keys() {
        return findings(result)
            .iter()
            .try_for_each(|finding| style.width.paragraph(out, &format!("  {}", finding.text), "    "));
    }
    let listed: Vec<_> = result.largest.iter().take(style.top).collect();
    keys_table(out, report, &listed, true, style)?;
    let more = result.keys.keys.saturating_sub(listed.len() as u64);
    if more > 0 {
        style.width.paragraph(out, &format!("  and {}", count(more, "other key")), "    ")?;
    }
    Ok(())
}
