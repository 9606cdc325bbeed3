//! Every key as a line of a table.

use std::io::{self, Write as _};

use indicatif::{BinaryBytes, HumanCount};
use rdb_analysis::KeyRow;
use rdb_analysis::json::KeysAs;
use rdb_parser::escape::Escaped;

use super::layout::{Width, aligned, cell};
use super::memory;
use super::names::Name;
use super::rows::RowFormat;
use super::style::HEADING;

/// One line per key, in columns of fixed width, because the keys that follow are not known.
pub(crate) struct Lines {
    pub(crate) keys_as: KeysAs,
    pub(crate) width: Width,
    /// Whether memory is modelled, so that its column has values.
    pub(crate) has_memory: bool,
}

/// Titles and widths of the columns of [`Lines`], the least important last.
const LINE_COLUMNS: [(&str, usize, bool); 7] = [
    ("in memory", 12, true),
    ("type", 9, false),
    ("elements", 12, true),
    ("in file", 12, true),
    ("db", 3, true),
    ("value", 12, true),
    ("encoding", 10, false),
];

/// Columns that a name has at least in a line, while another column can be left out.
const MIN_NAME: usize = 24;

impl Lines {
    /// How many of the columns have room, and how much room is left for names.
    fn room(&self) -> (usize, usize) {
        let taken = |shown: usize| -> usize {
            let widths = LINE_COLUMNS.iter().take(shown).skip(usize::from(!self.has_memory));
            widths.map(|&(_, width, _)| width + 1).sum()
        };
        let shown = (2..=LINE_COLUMNS.len()).rev().find(|&n| self.width.left(taken(n)) >= MIN_NAME);
        let shown = shown.unwrap_or(1 + usize::from(!self.has_memory));
        (shown, self.width.left(taken(shown)))
    }

    fn line(&self, cells: [&str; LINE_COLUMNS.len()], name: &str, shown: usize) -> String {
        let mut line = String::new();
        let cells = LINE_COLUMNS.iter().zip(cells).take(shown).skip(usize::from(!self.has_memory));
        for (&(_, width, is_number), cell) in cells {
            line.push_str(&aligned(cell, width, is_number));
            line.push(' ');
        }
        line.push_str(name);
        line
    }
}

impl RowFormat for Lines {
    fn head(&self) -> Vec<u8> {
        let (shown, _) = self.room();
        let line = self.line(LINE_COLUMNS.map(|(title, ..)| title), "key", shown);
        format!("{HEADING}{line}{HEADING:#}\n").into_bytes()
    }

    fn has_styles(&self) -> bool {
        true
    }

    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let m = row.measure;
        let (shown, room) = self.room();
        let data_type = m.data_type.to_string();
        let cells = [
            &cell(memory::of_key(m)),
            &Escaped::for_terminal(data_type.as_bytes()).to_string(),
            &cell(m.elements.map(HumanCount)),
            &cell(Some(BinaryBytes(m.rdb_bytes))),
            &m.db.to_string(),
            &cell(m.value_bytes.map(BinaryBytes)),
            &m.encoding.to_string(),
        ];
        let is_whole = row.key_bytes == row.name.len() as u64;
        let name = Name { bytes: row.name, is_whole, keys_as: self.keys_as }.shortened(room);
        writeln!(out, "{}", self.line(cells.map(String::as_str), &name, shown).trim_end())
    }
}
