//! What takes part.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, ensure};
use rdb_analysis::{Options, Origin, Rank, Source, SourceData, analyze};
use rdb_source::{Data, IoMode};

use crate::floor;

/// A way to read a file; returns the number of keys, if it counts them.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Path) -> anyhow::Result<Option<u64>>,
}

/// All of them. The first is what the others are compared with.
pub(crate) const ALL: [Contender; 7] = [
    Contender {
        name: "floor: map, walk the length prefixes, CRC-64",
        run: |path| floor::walk(path).map(Some),
    },
    Contender { name: "scan, 1 thread", run: |path| scan(path, Some(1), true, true) },
    Contender { name: "scan --no-memory, 1 thread", run: |path| scan(path, Some(1), true, false) },
    Contender { name: "scan --no-checksum, 1 thread", run: |path| scan(path, Some(1), false, true) },
    Contender { name: "scan, all cores", run: |path| scan(path, None, true, true) },
    Contender { name: "rdb crate 0.4, skipping every value", run: rdb_skip },
    Contender { name: "rdb crate 0.4, nil formatter", run: rdb_nil },
];

/// The whole of `bigkeys scan` but the printing.
fn scan(
    path: &Path,
    threads: Option<usize>,
    verify_checksum: bool,
    memory: bool,
) -> anyhow::Result<Option<u64>> {
    let opened = rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default())?;
    let Data::Mapped(mapping) = &opened.data else { anyhow::bail!("not a regular file") };
    let source = Source {
        path: path.display().to_string(),
        shard: None,
        fallback_time_ms: 0,
        data: SourceData::Bytes(mapping),
        origin: Origin::default(),
    };
    let mut options = Options::default();
    options.threads = threads;
    options.scan.verify_checksum = verify_checksum;
    options.scan.memory = memory;
    if !memory {
        options.rank = Rank::RdbBytes;
    }
    let outcome = analyze(vec![source], &options, &(), &false.into())?;
    ensure!(outcome.report.is_clean(), "the file is damaged");
    Ok(Some(outcome.report.totals.keys))
}

/// A filter that wants no key, so that every value is passed over.
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
