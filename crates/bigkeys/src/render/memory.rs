//! The memory model in tables: what it assumes, how far it may be off, and the account of the
//! memory.

use std::io::{self, Write};

use bigkeys_report::Account;
use indicatif::BinaryBytes;
use rdb_analysis::{Group, Measure, Report};
use rdb_parser::escape::Escaped;

use super::layout::{Table, cell, numbers};
use super::style::{TableStyle, heading};
use crate::messages::count;

/// Bytes in memory. Marked as a lower bound where they are only the bytes in the file.
pub(super) fn of_key(measure: &Measure) -> Option<String> {
    marked(measure.memory_bytes, !measure.memory_is_modelled)
}

/// Bytes of a group in memory. Marked where a key of the group is not modelled.
pub(super) fn of_group(group: &Group) -> Option<String> {
    marked(group.memory_bytes, group.memory_not_modelled_keys > 0)
}

fn marked(bytes: Option<u64>, is_lower_bound: bool) -> Option<String> {
    let mark = if is_lower_bound { "> " } else { "" };
    bytes.map(|bytes| format!("{mark}{}", BinaryBytes(bytes)))
}

/// The account of the memory of each source with `per_file`, or else of all sources with the same
/// model.
pub(super) fn accounts(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    if style.per_file || report.sources.len() == 1 {
        for source in &report.sources {
            if let Some(of_source) = Account::of(source) {
                let path = Escaped::for_terminal(source.path.as_bytes()).to_string();
                account(out, &of_source, &path, style)?;
            }
        }
        return Ok(());
    }
    let accounts = Account::by_model(report);
    accounts.iter().try_for_each(|sum| account(out, sum, &count(sum.sources, "file"), style))
}

fn account(out: &mut dyn Write, account: &Account, of: &str, style: TableStyle) -> io::Result<()> {
    heading(out, &format!("Memory of {of}, after loading"), style)?;
    let mut table = Table::new(vec![numbers("bytes", 0)], "part");
    for (part, bytes) in account.parts() {
        table.push(vec![cell(bytes)], part);
    }
    table.write(out, style.width, |part, columns| part.chars().take(columns).collect::<String>())?;
    let remarks = account.remarks();
    remarks.iter().try_for_each(|line| style.width.paragraph(out, &format!("  {line}"), "    "))
}
