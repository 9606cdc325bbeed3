//! Keys as a Parquet file.
//!
//! The threads of the scan render each key as a [record](Records). [`ParquetWriter`] collects the
//! records of a row group by column, and encodes the columns on all threads. The columns are those
//! of CSV; what is not known is null.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, Type};
use rayon::prelude::*;
use rdb_analysis::json::KeysAs;
use rdb_analysis::{
    KEY_COLUMNS, KEY_NUMBERS, KEY_SCHEMA_VERSION, KEY_SCHEMA_VERSION_FIELD, KeyColumn, KeyRow, Measure,
    key_numbers,
};

use super::rows::{RowEncoder, RowFormat};

/// Rows of a row group. `DuckDB` gives one thread at least 122,880 rows.
const ROWS_IN_GROUP: usize = 1 << 17;

/// Bytes of names from which on a row group ends.
const NAME_BYTES_IN_GROUP: usize = 8 << 20;

/// Texts of a key besides its name.
const WORDS: usize = 3;

/// Words of a dictionary that are compared with a new one. There are 19 encodings.
const COMPARED_WORDS: usize = 32;

/// Where a column of words is in a record.
fn word_index(column: KeyColumn) -> Option<usize> {
    match column {
        KeyColumn::Type => Some(0),
        KeyColumn::Encoding => Some(1),
        KeyColumn::Shard => Some(2),
        KeyColumn::Number(_) | KeyColumn::Name | KeyColumn::BinaryName => None,
    }
}

/// Renders a key as a record: a bit for each number that is known, all numbers, and the texts, each
/// after its length. A word that is not known is empty.
pub(crate) struct Records(pub(crate) KeysAs);

impl RowFormat for Records {
    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let numbers = key_numbers(row.measure);
        let known = numbers.iter().rev().fold(0u16, |known, number| known << 1 | u16::from(number.is_some()));
        out.extend_from_slice(&known.to_le_bytes());
        out.extend_from_slice(numbers.map(|number| number.unwrap_or(0).to_le_bytes()).as_flattened());
        match self.0 {
            KeysAs::Auto => text(out, row.name)?,
            KeysAs::Base64 => text(out, STANDARD.encode(row.name).as_bytes())?,
        }
        let Measure { data_type, encoding, .. } = row.measure;
        text(out, data_type.name().as_bytes())?;
        text(out, encoding.name().as_bytes())?;
        text(out, row.shard.unwrap_or_default().as_bytes())
    }

    fn encoder(&self) -> Option<io::Result<Box<dyn RowEncoder>>> {
        Some(ParquetWriter::new(self.0).map(|writer| Box::new(writer) as _))
    }
}

fn text(out: &mut Vec<u8>, text: &[u8]) -> io::Result<()> {
    let bytes = u32::try_from(text.len()).map_err(io::Error::other)?;
    out.extend_from_slice(&bytes.to_le_bytes());
    out.extend_from_slice(text);
    Ok(())
}

/// Reads records, one field after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let bytes = u32::from_le_bytes(self.array()?);
        let (text, rest) = self.0.split_at_checked(bytes as usize)?;
        self.0 = rest;
        Some(text)
    }
}

/// Makes a Parquet file of blocks of [records](Records).
struct ParquetWriter {
    file: SerializedFileWriter<Vec<u8>>,
    columns: Vec<KeyColumn>,
    group: RowGroup,
}

/// The rows that are not encoded yet, by column.
#[derive(Default)]
struct RowGroup {
    numbers: [Column<i64>; KEY_NUMBERS],
    /// The names one after the other, and for each whether it is UTF-8.
    names: Vec<u8>,
    name_ends: Vec<(usize, bool)>,
    /// Indices in `dictionaries`.
    words: [Column<usize>; WORDS],
    /// The words of a column that occur, a handful.
    dictionaries: [Vec<ByteArray>; WORDS],
}

/// The values of a column, and which rows have one.
struct Column<T> {
    rows: usize,
    values: Vec<T>,
    /// 1 for each row with a value, 0 for each other, as Parquet has it. Empty while all rows have a
    /// value, or none has.
    known: Vec<i16>,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Self { rows: 0, values: Vec::new(), known: Vec::new() }
    }
}

impl<T> Column<T> {
    #[inline]
    fn push(&mut self, value: Option<T>) {
        let was_uniform = self.known.is_empty();
        let had_values = !self.values.is_empty();
        if !was_uniform || self.rows > 0 && had_values != value.is_some() {
            if was_uniform {
                self.known = vec![had_values.into(); self.rows];
            }
            self.known.push(value.is_some().into());
        }
        self.rows += 1;
        self.values.extend(value);
    }

    /// For each row whether it has a value.
    fn levels(&self) -> Cow<'_, [i16]> {
        if self.known.is_empty() {
            return Cow::Owned(vec![(!self.values.is_empty()).into(); self.rows]);
        }
        Cow::Borrowed(&self.known)
    }
}

/// The index of a word in a dictionary, to which it is added. Only the newest words are compared, so
/// that a file of many types of modules takes no more time. Their words are there several times.
fn index(dictionary: &mut Vec<ByteArray>, word: &[u8]) -> usize {
    let newest = dictionary.len().saturating_sub(COMPARED_WORDS);
    let known = dictionary.iter().skip(newest).position(|known| known.data() == word);
    if let Some(index) = known {
        return newest + index;
    }
    dictionary.push(ByteArray::from(word.to_vec()));
    dictionary.len() - 1
}

impl RowGroup {
    fn is_full(&self) -> bool {
        self.name_ends.len() >= ROWS_IN_GROUP || self.names.len() >= NAME_BYTES_IN_GROUP
    }

    /// Adds the next record. `None`: it is incomplete.
    fn add(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let known = u16::from_le_bytes(reader.array()?);
        for (index, column) in self.numbers.iter_mut().enumerate() {
            let number = i64::from_le_bytes(reader.array()?);
            column.push((known >> index & 1 != 0).then_some(number));
        }
        let name = reader.text()?;
        self.names.extend_from_slice(name);
        self.name_ends.push((self.names.len(), std::str::from_utf8(name).is_ok()));
        for (column, dictionary) in self.words.iter_mut().zip(&mut self.dictionaries) {
            let word = reader.text()?;
            column.push((!word.is_empty()).then(|| index(dictionary, word)));
        }
        Some(())
    }

    /// The names that are UTF-8, or those that are not.
    fn names(&self, bytes: &Bytes, are_utf8: bool) -> Column<ByteArray> {
        let mut column = Column::default();
        let mut start = 0;
        for &(end, is_utf8) in &self.name_ends {
            column.push((is_utf8 == are_utf8).then(|| ByteArray::from(bytes.slice(start..end))));
            start = end;
        }
        column
    }
}

impl ParquetWriter {
    fn new(keys_as: KeysAs) -> io::Result<Self> {
        let columns = KEY_COLUMNS
            .into_iter()
            .filter(|&(_, column, _)| keys_as == KeysAs::Auto || column != KeyColumn::BinaryName);
        let columns = columns.map(|(name, column, is_nullable)| match (column, keys_as) {
            (KeyColumn::Name, KeysAs::Base64) => ("key_b64", column, is_nullable),
            _ => (name, column, is_nullable),
        });
        let columns: Vec<_> = columns.collect();

        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("bigkeys ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::LZ4_RAW)
            .set_key_value_metadata(Some(vec![KeyValue::new(
                KEY_SCHEMA_VERSION_FIELD.to_owned(),
                KEY_SCHEMA_VERSION.to_string(),
            )]))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_dictionary_enabled(false);
        for &(name, values, _) in &columns {
            let column = ColumnPath::from(name);
            properties = match values {
                // Packed numbers hardly become shorter.
                KeyColumn::Number(_) => properties
                    .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
                    .set_column_compression(column, Compression::UNCOMPRESSED),
                KeyColumn::Name | KeyColumn::BinaryName => properties,
                KeyColumn::Type | KeyColumn::Encoding | KeyColumn::Shard => {
                    properties.set_column_dictionary_enabled(column, true)
                }
            };
        }
        let file = SerializedFileWriter::new(Vec::new(), schema(&columns)?, Arc::new(properties.build()));
        let columns = columns.into_iter().map(|(_, values, _)| values).collect();
        Ok(Self { file: file?, columns, group: RowGroup::default() })
    }

    /// Encodes the rows that were added.
    fn end_row_group(&mut self) -> Result<(), ParquetError> {
        let mut group = std::mem::take(&mut self.group);
        let names = Bytes::from(std::mem::take(&mut group.names));
        let properties = self.file.properties();
        let descriptors = self.file.schema_descr().columns();
        let encoded: Result<Vec<_>, _> = self
            .columns
            .par_iter()
            .zip(descriptors)
            .map(|(&values, descriptor)| encode(&group, &names, values, descriptor, properties))
            .collect();
        let mut chunks = self.file.next_row_group()?;
        for (bytes, closed) in encoded? {
            chunks.append_column(&bytes, closed)?;
        }
        chunks.close()?;
        self.file.flush()?;
        Ok(())
    }
}

impl RowEncoder for ParquetWriter {
    fn add(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        let mut reader = Reader(block);
        let mut complete = Vec::new();
        while !reader.0.is_empty() {
            self.group.add(&mut reader).ok_or_else(|| io::Error::other("a record is incomplete"))?;
            if self.group.is_full() {
                self.end_row_group()?;
                complete.append(self.file.inner_mut());
            }
        }
        Ok(complete)
    }

    fn finish(mut self: Box<Self>) -> io::Result<Vec<u8>> {
        if !self.group.name_ends.is_empty() {
            self.end_row_group()?;
        }
        Ok(self.file.into_inner()?)
    }
}

/// The schema of columns.
fn schema(columns: &[(&str, KeyColumn, bool)]) -> Result<Arc<Type>, ParquetError> {
    let column = |&(name, column, is_nullable): &(&str, KeyColumn, bool)| {
        let (physical, logical) = match column {
            KeyColumn::Number(_) => (Physical::INT64, None),
            KeyColumn::BinaryName => (Physical::BYTE_ARRAY, None),
            KeyColumn::Name | KeyColumn::Type | KeyColumn::Encoding | KeyColumn::Shard => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String))
            }
        };
        let repetition = if is_nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let column = Type::primitive_type_builder(name, physical).with_logical_type(logical);
        column.with_repetition(repetition).build().map(Arc::new)
    };
    let columns = columns.iter().map(column).collect::<Result<_, _>>()?;
    Type::group_type_builder("keys").with_fields(columns).build().map(Arc::new)
}

/// Encodes a column of a row group.
fn encode(
    group: &RowGroup,
    names: &Bytes,
    values: KeyColumn,
    descriptor: &ColumnDescPtr,
    properties: &WriterPropertiesPtr,
) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
    let mut bytes = TrackedWrite::new(Vec::new());
    let pages = Box::new(SerializedPageWriter::new(&mut bytes));
    let mut column = get_column_writer(Arc::clone(descriptor), Arc::clone(properties), pages);
    // Parquet wants this only of columns that may lack values.
    let is_optional = descriptor.max_def_level() > 0;
    let known = |levels| is_optional.then_some(levels);
    match (values, &mut column) {
        (KeyColumn::Number(index), ColumnWriter::Int64ColumnWriter(column)) => {
            let numbers = &group.numbers[index];
            column.write_batch(&numbers.values, known(&*numbers.levels()), None)?;
        }
        (KeyColumn::Name | KeyColumn::BinaryName, ColumnWriter::ByteArrayColumnWriter(column)) => {
            let names = group.names(names, values == KeyColumn::Name);
            column.write_batch(&names.values, known(&*names.levels()), None)?;
        }
        (_, ColumnWriter::ByteArrayColumnWriter(column)) => {
            let index =
                word_index(values).ok_or_else(|| ParquetError::General("no column of words".to_owned()))?;
            let (words, dictionary) = (&group.words[index], &group.dictionaries[index]);
            let values: Vec<_> = words.values.iter().map(|&word| dictionary[word].clone()).collect();
            column.write_batch(&values, known(&*words.levels()), None)?;
        }
        _ => return Err(ParquetError::General("a column has another type".to_owned())),
    }
    let closed = column.close()?;
    Ok((Bytes::from(bytes.into_inner()?), closed))
}
