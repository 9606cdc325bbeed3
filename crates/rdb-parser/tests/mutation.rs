//! Truncates and damages every file of `testdata/` in many places: never a panic, never an endless
//! loop, what comes before the damage stays as it was, and a window gives what the slice gives,
//! errors and offsets included.

mod support;

use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rdb_parser::{Event, Outline, Parser, SliceInput, ValueType};
use support::{Deep, trace, window};

/// A file up to this length is truncated at every offset, a longer one at this number of random
/// offsets.
const SMALL_BYTES: usize = 4096;
const RANDOM_CUTS: usize = 2000;
const FLIPS: usize = 2000;

/// A longer file is mutated in parts: what comes before them is as before, and reading it thousands
/// of times proves nothing new.
const PIECE_BYTES: usize = 3000;

struct File {
    name: String,
    bytes: Vec<u8>,
}

fn files() -> Vec<File> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut paths: Vec<PathBuf> = Vec::new();
    for directory in [directory.clone(), directory.join("fixtures")] {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        paths.extend(entries.map(|entry| entry.expect("readable").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    paths.sort();
    let files: Vec<File> = paths
        .into_iter()
        .map(|path| File {
            name: path.file_name().expect("a name").to_string_lossy().into_owned(),
            bytes: std::fs::read(path).expect("a file"),
        })
        .collect();
    assert!(files.len() >= 15, "the small files are there");
    files
}

/// The files, long ones as a header and some records out of the middle of them.
fn parts(rng: &mut SmallRng) -> Vec<File> {
    let mut parts = Vec::new();
    for file in files() {
        if file.bytes.len() <= SMALL_BYTES {
            parts.push(file);
            continue;
        }
        let spans = spans(&file.bytes);
        // Whole keys, beginning at random ones, with the header that tells the dialect before them.
        for part in 0..2 {
            let mut bytes = file.bytes[..9].to_vec();
            let first = rng.random_range(0..spans.len());
            for span in spans[first..].iter().take_while(|span| span.len() < PIECE_BYTES) {
                if bytes.len() + span.len() > PIECE_BYTES {
                    break;
                }
                bytes.extend(&file.bytes[span.clone()]);
            }
            bytes.push(0xff);
            bytes.extend([0; 8]);
            parts.push(File { name: format!("{} part {part}", file.name), bytes });
        }
    }
    parts
}

fn spans(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut parser = Parser::from_slice(bytes).expect("a header");
    let mut spans = Vec::new();
    while let Some(event) = parser.next_event().expect("valid") {
        if let Event::Entry(entry) = event {
            let offset = |at: u64| usize::try_from(at).expect("in memory");
            spans.push(offset(entry.span.start)..offset(entry.span.end));
        }
    }
    spans
}

/// What is compared of a key.
type Fact = (Range<u64>, u64, ValueType, Outline);

/// Reads everything; returns the keys, and whether an error ended the reading. Now and then also
/// compares all that can be seen with what a window shows, which is slow.
fn read(bytes: &[u8], deep: bool, with_window: Option<u64>, what: &str) -> (Vec<Fact>, bool) {
    if let Some(seed) = with_window {
        let slice = trace(SliceInput::new(bytes), deep);
        assert_eq!(slice, trace(window(bytes, seed), deep), "{what}: the window sees something else");
    }
    let mut facts = Vec::new();
    let Ok(mut parser) = Parser::from_slice(bytes) else { return (facts, true) };
    let mut visitor = Deep { deep, strings: Vec::new() };
    for _ in 0..2 * bytes.len() + 8 {
        visitor.strings.clear();
        match parser.next_event_with(&mut visitor) {
            Ok(Some(Event::Entry(entry))) => {
                facts.push((entry.span, entry.rdb_bytes, entry.value_type, entry.outline));
            }
            Ok(Some(_)) => {}
            Ok(None) => return (facts, false),
            Err(error) if error.is_contained() => {}
            Err(_) => return (facts, true),
        }
    }
    panic!("{what}: every event takes a byte");
}

#[test]
fn what_comes_before_a_cut_is_intact() {
    let mut rng = SmallRng::seed_from_u64(1);
    for File { name, bytes } in parts(&mut rng) {
        let (whole, failed) = read(&bytes, true, Some(7), &name);
        assert!(!failed, "{name}");
        for cut in 0..bytes.len() {
            let what = format!("{name} cut at {cut}");
            let with_window = (cut % 13 == 0).then_some(cut as u64);
            let (found, failed) = read(&bytes[..cut], true, with_window, &what);
            assert_eq!(found, whole[..found.len()], "{what}");
            assert!(failed, "{what}: not noticed");
        }
    }
}

#[test]
fn long_files_cut_anywhere() {
    let mut rng = SmallRng::seed_from_u64(2);
    for File { name, bytes } in files() {
        if bytes.len() <= SMALL_BYTES {
            continue;
        }
        let spans = spans(&bytes);
        for round in 0..RANDOM_CUTS {
            let cut = rng.random_range(spans[0].start + 1..bytes.len());
            // The header, the key before that of the cut, and what is left of that. Reading all
            // that comes before them thousands of times would prove nothing new.
            let whole = spans.partition_point(|span| span.end <= cut);
            let from = spans[whole.saturating_sub(1)].start;
            let part = [&bytes[..9], &bytes[from..cut]].concat();
            let deep = part.len() < (64 << 10);
            let with_window = (round % 20 == 0).then(|| rng.random());
            let (found, failed) = read(&part, deep, with_window, &format!("{name} cut at {cut}"));
            let expected = spans.iter().filter(|span| span.start >= from && span.end <= cut).count();
            assert_eq!((found.len(), failed), (expected, true), "{name} cut at {cut}");
        }
    }
}

#[test]
fn flipped_bytes_cause_no_panic() {
    let mut rng = SmallRng::seed_from_u64(3);
    for File { name, bytes } in parts(&mut rng) {
        for round in 0..FLIPS {
            let mut bytes = bytes.clone();
            for _ in 0..=round % 3 {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = match rng.random_range(0..4) {
                    0 => bytes[at] ^ 1 << rng.random_range(0..8),
                    1 => [0, 1, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xfe, 0xff][rng.random_range(0..9)],
                    _ => rng.random(),
                };
            }
            let with_window = (round % 20 == 0).then(|| rng.random());
            read(&bytes, round % 2 == 0, with_window, &format!("{name} round {round}"));
        }
    }
}
