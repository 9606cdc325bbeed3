//! Groups of keys by name.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::json::KeysAs;
use rdb_analysis::{GroupKind, NameGroup, NameTree, Report};
use rdb_parser::escape::Escaped;

use super::csv::{end_row, number, text};
use super::layout::{Table, cell, numbers};
use super::names::Name;
use super::style::{TableStyle, heading};
use super::table::share;
use super::{memory, sources};

/// Writes the verdicts on the sources, and the groups, each below its parent.
pub(crate) fn table(
    out: &mut dyn Write,
    report: &Report,
    tree: &NameTree,
    style: TableStyle,
) -> io::Result<()> {
    sources::verdicts(out, report, style.width, style.per_file)?;
    sources::filter(out, report, style.width)?;
    let measure = if tree.root.group.memory_bytes.is_some() { "memory" } else { "bytes in the file" };
    heading(out, &format!("Groups of keys by name, by {measure}"), style)?;
    let columns = vec![
        numbers("share", 0),
        numbers("in memory", 1),
        numbers("in file", 6),
        numbers("keys", 2),
        numbers("no expiry", 3),
        numbers("elements", 5),
        numbers("half below", 8),
        numbers("99 % below", 7),
        numbers("largest", 4),
    ];
    let mut table = Table::new(columns, "group");
    rows(&tree.root, &mut |group, level| {
        let sums = &group.group;
        let cells = vec![
            share(group.bytes(), tree.root.bytes()),
            cell(memory::of_group(sums)),
            cell(Some(BinaryBytes(sums.rdb_bytes))),
            cell(Some(HumanCount(sums.keys))),
            cell(Some(HumanCount(sums.keys - sums.keys_with_expiry))),
            cell(Some(HumanCount(sums.elements))),
            cell(Some(BinaryBytes(group.sizes.p50_bytes))),
            cell(Some(BinaryBytes(group.sizes.p99_bytes))),
            cell(Some(BinaryBytes(group.sizes.max_bytes))),
        ];
        table.push(cells, (label(group, level), level));
    });
    table.write(out, style.width, |(label, level), columns| {
        let indent = (2 * level).min(columns / 3);
        let name = Name { bytes: label, is_whole: true, keys_as: style.keys_as };
        format!("{}{}", " ".repeat(indent), name.shortened(columns - indent))
    })
}

/// Calls `row` for the root and for every group below it. A group with a single child has the same
/// keys as the child, so only one of them is shown: the child, or the group if all of its children
/// are folded.
fn rows(root: &NameGroup, row: &mut impl FnMut(&NameGroup, usize)) {
    fn below(group: &NameGroup, level: usize, row: &mut impl FnMut(&NameGroup, usize)) {
        for child in &group.children {
            let mut shown = child;
            while let Some(only) = only_child(shown) {
                shown = only;
            }
            row(shown, level);
            if shown.children.len() > 1 {
                below(shown, level + 1, row);
            }
        }
    }
    below(root, 0, row);
    row(root, 0);
}

/// The only child of a group, unless it is a folded one.
fn only_child(group: &NameGroup) -> Option<&NameGroup> {
    match &group.children[..] {
        [only] if only.kind != GroupKind::Folded => Some(only),
        _ => None,
    }
}

/// What a row says of its group.
fn label(group: &NameGroup, level: usize) -> Vec<u8> {
    match group.kind {
        GroupKind::NoSeparator => b"(no separator)".to_vec(),
        GroupKind::Folded => format!("({} smaller groups)", group.folded_groups).into_bytes(),
        GroupKind::Named => [&group.path[..], b" (rule)"].concat(),
        // Shortened to no segment at all, or the root.
        _ if group.path.is_empty() && level == 0 => b"total".to_vec(),
        _ => group.path.clone(),
    }
}

/// Writes one row for each group, parents before their children.
pub(crate) fn csv(out: &mut dyn Write, tree: &NameTree, keys_as: KeysAs) -> io::Result<()> {
    let (path, largest) = match keys_as {
        KeysAs::Auto => ("path", "largest_key"),
        KeysAs::Base64 => ("path_b64", "largest_key_b64"),
    };
    writeln!(
        out,
        "level,kind,{path},keys,keys_with_expiry,elements,value_bytes,value_bytes_keys,rdb_bytes,\
         memory_bytes,p50_bytes,p99_bytes,max_bytes,types,{largest},folded_groups"
    )?;
    let mut line = Vec::new();
    csv_rows(&tree.root, 0, keys_as, &mut line, out)
}

fn csv_rows(
    group: &NameGroup,
    level: usize,
    keys_as: KeysAs,
    line: &mut Vec<u8>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let name = |line: &mut Vec<u8>, bytes: &[u8]| match keys_as {
        KeysAs::Auto => text(line, bytes),
        KeysAs::Base64 => text(line, STANDARD.encode(bytes).as_bytes()),
    };
    let sums = &group.group;
    line.clear();
    number(line, Some(level));
    text(line, group.kind.name().as_bytes());
    name(line, &group.path);
    for value in [
        Some(sums.keys),
        Some(sums.keys_with_expiry),
        Some(sums.elements),
        Some(sums.value_bytes),
        Some(sums.value_bytes_keys),
        Some(sums.rdb_bytes),
        sums.memory_bytes,
        Some(group.sizes.p50_bytes),
        Some(group.sizes.p99_bytes),
        Some(group.sizes.max_bytes),
    ] {
        number(line, value);
    }
    text(line, group.types.join(" ").as_bytes());
    name(line, &group.largest_key);
    number(line, Some(group.folded_groups));
    end_row(line);
    out.write_all(line)?;
    group.children.iter().try_for_each(|child| csv_rows(child, level + 1, keys_as, line, out))
}

/// Writes a line for each group without children: its segments with semicolons between them, and
/// its bytes. This is the input of tools that draw flame graphs.
pub(crate) fn folded(out: &mut dyn Write, tree: &NameTree) -> io::Result<()> {
    folded_lines(&tree.root, &mut Vec::new(), out)
}

fn folded_lines(group: &NameGroup, stack: &mut Vec<String>, out: &mut dyn Write) -> io::Result<()> {
    if group.children.is_empty() {
        let frames = if stack.is_empty() { "total".to_owned() } else { stack.join(";") };
        return writeln!(out, "{frames} {}", group.bytes());
    }
    for child in &group.children {
        let segment = match child.kind {
            // The path of a group begins with that of its parent.
            GroupKind::Segments => child.path.get(group.path.len()..).unwrap_or(&child.path).to_vec(),
            _ => label(child, stack.len()),
        };
        // A semicolon ends a frame.
        stack.push(Escaped::for_terminal(&segment).to_string().replace(';', "\\x3b"));
        folded_lines(child, stack, out)?;
        stack.pop();
    }
    Ok(())
}
