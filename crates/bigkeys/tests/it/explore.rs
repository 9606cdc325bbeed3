//! `bigkeys explore` in a pseudo-terminal.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::common::{bigkeys, string_keys, testdata, text};
use crate::screen::Screen;

const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";
const LEFT: &str = "\x1b[D";

fn explore(args: &[&str], directory: &Path, size: (u16, u16)) -> Screen {
    let args: Vec<&str> = ["explore", "--color", "never"].iter().chain(args).copied().collect();
    Screen::start(assert_cmd::cargo::cargo_bin!("bigkeys"), &args, directory, size)
}

/// Whether no scan runs any more.
fn is_done(text: &str) -> bool {
    text.lines().next().is_some_and(|title| title.contains(" keys,") && !title.contains("scanning"))
}

/// Compares screens with a file that is checked in. `BLESS=1` writes the file.
fn assert_golden(name: &str, screens: &[(&str, String)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    let mut shown = String::new();
    for (title, text) in screens {
        shown += &["==== ", title, "\n", text].concat();
    }
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, &shown).expect("written");
    }
    let golden = fs::read_to_string(&path).expect("checked in");
    assert!(shown == golden, "{name} differs, BLESS=1 rewrites it:\n{shown}");
}

/// Walks through a bundled dump, and compares each screen.
fn assert_walk(golden: &str, size: (u16, u16)) {
    let mut screen = explore(&["redis-8.2.3.rdb"], &testdata("fixtures"), size);
    let mut screens = vec![("groups", screen.until("the end of the scan", is_done))];
    for (title, order) in [
        ("by bytes in the file", "by bytes in the file"),
        ("by number of keys", "by number of keys"),
        ("by number of elements", "by number of elements"),
        ("by name", "by name"),
    ] {
        screen.press("s");
        screens.push((title, screen.until_shown(order)));
    }
    screen.press("s");
    screen.until_shown("by bytes in memory");
    screen.press("/hash");
    screens.push((
        "a search",
        screen.until("a search", |text| text.contains("search: hash") && text.contains("groups, by")),
    ));
    screen.press(ENTER);
    screen.until("the end of the search", |text| !text.contains("search:"));
    screen.press("t");
    screens.push(("keys of a group", screen.until_shown("keys, by")));
    screen.press(ENTER);
    screens.push((
        "a key",
        screen.until("elements", |text| {
            text.contains("elements") && text.contains("offset") && !text.contains("reading")
        }),
    ));
    screen.press("\t");
    screens.push(("its bytes", screen.until_shown("record")));
    screen.press("?");
    screens.push(("help", screen.until_shown("sort by the next measure")));
    screen.press("x");
    screen.until("the end of the help", |text| !text.contains("sort by the next measure"));
    screen.press("q");
    assert_eq!(screen.wait(), 0);
    assert_golden(golden, &screens);
}

#[test]
fn a_walk_on_a_small_terminal() {
    assert_walk("explore-80x24.txt", (80, 24));
}

#[test]
fn a_walk_on_a_large_terminal() {
    assert_walk("explore-200x50.txt", (200, 50));
}

#[test]
fn groups_are_entered_and_left_and_the_cursor_comes_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = [("a:x:1", 10), ("a:y:1", 20), ("b:x:1", 40), ("plain", 5)];
    fs::write(dir.path().join("dump.rdb"), string_keys(&keys)).expect("written");
    let mut screen = explore(&["--no-memory", "dump.rdb"], dir.path(), (80, 24));
    screen.until("the end of the scan", is_done);
    screen.press(DOWN);
    screen.press(ENTER);
    let inside = screen.until_shown("all keys › a:");
    let names: Vec<&str> =
        inside.lines().filter_map(|line| line.strip_suffix(" ›")?.split_whitespace().last()).collect();
    assert_eq!(names, ["y:", "x:"], "{inside}");
    screen.press(LEFT);
    screen.until("the root", |text| !text.contains("› a:"));
    // The cursor is on the group that was left, so the same group is entered again.
    screen.press(ENTER);
    screen.until_shown("all keys › a:");
}

#[test]
fn a_resized_terminal_is_drawn_anew() {
    let mut screen = explore(&["redis-8.2.3.rdb"], &testdata("fixtures"), (80, 24));
    let small = screen.until("the end of the scan", is_done);
    assert!(!small.contains("largest"), "{small}");
    screen.resize((200, 50));
    let large = screen.until_shown("largest");
    assert!(large.lines().nth(49).is_some_and(|line| line.contains("q quit")), "{large}");
    screen.resize((40, 10));
    screen.until("a small screen", |text| {
        text.lines().count() == 10 && text.lines().all(|line| line.chars().count() <= 40)
    });
    screen.press("q");
    assert_eq!(screen.wait(), 0);
}

#[test]
fn groups_are_shown_while_the_scan_runs() {
    let dir = tempfile::tempdir().expect("a directory");
    let fifo = dir.path().join("dump.rdb");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let mut screen = explore(&[text(&fifo)], dir.path(), (80, 24));
    let mut file = File::options().write(true).open(&fifo).expect("it is read");
    let names: Vec<String> = (0..50_000).map(|n| format!("user:{n}")).collect();
    let keys: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 30)).collect();
    let all = string_keys(&keys);
    // The explorer publishes what it has from time to time, while keys come.
    let (body, end) = all.split_at(all.len() - 100);
    let parts = body.chunks(all.len() / 100);
    for part in parts {
        file.write_all(part).expect("written");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let early = screen.until_shown("user:");
    assert!(early.lines().next().is_some_and(|title| title.contains("scanning")), "{early}");
    screen.press(ENTER);
    screen.until_shown("all keys › user:");
    // A pipe has no second copy of its keys.
    screen.press("t");
    screen.until_shown("can be read only once");
    file.write_all(end).expect("written");
    drop(file);
    let whole = screen.until("the end of the scan", is_done);
    assert!(whole.contains("50,000 keys"), "{whole}");
    assert!(whole.contains("all keys › user:"), "the group stays entered: {whole}");
}

#[test]
fn marked_groups_and_keys_are_exported_and_no_file_is_replaced() {
    let dir = tempfile::tempdir().expect("a directory");
    let keys = [("a:1", 10), ("b:1", 40), ("c:1", 80), ("=cmd:1", 20)];
    fs::write(dir.path().join("dump.rdb"), string_keys(&keys)).expect("written");
    let mut screen = explore(&["--no-memory", "dump.rdb"], dir.path(), (80, 24));
    screen.until("the end of the scan", is_done);
    screen.press("  ");
    screen.until("two marks", |text| text.lines().filter(|line| line.starts_with('*')).count() == 2);
    screen.press("x");
    screen.until_shown("export to: groups.csv");
    screen.press(ENTER);
    screen.until_shown("2 rows written to groups.csv");
    let csv = fs::read_to_string(dir.path().join("groups.csv")).expect("written");
    assert_eq!(csv.lines().count(), 3, "{csv}");
    assert!(csv.starts_with("group,keys,elements,rdb_bytes,memory_bytes\nc:,1,"), "{csv}");
    screen.press("x\r");
    screen.until_shown("groups.csv: File exists");
    screen.press("t");
    screen.until_shown("1 key, by");
    screen.press("x\r");
    screen.until_shown("1 row written to keys.jsonl");
    let lines = fs::read_to_string(dir.path().join("keys.jsonl")).expect("written");
    // The cursor stood below the two marked groups.
    assert!(lines.contains("\"key\":\"=cmd:1\""), "{lines}");
}

#[test]
fn hostile_names_are_escaped_and_the_screen_stays_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let names = ["\x1b]0;owned\x07:1", "\u{202e}gnp:1", "\x1b[2J:1", "ok:1"];
    let keys: Vec<(&str, u8)> = names.iter().map(|name| (*name, 10)).collect();
    fs::write(dir.path().join("dump.rdb"), string_keys(&keys)).expect("written");
    let mut screen = explore(&["dump.rdb"], dir.path(), (80, 24));
    let shown = screen.until("the end of the scan", is_done);
    for escaped in [r"\x1b]{int};owned\x07:", r"\xe2\x80\xaegnp:", r"\x1b[{int}J:", "ok:"] {
        assert!(shown.contains(escaped), "{escaped}: {shown}");
    }
    screen.press("t");
    screen.until_shown("1 key, by");
    screen.press(ENTER);
    screen.until_shown("offset");
}

#[test]
fn an_input_that_is_no_backup_is_a_message() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("dump.rdb"), "no backup at all").expect("written");
    let mut screen = explore(&["dump.rdb"], dir.path(), (80, 24));
    let shown = screen.until_shown("dump.rdb:");
    assert!(!shown.contains("more problem"), "{shown}");
    screen.press("q");
    assert_eq!(screen.wait(), 0);
}

#[test]
fn the_terminal_is_given_back_at_the_end_and_after_a_signal() {
    for (signal, status) in [(None, 0), (Some("TERM"), 143)] {
        let mut screen = explore(&["redis-8.2.3.rdb"], &testdata("fixtures"), (80, 24));
        screen.until("the end of the scan", is_done);
        assert!(screen.terminal().screen().alternate_screen());
        match signal {
            Some(name) => screen.signal(name),
            None => screen.press("q"),
        }
        assert_eq!(screen.wait(), status);
        let terminal = screen.terminal();
        assert!(!terminal.screen().alternate_screen() && !terminal.screen().hide_cursor());
    }
}

#[test]
fn output_that_is_no_terminal_is_refused() {
    let output = bigkeys(&["explore", "dump.rdb"]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("explore needs a terminal"));
}

/// Panics in a scan while the explorer shows its screen. Run by the test below, in a terminal.
#[test]
#[ignore = "needs a terminal, and ends with a panic"]
fn explore_and_panic() {
    let scan = || panic!("a panic of a test");
    let explorer = bigkeys_explorer::Explorer::new(&scan, vec![bigkeys::Input::new("none.rdb")]);
    let error = explorer.run(&std::sync::Arc::default()).expect_err("a panic");
    writeln!(std::io::stdout(), "{error}").expect("written");
}

#[test]
fn the_terminal_is_given_back_after_a_panic() {
    let test = std::env::current_exe().expect("this program");
    let run = format!("'{}' --ignored --exact --nocapture explore::explore_and_panic; stty -a", text(&test));
    let mut screen = Screen::start("sh", &["-c", &run], Path::new("/"), (100, 40));
    screen.wait();
    let shown = screen.until_shown("a scan panicked");
    assert!(shown.contains("a panic of a test"), "{shown}");
    assert!(!screen.terminal().screen().alternate_screen() && !screen.terminal().screen().hide_cursor());
    let modes: Vec<&str> = shown.split_whitespace().collect();
    assert!(modes.contains(&"icanon") && modes.contains(&"echo"), "{shown}");
}
