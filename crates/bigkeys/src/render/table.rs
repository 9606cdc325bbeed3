//! Tables for people: the first screen, or all groups, lists by type and the memory model.

use std::io::{self, Write};

use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::KeysAs;
use rdb_analysis::{ExpiryBucket, Group, KeyRecord, LargestElement, Rank, Report};
use rdb_parser::escape::Escaped;

use super::layout::{Column, Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};
use super::{memory, sources};
use crate::messages::count;

/// Prefixes on the first screen.
const FIRST_PREFIXES: usize = 3;

/// Columns for the name of an element.
const ELEMENT_COLUMNS: usize = 24;

/// Writes what a person asks first: what it is, what takes the memory, what never expires.
pub(crate) fn first_screen(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    totals(out, report, style)?;
    prefixes(out, report, FIRST_PREFIXES, style)?;
    biggest_of_all(out, report, style)?;
    if report.totals.keys > 0 {
        let text = "--all shows all groups, the biggest keys of each type and the memory model.";
        writeln!(out)?;
        style.width.paragraph(out, text, "")?;
    }
    Ok(())
}

/// Writes everything.
pub(crate) fn report(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    totals(out, report, style)?;
    if let Some(table) = &report.prefixes {
        prefixes(out, report, table.groups.len(), style)?;
    }
    if report.top.len() > 1 {
        biggest_of_all(out, report, style)?;
    }
    all_groups(out, report, style)?;
    for (data_type, keys) in &report.top {
        let data_type = data_type.to_string();
        let data_type = Escaped::for_terminal(data_type.as_bytes());
        let title =
            format!("Biggest keys of type {data_type}, by {}", bigkeys_report::words::rank(report.rank));
        heading(out, &title, style)?;
        keys_table(out, report, &keys.iter().collect::<Vec<_>>(), false, style)?;
    }
    memory::accounts(out, report, style)
}

/// What all keys take, and what does not go away.
fn totals(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    let totals = &report.totals;
    if totals.keys == 0 {
        return Ok(());
    }
    let sizes = |group: &Group| match memory::of_group(group) {
        Some(memory) => format!("{memory} in memory, {} in the file", BinaryBytes(group.rdb_bytes)),
        None => format!("{} in the file", BinaryBytes(group.rdb_bytes)),
    };
    writeln!(out)?;
    style.width.paragraph(out, &format!("{}: {}", count(totals.keys, "key"), sizes(totals)), "  ")?;
    for (bucket, what) in [(ExpiryBucket::Never, "never expire"), (ExpiryBucket::Expired, "had expired")] {
        let row = report.expiry.iter().find(|row| row.bucket == bucket && row.group.keys > 0);
        if let Some(group) = row.map(|row| row.group) {
            let share = share(weight(&group, report), weight(totals, report));
            let text = format!("{} {what}: {}, {share}", HumanCount(group.keys), sizes(&group));
            style.width.paragraph(out, &text, "  ")?;
        }
    }
    Ok(())
}

/// The heaviest prefixes.
fn prefixes(out: &mut dyn Write, report: &Report, listed: usize, style: TableStyle) -> io::Result<()> {
    let Some(table) = report.prefixes.as_ref().filter(|table| !table.groups.is_empty()) else {
        return Ok(());
    };
    let (listed, folded) = table.groups.split_at(listed.min(table.groups.len()));
    let mut rows: Vec<_> = listed.iter().map(|(prefix, group)| (prefix.clone(), *group)).collect();
    let others = folded.iter().fold(table.others, |sum, (_, group)| sum.plus(group));
    for (name, group) in [("(other prefixes)", others), ("(no prefix)", table.no_prefix)] {
        if group.keys > 0 {
            rows.push((name.as_bytes().to_vec(), group));
        }
    }
    groups(out, "By prefix", "prefix", rows.into_iter(), report, style)?;
    if table.error_bytes > 0 {
        let text = format!(
            "There are too many prefixes to count all of them: each of these may have {} more.",
            BinaryBytes(table.error_bytes)
        );
        style.width.paragraph(out, &text, "  ")?;
    }
    Ok(())
}

/// The bytes that shares are of.
fn weight(group: &Group, report: &Report) -> u64 {
    match report.totals.memory_bytes {
        Some(_) => group.memory_bytes.unwrap_or(0),
        None => group.rdb_bytes,
    }
}

/// The biggest keys over all types, of those that the lists by type have.
fn biggest_of_all(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    let mut keys: Vec<&KeyRecord> = report.top.values().flatten().collect();
    // The lists are sorted, and the sort is stable.
    keys.sort_by_key(|key| std::cmp::Reverse(report.rank.of(&key.measure)));
    keys.truncate(style.top);
    if keys.is_empty() {
        return Ok(());
    }
    heading(out, &format!("Biggest keys, by {}", bigkeys_report::words::rank(report.rank)), style)?;
    keys_table(out, report, &keys, true, style)
}

/// A table of keys. The measure that they rank by is never left out.
pub(super) fn keys_table(
    out: &mut dyn Write,
    report: &Report,
    keys: &[&KeyRecord],
    has_types: bool,
    style: TableStyle,
) -> io::Result<()> {
    let importance = |rank: Rank, importance: u8| if rank == report.rank { 0 } else { importance };
    let columns = vec![
        numbers("in memory", importance(Rank::MemoryBytes, 1)),
        words("type", if has_types { 0 } else { 9 }),
        numbers("elements", importance(Rank::Elements, 2)),
        numbers("value", importance(Rank::ValueBytes, 5)),
        numbers("in file", importance(Rank::RdbBytes, 3)),
        numbers("largest", importance(Rank::LargestElementBytes, 7)),
        words("which is", if report.rank == Rank::LargestElementBytes { 0 } else { 8 }),
        words("encoding", 6),
        numbers("db", 4),
        words("shard", 5),
    ];
    let mut table = Table::new(columns, "key");
    for key in keys {
        let m = &key.measure;
        let data_type = m.data_type.to_string();
        let data_type = Escaped::for_terminal(data_type.as_bytes()).to_string();
        let cells = vec![
            cell(memory::of_key(m)),
            cell(has_types.then_some(data_type)),
            cell(m.elements.map(HumanCount)),
            cell(m.value_bytes.map(BinaryBytes)),
            cell(Some(BinaryBytes(m.rdb_bytes))),
            cell(m.largest_element_bytes.map(BinaryBytes)),
            cell(key.largest_element.as_ref().map(|element| element_text(element, style.keys_as))),
            m.encoding.to_string(),
            m.db.to_string(),
            cell(key.shard.as_ref()),
        ];
        table.push(cells, Name::of(key, style.keys_as));
    }
    table.write(out, style.width, Name::shortened)
}

/// The kind of an element and its name, in at most [`ELEMENT_COLUMNS`] columns.
fn element_text(element: &LargestElement, keys_as: KeysAs) -> String {
    match element {
        LargestElement::Index(index) => format!("index {index}"),
        LargestElement::Entry(id) => format!("entry {id}"),
        LargestElement::Member(name) | LargestElement::Field(name) => {
            let is_whole = name.is_whole();
            let shortened = Name { bytes: &name.bytes, is_whole, keys_as }.shortened(ELEMENT_COLUMNS);
            format!("{} {shortened}", element.kind())
        }
        _ => element.kind().to_owned(),
    }
}

fn all_groups(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    let by_type = report.by_type.iter().map(|row| (row.data_type.to_string().into_bytes(), row.group));
    groups(out, "By type", "type", by_type, report, style)?;
    let encodings = report.by_encoding.iter();
    let encodings =
        encodings.map(|row| (format!("{} {}", row.data_type, row.encoding).into_bytes(), row.group));
    groups(out, "By encoding", "type and encoding", encodings, report, style)?;
    if report.by_db.len() > 1 {
        let name = |db: Option<u64>| db.map_or_else(|| "others".to_owned(), |db| db.to_string());
        let databases = report.by_db.iter().map(|row| (name(row.db).into_bytes(), row.group));
        groups(out, "By database", "db", databases, report, style)?;
        if report.by_db.iter().any(|row| row.db.is_none()) {
            let note = "  note: databases beyond the 1,024 with the lowest numbers are summed as \"others\"";
            style.width.paragraph(out, note, "    ")?;
        }
    }
    let expiry = report.expiry.iter().filter(|row| row.group.keys > 0);
    let expiry = expiry.map(|row| (bigkeys_report::words::expiry(row.bucket).as_bytes().to_vec(), row.group));
    groups(out, "By time to expiry", "expires", expiry, report, style)
}

fn groups(
    out: &mut dyn Write,
    title: &str,
    last: &'static str,
    rows: impl Iterator<Item = (Vec<u8>, Group)>,
    report: &Report,
    style: TableStyle,
) -> io::Result<()> {
    heading(out, title, style)?;
    let columns: Vec<Column> = vec![
        numbers("share", 0),
        numbers("in memory", 1),
        numbers("in file", 3),
        numbers("keys", 2),
        numbers("with expiry", 5),
        numbers("elements", 4),
    ];
    let mut table = Table::new(columns, last);
    for (name, group) in rows.chain([(b"total".to_vec(), report.totals)]) {
        let cells = vec![
            share(weight(&group, report), weight(&report.totals, report)),
            cell(memory::of_group(&group)),
            cell(Some(BinaryBytes(group.rdb_bytes))),
            cell(Some(HumanCount(group.keys))),
            cell(Some(HumanCount(group.keys_with_expiry))),
            cell(Some(HumanCount(group.elements))),
        ];
        table.push(cells, name);
    }
    let shorten = |name: &Vec<u8>, columns| {
        Name { bytes: name, is_whole: true, keys_as: KeysAs::Auto }.shortened(columns)
    };
    table.write(out, style.width, shorten)
}

/// A part of a whole in percent, to one digit.
pub(super) fn share(part: u64, whole: u64) -> String {
    let tenths =
        (u128::from(part) * 1000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
