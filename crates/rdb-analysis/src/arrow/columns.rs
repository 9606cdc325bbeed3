//! Fills the columns of a record batch.

use std::io;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, SchemaRef};
use rdb_parser::ErrorKind;

use crate::blocks::Block;
use crate::measure::KeyView;
use crate::report::{KEY_COLUMNS, KEY_NUMBERS, KeyColumn, key_numbers};

/// Bytes of a row without its name: the numbers, type and encoding, and ends of texts.
const ROW_BYTES: usize = 8 * KEY_NUMBERS + 40;

/// Bytes of the names of a batch. Arrow addresses texts with 31 bits.
const MAX_NAME_BYTES: usize = i32::MAX as usize;

/// Keys in columns.
pub(super) struct Columns<'a, F> {
    schema: &'a SchemaRef,
    shard: Option<&'a str>,
    /// Says of a key and its name whether it gets a row.
    admits: &'a F,
    rows: usize,
    name_bytes: usize,
    numbers: [Int64Builder; KEY_NUMBERS],
    names: StringBuilder,
    binary_names: BinaryBuilder,
    types: StringBuilder,
    encodings: StringBuilder,
    /// A name that is decompressed.
    scratch: Vec<u8>,
}

impl<'a, F> Columns<'a, F> {
    pub(super) fn new(schema: &'a SchemaRef, shard: Option<&'a str>, admits: &'a F) -> Self {
        Self {
            schema,
            shard,
            admits,
            rows: 0,
            name_bytes: 0,
            numbers: Default::default(),
            names: StringBuilder::new(),
            binary_names: BinaryBuilder::new(),
            types: StringBuilder::new(),
            encodings: StringBuilder::new(),
            scratch: Vec::new(),
        }
    }

    /// Makes a batch of all rows, and leaves none.
    pub(super) fn take_batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.name_bytes = 0;
        let columns = KEY_COLUMNS.map(|(_, column, _)| match column {
            KeyColumn::Number(index) => Arc::new(self.numbers[index].finish()) as ArrayRef,
            KeyColumn::Name => Arc::new(self.names.finish()),
            KeyColumn::BinaryName => Arc::new(self.binary_names.finish()),
            KeyColumn::Type => Arc::new(self.types.finish()),
            KeyColumn::Encoding => Arc::new(self.encodings.finish()),
            KeyColumn::Shard => {
                let mut shards = StringBuilder::new();
                (0..rows).for_each(|_| shards.append_option(self.shard));
                Arc::new(shards.finish())
            }
        });
        RecordBatch::try_new(Arc::clone(self.schema), columns.to_vec())
    }
}

impl<F: Fn(&KeyView<'_>, &[u8]) -> bool + Sync> Block for Columns<'_, F> {
    const FULL_BYTES: usize = 4 << 20;
    // Batches of some 10,000 rows: readers pay for each batch.
    const RANGE_BYTES: u64 = 512 << 10;
    const MAX_PART_BYTES: u64 = 4 << 20;

    fn push(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.scratch.clear();
        let name = key.key.decode(&mut self.scratch)?;
        if !(self.admits)(key, name) {
            return Ok(());
        }
        if name.len() > MAX_NAME_BYTES - self.name_bytes {
            let error = "the names of a batch are longer than 2 GiB";
            return Err(ErrorKind::Io(io::Error::other(error)));
        }
        self.name_bytes += name.len();
        self.rows += 1;
        if let Ok(name) = std::str::from_utf8(name) {
            self.names.append_value(name);
            self.binary_names.append_null();
        } else {
            self.names.append_null();
            self.binary_names.append_value(name);
        }
        for (column, number) in self.numbers.iter_mut().zip(key_numbers(&key.measure)) {
            column.append_option(number);
        }
        match key.measure.data_type.plain_name() {
            Some(name) => self.types.append_value(name),
            None => self.types.append_value(key.measure.data_type.to_string()),
        }
        self.encodings.append_value(key.measure.encoding.name());
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.rows * ROW_BYTES + self.name_bytes
    }

    fn bytes_of_name(name_bytes: u64) -> u64 {
        name_bytes
    }

    fn clear(&mut self) {
        // The builders have no other way to forget their rows.
        drop(self.take_batch());
    }
}
