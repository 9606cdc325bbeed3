//! The HTML page, completions and manual pages. `scripts/test-page` uses the page in a browser.

use std::fs;
use std::path::Path;

use crate::common::{bigkeys, output, stdout, testdata, text};

/// Makes a page with the arguments, and returns its text.
fn page(directory: &Path, args: &[&str]) -> String {
    let path = directory.join("page.html");
    let made = output(&[args, &["-o", text(&path)]].concat());
    assert!(made.stdout.is_empty(), "{args:?}");
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{args:?}: {error}: {made:?}"))
}

#[test]
fn a_page_names_nothing_outside_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let (old, new) = (testdata("fixtures/redis-7.2.6.rdb"), testdata("fixtures/redis-8.2.3.rdb"));
    let saved = directory.path().join("saved");
    output(&["scan", "--save", text(&saved), text(&new)]);
    for args in [
        &["report", text(&new)][..],
        &["report", "--no-memory", text(&new)],
        &["report", text(&old), text(&new)],
        &["report", text(&saved)],
        &["diff", text(&old), text(&new)],
    ] {
        let page = page(directory.path(), args);
        assert!(page.starts_with("<!doctype html>"), "{args:?}");
        assert!(page.contains("default-src &#x27;none&#x27;"), "{args:?}");
        for outside in ["<link rel=\"stylesheet", "<iframe", "<object", "url(", "@import", " src="] {
            assert!(!page.contains(outside), "{args:?}: {outside}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{args:?}");
        assert!(page.len() < 1_500_000, "{args:?}: {}", page.len());
    }
}

#[test]
fn the_same_file_gives_the_same_page_on_any_number_of_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let one = page(directory.path(), &["report", "-j", "1", text(&file)]);
    assert_eq!(one, page(directory.path(), &["report", "-j", "4", text(&file)]));
}

#[test]
fn names_are_text_in_the_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hostile.rdb");
    let mut bytes = b"REDIS0003\xfe\x00".to_vec();
    for name in ["</script><img src=x onerror=alert(1)>", "\"onload='x:y", "{{ page.version }}:<b>"] {
        bytes.extend([0, u8::try_from(name.len()).expect("short")]);
        bytes.extend(name.as_bytes());
        bytes.extend(b"\x01v");
    }
    bytes.push(0xff);
    fs::write(&file, bytes).expect("written");
    let page = page(directory.path(), &["report", text(&file)]);
    assert!(page.contains("&lt;&#x2f;script&gt;&lt;img src=x onerror=alert(1)&gt;"), "escaped");
    assert!(page.contains("{{ page.version }}:&lt;b&gt;"), "not a template");
    assert!(!page.contains("<img") && !page.contains("\"onload"));
    assert_eq!(page.matches("</script>").count(), 1);
}

#[test]
fn a_page_of_a_damaged_file_says_so_and_the_status_is_3() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("truncated.rdb");
    let whole = fs::read(testdata("fixtures/redis-8.2.3.rdb")).expect("readable");
    fs::write(&file, &whole[..whole.len() / 2]).expect("written");
    let path = directory.path().join("page.html");
    let made = output(&["report", text(&file), "-o", text(&path)]);
    assert_eq!(made.status.code(), Some(3));
    assert!(fs::read_to_string(path).expect("written").contains("partial: not read to the end"));
}

#[test]
fn a_report_of_backups_needs_a_file_for_the_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let saved = directory.path().join("saved");
    output(&["scan", "--save", text(&saved), text(&file)]);
    let refused = |args: &[&str]| {
        let output = output(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    assert!(refused(&["report", text(&file)]).contains("-o report.html"));
    let page = directory.path().join("page.html");
    assert!(refused(&["report", text(&file), text(&saved), "-o", text(&page)]).contains("not both"));
    assert!(refused(&["diff", text(&saved), text(&saved), "-o", text(&page)]).contains("saved reports"));
    assert!(refused(&["report", "--match", "a*", text(&saved)]).contains("do not have all keys"));
    assert!(refused(&["report", text(&file), "-o", text(&page), "--format", "json"]).contains("--format"));
    assert!(refused(&["diff", text(&file), "-", "-o", text(&page)]).contains("read once only"));
    let backup = directory.path().join("backup.rdb");
    fs::copy(&file, &backup).expect("copied");
    assert!(refused(&["report", "-o", text(&backup), text(&file)]).contains("is a backup"));
    assert_eq!(fs::read(&backup).expect("there"), fs::read(&file).expect("there"), "it is not replaced");
    let nowhere = directory.path().join("no/page.html");
    assert!(refused(&["report", text(&file), "-o", text(&nowhere)]).contains("cannot write"));
    assert!(!page.exists());
}

#[test]
fn no_page_names_a_key_that_is_redacted() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = crate::saved::secrets(directory.path());
    let other = testdata("fixtures/redis-8.2.3.rdb");
    for args in [&["report", "--deep", &file][..], &["diff", text(&other), &file]] {
        let redacted = page(directory.path(), &[args, &["--redact"]].concat());
        for secret in crate::saved::SECRETS {
            assert!(!redacted.contains(secret), "{args:?} has {secret}");
        }
        assert!(page(directory.path(), args).contains("erika"), "{args:?}");
    }
}

#[test]
fn every_shell_gets_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&["completions", shell], 0);
        for word in ["scan", "groups", "report", "--deep", "--server-version"] {
            let word = if shell == "fish" { word.trim_start_matches("--") } else { word };
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let pages = directory.path().join("man1");
    let made = bigkeys(&["man", text(&pages)]).output().expect("the program runs");
    assert!(made.status.success(), "{made:?}");
    for command in
        ["", "-scan", "-keys", "-groups", "-diff", "-stats", "-report", "-cluster", "-lint", "-check"]
    {
        let page = fs::read_to_string(pages.join(format!("bigkeys{command}.1"))).expect("a page");
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command}");
    }
    let scan = fs::read_to_string(pages.join("bigkeys-scan.1")).expect("a page");
    assert!(scan.contains("Exit status") && scan.contains("Examples"), "the help is there");
}
