//! The JSON that the program promises: see `docs/schema/`.
//!
//! Field names and order are set here and in the types that derive [`Serialize`] for this purpose
//! ([`Group`] and what holds it). A key that is UTF-8 is in `key`; any other is in
//! `key_b64`. Strings are written so that they are harmless on a terminal, too.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rdb_parser::escape::is_unprintable;
use rdb_parser::{Checksum, Warning};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

use super::contents::{KeyRow, Report, SourceReport};
use crate::collect::{
    DbGroup, EncodingGroup, ExpiryGroup, Group, KeyRecord, PrefixTable, RaisedLimit, TypeGroup,
};
use crate::measure::{DataType, LargestElement};
use crate::memory::SourceMemoryJson;
use crate::scan::{TrailingKind, WarningGroup};

/// Version of the report's shape. Raised when a field is renamed, removed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 2;

/// How key names are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeysAs {
    /// As text where they are UTF-8, as base64 where not.
    #[default]
    Auto,
    /// As base64.
    Base64,
}

/// How integers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumbersAs {
    /// As JSON numbers. Readers that hold numbers as doubles, such as JavaScript, round those above
    /// 2^53.
    #[default]
    Number,
    /// As JSON strings of decimal digits, whatever their size.
    String,
}

/// Writes `value` as JSON on one line, without a line feed.
///
/// # Errors
///
/// If `writer` fails.
pub fn write_compact(writer: impl Write, value: &impl Serialize) -> io::Result<()> {
    write_compact_with(writer, value, NumbersAs::Number)
}

/// As [`write_compact`], with integers as `numbers_as` says.
///
/// # Errors
///
/// If `writer` fails.
pub fn write_compact_with(
    writer: impl Write,
    value: &impl Serialize,
    numbers_as: NumbersAs,
) -> io::Result<()> {
    let formatter = JsonFormatter { inner: CompactFormatter, numbers_as };
    let mut serializer = serde_json::Serializer::with_formatter(writer, formatter);
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Writes `value` as indented JSON.
///
/// # Errors
///
/// If `writer` fails.
pub fn write_pretty(writer: impl Write, value: &impl Serialize) -> io::Result<()> {
    write_pretty_with(writer, value, NumbersAs::Number)
}

/// As [`write_pretty`], with integers as `numbers_as` says.
///
/// # Errors
///
/// If `writer` fails.
pub fn write_pretty_with(
    writer: impl Write,
    value: &impl Serialize,
    numbers_as: NumbersAs,
) -> io::Result<()> {
    let formatter = JsonFormatter { inner: PrettyFormatter::new(), numbers_as };
    let mut serializer = serde_json::Serializer::with_formatter(writer, formatter);
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// The record of a key.
pub fn key_record(key: KeyRow<'_>, keys_as: KeysAs) -> impl Serialize + '_ {
    let KeyRow { name, key_bytes, measure, largest_element, shard } = key;
    KeyJson {
        db: measure.db,
        name: NameJson::new("key", name, keys_as),
        key_truncated_from_bytes: (key_bytes > name.len() as u64).then_some(key_bytes),
        data_type: measure.data_type,
        encoding: measure.encoding.name(),
        elements: measure.elements,
        value_bytes: measure.value_bytes,
        rdb_bytes: measure.rdb_bytes,
        memory_bytes: measure.memory_bytes,
        memory_not_modelled: measure.memory_bytes.is_some() && !measure.memory_is_modelled,
        largest_element_bytes: measure.largest_element_bytes,
        largest_element: largest_element.map(|element| element_json(element, keys_as)),
        expires_at_ms: measure.expires_at_ms,
        idle_seconds: measure.idle_seconds,
        freq: measure.freq,
        slot: measure.slot,
        shard,
        offset: measure.offset,
    }
}

/// The report.
pub fn report(report: &Report, keys_as: KeysAs) -> impl Serialize + '_ {
    ReportJson {
        schema_version: SCHEMA_VERSION,
        provenance: ProvenanceJson::new(report, keys_as),
        totals: report.totals,
        by_type: &report.by_type,
        by_db: &report.by_db,
        by_encoding: &report.by_encoding,
        expiry: &report.expiry,
        prefixes: report.prefixes.as_ref().map(|table| prefixes(table, keys_as)),
        ranked_by: report.rank.name(),
        top: TopJson { report, keys_as },
    }
}

#[derive(Serialize)]
struct KeyJson<'a> {
    db: u64,
    #[serde(flatten)]
    name: NameJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_truncated_from_bytes: Option<u64>,
    #[serde(rename = "type")]
    data_type: DataType,
    encoding: &'static str,
    elements: Option<u64>,
    value_bytes: Option<u64>,
    rdb_bytes: u64,
    memory_bytes: Option<u64>,
    /// That the memory is only the serialised size.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    memory_not_modelled: bool,
    largest_element_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_element: Option<ElementJson<'a>>,
    expires_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    freq: Option<u8>,
    slot: Option<u16>,
    shard: Option<&'a str>,
    offset: u64,
}

/// An element of a value: a map from its kind to its name.
#[derive(Serialize)]
#[serde(untagged)]
enum ElementJson<'a> {
    Index {
        index: u64,
    },
    Named {
        #[serde(flatten)]
        name: NameJson<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        truncated_from_bytes: Option<u64>,
    },
    Entry {
        entry: String,
    },
}

fn element_json(element: &LargestElement, keys_as: KeysAs) -> ElementJson<'_> {
    match element {
        LargestElement::Index(index) => ElementJson::Index { index: *index },
        LargestElement::Member(name) | LargestElement::Field(name) => ElementJson::Named {
            name: NameJson::new(element.kind(), &name.bytes, keys_as),
            truncated_from_bytes: (!name.is_whole()).then_some(name.whole_bytes),
        },
        LargestElement::Entry(id) => ElementJson::Entry { entry: id.to_string() },
    }
}

/// A name that may not be UTF-8: a map of one field, to be flattened.
#[derive(Clone, Copy, Debug)]
pub struct NameJson<'a> {
    field: &'static str,
    name: &'a [u8],
    keys_as: KeysAs,
}

impl<'a> NameJson<'a> {
    /// A name as text in `field`, or as base64 in a field that ends in `_b64`.
    pub fn new(field: &'static str, name: &'a [u8], keys_as: KeysAs) -> Self {
        Self { field, name, keys_as }
    }
}

impl Serialize for NameJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match (self.keys_as, std::str::from_utf8(self.name)) {
            (KeysAs::Auto, Ok(text)) => map.serialize_entry(self.field, text)?,
            _ => map.serialize_entry(&format!("{}_b64", self.field), &STANDARD.encode(self.name))?,
        }
        map.end()
    }
}

#[derive(Serialize)]
struct ReportJson<'a> {
    schema_version: u32,
    #[serde(flatten)]
    provenance: ProvenanceJson<'a>,
    totals: Group,
    by_type: &'a [TypeGroup],
    by_db: &'a [DbGroup],
    by_encoding: &'a [EncodingGroup],
    expiry: &'a [ExpiryGroup],
    prefixes: Option<PrefixesJson<'a>>,
    ranked_by: &'static str,
    top: TopJson<'a>,
}

fn prefixes<'a>(table: &'a PrefixTable, keys_as: KeysAs) -> PrefixesJson<'a> {
    let group = |(prefix, group): &'a (Vec<u8>, Group)| PrefixJson {
        prefix: NameJson::new("prefix", prefix, keys_as),
        group: *group,
    };
    PrefixesJson {
        groups: table.groups.iter().map(group).collect(),
        no_prefix: &table.no_prefix,
        others: &table.others,
        error_bytes: table.error_bytes,
    }
}

#[derive(Serialize)]
struct PrefixesJson<'a> {
    groups: Vec<PrefixJson<'a>>,
    no_prefix: &'a Group,
    others: &'a Group,
    error_bytes: u64,
}

#[derive(Serialize)]
struct PrefixJson<'a> {
    #[serde(flatten)]
    prefix: NameJson<'a>,
    #[serde(flatten)]
    group: Group,
}

/// What a result says of its making: the program, the sources, and the conditions on keys. Made to
/// be flattened into the JSON of a result.
pub fn provenance(report: &Report, keys_as: KeysAs) -> impl Serialize + '_ {
    ProvenanceJson::new(report, keys_as)
}

#[derive(Serialize)]
struct ProvenanceJson<'a> {
    tool: ToolJson,
    sources: Vec<SourceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
}

impl<'a> ProvenanceJson<'a> {
    fn new(report: &'a Report, keys_as: KeysAs) -> Self {
        Self {
            tool: ToolJson::THIS,
            sources: report.sources.iter().map(|facts| source(facts, keys_as)).collect(),
            filter: report.filter.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct ToolJson {
    name: &'static str,
    version: &'static str,
}

impl ToolJson {
    const THIS: Self = Self { name: "bigkeys", version: env!("CARGO_PKG_VERSION") };
}

#[derive(Serialize)]
struct SourceJson<'a> {
    path: &'a str,
    shard: Option<&'a str>,
    flavour: &'static str,
    rdb_version: u32,
    server_version: Option<&'a str>,
    created_at: Option<Timestamp>,
    used_memory_bytes: Option<u64>,
    bytes: u64,
    keys: u64,
    announced_keys: u64,
    functions: u64,
    key_bytes: u64,
    overhead_bytes: u64,
    trailing_bytes: u64,
    trailing_kind: Option<&'static str>,
    notes: Vec<&'a str>,
    checksum: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_stored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_computed: Option<String>,
    coverage: CoverageJson<'a>,
    memory: Option<SourceMemoryJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    raised_limits: Vec<RaisedLimitJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningJson<'a>>,
}

/// A limit that a packed value shows.
#[derive(Serialize)]
struct RaisedLimitJson<'a> {
    directive: &'static str,
    at_least: u64,
    db: u64,
    #[serde(flatten)]
    key: NameJson<'a>,
}

#[derive(Serialize)]
struct WarningJson<'a> {
    kind: &'static str,
    message: String,
    provisional: bool,
    count: u64,
    examples: Vec<WarningExampleJson<'a>>,
}

#[derive(Serialize)]
struct WarningExampleJson<'a> {
    offset: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    key: Option<NameJson<'a>>,
}

#[derive(Serialize)]
struct CoverageJson<'a> {
    complete: bool,
    stopped_at_offset: Option<u64>,
    reason: Option<&'a str>,
    damaged_keys: u64,
}

fn source(source: &SourceReport, keys_as: KeysAs) -> SourceJson<'_> {
    let facts = &source.facts;
    let sums = match facts.checksum {
        Some(Checksum::Mismatch { stored, computed }) => Some((stored, computed)),
        _ => None,
    };
    SourceJson {
        path: &source.path,
        shard: source.shard.as_deref(),
        flavour: facts.flavour.name(),
        rdb_version: facts.header.version,
        server_version: facts.server_version.as_deref(),
        created_at: facts.created_at_s.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        used_memory_bytes: facts.used_memory_bytes,
        bytes: facts.bytes,
        keys: facts.keys,
        announced_keys: facts.announced_keys,
        functions: facts.functions,
        key_bytes: facts.key_bytes,
        overhead_bytes: facts.overhead_bytes,
        trailing_bytes: facts.trailing_bytes,
        trailing_kind: facts.trailing_kind.map(TrailingKind::name),
        notes: facts.notes.iter().map(|note| note.text.as_str()).collect(),
        checksum: facts.checksum_name(),
        checksum_stored: sums.map(|(stored, _)| format!("{stored:016x}")),
        checksum_computed: sums.map(|(_, computed)| format!("{computed:016x}")),
        coverage: CoverageJson {
            complete: facts.coverage.complete,
            stopped_at_offset: facts.coverage.stopped_at_offset,
            reason: facts.coverage.reason.as_deref(),
            damaged_keys: facts.coverage.damaged_keys,
        },
        memory: source.memory.as_ref().map(SourceMemoryJson::from),
        raised_limits: source.raised_limits.iter().map(|limit| raised_limit(limit, keys_as)).collect(),
        warnings: facts.warnings.iter().map(|(kind, group)| warning(kind, group, keys_as)).collect(),
    }
}

fn raised_limit(limit: &RaisedLimit, keys_as: KeysAs) -> RaisedLimitJson<'_> {
    RaisedLimitJson {
        directive: limit.directive,
        at_least: limit.at_least,
        db: limit.db,
        key: NameJson::new("key", &limit.key, keys_as),
    }
}

fn warning(kind: Warning, group: &WarningGroup, keys_as: KeysAs) -> WarningJson<'_> {
    let examples = group.examples.iter().map(|example| WarningExampleJson {
        offset: example.offset,
        key: example.key.as_deref().map(|name| NameJson::new("key", name, keys_as)),
    });
    WarningJson {
        kind: kind.name(),
        message: kind.to_string(),
        provisional: kind.is_provisional(),
        count: group.count,
        examples: examples.collect(),
    }
}

struct TopJson<'a> {
    report: &'a Report,
    keys_as: KeysAs,
}

impl Serialize for TopJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.report.top.iter().map(|(data_type, keys)| (data_type, TopList(keys, self.keys_as))),
        )
    }
}

struct TopList<'a>(&'a [KeyRecord], KeysAs);

impl Serialize for TopList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|record| key_record(record.into(), self.1)))
    }
}

/// Escapes, besides what JSON demands, the characters that a terminal may act on, and writes
/// integers as `numbers_as` says. Keys of objects are strings, never integers.
#[derive(Debug)]
struct JsonFormatter<F> {
    inner: F,
    numbers_as: NumbersAs,
}

impl<F: Formatter> JsonFormatter<F> {
    fn integer<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        write: impl FnOnce(&mut F, &mut W) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.numbers_as {
            NumbersAs::Number => write(&mut self.inner, writer),
            NumbersAs::String => {
                self.inner.begin_string(writer)?;
                write(&mut self.inner, writer)?;
                self.inner.end_string(writer)
            }
        }
    }
}

impl<F: Formatter> Formatter for JsonFormatter<F> {
    fn write_i8<W: ?Sized + Write>(&mut self, writer: &mut W, value: i8) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_i8(writer, value))
    }

    fn write_i16<W: ?Sized + Write>(&mut self, writer: &mut W, value: i16) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_i16(writer, value))
    }

    fn write_i32<W: ?Sized + Write>(&mut self, writer: &mut W, value: i32) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_i32(writer, value))
    }

    fn write_i64<W: ?Sized + Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_i64(writer, value))
    }

    fn write_i128<W: ?Sized + Write>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_i128(writer, value))
    }

    fn write_u8<W: ?Sized + Write>(&mut self, writer: &mut W, value: u8) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_u8(writer, value))
    }

    fn write_u16<W: ?Sized + Write>(&mut self, writer: &mut W, value: u16) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_u16(writer, value))
    }

    fn write_u32<W: ?Sized + Write>(&mut self, writer: &mut W, value: u32) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_u32(writer, value))
    }

    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_u64(writer, value))
    }

    fn write_u128<W: ?Sized + Write>(&mut self, writer: &mut W, value: u128) -> io::Result<()> {
        self.integer(writer, |inner, writer| inner.write_u128(writer, value))
    }
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| is_unprintable(c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.inner.write_char_escape(writer, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.inner.begin_object_key(writer, first)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_key(writer)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.inner.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sample {
        large: u64,
        negative: i64,
        small: u8,
        fraction: f64,
        text: &'static str,
        none: Option<u64>,
    }

    const SAMPLE: Sample =
        Sample { large: u64::MAX, negative: i64::MIN, small: 7, fraction: 0.5, text: "7", none: None };

    #[test]
    fn integers_are_numbers_or_strings() {
        let written = |numbers_as| {
            let mut out = Vec::new();
            write_compact_with(&mut out, &SAMPLE, numbers_as).expect("in memory");
            String::from_utf8(out).expect("UTF-8")
        };
        assert_eq!(
            written(NumbersAs::Number),
            r#"{"large":18446744073709551615,"negative":-9223372036854775808,"small":7,"fraction":0.5,"text":"7","none":null}"#
        );
        assert_eq!(
            written(NumbersAs::String),
            r#"{"large":"18446744073709551615","negative":"-9223372036854775808","small":"7","fraction":0.5,"text":"7","none":null}"#
        );
    }
}
