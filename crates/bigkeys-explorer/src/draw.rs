//! Draws the screens.

use std::fmt::Write as _;

use bigkeys_report::words::{bytes, count, counted, in_memory, share};
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
use crate::tree::{GroupId, GroupSort, TreeView};
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
pub(crate) struct Surround<'a> {
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

impl Surround<'_> {
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
            let text = format!(" {}", cut(text, width.saturating_sub(1)));
            line(frame, last.saturating_sub(1), Line::from(Span::styled(text, style)));
        }
        line(frame, last, Line::from(Span::styled(cut(self.keys, width), theme.soft())));
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
    line(frame, LINES_ABOVE - 1, Line::from(Span::styled(cut(text, width), theme.soft())));
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
        let name = cut(self.name, width.saturating_sub(used));
        let padding = " ".repeat(width.saturating_sub(used + name.width()));
        let style = if self.is_selected { SELECTED } else { Style::new() };
        let marked = if self.is_marked { style.patch(theme.mark()) } else { style };
        Line::from(vec![
            Span::styled(mark.to_owned(), marked),
            Span::styled(self.before.clone(), style),
            // A bar that is reversed would be read as the rest of it.
            Span::styled(self.bar.clone(), theme.bar()),
            Span::styled(self.after.clone(), style),
            Span::styled(name, marked),
            Span::styled(padding, style),
        ])
    }
}

/// A bar for a part of the largest, padded to `columns`. A part that is not nothing has a bar.
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

/// Draws the groups of a tree.
pub(crate) fn tree(frame: &mut Frame<'_>, area: Rect, view: &mut TreeView, has_memory: bool, theme: Theme) {
    let is_wide = area.width >= WIDE;
    let unit = if has_memory { "in memory" } else { "in the file" };
    let bar_columns = if is_wide { WIDE_BAR } else { BAR };
    let mut head = format!(" {unit:>12} {:>7} {:<bar_columns$}{:>13}", "share", "", "keys");
    if is_wide {
        let _ = write!(head, "{:>15}{:>13}{:>13}", "elements", "in the file", "largest");
    }
    heads(frame, &(head + "  group"), theme);
    let rows = view.rows();
    let (mut cursor, height) = (view.cursor, usize::from(area.height));
    let whole = view.here().map_or(0, NameGroup::bytes);
    let measure = view.sort;
    let largest = rows.iter().map(|group| measure.of(group)).max().unwrap_or(0);
    let above = view.here_id().filter(|_| view.search.is_empty());
    let mut lines = Vec::new();
    for index in cursor.shown(rows.len(), height) {
        let Some(group) = rows.get(index) else { break };
        let mut after = format!("{:>13}", count(group.group.keys));
        if is_wide {
            let _ = write!(
                after,
                "{:>15}{:>13}{:>13}",
                count(group.group.elements),
                bytes(group.group.rdb_bytes),
                bytes(group.sizes.max_bytes)
            );
        }
        let id = GroupId::of(group);
        let more = if group.children.is_empty() { "" } else { " ›" };
        let name = format!("{}{more}", name_below(&id, above));
        let row = Row {
            is_marked: view.marked.contains(&id),
            is_selected: index == cursor.selected(),
            before: format!("{:>12} {:>7} ", bytes_of(group), share(group.bytes(), whole)),
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

/// The name of a group behind that of the group above it.
fn name_below(id: &GroupId, above: Option<&GroupId>) -> String {
    let rest = above.and_then(|above| id.path.strip_prefix(&above.path[..])).filter(|rest| !rest.is_empty());
    match rest {
        Some(rest) => GroupId { kind: id.kind, path: rest.to_vec() }.label(),
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
        let mut after = format!("  {:<8}", cut(&measure.data_type.to_string(), 8));
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
        let text = if view.job.is_done() { "  no keys" } else { "  scanning for the biggest keys" };
        lines.push(Line::from(text));
    }
    frame.render_widget(Paragraph::new(lines), area);
    view.cursor = cursor;
}

/// How many keys are listed, and by what.
pub(crate) fn keys_order(view: &KeysView) -> String {
    let rank = bigkeys_report::words::rank(view.rank);
    match view.rows().len() {
        0 => format!("by {rank}"),
        rows if rows >= MAX_KEYS => {
            format!("{} keys, at most {} of a type, by {rank}", count(rows as u64), count(MAX_KEYS as u64))
        }
        rows => format!("{}, by {rank}", counted(rows as u64, "key")),
    }
}

fn expiry(key: &KeyRecord) -> String {
    let at = key.measure.expires_at_ms.and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| "never".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
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
                Span::raw(cut(&value, width.saturating_sub(20))),
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
        lines.push(Line::from(Span::styled(format!("  {}", cut(&text, width.saturating_sub(2))), style)));
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
        Shown::Hex if view.key.measure.rdb_bytes > MAX_HEX_BYTES => Some(format!(
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
    if view.search.is_empty() {
        format!("by {}", sort.name(has_memory))
    } else {
        format!("{}, by {}", counted(view.rows().len() as u64, "group"), sort.name(has_memory))
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
    let right = cut(right, width);
    let left = cut(left, width.saturating_sub(right.width() + 1));
    let padding = " ".repeat(width.saturating_sub(left.width() + right.width()));
    format!("{left}{padding}{right}")
}

/// The beginning of a text that fits into `width` columns.
fn cut(text: &str, width: usize) -> String {
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
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("鍵鍵鍵", 4), "鍵…");
        assert_eq!(cut("abc", 0), "");
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
