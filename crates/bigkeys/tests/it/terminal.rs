//! Tables fit the terminal, and say first what a reader looks for first.

use std::fs;
use std::path::Path;

use crate::common::{all_testdata, bigkeys, stdout, testdata, text};
use unicode_width::UnicodeWidthStr as _;

/// Standard output on a terminal of `columns` columns, whatever the status.
fn shown(columns: usize, args: &[&str]) -> String {
    let output = bigkeys(args).env("COLUMNS", columns.to_string()).output().expect("the program runs");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn assert_fits(columns: usize, args: &[&str]) {
    let shown = shown(columns, args);
    assert!(!shown.is_empty(), "{args:?}");
    let too_long = shown.lines().find(|line| line.width() > columns);
    assert_eq!(too_long, None, "{columns} columns, {args:?}");
    let padded = shown.lines().find(|line| line.ends_with(' '));
    assert_eq!(padded, None, "{columns} columns, {args:?}");
}

#[test]
fn no_line_is_longer_than_the_terminal() {
    for file in all_testdata() {
        for columns in [40, 80, 120] {
            assert_fits(columns, &["scan", text(&file)]);
            assert_fits(columns, &["scan", "--no-memory", "--keys-as", "base64", text(&file)]);
            assert_fits(columns, &["keys", "--format", "table", text(&file)]);
        }
    }
}

/// Copies of a fixture, one of them truncated.
fn cluster(dir: &Path, files: usize) -> Vec<String> {
    let whole = fs::read(testdata("fixtures/redis-7.2.6.rdb")).expect("readable");
    let name = |index: usize| dir.join(format!("shard-{index:02}.rdb"));
    for index in 0..files {
        let bytes = if index == 3 { &whole[..whole.len() / 2] } else { &whole[..] };
        fs::write(name(index), bytes).expect("written");
    }
    (0..files).map(|index| text(&name(index)).to_owned()).collect()
}

#[test]
fn the_verdict_comes_first_then_the_biggest_keys_and_the_memory_model_last() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let shown = stdout(&["scan", "--all", text(&file)], 0);
    let place = |what: &str| shown.find(what).unwrap_or_else(|| panic!("{what}: {shown}"));
    assert!(shown.lines().next().expect("a line").ends_with("complete, checksum verified"), "{shown}");
    let order = [
        "checksum verified",
        "never expire",
        "By prefix",
        "Biggest keys, by",
        "By type",
        "Biggest keys of type string",
        "Memory of",
    ];
    assert!(order.map(place).is_sorted(), "{shown}");
}

#[test]
fn the_first_screen_is_one_screen() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("dump.rdb");
    std::fs::copy(testdata("fixtures/redis-8.2.3.rdb"), &file).expect("copied");
    let screen = shown(80, &["scan", text(&file)]);
    assert!(screen.lines().count() <= 24, "{} lines: {screen}", screen.lines().count());
    for answer in
        ["complete", "in memory", "never expire", "By prefix", "str:", "Biggest keys", "--all shows"]
    {
        assert!(screen.contains(answer), "{answer}: {screen}");
    }
}

#[test]
fn the_first_list_has_the_biggest_keys_of_all_types() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let shown = stdout(&["scan", "-n", "5", "--by", "elements", text(&file)], 0);
    let list = shown.split("\n\n").find(|block| block.starts_with("Biggest keys, by")).expect("a list");
    let elements: Vec<u64> = list
        .lines()
        .skip(2)
        .map(|line| {
            let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
            cells[2].replace(',', "").parse().expect("a number of elements")
        })
        .collect();
    assert_eq!(elements.len(), 5, "{list}");
    assert!(elements.is_sorted_by(|a, b| a >= b), "{elements:?}");
}

#[test]
fn files_are_folded_unless_asked_for_and_damage_never_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let files = cluster(dir.path(), 32);
    let args = |more: &[&'static str]| {
        let mut args: Vec<String> =
            ["scan", "-n", "5"].iter().chain(more).map(|&arg| arg.to_owned()).collect();
        args.extend(files.clone());
        args
    };
    let run = |more: &[&'static str]| {
        let args = args(more);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        shown(80, &args)
    };
    let folded = run(&[]);
    assert!(folded.lines().count() < 150, "{} lines", folded.lines().count());
    let verdict = folded.split("\n\n").next().expect("a verdict");
    assert!(verdict.starts_with("32 files, "), "{verdict}");
    assert!(verdict.contains("PARTIAL") && verdict.contains("shard-03.rdb"), "{verdict}");
    assert!(!verdict.contains("shard-02.rdb") && verdict.contains("31 files complete"), "{verdict}");
    let unfolded = run(&["--per-file", "--all"]);
    assert_eq!(unfolded.matches("checksum verified").count(), 31);
    assert!(unfolded.lines().count() > 300);
}

#[test]
fn without_the_memory_model_there_is_no_column_of_dashes() {
    let file = testdata("fixtures/redis-7.4.1.rdb");
    for args in [
        &["scan", "--no-memory", text(&file)][..],
        &["keys", "--format", "table", "--no-memory", text(&file)],
    ] {
        assert!(!stdout(args, 0).contains("in memory"), "{args:?}");
    }
}

#[test]
fn the_short_help_is_one_screen_with_examples() {
    for (command, most_lines) in [
        (&["scan", "-h"][..], 34),
        (&["keys", "-h"], 34),
        (&["groups", "-h"], 40),
        (&["check", "-h"], 34),
        (&["-h"], 34),
    ] {
        let help = shown(80, command);
        assert!(help.lines().count() <= most_lines, "{command:?}: {} lines", help.lines().count());
        assert!(help.contains("Examples:"), "{command:?}");
    }
}

#[test]
fn options_stand_under_their_headings() {
    let help = stdout(&["scan", "--help"], 0);
    let section = |name: &str| {
        let start = help.find(&format!("\n{name}:\n")).unwrap_or_else(|| panic!("{name}: {help}"));
        let rest = &help[start + 1..];
        let end = rest.lines().skip(1).find(|line| !line.is_empty() && !line.starts_with(' '));
        end.map_or(rest, |end| &rest[..rest.find(end).expect("it is there")]).to_owned()
    };
    for (name, options) in [
        ("Input", &["--io", "--deep", "--no-checksum"][..]),
        ("Report", &["--top", "--by", "--format", "--per-file"]),
        ("Memory model", &["--server-version", "--allocator", "--hash-max-listpack-entries"]),
        ("Output", &["--keys-as", "--quiet", "--color"]),
    ] {
        let section = section(name);
        for option in options {
            assert!(section.contains(option), "{option} under {name}: {section}");
        }
    }
}

#[test]
fn a_path_in_place_of_a_command_is_answered_with_what_to_type() {
    let output = bigkeys(&["dump.rdb"]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("bigkeys scan dump.rdb"), "{said}");
    let said = bigkeys(&["a\u{1b}[2J.rdb"]).output().expect("the program runs").stderr;
    assert!(!said.contains(&0x1b));
}

#[test]
fn damage_has_a_colour_in_check_and_scan() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("truncated.rdb");
    fs::write(&path, b"REDIS0003\x00\x01k\x05val").expect("written");
    for command in ["check", "scan"] {
        let red = "\u{1b}[31m";
        assert!(stdout(&[command, "--color", "always", text(&path)], 3).contains(red), "{command}");
        assert!(!stdout(&[command, text(&path)], 3).contains('\u{1b}'), "{command}");
    }
}
