//! Tables and paragraphs that fit the terminal.

use std::io::{self, IsTerminal as _, Write};

use anstyle::Style;
use textwrap::Options;
use unicode_width::UnicodeWidthStr as _;

/// Columns between two cells.
const GAP: usize = 2;

/// Columns that the last cell of a row has at least, while another column can be left out.
const MIN_LAST: usize = 24;

/// Columns of the last cell of a row where no terminal limits the line.
const UNLIMITED_LAST: usize = 80;

/// The length of lines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width(Option<usize>);

impl Width {
    /// The value of `COLUMNS`, or the width of the terminal that standard output is. Lines are not
    /// limited where there is neither.
    pub(crate) fn of_stdout() -> Self {
        let from_environment = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let of_terminal = || {
            let stdout = io::stdout();
            let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout)).flatten();
            size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
        };
        Self(from_environment.or_else(of_terminal).filter(|&columns: &usize| columns > 0))
    }

    /// Columns for the last cell of a row, after `taken` columns.
    pub(super) fn left(self, taken: usize) -> usize {
        self.0.map_or(UNLIMITED_LAST, |columns| columns.saturating_sub(taken).max(1))
    }

    /// Writes a paragraph, whose second and later lines begin with `indent`.
    pub(super) fn paragraph(self, out: &mut dyn Write, text: &str, indent: &str) -> io::Result<()> {
        self.styled(out, text, indent, Style::new())
    }

    /// As [`paragraph`](Self::paragraph), in a style.
    pub(super) fn styled(
        self,
        out: &mut dyn Write,
        text: &str,
        indent: &str,
        style: Style,
    ) -> io::Result<()> {
        let Some(columns) = self.0 else { return writeln!(out, "{style}{text}{style:#}") };
        for line in textwrap::wrap(text, Options::new(columns).subsequent_indent(indent)) {
            writeln!(out, "{style}{}{style:#}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A column of a table, except the last.
#[derive(Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    is_number: bool,
    /// Columns with higher numbers are left out first where a line has no room for all.
    importance: u8,
}

/// A column of numbers, aligned to the right.
pub(super) const fn numbers(title: &'static str, importance: u8) -> Column {
    Column { title, is_number: true, importance }
}

/// A column of words, aligned to the left.
pub(super) const fn words(title: &'static str, importance: u8) -> Column {
    Column { title, is_number: false, importance }
}

/// A table whose last column has the name of its rows, shortened to fit.
pub(super) struct Table<N> {
    columns: Vec<Column>,
    last: &'static str,
    rows: Vec<(Vec<String>, N)>,
}

impl<N> Table<N> {
    pub(super) fn new(columns: Vec<Column>, last: &'static str) -> Self {
        Self { columns, last, rows: Vec::new() }
    }

    /// Adds a row: a cell for each column, and its name.
    pub(super) fn push(&mut self, cells: Vec<String>, name: N) {
        self.rows.push((cells, name));
    }

    /// Writes the table. `shorten` shortens a name to a number of columns.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        width: Width,
        shorten: impl Fn(&N, usize) -> String,
    ) -> io::Result<()> {
        let shown = self.shown_columns(width);
        let taken: usize = shown.iter().map(|&(_, cell)| cell + GAP).sum();
        let left = width.left(taken);
        let mut line = String::new();
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        self.line(&mut line, &shown, &titles);
        line.push_str(self.last);
        writeln!(out, "{}", fit(&line, width))?;
        for (cells, name) in &self.rows {
            line.clear();
            self.line(&mut line, &shown, cells);
            line.push_str(&shorten(name, left));
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// The columns that have room, by index, with their widths.
    fn shown_columns(&self, width: Width) -> Vec<(usize, usize)> {
        let cell = |index: usize| {
            let cells = self.rows.iter().filter_map(|(cells, _)| cells.get(index));
            let title = self.columns.get(index).map_or(0, |column| column.title.width());
            cells.map(|cell| cell.width()).max().unwrap_or(0).max(title)
        };
        // A column without a single value says nothing.
        let has_values = |index: usize| {
            self.rows.is_empty()
                || self.rows.iter().any(|(cells, _)| cells.get(index).is_some_and(|cell| cell != NONE))
        };
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len())
            .filter(|&index| has_values(index))
            .map(|index| (index, cell(index)))
            .collect();
        let importance = |index: usize| self.columns.get(index).map_or(0, |column| column.importance);
        while width.left(shown.iter().map(|&(_, cell)| cell + GAP).sum()) < MIN_LAST {
            let least = (0..shown.len()).max_by_key(|&place| importance(shown[place].0));
            match least.filter(|&place| importance(shown[place].0) > 0) {
                Some(place) => drop(shown.remove(place)),
                None => break,
            }
        }
        shown
    }

    fn line(&self, line: &mut String, shown: &[(usize, usize)], cells: &[String]) {
        for &(index, width) in shown {
            let cell = cells.get(index).map_or("", String::as_str);
            let is_number = self.columns.get(index).is_some_and(|column| column.is_number);
            line.push_str(&aligned(cell, width, is_number));
            line.push_str(&" ".repeat(GAP));
        }
    }
}

/// A cell in `width` columns. Numbers are aligned to the right.
pub(super) fn aligned(cell: &str, width: usize, is_number: bool) -> String {
    let padding = " ".repeat(width.saturating_sub(cell.width()));
    if is_number { padding + cell } else { cell.to_owned() + &padding }
}

/// Stands for a value that is not known.
pub(super) const NONE: &str = "-";

/// The cell of a value that may not be known.
pub(super) fn cell(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// A line of titles, shortened to the width.
fn fit(line: &str, width: Width) -> &str {
    let line = line.trim_end();
    match width.0 {
        Some(columns) => line.get(..columns.min(line.len())).unwrap_or(line),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> String {
        let columns = vec![numbers("keys", 2), words("type", 1), numbers("in file", 0), numbers("gone", 3)];
        let mut table = Table::new(columns, "name");
        for (keys, name) in [(1, "a"), (1_000_000, "a name of thirty-four characters..")] {
            let cells = vec![keys.to_string(), "hash".to_owned(), "7 B".to_owned(), NONE.to_owned()];
            table.push(cells, name);
        }
        let mut out = Vec::new();
        let shorten = |name: &&str, columns: usize| name.chars().take(columns).collect();
        table.write(&mut out, Width(width), shorten).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn columns_without_values_are_left_out_and_the_last_is_not_padded() {
        let expected = "   keys  type  in file  name\n      1  hash      7 B  a\n\
                        1000000  hash      7 B  a name of thirty-four characters..\n";
        assert_eq!(table(None), expected);
    }

    #[test]
    fn the_least_important_columns_make_room() {
        let narrow = table(Some(34));
        assert_eq!(narrow.lines().next(), Some("in file  name"));
        assert!(table(Some(40)).starts_with("type  in file  name\n"));
        for columns in [10, 34, 40, 50, 80] {
            assert!(table(Some(columns)).lines().all(|line| line.width() <= columns), "{columns}");
        }
    }
}
