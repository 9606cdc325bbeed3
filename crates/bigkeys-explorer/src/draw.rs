//! Draws the screens.

use std::fmt::Write as _;

use bigkeys_report::words::{self, bytes, count, counted, in_memory, share};
use bigkeys_scan::{KeyRecord, NameGroup};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use rdb_parser::escape::Escaped;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::job::Job;
use crate::keys::{self, KeysView, MAX_KEYS, Shown, ValueView};
use crate::tree::{GroupId, GroupSort, MAX_FOUND, TreeView, label};
use crate::value::{MAX_HEX_BYTES, hex_lines};

/// Lines around the rows: title, path, heads; message, keys.
const LINES_ABOVE: u16 = 3;
const LINES_BELOW: u16 = 2;

/// Columns from which on a table has all of its columns.
const WIDE: u16 = 130;

/// Columns of a bar, on a wide terminal and on others.
const WIDE_BAR: usize = 20;
const BAR: usize = 10;

/// How the screens look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    pub(crate) has_colours: bool,
}

impl Theme {
    fn colour(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn bar(self) -> Style {
        self.colour(Color::Cyan)
    }

    fn soft(self) -> Style {
        if self.has_colours { Style::new().add_modifier(Modifier::DIM) } else { Style::new() }
    }

    fn mark(self) -> Style {
        self.colour(Color::Yellow)
    }

    fn problem(self) -> Style {
        self.colour(Color::Red)
    }
}

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const SELECTED: Style = Style::new().add_modifier(Modifier::REVERSED);

/// The lines that every screen has.
pub(crate) struct Chrome<'a> {
    pub(crate) title: &'a str,
    /// How far the scan is, or what it found.
    pub(crate) status: String,
    pub(crate) crumbs: Vec<String>,
    /// By what the rows are sorted, and what restricts them.
    pub(crate) order: String,
    /// A text, and whether it tells of a problem.
    pub(crate) message: Option<(&'a str, bool)>,
    /// What is asked, and what was typed.
    pub(crate) prompt: Option<(&'a str, &'a str)>,
    pub(crate) keys: &'a str,
}

impl Chrome<'_> {
    /// Draws the lines, and returns the area between them.
    pub(crate) fn draw(&self, frame: &mut Frame<'_>, theme: Theme) -> Rect {
        let area = frame.area();
        let width = usize::from(area.width);
        let title = both_ends(self.title, &self.status, width);
        line(frame, 0, Line::from(Span::styled(title, SELECTED)));
        let path = format!(" {}", self.crumbs.join(" › "));
        let room = width.saturating_sub(self.order.width() + 2);
        line(frame, 1, Line::from(Span::styled(both_ends(&end_of(&path, room), &self.order, width), BOLD)));
        let last = area.height.saturating_sub(1);
        if let Some((question, typed)) = self.prompt {
            let text = format!(" {question}{}", end_of(typed, width.saturating_sub(question.len() + 2)));
            let x = u16::try_from(text.width()).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
            frame.set_cursor_position((x, last.saturating_sub(1)));
            line(frame, last.saturating_sub(1), Line::from(text));
        } else if let Some((text, is_problem)) = self.message {
            let style = if is_problem { theme.problem() } else { Style::new() };
            let text = format!(" {}", truncate(text, width.saturating_sub(1)));
            line(frame, last.saturating_sub(1), Line::from(Span::styled(text, style)));
        }
        line(frame, last, Line::from(Span::styled(truncate(self.keys, width), theme.soft())));
        let height = area.height.saturating_sub(LINES_ABOVE + LINES_BELOW);
        Rect { x: 0, y: LINES_ABOVE.min(area.height), width: area.width, height }
    }
}

fn line(frame: &mut Frame<'_>, y: u16, text: Line<'_>) {
    let area = frame.area();
    if y < area.height {
        frame.render_widget(Paragraph::new(text), Rect { x: 0, y, width: area.width, height: 1 });
    }
}

fn heads(frame: &mut Frame<'_>, text: &str, theme: Theme) {
    let width = usize::from(frame.area().width);
    line(frame, LINES_ABOVE - 1, Line::from(Span::styled(truncate(text, width), theme.soft())));
}

/// Draws a row: its mark, columns, a bar and a name.
struct Row<'a> {
    is_marked: bool,
    is_selected: bool,
    before: String,
    bar: String,
    after: String,
    name: &'a str,
}

impl Row<'_> {
    fn line(&self, width: usize, theme: Theme) -> Line<'static> {
        let mark = if self.is_marked { "*" } else { " " };
        let used = 1 + self.before.width() + self.bar.width() + self.after.width();
        let name = truncate(self.name, width.saturating_sub(used));
        let padding = " ".repeat(width.saturating_sub(used + name.width()));
        let style = if self.is_selected { SELECTED } else { Style::new() };
        let marked = if self.is_marked { style.patch(theme.mark()) } else { style };
        Line::from(vec![
            Span::styled(mark.to_owned(), marked),
            Span::styled(self.before.clone(), style),
            // A reversed bar looks like its unfilled part.
            Span::styled(self.bar.clone(), theme.bar()),
            Span::styled(self.after.clone(), style),
            Span::styled(name, marked),
            Span::styled(padding, style),
        ])
    }
}

/// A bar for a part of the largest, padded to `columns`. A part above 0 has at least an eighth of a column.
fn bar(part: u64, largest: u64, columns: usize) -> String {
    let eighths = (u128::from(part) * columns as u128 * 8).checked_div(u128::from(largest)).unwrap_or(0);
    let eighths = usize::try_from(eighths).unwrap_or(0).max(usize::from(part > 0)).min(columns * 8);
    let end = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    let bar = "█".repeat(eighths / 8) + end;
    let padding = columns.saturating_sub(bar.width());
    bar + &" ".repeat(padding)
}

/// Bytes of a group: in memory, marked where they are a lower bound, or else in the file.
pub(crate) fn bytes_of(group: &NameGroup) -> String {
    in_memory(&group.group).unwrap_or_else(|| bytes(group.bytes()))
}

/// Draws the groups of a tree. The first column has the bytes by which the groups are sorted.
pub(crate) fn tree(frame: &mut Frame<'_>, area: Rect, view: &mut TreeView, has_memory: bool, theme: Theme) {
    let is_wide = area.width >= WIDE;
    let measure = view.sort;
    let is_in_memory = has_memory && measure != GroupSort::RdbBytes;
    let bytes_head = if is_in_memory { "in memory" } else { "in the file" };
    let count_head = if measure == GroupSort::Elements && !is_wide { "elements" } else { "keys" };
    let bar_columns = if is_wide { WIDE_BAR } else { BAR };
    let mut head = format!(" {bytes_head:>12} {:>7} {:<bar_columns$}{count_head:>13}", "share", "");
    if is_wide {
        let _ = write!(head, "{:>15}{:>13}{:>13}", "elements", "in the file", "largest");
    }
    heads(frame, &(head + "  group"), theme);
    let rows = view.rows();
    let weight = |group: &NameGroup| if is_in_memory { group.bytes() } else { group.group.rdb_bytes };
    let whole = view.here().map_or(0, |here| weight(here.group));
    let largest = rows.iter().map(|row| measure.of(row.group)).max().unwrap_or(0);
    let above = view.here_id().filter(|_| view.search.is_empty());
    let mut cursor = view.cursor;
    let mut lines = Vec::new();
    for index in cursor.shown(rows.len(), usize::from(area.height)) {
        let Some(row) = rows.get(index) else { break };
        let group = row.group;
        let sums = &group.group;
        let counted = if count_head == "keys" { sums.keys } else { sums.elements };
        let mut after = format!("{:>13}", count(counted));
        if is_wide {
            let _ = write!(
                after,
                "{:>15}{:>13}{:>13}",
                count(sums.elements),
                bytes(sums.rdb_bytes),
                bytes(group.sizes.max_bytes)
            );
        }
        let id = row.id();
        let more = if group.children.is_empty() { "" } else { " ›" };
        let name = format!("{}{more}", name_below(&id, above));
        let bytes = if is_in_memory { bytes_of(group) } else { bytes(sums.rdb_bytes) };
        let row = Row {
            is_marked: view.marked.contains(&id),
            is_selected: index == cursor.selected(),
            before: format!("{bytes:>12} {:>7} ", share(weight(group), whole)),
            bar: bar(measure.of(group), largest, bar_columns),
            after: after + "  ",
            name: &name,
        };
        lines.push(row.line(usize::from(area.width), theme));
    }
    if rows.is_empty() {
        let text = if view.search.is_empty() { "  no keys yet" } else { "  no group has this in its name" };
        lines.push(Line::from(text));
    }
    frame.render_widget(Paragraph::new(lines), area);
    view.cursor = cursor;
}

/// The last segment of a group's path: the path without that of the group above it.
fn name_below(id: &GroupId, above: Option<&GroupId>) -> String {
    match above.and_then(|above| id.path.strip_prefix(&above.path[..])) {
        Some([]) => "(empty)".to_owned(),
        Some(rest) => label(id.kind, rest),
        None => id.label(),
    }
}

/// Draws the biggest keys of a group.
pub(crate) fn keys(frame: &mut Frame<'_>, area: Rect, view: &mut KeysView, has_memory: bool, theme: Theme) {
    let is_wide = area.width >= WIDE;
    let unit = if has_memory { "in memory" } else { "in the file" };
    let bar_columns = if is_wide { WIDE_BAR } else { BAR };
    let mut head = format!(" {unit:>12} {:>12} {:<bar_columns$}  {:<8}", "elements", "", "type");
    if is_wide {
        let _ = write!(head, "{:<12}{:>13}{:>5}  {:<20}", "encoding", "in the file", "db", "expires");
    }
    heads(frame, &(head + "  key"), theme);
    let rows = view.rows();
    let (mut cursor, rank) = (view.cursor, view.rank);
    let largest = rows.iter().filter_map(|key| rank.of(&key.measure)).max().unwrap_or(0);
    let mut lines = Vec::new();
    for index in cursor.shown(rows.len(), usize::from(area.height)) {
        let Some(key) = rows.get(index) else { break };
        let measure = &key.measure;
        let elements = measure.elements.map_or_else(|| "?".to_owned(), count);
        let mut after = format!("  {:<8}", truncate(&measure.data_type.to_string(), 8));
        if is_wide {
            let _ = write!(
                after,
                "{:<12}{:>13}{:>5}  {:<20}",
                measure.encoding.name(),
                bytes(measure.rdb_bytes),
                measure.db,
                expiry(key)
            );
        }
        let row = Row {
            is_marked: view.marked.contains(&keys::id(key)),
            is_selected: index == cursor.selected(),
            before: format!(
                "{:>12} {elements:>12} ",
                bytes(measure.memory_bytes.unwrap_or(measure.rdb_bytes))
            ),
            bar: bar(rank.of(measure).unwrap_or(0), largest, bar_columns),
            after: after + "  ",
            name: &keys::name(key),
        };
        lines.push(row.line(usize::from(area.width), theme));
    }
    if rows.is_empty() {
        let text = match view.job.is_done() {
            false => "  scanning for the biggest keys",
            true if view.search.is_empty() => "  no keys",
            true => "  no key has this in its name",
        };
        lines.push(Line::from(text));
    }
    frame.render_widget(Paragraph::new(lines), area);
    view.cursor = cursor;
}

/// How many keys are listed, and by what.
pub(crate) fn keys_order(view: &KeysView) -> String {
    let rank = words::rank(view.rank);
    let rows = view.rows().len() as u64;
    if view.is_full() {
        let most = count(MAX_KEYS as u64);
        return format!("{}, at most {most} of a type, by {rank}", counted(rows, "key"));
    }
    if rows == 0 { format!("by {rank}") } else { format!("{}, by {rank}", counted(rows, "key")) }
}

fn expiry(key: &KeyRecord) -> String {
    let Some(at_ms) = key.measure.expires_at_ms else { return "never".to_owned() };
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        // No calendar has such a year.
        Err(_) => format!("at {at_ms} ms"),
    }
}

/// Draws the facts of a key, and its elements or bytes.
pub(crate) fn value(frame: &mut Frame<'_>, area: Rect, view: &mut ValueView, theme: Theme) {
    let facts = facts(view);
    let width = usize::from(area.width);
    let head = if view.shown == Shown::Hex { "record" } else { "elements" };
    let mut lines: Vec<Line<'_>> = facts
        .into_iter()
        .map(|(name, value)| {
            Line::from(vec![
                Span::styled(format!("  {name:<18}"), theme.soft()),
                Span::raw(truncate(&value, width.saturating_sub(20))),
            ])
        })
        .collect();
    lines.push(Line::default());
    let rows = rows_of_value(view);
    let height = usize::from(area.height).saturating_sub(lines.len() + 1);
    let range = view.cursor.shown(rows, height);
    lines.push(Line::from(Span::styled(format!("  {head}"), BOLD)));
    let Some(value) = &view.value else {
        lines.push(Line::from("  reading the value"));
        return frame.render_widget(Paragraph::new(lines), area);
    };
    let shown: Vec<String> = match view.shown {
        Shown::Hex => hex_lines(&value.bytes, view.key.measure.offset, range.start, range.len()),
        Shown::Elements => value.elements.get(range.clone()).unwrap_or_default().to_vec(),
    };
    for (index, text) in range.zip(shown) {
        let style = if index == view.cursor.selected() { SELECTED } else { Style::new() };
        lines
            .push(Line::from(Span::styled(format!("  {}", truncate(&text, width.saturating_sub(2))), style)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Number of lines below the facts.
pub(crate) fn rows_of_value(view: &ValueView) -> usize {
    let Some(value) = &view.value else { return 0 };
    match view.shown {
        Shown::Hex => value.bytes.len().div_ceil(16),
        Shown::Elements => value.elements.len(),
    }
}

/// What is not shown of a value.
pub(crate) fn remark_of_value(view: &ValueView) -> Option<String> {
    let value = view.value.as_ref()?;
    match view.shown {
        Shown::Hex if view.key.measure.rdb_bytes > MAX_HEX_BYTES as u64 => Some(format!(
            "the first {} KiB of {} are shown",
            MAX_HEX_BYTES >> 10,
            bytes(view.key.measure.rdb_bytes)
        )),
        Shown::Hex => None,
        Shown::Elements => value.remark.clone(),
    }
}

fn facts(view: &ValueView) -> Vec<(&'static str, String)> {
    let key = &view.key;
    let measure = &key.measure;
    let exact = |number: u64| format!("{} ({})", bytes(number), counted(number, "byte"));
    let mut facts = vec![("type", format!("{}, {}", measure.data_type, measure.encoding.name()))];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("elements", measure.elements.map(count));
    add(
        if measure.memory_is_modelled { "in memory" } else { "in memory, from" },
        measure.memory_bytes.map(exact),
    );
    add("in the file", Some(exact(measure.rdb_bytes)));
    add("payload", measure.value_bytes.map(exact));
    add("largest element", measure.largest_element_bytes.map(exact));
    add("expires", Some(expiry(key)));
    add("not used for", measure.idle_seconds.map(|seconds| counted(seconds, "second")));
    add("access counter", measure.freq.map(|freq| freq.to_string()));
    add("database", Some(measure.db.to_string()));
    add("slot", measure.slot.map(|slot| slot.to_string()));
    add("shard", key.shard.as_deref().map(|shard| Escaped::for_message(shard).to_string()));
    let input = Escaped::for_message(&view.input);
    add("file", Some(format!("{input}, offset {}", measure.offset)));
    facts
}

/// By what groups are sorted, and what they have in their names.
pub(crate) fn tree_order(view: &TreeView, has_memory: bool) -> String {
    let sort: GroupSort = view.sort;
    let name = sort.name(has_memory);
    if view.search.is_empty() {
        return format!("by {name}");
    }
    match view.rows().len() {
        MAX_FOUND => format!("the first {} groups, by {name}", count(MAX_FOUND as u64)),
        rows => format!("{}, by {name}", counted(rows as u64, "group")),
    }
}

/// How far a scan is.
pub(crate) fn progress<T>(job: &Job<T>) -> String {
    let (read, total) = job.watch.bytes();
    let keys = counted(job.watch.keys(), "key");
    match total {
        Some(total) => format!("scanning {}, {keys}", share(read.min(total), total)),
        None => format!("scanning, {} read, {keys}", bytes(read)),
    }
}

/// Draws the list of keys to press over a screen.
pub(crate) fn help(frame: &mut Frame<'_>) {
    const HELP: &[(&str, &str)] = &[
        ("↑ ↓ k j", "move; PgUp PgDn, Home End, g G"),
        ("→ Enter l", "open a group, or a key"),
        ("← Backspace h", "back"),
        ("t", "the biggest keys of a group"),
        ("s", "sort by the next measure"),
        ("/", "search; Enter keeps the result, Esc ends it"),
        ("Space", "mark"),
        ("x", "export what is marked, or all that is shown"),
        ("Tab", "elements or bytes of a key"),
        ("q Ctrl-C", "quit"),
    ];
    let area = frame.area();
    let (width, height) =
        (64.min(area.width), u16::try_from(HELP.len() + 2).unwrap_or(u16::MAX).min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let mut lines = vec![Line::default()];
    for (keys, what) in HELP {
        lines.push(Line::from(vec![Span::styled(format!("  {keys:<16}"), BOLD), Span::raw(*what)]));
    }
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).style(SELECTED), place);
}

/// A line with text at both ends. The text at the right stays whole.
fn both_ends(left: &str, right: &str, width: usize) -> String {
    let right = truncate(right, width);
    let left = truncate(left, width.saturating_sub(right.width() + 1));
    let padding = " ".repeat(width.saturating_sub(left.width() + right.width()));
    format!("{left}{padding}{right}")
}

/// The beginning of a text that fits into `width` columns.
fn truncate(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        shown.push(c);
    }
    if width > 0 {
        shown.push('…');
    }
    shown
}

/// The end of a text that fits into `width` columns.
fn end_of(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let mut shown: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect();
    shown.push('…');
    shown.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_columns() {
        assert_eq!(truncate("abcdef", 6), "abcdef");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("鍵鍵鍵", 4), "鍵…");
        assert_eq!(truncate("abc", 0), "");
        assert_eq!(end_of("abcdef", 4), "…def");
        assert_eq!(both_ends("left side", "right", 12), "left … right");
        assert_eq!(both_ends("left", "right", 12), "left   right");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        assert_eq!(bar(0, 8, 4), "    ");
        assert_eq!(bar(4, 8, 4), "██  ");
        assert_eq!(bar(8, 8, 4), "████");
        assert_eq!(bar(1, u64::MAX, 4), "▏   ", "not nothing");
        assert_eq!(bar(3, 8, 4), "█▌  ");
        assert_eq!(bar(0, 0, 4), "    ");
    }
}
