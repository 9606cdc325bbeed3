//! The pictures of the terminal in `docs/pictures` show what the program shows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::common::testdata;
use crate::screen::Screen;

const DUMP: &str = "redis-8.2.3.rdb";

fn start(args: &[&str], size: (u16, u16)) -> Screen {
    Screen::start(assert_cmd::cargo::cargo_bin!("bigkeys"), args, &testdata("fixtures"), size)
}

/// What a terminal shows, with escape sequences for its styles.
fn styled(screen: &Screen) -> String {
    let terminal = screen.terminal();
    let screen = terminal.screen();
    let (rows, columns) = screen.size();
    let mut out = String::new();
    for row in 0..rows {
        let mut line = String::new();
        for cell in (0..columns).filter_map(|column| screen.cell(row, column)) {
            if cell.is_wide_continuation() {
                continue;
            }
            let mut style = Style::new();
            style = if cell.bold() { style.bold() } else { style };
            style = if cell.dim() { style.dimmed() } else { style };
            style = if cell.inverse() { style.invert() } else { style };
            let colour = match cell.fgcolor() {
                vt100::Color::Idx(1) => Some(AnsiColor::Red),
                vt100::Color::Idx(2) => Some(AnsiColor::Green),
                vt100::Color::Idx(3) => Some(AnsiColor::Yellow),
                vt100::Color::Idx(6) => Some(AnsiColor::Cyan),
                vt100::Color::Default => None,
                other => panic!("the picture has no colour for {other:?}"),
            };
            let style = style.fg_color(colour.map(Into::into));
            let text = if cell.has_contents() { cell.contents() } else { " " };
            write!(line, "{style}{text}{style:#}").expect("a string");
        }
        out += line.trim_end();
        out.push('\n');
    }
    out.trim_end().to_owned() + "\n"
}

/// Compares a picture with the one that is checked in. `BLESS=1` writes it.
fn assert_picture(name: &str, shown: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures").join(name);
    let picture = anstyle_svg::Term::new().render_svg(shown);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &picture).expect("written");
    }
    let checked_in = fs::read_to_string(&path).expect("checked in");
    assert!(picture == checked_in, "{name} is not what the program shows; scripts/pictures makes it anew");
}

#[test]
fn the_picture_of_a_scan_is_true() {
    let mut screen = start(&["scan", "--no-progress", DUMP], (90, 27));
    assert_eq!(screen.wait(), 0);
    screen.until_shown("--all shows all groups");
    let prompt = Style::new().bold();
    let shown = format!("{prompt}$ bigkeys scan {DUMP}{prompt:#}\n{}", styled(&screen));
    assert_picture("scan.svg", &shown);
}

#[test]
fn the_picture_of_the_explorer_is_true() {
    let mut screen = start(&["explore", "--color", "always", DUMP], (100, 18));
    screen.until("the end of the scan", |text| text.contains("599 keys,") && !text.contains("scanning"));
    screen.press("\x1b[B\x1b[B");
    screen.until_shown("hash:");
    assert_picture("explore.svg", &styled(&screen));
}
