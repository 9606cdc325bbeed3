//! Scans by the builder alone, as a program that embeds the library does them.

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use bigkeys_scan::{DataType, Input, IoMode, ListingProblem, Monitor, OpenError, Progress, Scan, ScanError};

/// A string `s` and, for other content, a list of `items` items.
fn rdb(items: u8) -> Vec<u8> {
    let mut bytes = b"REDIS0003\xfe\x00\x00\x01s\x05value".to_vec();
    if items > 0 {
        bytes.extend([1, 1, b'l', items]);
        for item in 0..items {
            bytes.extend([1, item]);
        }
    }
    bytes.push(0xff);
    bytes
}

struct Backups(tempfile::TempDir);

impl Backups {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        fs::write(&path, content).expect("written");
        path
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("compressed");
    encoder.finish().expect("compressed")
}

#[test]
fn a_compressed_file_is_scanned_by_one_line() {
    let backups = Backups::new();
    let path = backups.write("dump.rdb.gz", &gzip(&rdb(3)));
    let report = Scan::open(path).expect("exists").top(20).run().expect("scans");
    assert_eq!((report.totals.keys, report.totals.elements), (2, 4));
    assert!(report.is_clean());
}

#[test]
fn options_reach_the_analysis() {
    let backups = Backups::new();
    let path = backups.write("dump.rdb", &rdb(3));
    for io in [IoMode::Auto, IoMode::Mmap, IoMode::Read] {
        let scan = Scan::open(&path).expect("exists").io(io).top(0).memory(false).threads(2);
        let report = scan.run().expect("scans");
        assert!(report.top.values().all(Vec::is_empty));
        assert_eq!(report.totals.keys, 2);
    }
}

#[test]
fn directories_patterns_and_shards_are_inputs() {
    let backups = Backups::new();
    backups.write("a/1.rdb", &rdb(1));
    backups.write("a/deep/2.rdb", &rdb(2));
    let third = backups.write("b/3.rdb", &rdb(3));
    let directory = backups.0.path().join("a");
    let flat = Scan::open(&directory).expect("exists").run().expect("scans");
    assert_eq!(flat.sources.len(), 1);
    let deep = Scan::open(&directory).expect("exists").recursive(true);
    let deep = deep.shard("10.0.0.1:6379", &third).run().expect("scans");
    let shards: Vec<_> = deep.sources.iter().map(|source| source.shard.as_deref()).collect();
    assert_eq!(shards, [None, None, Some("10.0.0.1:6379")]);
    assert_eq!(deep.top[&DataType::List][0].shard.as_deref(), Some("10.0.0.1:6379"));
    let pattern = Scan::open(backups.0.path().join("b/*.rdb")).expect("a pattern").input(&third);
    assert_eq!(pattern.run().expect("scans").sources.len(), 1, "the file is named twice and counts once");
}

#[test]
fn errors_are_typed_and_name_the_input() {
    let backups = Backups::new();
    let missing = backups.0.path().join("none.rdb");
    let Err(ScanError::Open(error)) = Scan::open(&missing) else { panic!("it is not there") };
    assert!(matches!(error.open_error(), OpenError::Io { .. }));
    assert!(error.to_string().starts_with(&*missing.to_string_lossy()), "{error}");
    let error = Scan::inputs([&missing]).run().expect_err("it is not there");
    assert!(matches!(error, ScanError::Open(_)), "{error}");
    let text = backups.write("text.rdb", b"hello, this is no backup at all");
    let error = Scan::open(&text).expect("exists").run().expect_err("not an RDB file");
    assert!(matches!(error, ScanError::NotRdb(_)), "{error}");
    let good = backups.write("good.rdb", &rdb(0));
    let conflict = Scan::inputs([""; 0]).shard("10.0.0.1:1", &good).shard("10.0.0.2:1", &good);
    assert!(matches!(conflict.run(), Err(ScanError::ShardConflict { .. })));
}

#[test]
fn an_error_shows_the_name_of_an_input_and_not_its_path() {
    let path = Backups::new().0.path().join("secret").join("none.rdb");
    let scan = Scan::inputs([""; 0]);
    let error = scan.open_input(Input::new(path).named("none.rdb")).expect_err("it is not there");
    assert!(error.to_string().starts_with("none.rdb: "), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn every_key_is_visited_in_order_until_the_visitor_breaks() {
    let backups = Backups::new();
    let (a, b) = (backups.write("a.rdb", &rdb(1)), backups.write("b.rdb", &rdb(2)));
    let scan = Scan::inputs([a, b]);
    let mut elements = Vec::new();
    let scanned = scan.for_each_key(|key| elements.push(key.measure.elements)).expect("scans");
    assert_eq!(elements, [1, 1, 1, 2].map(Some));
    assert!(scanned.len() == 2 && scanned.iter().all(|input| input.facts.is_clean()));
    let mut visited = 0;
    let scanned = scan.try_for_each_key(|_| {
        visited += 1;
        if visited == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(Ok(())) }
    });
    assert_eq!((visited, scanned.expect("scans").len()), (1, 1));
}

#[derive(Default)]
struct Recorder {
    bytes: AtomicU64,
    opened: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Progress for Recorder {
    fn advance(&self, bytes: u64, _: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Monitor for Recorder {
    fn opened(&self, _: Option<u64>, _: Option<u64>) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    fn not_opened(&self, error: &ScanError) {
        self.errors.lock().expect("sound").push(error.to_string());
    }
}

#[test]
fn a_program_may_continue_after_inputs_that_cannot_be_used() {
    let backups = Backups::new();
    let (good, missing) = (backups.write("good.rdb", &rdb(1)), backups.0.path().join("none.rdb"));
    let recorder = Recorder::default();
    let scan = Scan::inputs([&good, &missing, &good]).monitor(&recorder);
    let mut problems = Vec::new();
    let inputs = scan.list(|problem| problems.push(problem)).expect("lists");
    assert!(matches!(problems.as_slice(), [ListingProblem::NamedAgain { .. }]));
    let outcome = scan.run_inputs(inputs).expect("scans");
    assert_eq!((outcome.report.totals.keys, outcome.unopened.len(), outcome.failures.len()), (2, 1, 0));
    assert_eq!(recorder.opened.into_inner(), 1);
    assert_eq!(recorder.bytes.into_inner(), rdb(1).len() as u64);
    assert_eq!(recorder.errors.into_inner().expect("sound").len(), 1);
}

#[test]
fn a_stopped_scan_reports_that_it_is_partial() {
    let backups = Backups::new();
    let path = backups.write("a.rdb", &rdb(1));
    let report = Scan::open(path).expect("exists").io(IoMode::Mmap).stop(Arc::new(true.into()));
    // Opening is interrupted as well, so there is either an error or a partial report.
    if let Ok(report) = report.run() {
        assert!(!report.is_clean());
    }
}

#[test]
fn parts_of_several_scans_join_to_one_report() {
    let backups = Backups::new();
    let paths = [backups.write("a.rdb", &rdb(1)), backups.write("b.rdb", &rdb(2))];
    let part = |path: &PathBuf| {
        let scan = Scan::inputs([path]).threads(1);
        let mut input = scan.open_input(Input::new(path).with_shard("10.0.0.1:1")).expect("opens");
        scan.partial(&mut input).expect("scans")
    };
    let wire: Vec<_> = paths.iter().map(part).map(|part| part.to_json().expect("writes")).collect();
    let scan = Scan::inputs([""; 0]);
    let report = scan.join(wire.iter().map(|json| scan.read_partial(json).expect("reads")));
    assert_eq!((report.totals.keys, report.sources.len()), (4, 2));
}
