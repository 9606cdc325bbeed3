//! Tables for people: the verdict, the biggest keys, groups, lists by type, the memory model.

use std::io::{self, Write};

use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::KeysAs;
use rdb_analysis::{ExpiryBucket, Group, KeyRecord, Rank, Report};
use rdb_parser::escape::Escaped;

use super::layout::{Column, Table, cell, numbers, words};
use super::names::Name;
use super::style::{TableStyle, heading};
use super::{memory, sources};

pub(crate) fn report(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    if report.top.len() > 1 {
        biggest_of_all(out, report, style)?;
    }
    all_groups(out, report, style)?;
    for (data_type, keys) in &report.top {
        let data_type = data_type.to_string();
        let data_type = Escaped::for_terminal(data_type.as_bytes());
        let title = format!("Biggest keys of type {data_type}, by {}", rank_name(report.rank));
        heading(out, &title, style)?;
        keys_table(out, report, &keys.iter().collect::<Vec<_>>(), false, style)?;
    }
    memory::accounts(out, report, style)
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
    heading(out, &format!("Biggest keys, by {}", rank_name(report.rank)), style)?;
    keys_table(out, report, &keys, true, style)
}

/// A table of keys. The measure that they rank by is never left out.
fn keys_table(
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
        numbers("largest", 7),
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
            m.encoding.to_string(),
            m.db.to_string(),
            cell(key.shard.as_ref()),
        ];
        let is_whole = key.key_bytes == key.key.len() as u64;
        table.push(cells, Name { bytes: &key.key, is_whole, keys_as: style.keys_as });
    }
    table.write(out, style.width, Name::shortened)
}

fn all_groups(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    let by_type = report.by_type.iter().map(|row| (row.data_type.to_string(), row.group));
    groups(out, "By type", "type", by_type, report, style)?;
    let encodings = report.by_encoding.iter();
    let encodings = encodings.map(|row| (format!("{} {}", row.data_type, row.encoding), row.group));
    groups(out, "By encoding", "type and encoding", encodings, report, style)?;
    if report.by_db.len() > 1 {
        let name = |db: Option<u64>| db.map_or_else(|| "others".to_owned(), |db| db.to_string());
        let databases = report.by_db.iter().map(|row| (name(row.db), row.group));
        groups(out, "By database", "db", databases, report, style)?;
    }
    let expiry = report.expiry.iter().filter(|row| row.group.keys > 0);
    let expiry = expiry.map(|row| (expiry_name(row.bucket).to_owned(), row.group));
    groups(out, "By time to expiry", "expires", expiry, report, style)
}

fn groups(
    out: &mut dyn Write,
    title: &str,
    last: &'static str,
    rows: impl Iterator<Item = (String, Group)>,
    report: &Report,
    style: TableStyle,
) -> io::Result<()> {
    heading(out, title, style)?;
    let by_memory = report.totals.memory_bytes.is_some();
    let weight = |group: &Group| if by_memory { group.memory_bytes.unwrap_or(0) } else { group.rdb_bytes };
    let columns: Vec<Column> = vec![
        numbers("share", 0),
        numbers("in memory", 1),
        numbers("in file", 3),
        numbers("keys", 2),
        numbers("with expiry", 5),
        numbers("elements", 4),
    ];
    let mut table = Table::new(columns, last);
    for (name, group) in rows.chain([("total".to_owned(), report.totals)]) {
        let cells = vec![
            share(weight(&group), weight(&report.totals)),
            cell(memory::of_group(&group)),
            cell(Some(BinaryBytes(group.rdb_bytes))),
            cell(Some(HumanCount(group.keys))),
            cell(Some(HumanCount(group.keys_with_expiry))),
            cell(Some(HumanCount(group.elements))),
        ];
        table.push(cells, name);
    }
    let shorten = |name: &String, columns| {
        Name { bytes: name.as_bytes(), is_whole: true, keys_as: KeysAs::Auto }.shortened(columns)
    };
    table.write(out, style.width, shorten)
}

/// A part of a whole in percent, to one digit.
pub(super) fn share(part: u64, whole: u64) -> String {
    let tenths =
        (u128::from(part) * 1000 + u128::from(whole) / 2).checked_div(u128::from(whole)).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
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

fn expiry_name(bucket: ExpiryBucket) -> &'static str {
    match bucket {
        ExpiryBucket::Never => "never",
        ExpiryBucket::Expired => "had expired",
        ExpiryBucket::WithinHour => "within an hour",
        ExpiryBucket::WithinDay => "within a day",
        ExpiryBucket::WithinWeek => "within a week",
        ExpiryBucket::WithinMonth => "within 30 days",
        _ => "later",
    }
}
