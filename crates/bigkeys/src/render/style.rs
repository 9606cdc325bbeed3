//! How tables look.

use std::io::{self, Write};

use anstyle::{AnsiColor, Color, Style};
use rdb_analysis::json::KeysAs;

use super::layout::Width;

pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const WARNING: Style = HEADING.fg_color(Some(Color::Ansi(AnsiColor::Yellow)));
pub(crate) const DAMAGE: Style = HEADING.fg_color(Some(Color::Ansi(AnsiColor::Red)));

/// How a report is shown.
#[derive(Clone, Copy)]
pub(crate) struct TableStyle {
    pub(crate) keys_as: KeysAs,
    pub(crate) width: Width,
    /// Whether each of several files has its own block.
    pub(crate) per_file: bool,
    /// Keys in the list over all types.
    pub(crate) top: usize,
}

/// Writes the title of a table.
pub(super) fn heading(out: &mut dyn Write, title: &str, style: TableStyle) -> io::Result<()> {
    writeln!(out)?;
    style.width.styled(out, title, "  ", HEADING)
}
