//! Scans of a file, from front to back and in ranges, and their comparison.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{
    Checked, Finding, KeyRow, KeyView, Rank, ReportCollector, ScanOptions, Source, SourceData, Threads,
    analyze, check as check_source, render_keys,
};
use rdb_parser::ErrorKind;

pub(crate) fn source(data: SourceData<'_>) -> Source<'_> {
    Source::new("f".to_owned(), data).fallback_time_ms(1_700_000_000_000)
}

/// Gives some bytes at a time, and fails at the end if it should.
pub(crate) struct Steps<'a> {
    rest: &'a [u8],
    step: usize,
    fails: bool,
}

impl Read for Steps<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && self.fails {
            return Err(io::Error::other("it fails"));
        }
        let n = self.step.min(self.rest.len()).min(out.len());
        let (now, later) = self.rest.split_at(n);
        out[..n].copy_from_slice(now);
        self.rest = later;
        Ok(n)
    }
}

/// `file` as a stream that always reports `ready_bytes` as ready.
pub(crate) fn streamed(file: &[u8], step: usize, ready_bytes: Option<u64>, fails: bool) -> SourceData<'_> {
    SourceData::Reader {
        reader: Box::new(Steps { rest: file, step, fails }),
        length: None,
        ready_bytes: ready_bytes.map(|bytes| Arc::new(AtomicU64::new(bytes))),
    }
}

pub(crate) fn report(file: &[u8], threads: usize, range_bytes: Option<u64>) -> String {
    report_of(SourceData::Bytes(file), threads, range_bytes)
}

/// The report as JSON: all that anybody sees of it.
pub(crate) fn report_of(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> String {
    report_with(data, threads, range_bytes, |collector| collector)
}

/// The report of a collector that `adjust` changes, as JSON.
pub(crate) fn report_with(
    data: SourceData<'_>,
    threads: usize,
    range_bytes: Option<u64>,
    adjust: impl FnOnce(ReportCollector) -> ReportCollector,
) -> String {
    let collector = adjust(ReportCollector::default().top(5).rank(Rank::RdbBytes));
    report_by(data, collector, &ScanOptions::default().threads(threads).range_bytes(range_bytes))
}

/// The report of a scan that names the largest elements, as JSON.
fn report_of_elements(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> String {
    let collector = ReportCollector::default().top(5).rank(Rank::LargestElementBytes);
    let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
    report_by(data, collector, &options.names_largest_elements(true))
}

fn report_by(data: SourceData<'_>, collector: ReportCollector, options: &ScanOptions) -> String {
    let outcome = analyze(vec![source(data)], collector, options, &(), &false.into()).expect("threads");
    let mut shown = Vec::new();
    json::write_pretty(&mut shown, &json::report(&outcome.output, KeysAs::Base64)).expect("memory");
    String::from_utf8(shown).expect("UTF-8")
}

/// Every key, rendered with all that is known of it.
pub(crate) fn rows(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> Vec<u8> {
    let source = source(data);
    let options = ScanOptions::default().range_bytes(range_bytes);
    let render = |key: &KeyView<'_>, block: &mut Vec<u8>| {
        let mut scratch = Vec::new();
        let name = key.key.decode(&mut scratch)?;
        let (measure, largest_element) = (&key.measure, key.largest_element);
        let row = KeyRow { name, key_bytes: 0, measure, largest_element, shard: None };
        json::write_compact(block, &json::key_record(row, KeysAs::Base64)).map_err(ErrorKind::Io)
    };
    let mut all = Vec::new();
    let emit = |block: &[u8]| {
        all.extend_from_slice(block);
        ControlFlow::Continue(())
    };
    let threads = Threads::start(Some(threads)).expect("threads");
    threads.run(|| render_keys(source, &options, &(), &false.into(), render, emit)).expect("an RDB file");
    all
}

/// The columns of every key.
#[cfg(feature = "arrow")]
fn columns(data: SourceData<'_>, threads: usize, range_bytes: Option<u64>) -> Vec<Vec<Option<Vec<u8>>>> {
    use arrow_array::{Array, BinaryArray, Int64Array, StringArray};
    use rdb_analysis::arrow::{BatchOrder, key_batches, key_schema};

    let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
    let mut columns = vec![Vec::new(); key_schema().fields().len()];
    let emit = |batch: Result<arrow_array::RecordBatch, _>| {
        for (values, column) in columns.iter_mut().zip(batch.expect("a batch").columns()) {
            let column = column.as_any();
            if let Some(column) = column.downcast_ref::<Int64Array>() {
                values.extend(column.iter().map(|value| value.map(|value| value.to_le_bytes().to_vec())));
            } else if let Some(column) = column.downcast_ref::<StringArray>() {
                values.extend(column.iter().map(|value| value.map(|value| value.as_bytes().to_vec())));
            } else {
                let column = column.downcast_ref::<BinaryArray>().expect("a column of bytes");
                values.extend(column.iter().map(|value| value.map(<[u8]>::to_vec)));
            }
        }
        ControlFlow::Continue(())
    };
    let sources = vec![source(data)];
    key_batches(sources, BatchOrder::File, &options, &(), &false.into(), |_, _| true, emit).expect("threads");
    columns
}

/// Compares record batches with and without ranges.
#[cfg(feature = "arrow")]
fn check_columns(file: &[u8]) {
    let all = columns(SourceData::Bytes(file), 1, None);
    for (threads, range_bytes) in [(2, 300), (16, 1000), (3, 20_000)] {
        let mapped = columns(SourceData::Bytes(file), threads, Some(range_bytes));
        assert!(all == mapped, "columns, ranges of {range_bytes} bytes");
        let read = columns(streamed(file, 70_000, None, false), threads, Some(range_bytes));
        assert!(all == read, "columns of a stream, ranges of {range_bytes} bytes");
    }
}

/// All that a check finds.
pub(crate) fn findings(
    data: SourceData<'_>,
    threads: usize,
    range_bytes: Option<u64>,
) -> (Checked, Vec<Finding>) {
    let source = source(data);
    let options = ScanOptions::default().range_bytes(range_bytes);
    let mut all = Vec::new();
    let report = |finding: &Finding| all.push(finding.clone());
    let threads = Threads::start(Some(threads)).expect("threads");
    let checked = threads.run(|| check_source(source, &options, &(), &false.into(), report));
    (checked.expect("an RDB file"), all)
}

/// Compares what a check finds with and without ranges.
fn check_findings(file: &[u8]) {
    let sequential = findings(SourceData::Bytes(file), 1, None);
    // A stream that ends too soon is known to do so only at its end.
    let streamed_in_order = findings(streamed(file, usize::MAX, None, false), 1, None);
    for (threads, range_bytes) in [(1, 300), (2, 1), (3, 1000), (16, 300), (16, 5000), (2, 70_000)] {
        if range_bytes == 1 && file.len() > 4000 {
            continue;
        }
        let split = findings(SourceData::Bytes(file), threads, Some(range_bytes));
        assert_eq!(sequential, split, "check, {threads} threads, ranges of {range_bytes} bytes");
        let read = findings(streamed(file, 70_000, None, false), threads, Some(range_bytes));
        assert_eq!(
            streamed_in_order, read,
            "check of a stream, {threads} threads, ranges of {range_bytes} bytes"
        );
    }
    assert_eq!(sequential, findings(SourceData::Bytes(file), 4, None));
}

pub(crate) fn check(file: &[u8]) {
    check_findings(file);
    #[cfg(feature = "arrow")]
    check_columns(file);
    let all = rows(SourceData::Bytes(file), 1, None);
    for (threads, range_bytes) in [(2, 300), (16, 1000), (3, 20_000)] {
        let mapped = rows(SourceData::Bytes(file), threads, Some(range_bytes));
        assert!(all == mapped, "keys, ranges of {range_bytes} bytes");
        let read = rows(streamed(file, 70_000, None, false), threads, Some(range_bytes));
        assert!(all == read, "keys of a stream, ranges of {range_bytes} bytes");
    }
    let sequential = report_of(streamed(file, usize::MAX, None, false), 1, None);
    for (threads, range_bytes) in [(1, 300), (2, 50), (3, 1000), (16, 7000), (2, 70_000)] {
        for (step, ready_bytes) in [(usize::MAX, None), (1777, None), (100, Some(5000))] {
            let split = report_of(streamed(file, step, ready_bytes, false), threads, Some(range_bytes));
            let differing = sequential.lines().zip(split.lines()).find(|(one, other)| one != other);
            assert_eq!(
                differing, None,
                "stream, {threads} threads, ranges of {range_bytes}, reads of {step}"
            );
        }
    }
    assert!(sequential == report_of(streamed(file, 70_000, None, false), 2, None));
    if file.len() < 4000 {
        assert!(sequential == report_of(streamed(file, 70_000, None, false), 2, Some(0)));
    }
    let sequential = report(file, 1, None);
    for threads in [1, 2, 3, 16] {
        for range_bytes in [1, 300, 1000, 5000, 70_000, 1 << 40] {
            if range_bytes == 1 && file.len() > 4000 {
                continue;
            }
            let split = report(file, threads, Some(range_bytes));
            let differing = sequential.lines().zip(split.lines()).find(|(one, other)| one != other);
            assert_eq!(differing, None, "{threads} threads, ranges of {range_bytes} bytes");
        }
    }
    assert!(sequential == report(file, 4, None));
    let sequential = report_of_elements(SourceData::Bytes(file), 1, None);
    for (threads, range_bytes) in [(2, 300), (3, 1000), (16, 5000), (2, 70_000)] {
        let split = report_of_elements(SourceData::Bytes(file), threads, Some(range_bytes));
        assert!(sequential == split, "elements, {threads} threads, ranges of {range_bytes} bytes");
    }
}
