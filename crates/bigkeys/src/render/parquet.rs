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
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, Type};
use rayon::prelude::*;
use rdb_analysis::json::KeysAs;
use rdb_analysis::{KeyRow, Measure};

use super::rows::{RowEncoder, RowFormat};

/// Rows of a row group. `DuckDB` gives one thread at least 122,880 rows.
const ROWS_IN_GROUP: usize = 1 << 17;

/// Bytes of names from which on a row group ends.
const NAME_BYTES_IN_GROUP: usize = 8 << 20;

/// Where the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    /// At this index of [`numbers`].
    Number(usize),
    /// The names that are UTF-8, or all names in base64.
    Name,
    /// The names that are not UTF-8.
    BinaryName,
    /// At this index of [`words`].
    Word(usize),
}

/// The columns in the order of CSV, and which of them have a value for every key.
const COLUMNS: [(&str, Values, Repetition); 16] = {
    const OPTIONAL: Repetition = Repetition::OPTIONAL;
    const REQUIRED: Repetition = Repetition::REQUIRED;
    use Values::{BinaryName, Name, Number, Word};
    [
        ("db", Number(0), REQUIRED),
        ("key", Name, OPTIONAL),
        ("key_binary", BinaryName, OPTIONAL),
        ("type", Word(0), REQUIRED),
        ("encoding", Word(1), REQUIRED),
        ("elements", Number(1), OPTIONAL),
        ("value_bytes", Number(2), OPTIONAL),
        ("rdb_bytes", Number(3), REQUIRED),
        ("memory_bytes", Number(4), OPTIONAL),
        ("largest_element_bytes", Number(5), OPTIONAL),
        ("expires_at_ms", Number(6), OPTIONAL),
        ("idle_seconds", Number(7), OPTIONAL),
        ("freq", Number(8), OPTIONAL),
        ("slot", Number(9), OPTIONAL),
        ("shard", Word(2), OPTIONAL),
        ("offset", Number(10), REQUIRED),
    ]
};

/// Numbers of a key.
const NUMBERS: usize = 11;

/// Texts of a key besides its name.
const WORDS: usize = 3;

/// Words of a dictionary that are compared with a new one. There are 19 encodings.
const COMPARED_WORDS: usize = 32;

/// The numbers of a key. Numbers above 2^63-1 become 2^63-1.
fn numbers(m: &Measure) -> [Option<i64>; NUMBERS] {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    [
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
    ]
}

/// Renders a key as a record: a bit for each number that is known, all numbers, and the texts, each
/// after its length. A word that is not known is empty.
pub(crate) struct Records(pub(crate) KeysAs);

impl RowFormat for Records {
    fn row(&self, row: KeyRow<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let numbers = numbers(row.measure);
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
    columns: Vec<Values>,
    group: RowGroup,
}

/// The rows that are not encoded yet, by column.
#[derive(Default)]
struct RowGroup {
    numbers: [Column<i64>; NUMBERS],
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
        let columns = COLUMNS
            .iter()
            .copied()
            .filter(|(_, values, _)| keys_as == KeysAs::Auto || *values != Values::BinaryName);
        let columns = columns.map(|(name, values, repetition)| match (values, keys_as) {
            (Values::Name, KeysAs::Base64) => ("key_b64", values, repetition),
            _ => (name, values, repetition),
        });
        let columns: Vec<_> = columns.collect();

        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("bigkeys ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::LZ4_RAW)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_dictionary_enabled(false);
        for &(name, values, _) in &columns {
            let column = ColumnPath::from(name);
            properties = match values {
                // Packed numbers hardly become shorter.
                Values::Number(_) => properties
                    .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
                    .set_column_compression(column, Compression::UNCOMPRESSED),
                Values::Word(_) => properties.set_column_dictionary_enabled(column, true),
                Values::Name | Values::BinaryName => properties,
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
fn schema(columns: &[(&str, Values, Repetition)]) -> Result<Arc<Type>, ParquetError> {
    let column = |&(name, values, repetition): &(&str, Values, Repetition)| {
        let (physical, logical) = match values {
            Values::Number(_) => (Physical::INT64, None),
            Values::Name | Values::Word(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::BinaryName => (Physical::BYTE_ARRAY, None),
        };
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
    values: Values,
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
        (Values::Number(index), ColumnWriter::Int64ColumnWriter(column)) => {
            let numbers = &group.numbers[index];
            column.write_batch(&numbers.values, known(&*numbers.levels()), None)?;
        }
        (Values::Word(index), ColumnWriter::ByteArrayColumnWriter(column)) => {
            let (words, dictionary) = (&group.words[index], &group.dictionaries[index]);
            let values: Vec<_> = words.values.iter().map(|&word| dictionary[word].clone()).collect();
            column.write_batch(&values, known(&*words.levels()), None)?;
        }
        (Values::Name | Values::BinaryName, ColumnWriter::ByteArrayColumnWriter(column)) => {
            let names = group.names(names, values == Values::Name);
            column.write_batch(&names.values, known(&*names.levels()), None)?;
        }
        _ => return Err(ParquetError::General("a column has another type".to_owned())),
    }
    let closed = column.close()?;
    Ok((Bytes::from(bytes.into_inner()?), closed))
}
