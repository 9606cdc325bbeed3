//! Partial analyses, carried as JSON, join to the report over all sources at once.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{Partial, Partials, Report, ReportCollector, ScanOptions, Source, WireError, analyze};

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fixtures");
    let mut paths: Vec<_> =
        fs::read_dir(directory).expect("fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    paths.sort();
    let name = |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
    let mut files: Vec<_> =
        paths.iter().map(|path| (name(path), fs::read(path).expect("readable"))).collect();
    // Damage is carried, too.
    let (_, whole) = files[0].clone();
    files.push(("cut".to_owned(), whole[..whole.len() / 2].to_vec()));
    let mut wrong_sum = whole;
    *wrong_sum.last_mut().expect("not empty") ^= 1;
    files.push(("wrong sum".to_owned(), wrong_sum));
    files.push(("raised limits".to_owned(), with_long_intsets()));
    files.push(("no file at all".to_owned(), b"nothing".to_vec()));
    files
}

/// Intsets with more elements than the default limit, in two databases.
fn with_long_intsets() -> Vec<u8> {
    let mut file = b"REDIS0006".to_vec();
    for (db, key, elements) in [(0, b'a', 600u16), (3, b'b', 700), (3, b'c', 700), (4, b'd', 512)] {
        file.extend([0xfe, db, 11, 1, key, 0x80]);
        file.extend((u32::from(elements) * 2 + 8).to_be_bytes());
        file.extend(2u32.to_le_bytes());
        file.extend(u32::from(elements).to_le_bytes());
        file.extend((0..elements).flat_map(u16::to_le_bytes));
    }
    file.push(0xff);
    file.extend([0; 8]);
    file
}

fn source(index: usize, (path, bytes): &(String, Vec<u8>)) -> Source<'_> {
    Source::from_bytes(path, bytes).shard(format!("10.0.0.{index}:6379")).fallback_time_ms(1_700_000_000_000)
}

fn text(report: &Report) -> String {
    let mut out = Vec::new();
    json::write_compact(&mut out, &json::report(report, KeysAs::Auto)).expect("written");
    String::from_utf8(out).expect("text")
}

#[test]
fn carried_partials_join_to_the_report_of_one_machine() {
    // The sources that are no RDB files come first, so that the numbers of the others shift.
    let mut files = fixtures();
    files.reverse();
    let (collector, options) = (ReportCollector::default(), ScanOptions::default());
    let stop = AtomicBool::new(false);
    let sources = files.iter().enumerate().map(|(index, file)| source(index, file)).collect();
    let whole = analyze(sources, &collector, &options, &(), &stop).expect("threads");
    assert_eq!(whole.failures.len(), 1);
    assert!(whole.output.sources.len() > 5, "there are fixtures");
    let mut partials = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let Ok(partial) = Partial::scan(source(index, file), &collector, &options, &(), &stop) else {
            continue;
        };
        let carried = partial.to_json().expect("written");
        assert!(!carried.contains('\0') && !carried.contains('\n'));
        let again = Partial::from_json(&carried, &collector, &options).expect("read");
        assert_eq!(again.facts(), partial.facts());
        partials.push(again);
    }
    assert_eq!(text(&Partial::join(partials, &collector)), text(&whole.output));
    for (data_type, keys) in &whole.output.top {
        for key in keys {
            let shard = whole.output.sources[key.source].shard.as_ref();
            assert_eq!(key.shard.as_ref(), shard, "{data_type}");
        }
    }
}

#[test]
fn another_version_and_damage_are_told_apart() {
    let files = fixtures();
    let (collector, options) = (ReportCollector::default(), ScanOptions::default());
    let read = |text: &str| Partial::from_json(text, &collector, &options);
    let partial = Partial::scan(source(0, &files[0]), &collector, &options, &(), &AtomicBool::new(false));
    let text = partial.expect("an RDB file").to_json().expect("written");
    let newer = text.replacen("\"version\":", "\"version\":9", 1);
    assert!(matches!(read(&newer), Err(WireError::Version(version)) if version.to_string().starts_with('9')));
    assert!(matches!(read(&text[..text.len() - 2]), Err(WireError::Json(_))));
    let unknown = text.replacen("\"dialect\":0", "\"dialect\":9", 1);
    assert!(matches!(read(&unknown), Err(WireError::Unknown("dialect"))));
}

#[test]
fn the_first_longest_packed_value_shows_the_limit_on_any_number_of_threads() {
    let file = with_long_intsets();
    let found = |options: &ScanOptions| {
        let source = Source::from_bytes("f", &file);
        let stop = AtomicBool::new(false);
        let report = analyze(vec![source], ReportCollector::default(), options, &(), &stop).expect("threads");
        let limits = report.output.sources[0].raised_limits.clone();
        limits
            .into_iter()
            .map(|limit| (limit.directive, limit.at_least, limit.db, limit.key))
            .collect::<Vec<_>>()
    };
    let longest = [("set-max-intset-entries", 700, 3, b"b".to_vec())];
    for range_bytes in [1, 1000, 1 << 20] {
        let options = ScanOptions::default().threads(4).range_bytes(range_bytes);
        assert_eq!(found(&options), longest, "ranges of {range_bytes} bytes");
    }
    let mut given = ScanOptions::default();
    given.assumptions.limits.packed_values_raise_limits = false;
    assert_eq!(found(&given), []);
    assert_eq!(found(&ScanOptions::default().memory(false)), []);
}

#[test]
fn partials_of_one_scan_join_to_the_report_of_that_scan() {
    let mut files = fixtures();
    files.reverse();
    let collector = ReportCollector::default();
    let sources = || files.iter().enumerate().map(|(index, file)| source(index, file)).collect::<Vec<_>>();
    for threads in [1, 4] {
        let options = ScanOptions::default().threads(threads);
        let stop = AtomicBool::new(false);
        let whole = analyze(sources(), &collector, &options, &(), &stop).expect("threads");
        let partials = analyze(sources(), Partials(&collector), &options, &(), &stop).expect("threads");
        assert_eq!(partials.failures.len(), whole.failures.len());
        assert_eq!(partials.damaged_sources, whole.damaged_sources);
        let carried: Vec<_> = partials
            .output
            .into_iter()
            .map(|partial| partial.to_json().expect("JSON"))
            .map(|json| Partial::from_json(&json, &collector, &options).expect("a partial analysis"))
            .collect();
        assert_eq!(text(&Partial::join(carried, &collector)), text(&whole.output), "{threads} threads");
    }
}
