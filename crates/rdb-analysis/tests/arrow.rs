//! Record batches have what every other view of the keys has.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use arrow_array::{Array, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use rdb_analysis::arrow::{BatchOrder, key_batches, key_schema};
use rdb_analysis::{
    KEY_SCHEMA_VERSION, KEY_SCHEMA_VERSION_FIELD, Measure, ScanOptions, Source, for_each_key,
};

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fixtures");
    let mut paths: Vec<_> =
        fs::read_dir(directory).expect("fixtures").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    paths.sort();
    let file = |path: &PathBuf| (path.to_string_lossy().into_owned(), fs::read(path).expect("readable"));
    paths.iter().map(file).collect()
}

fn sources(files: &[(String, Vec<u8>)]) -> Vec<Source<'_>> {
    files.iter().map(|(path, bytes)| Source::from_bytes(path, bytes).shard(path.clone())).collect()
}

/// The batches of all files.
fn batches(files: &[(String, Vec<u8>)], order: BatchOrder, threads: usize) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    let options = ScanOptions::default().threads(threads);
    let outcome = key_batches(
        sources(files),
        order,
        &options,
        &(),
        &false.into(),
        |_, _| true,
        |batch| {
            batches.push(batch.expect("a batch"));
            ControlFlow::Continue(())
        },
    )
    .expect("threads");
    assert_eq!(outcome.output.len() + outcome.failures.len(), files.len());
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(outcome.output.iter().map(|(_, facts)| facts.keys).sum::<u64>(), rows as u64);
    batches
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> &'a StringArray {
    batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref()).expect("a column of text")
}

/// A row: shard, name, type, encoding and the numbers.
type Row = (String, Vec<u8>, String, String, Vec<Option<i64>>);

const NUMBERS: [&str; 11] = [
    "db",
    "elements",
    "value_bytes",
    "rdb_bytes",
    "memory_bytes",
    "largest_element_bytes",
    "expires_at_ms",
    "idle_seconds",
    "freq",
    "slot",
    "offset",
];

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name| batch.column_by_name(name).expect("a column").as_any();
        let numbers =
            NUMBERS.map(|name| column(name).downcast_ref::<Int64Array>().expect("a column of numbers"));
        let binary: &BinaryArray = column("key_binary").downcast_ref().expect("a column of bytes");
        let (names, types) = (text(batch, "key"), text(batch, "type"));
        let (encodings, shards) = (text(batch, "encoding"), text(batch, "shard"));
        for row in 0..batch.num_rows() {
            assert_ne!(names.is_null(row), binary.is_null(row), "a name is in one of two columns");
            let name = if names.is_null(row) { binary.value(row) } else { names.value(row).as_bytes() };
            assert_eq!(names.is_null(row), std::str::from_utf8(name).is_err());
            let number = |column: &&Int64Array| (!column.is_null(row)).then(|| column.value(row));
            let numbers = numbers.iter().map(number).collect();
            let shard = shards.value(row).to_owned();
            rows.push((
                shard,
                name.to_vec(),
                types.value(row).to_owned(),
                encodings.value(row).to_owned(),
                numbers,
            ));
        }
    }
    rows
}

/// The rows of all files, from the keys in file order.
fn expected(files: &[(String, Vec<u8>)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (source, (path, _)) in sources(files).into_iter().zip(files) {
        let mut scratch = Vec::new();
        for_each_key(source, &ScanOptions::default(), &(), &false.into(), |key| {
            let m: &Measure = &key.measure;
            let signed = |number: u64| i64::try_from(number).expect("a small number");
            let numbers = vec![
                Some(signed(m.db)),
                m.elements.map(signed),
                m.value_bytes.map(signed),
                Some(signed(m.rdb_bytes)),
                m.memory_bytes.map(signed),
                m.largest_element_bytes.map(signed),
                m.expires_at_ms,
                m.idle_seconds.map(signed),
                m.freq.map(i64::from),
                m.slot.map(i64::from),
                Some(signed(m.offset)),
            ];
            let name = key.key.decode(&mut scratch).expect("a name").to_vec();
            let (data_type, encoding) = (m.data_type.to_string(), m.encoding.name().to_owned());
            rows.push((path.clone(), name, data_type, encoding, numbers));
            ControlFlow::Continue(Ok(()))
        })
        .expect("an RDB file");
    }
    rows
}

#[test]
fn batches_have_the_keys_of_all_files_in_order() {
    let files = fixtures();
    let expected = expected(&files);
    for threads in [1, 3] {
        assert!(rows(&batches(&files, BatchOrder::File, threads)) == expected, "{threads} threads");
    }
}

#[test]
fn in_any_order_each_file_keeps_its_own() {
    let files = fixtures();
    let expected = expected(&files);
    let mut found = rows(&batches(&files, BatchOrder::Any, 4));
    // A stable sort by file keeps the order within each.
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(found == expected);
}

#[test]
fn a_batch_has_the_schema_that_is_documented() {
    let schema = key_schema();
    assert_eq!(schema.metadata()[KEY_SCHEMA_VERSION_FIELD], KEY_SCHEMA_VERSION.to_string());
    for field in schema.fields() {
        let is_plain = matches!(field.data_type(), DataType::Int64 | DataType::Utf8 | DataType::Binary);
        assert!(is_plain, "Spark cannot read {field}");
    }
    for batch in batches(&fixtures()[..1], BatchOrder::File, 2) {
        assert_eq!(batch.schema(), schema);
    }
}

#[test]
fn a_reader_that_breaks_gets_no_more_batches() {
    let files = fixtures();
    for order in [BatchOrder::File, BatchOrder::Any] {
        let mut calls = 0;
        let options = ScanOptions::default().threads(4);
        let outcome = key_batches(
            sources(&files),
            order,
            &options,
            &(),
            &false.into(),
            |_, _| true,
            |_| {
                calls += 1;
                ControlFlow::Break(())
            },
        )
        .expect("threads");
        assert_eq!(calls, 1, "{order:?}");
        assert!(outcome.skipped_sources > 0, "{order:?}");
    }
}

#[test]
fn only_admitted_keys_get_a_row() {
    let files = fixtures();
    let mut found = Vec::new();
    let admits = |_: &rdb_analysis::KeyView<'_>, name: &[u8]| name.starts_with(b"hash:");
    let options = ScanOptions::default();
    key_batches(sources(&files), BatchOrder::File, &options, &(), &false.into(), admits, |batch| {
        found.push(batch.expect("a batch"));
        ControlFlow::Continue(())
    })
    .expect("threads");
    let mut expected = expected(&files);
    expected.retain(|row| row.1.starts_with(b"hash:"));
    assert!(!expected.is_empty() && rows(&found) == expected);
}
