//! Partial analyses, carried as JSON, join to the report over all sources at once.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{Partial, Report, ReportCollector, ScanOptions, Source, WireError, analyze};

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
    files.push(("no file at all".to_owned(), b"nothing".to_vec()));
    files
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
    let newer = text.replacen("\"version\":4", "\"version\":5", 1);
    assert!(matches!(read(&newer), Err(WireError::Version(5))));
    assert!(matches!(read(&text[..text.len() - 2]), Err(WireError::Json(_))));
    let unknown = text.replacen("\"dialect\":0", "\"dialect\":9", 1);
    assert!(matches!(read(&unknown), Err(WireError::Unknown("dialect"))));
}
