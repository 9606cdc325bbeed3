//! The contenders.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rdb_analysis::{Rank, ReportCollector, ScanOptions, Source, SourceData, SourceReport, Threads, analyze};
use rdb_source::{Data, IoMode};

use crate::floor;

/// Something that reads a file.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
}

/// How a contender reads a file.
pub(crate) enum Way {
    /// With a function, which returns the number of keys if it counts them.
    Ours(fn(&Path) -> anyhow::Result<Option<u64>>),
    /// With a program that may be installed.
    Program(&'static str),
}

const fn ours(name: &'static str, run: fn(&Path) -> anyhow::Result<Option<u64>>) -> Contender {
    Contender { name, way: Way::Ours(run) }
}

/// The floor, which the others are compared with.
pub(crate) const FLOOR: &str = "floor: map, walk the length prefixes, CRC-64";

/// The contenders whose instructions are counted, without the checksum, because its instructions
/// depend on the processor.
pub(crate) const COUNTED: [&str; 2] = [LEAN_SCAN, UNSUMMED_SCAN];

pub(crate) const ON_ONE_THREAD: &str = "scan, 1 thread";
pub(crate) const ON_ALL_CORES: &str = "scan, all cores";
pub(crate) const ON_TWO_THREADS: &str = "scan, 2 threads";
const LEAN_SCAN: &str = "scan --no-checksum --no-memory, 1 thread";
const UNSUMMED_SCAN: &str = "scan --no-checksum, 1 thread";

/// All of them.
pub(crate) const ALL: [Contender; 15] = [
    ours(FLOOR, |path| floor::walk(path).map(Some)),
    ours("map and touch every cache line, 1 thread", |path| touch(path, 1)),
    ours("map and touch every cache line, all cores", |path| {
        touch(path, std::thread::available_parallelism()?.get())
    }),
    ours(ON_ONE_THREAD, |path| scan(path, Some(1), true, true)),
    ours("scan --no-memory, 1 thread", |path| scan(path, Some(1), true, false)),
    ours(UNSUMMED_SCAN, |path| scan(path, Some(1), false, true)),
    ours(LEAN_SCAN, |path| scan(path, Some(1), false, false)),
    ours(ON_TWO_THREADS, |path| scan(path, Some(2), true, true)),
    ours(ON_ALL_CORES, |path| scan(path, None, true, true)),
    ours("scan --deep, 1 thread", |path| scan_with(path, &ScanOptions::default().threads(1).deep(true))),
    ours("check, 1 thread", |path| check(path, 1)),
    ours("check, 2 threads", |path| check(path, 2)),
    ours("rdb crate 0.4, skipping every value", rdb_skip),
    ours("rdb crate 0.4, nil formatter", rdb_nil),
    Contender { name: "redis-check-rdb", way: Way::Program("redis-check-rdb") },
];

/// The loop that every reader of a mapped file must at least run.
fn touch(path: &Path, threads: usize) -> anyhow::Result<Option<u64>> {
    const CACHE_LINE: usize = 64;
    let opened = rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default())?;
    let Data::Mapped(mapping) = &opened.data else { anyhow::bail!("not a regular file") };
    std::thread::scope(|scope| {
        for part in mapping.chunks(mapping.len().div_ceil(threads).max(1)) {
            scope.spawn(|| {
                let sum = part.iter().step_by(CACHE_LINE).fold(0u8, |sum, byte| sum ^ byte);
                std::hint::black_box(sum);
            });
        }
    });
    Ok(None)
}

/// `bigkeys scan` without printing, of a file or of all files in a directory.
fn scan(
    path: &Path,
    threads: Option<usize>,
    verify_checksum: bool,
    memory: bool,
) -> anyhow::Result<Option<u64>> {
    let options = ScanOptions::default().threads(threads).verify_checksum(verify_checksum).memory(memory);
    scan_with(path, &options)
}

fn scan_with(path: &Path, options: &ScanOptions) -> anyhow::Result<Option<u64>> {
    let paths: Vec<PathBuf> = if path.is_dir() {
        std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?
    } else {
        vec![path.to_owned()]
    };
    let opened = paths.iter().map(|path| rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default()));
    let mut opened = opened.collect::<Result<Vec<_>, _>>()?;
    let sources = paths.iter().zip(&mut opened).map(|(path, opened)| {
        let data = match &mut opened.data {
            Data::Mapped(mapping) => SourceData::Bytes(mapping),
            Data::Stream { reader, length, ready_bytes } => {
                let ready_bytes = ready_bytes.clone();
                SourceData::Reader { reader: Box::new(reader), length: *length, ready_bytes }
            }
        };
        Source::new(path.display().to_string(), data)
    });
    let rank = if options.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
    let outcome =
        analyze(sources.collect(), ReportCollector::default().rank(rank), options, &(), &false.into())?;
    let is_whole = |source: &SourceReport| source.facts.coverage.stopped_at_offset.is_none();
    ensure!(
        outcome.failures.is_empty() && outcome.output.sources.iter().all(is_whole),
        "the file is damaged"
    );
    Ok(Some(outcome.output.totals.keys))
}

/// `bigkeys check` of a mapped file, without printing.
fn check(path: &Path, threads: usize) -> anyhow::Result<Option<u64>> {
    let opened = rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default())?;
    let Data::Mapped(mapping) = &opened.data else { anyhow::bail!("not a regular file") };
    let source = Source::from_bytes(path.display().to_string(), mapping);
    let (options, stop) = (ScanOptions::default(), false.into());
    let checked =
        Threads::start(Some(threads))?.run(|| rdb_analysis::check(source, &options, &(), &stop, |_| {}))?;
    ensure!(checked.errors == 0, "the file is damaged");
    Ok(Some(checked.keys))
}

/// A filter that selects no key, so every value is skipped.
#[derive(Default)]
struct Nothing;

impl rdb::filter::Filter for Nothing {
    fn matches_key(&self, _: &[u8]) -> bool {
        false
    }
}

fn rdb_skip(path: &Path) -> anyhow::Result<Option<u64>> {
    let file = BufReader::new(File::open(path)?);
    for item in rdb::RdbDecoder::new(file, Nothing).context("rdb")? {
        item.context("rdb")?;
    }
    Ok(None)
}

fn rdb_nil(path: &Path) -> anyhow::Result<Option<u64>> {
    let file = BufReader::new(File::open(path)?);
    let formatter = rdb::formatter::Nil::new(None);
    rdb::parse(file, formatter, rdb::filter::Simple::new()).context("rdb")?;
    Ok(None)
}
