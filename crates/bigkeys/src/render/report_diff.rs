//! What changed between two saved reports.

use std::io::{self, Write};

use bigkeys::{GroupChange, KeySide, ListedKey, PrefixChanges, ReportDiff};
use indicatif::{BinaryBytes, HumanCount};
use rdb_parser::escape::Escaped;

use super::diff::{first_line, signed};
use super::layout::{NONE, Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};

/// Writes totals, types, prefixes, databases and keys.
pub(crate) fn table(out: &mut dyn Write, diff: &ReportDiff, style: TableStyle) -> io::Result<()> {
    let totals = &diff.totals;
    let text = first_line(
        diff.has_memory,
        totals.growth_bytes(),
        [totals.old_bytes, totals.new_bytes],
        [totals.old.keys, totals.new.keys],
    );
    style.width.paragraph(out, &text, "  ")?;
    heading(out, "By type", style)?;
    let types = diff.by_type.iter().map(|(data_type, change)| (data_type.to_string().into_bytes(), *change));
    changes_table(out, "type", types.chain([(b"total".to_vec(), *totals)]), style)?;
    if let Some(prefixes) = &diff.prefixes {
        prefix_table(out, prefixes, style)?;
    }
    if diff.by_db.len() > 1 {
        heading(out, "By database", style)?;
        let name = |db: &Option<u64>| db.map_or_else(|| "others".to_owned(), |db| db.to_string());
        let dbs = diff.by_db.iter().map(|(db, change)| (name(db).into_bytes(), *change));
        changes_table(out, "db", dbs, style)?;
    }
    if !diff.keys.is_empty() {
        heading(out, "Listed keys, biggest change first", style)?;
        keys_table(out, &diff.keys, style)?;
        let text = "A report lists the biggest keys of each type. The size of a key that entered or \
                    left the lists is not known in the other report.";
        if diff.keys.iter().any(|key| key.growth_bytes().is_none()) {
            style.width.paragraph(out, text, "  ")?;
        }
    }
    Ok(())
}

fn prefix_table(out: &mut dyn Write, prefixes: &PrefixChanges, style: TableStyle) -> io::Result<()> {
    let changed = prefixes.groups.iter().filter(|(_, change)| change.old != change.new);
    let rows: Vec<_> = changed.map(|(prefix, change)| (prefix.clone(), *change)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    heading(out, "Changed prefixes, biggest change first", style)?;
    changes_table(out, "prefix", rows.into_iter(), style)?;
    if prefixes.error_bytes > 0 {
        let text = format!(
            "There were too many prefixes to count all of them: each change may be wrong by up to {}.",
            BinaryBytes(prefixes.error_bytes)
        );
        style.width.paragraph(out, &text, "  ")?;
    }
    Ok(())
}

fn changes_table(
    out: &mut dyn Write,
    last: &'static str,
    rows: impl Iterator<Item = (Vec<u8>, GroupChange)>,
    style: TableStyle,
) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        numbers("before", 2),
        numbers("after", 1),
        numbers("keys before", 4),
        numbers("keys after", 3),
    ];
    let mut table = Table::new(columns, last);
    for (name, change) in rows {
        let cells = vec![
            signed(change.growth_bytes()),
            cell(Some(BinaryBytes(change.old_bytes))),
            cell(Some(BinaryBytes(change.new_bytes))),
            cell(Some(HumanCount(change.old.keys))),
            cell(Some(HumanCount(change.new.keys))),
        ];
        table.push(cells, name);
    }
    table.write(out, style.width, |name, columns| {
        Name { bytes: name, is_whole: true, keys_as: style.keys_as }.shortened(columns)
    })
}

fn keys_table(out: &mut dyn Write, keys: &[ListedKey], style: TableStyle) -> io::Result<()> {
    let columns = vec![
        numbers("growth", 0),
        words("change", 1),
        numbers("before", 3),
        numbers("after", 2),
        words("type", 4),
        numbers("elements", 5),
        numbers("db", 6),
    ];
    let mut table = Table::new(columns, "key");
    for key in keys {
        let Some(side) = key.new.as_ref().or(key.old.as_ref()) else { continue };
        let bytes = |side: &Option<KeySide>| cell(side.as_ref().map(|side| BinaryBytes(side.bytes)));
        let cells = vec![
            key.growth_bytes().map_or_else(|| NONE.to_owned(), signed),
            key.change.name().to_owned(),
            bytes(&key.old),
            bytes(&key.new),
            Escaped::for_terminal(side.data_type.as_bytes()).to_string(),
            cell(side.elements.map(HumanCount)),
            key.db.to_string(),
        ];
        let is_whole = key.key_bytes == key.key.len() as u64;
        table.push(cells, Name { bytes: &key.key, is_whole, keys_as: style.keys_as });
    }
    table.write(out, style.width, Name::shortened)
}
