//! Partial analyses as JSON, for programs with the same [`VERSION`].
//!
//! This is not the documented JSON. It has what a report leaves out, and nothing that can be
//! derived from the rest.

use rdb_parser::{Checksum, Dialect, Flavour, Header, Warning};
use serde::{Deserialize, Serialize};

use super::collector::ReportCollector;
use super::contents::SourceReport;
use super::partial::Partial;
use crate::collect::{
    CellId, Collector as _, DbGroup, Group, LongestPacked, PrefixSums, RangeStart, Sums, TopKey,
};
use crate::measure::{ElementName, Encoding, EntryId, LargestElement, Measure, Name, TypeWire};
use crate::scan::{
    Coverage, Note, ScanOptions, SourceFacts, TrailingKind, WarningExample, WarningGroup, WarningLog,
};
use crate::server::AssumedServer;

/// Version of the fields and their meaning, and of those of [`Portable`](crate::Portable). Raised with
/// every change.
const VERSION: u32 = 7;

/// Why a partial analysis cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The text is not the JSON of a partial analysis.
    #[error("a partial analysis is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// Another version of this program wrote it.
    #[error("a partial analysis has version {0}, and this program reads {VERSION}")]
    Version(u32),
    /// It has a name or number that this program does not know.
    #[error("a partial analysis has an unknown {0}")]
    Unknown(&'static str),
}

impl Partial {
    /// Writes the analysis as text without line feeds or NUL.
    ///
    /// # Errors
    ///
    /// If the serializer fails. It fails only without memory.
    pub fn to_json(&self) -> Result<String, WireError> {
        Ok(serde_json::to_string(&PartialWire::from(self))?)
    }

    /// Reads what [`to_json`](Self::to_json) wrote. It was scanned with `collector` and `options`.
    ///
    /// # Errors
    ///
    /// [`WireError`].
    pub fn from_json(
        text: &str,
        collector: &ReportCollector,
        options: &ScanOptions,
    ) -> Result<Self, WireError> {
        /// Read first, so that another version is not reported as damage.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        match serde_json::from_str::<Versioned>(text)?.version {
            VERSION => serde_json::from_str::<PartialWire>(text)?.into_partial(collector, options),
            other => Err(WireError::Version(other)),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct PartialWire {
    version: u32,
    path: String,
    shard: Option<String>,
    facts: FactsWire,
    cells: Vec<CellWire>,
    dbs: Vec<DbWire>,
    expiry: Vec<Group>,
    top: Vec<TopWire>,
    prefixes: Option<PrefixesWire>,
    longest_packed: LongestPacked,
}

/// Sums by the beginnings of names.
#[derive(Serialize, Deserialize)]
struct PrefixesWire {
    separator: u8,
    sums: Vec<PrefixWire>,
    no_prefix: Group,
    error_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct PrefixWire {
    prefix: Name,
    group: Group,
}

impl From<&PrefixSums<()>> for PrefixesWire {
    fn from(prefixes: &PrefixSums<()>) -> Self {
        let (no_prefix, error_bytes) = prefixes.rest();
        let sums = prefixes
            .iter()
            .map(|(prefix, (), group)| PrefixWire { prefix: Name(prefix.to_vec()), group: *group });
        Self { separator: prefixes.separator(), sums: sums.collect(), no_prefix, error_bytes }
    }
}

impl PrefixesWire {
    fn into_sums(self) -> PrefixSums<()> {
        let mut prefixes = PrefixSums::new(self.separator);
        for PrefixWire { prefix, group } in self.sums {
            prefixes.add_sums(&prefix.0, (), &group);
        }
        prefixes.add_rest(&self.no_prefix, self.error_bytes);
        prefixes
    }
}

#[derive(Serialize, Deserialize)]
struct FactsWire {
    dialect: u8,
    rdb_version: u32,
    flavour: u8,
    server_version: Option<String>,
    created_at_s: Option<i64>,
    used_memory_bytes: Option<u64>,
    bytes: u64,
    keys: u64,
    key_bytes: u64,
    overhead_bytes: u64,
    trailing_bytes: u64,
    trailing_kind: Option<u8>,
    notes: Vec<Note>,
    announced_keys: u64,
    functions: u64,
    checksum: Option<ChecksumWire>,
    #[serde(with = "CoverageWire")]
    coverage: Coverage,
    warnings: Vec<WarningWire>,
    is_memory_modelled: bool,
}

#[derive(Serialize, Deserialize)]
struct WarningWire {
    warning: u8,
    count: u64,
    examples: Vec<ExampleWire>,
}

#[derive(Serialize, Deserialize)]
struct ExampleWire {
    offset: u64,
    key: Option<Name>,
}

#[derive(Serialize, Deserialize)]
enum ChecksumWire {
    Verified,
    Mismatch { stored: u64, computed: u64 },
    Absent,
    Skipped,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Coverage")]
struct CoverageWire {
    complete: bool,
    stopped_at_offset: Option<u64>,
    reason: Option<String>,
    damaged_keys: u64,
    interrupted: bool,
}

/// The sums over the keys of a type and encoding that have an expiry, or have none.
#[derive(Serialize, Deserialize)]
struct CellWire {
    data_type: TypeWire,
    encoding: u8,
    expires: bool,
    group: Group,
}

/// The sums over the keys of a database.
#[derive(Serialize, Deserialize)]
struct DbWire {
    /// `None` for the databases without sums of their own.
    db: Option<u64>,
    group: Group,
}

#[derive(Serialize, Deserialize)]
struct TopWire {
    key: Name,
    key_bytes: u64,
    largest_element: Option<ElementWire>,
    db: u64,
    data_type: TypeWire,
    encoding: u8,
    elements: Option<u64>,
    value_bytes: Option<u64>,
    rdb_bytes: u64,
    memory_bytes: Option<u64>,
    memory_is_modelled: bool,
    largest_element_bytes: Option<u64>,
    expires_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    freq: Option<u8>,
    slot: Option<u16>,
    offset: u64,
}

#[derive(Serialize, Deserialize)]
enum ElementWire {
    Index(u64),
    Member(ElementNameWire),
    Field(ElementNameWire),
    Entry(u64, u64),
}

#[derive(Serialize, Deserialize)]
struct ElementNameWire {
    bytes: Name,
    whole_bytes: u64,
}

const DIALECTS: [Dialect; 3] = [Dialect::Redis, Dialect::Valkey, Dialect::Dragonfly];
const FLAVOURS: [Flavour; 4] = [Flavour::Redis, Flavour::Valkey, Flavour::KeyDb, Flavour::Dragonfly];
const TRAILING_KINDS: [TrailingKind; 6] = [
    TrailingKind::AofCommands,
    TrailingKind::EndMark,
    TrailingKind::Hex40,
    TrailingKind::Rdb,
    TrailingKind::ZeroPadding,
    TrailingKind::Unknown,
];

/// The index of `item` in `all`, which has every value.
fn number<T: PartialEq>(all: &[T], item: &T) -> u8 {
    let place = all.iter().position(|known| known == item);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

fn item<T: Copy>(all: &[T], number: u8, what: &'static str) -> Result<T, WireError> {
    all.get(usize::from(number)).copied().ok_or(WireError::Unknown(what))
}

impl From<&Partial> for PartialWire {
    fn from(partial: &Partial) -> Self {
        let Partial { source, sums, top, prefixes } = partial;
        Self {
            version: VERSION,
            path: source.path.clone(),
            shard: source.shard.clone(),
            facts: FactsWire::from(&source.facts),
            cells: sums
                .cells()
                .into_iter()
                .map(|(id, group)| CellWire {
                    data_type: id.data_type.into(),
                    encoding: number(&Encoding::ALL, &id.encoding),
                    expires: id.expires,
                    group,
                })
                .collect(),
            dbs: sums.by_db().into_iter().map(|DbGroup { db, group }| DbWire { db, group }).collect(),
            expiry: sums.expiry().to_vec(),
            top: top.iter().map(TopWire::new).collect(),
            prefixes: prefixes.as_ref().map(PrefixesWire::from),
            longest_packed: source.longest_packed.clone(),
        }
    }
}

impl PartialWire {
    fn into_partial(self, collector: &ReportCollector, options: &ScanOptions) -> Result<Partial, WireError> {
        let facts = self.facts.into_facts(options)?;
        let mut sums = Sums::default();
        for cell in self.cells {
            let id = CellId {
                data_type: cell.data_type.into_type().ok_or(WireError::Unknown("type"))?,
                encoding: item(&Encoding::ALL, cell.encoding, "encoding")?,
                expires: cell.expires,
            };
            sums.add_cell(id, &cell.group);
        }
        for DbWire { db, group } in self.dbs {
            sums.add_db(db, &group);
        }
        sums.add_expiry(&self.expiry);
        let mut top = collector.top_keys().child(RangeStart { source: 0, is_place_known: true });
        for mut key in self.top {
            let (name, key_bytes) = (std::mem::take(&mut key.key.0), key.key_bytes);
            let largest_element = key.largest_element.take().map(ElementWire::into_element);
            top.insert(key.into_measure()?, largest_element, name, key_bytes);
        }
        let source = SourceReport::new(self.path, self.shard, facts, &sums, self.longest_packed);
        if let Some(shard) = &source.shard {
            top.set_shard(0, shard);
        }
        let prefixes = self.prefixes.map(PrefixesWire::into_sums);
        Ok(Partial { source, sums, top, prefixes })
    }
}

impl From<&SourceFacts> for FactsWire {
    fn from(facts: &SourceFacts) -> Self {
        let warnings = facts.warnings.iter().map(|(warning, group)| {
            let example = |example: &WarningExample| ExampleWire {
                offset: example.offset,
                key: example.key.clone().map(Name),
            };
            WarningWire {
                warning: number(&Warning::ALL, &warning),
                count: group.count,
                examples: group.examples.iter().map(example).collect(),
            }
        });
        Self {
            dialect: number(&DIALECTS, &facts.header.dialect),
            rdb_version: facts.header.version,
            flavour: number(&FLAVOURS, &facts.flavour),
            server_version: facts.server_version.clone(),
            created_at_s: facts.created_at_s,
            used_memory_bytes: facts.used_memory_bytes,
            bytes: facts.bytes,
            keys: facts.keys,
            key_bytes: facts.key_bytes,
            overhead_bytes: facts.overhead_bytes,
            trailing_bytes: facts.trailing_bytes,
            trailing_kind: facts.trailing_kind.map(|kind| number(&TRAILING_KINDS, &kind)),
            notes: facts.notes.clone(),
            announced_keys: facts.announced_keys,
            functions: facts.functions,
            checksum: facts.checksum.map(|checksum| match checksum {
                Checksum::Verified => ChecksumWire::Verified,
                Checksum::Mismatch { stored, computed } => ChecksumWire::Mismatch { stored, computed },
                Checksum::Absent => ChecksumWire::Absent,
                _ => ChecksumWire::Skipped,
            }),
            coverage: facts.coverage.clone(),
            warnings: warnings.collect(),
            is_memory_modelled: facts.memory_model.is_some(),
        }
    }
}

impl FactsWire {
    fn into_facts(self, options: &ScanOptions) -> Result<SourceFacts, WireError> {
        let header = Header { dialect: item(&DIALECTS, self.dialect, "dialect")?, version: self.rdb_version };
        let flavour = item(&FLAVOURS, self.flavour, "kind of server")?;
        let trailing_kind =
            self.trailing_kind.map(|kind| item(&TRAILING_KINDS, kind, "kind of trailing bytes"));
        let mut warnings = WarningLog::default();
        for WarningWire { warning, count, examples } in self.warnings {
            let example = |example: ExampleWire| WarningExample {
                offset: example.offset,
                key: example.key.map(|name| name.0),
            };
            let group = WarningGroup { count, examples: examples.into_iter().map(example).collect() };
            warnings.add(item(&Warning::ALL, warning, "warning")?, group);
        }
        let server =
            AssumedServer::new(&options.assumptions, header, flavour, self.server_version.as_deref());
        Ok(SourceFacts {
            flavour,
            server_version: self.server_version,
            created_at_s: self.created_at_s,
            used_memory_bytes: self.used_memory_bytes,
            bytes: self.bytes,
            keys: self.keys,
            key_bytes: self.key_bytes,
            overhead_bytes: self.overhead_bytes,
            trailing_bytes: self.trailing_bytes,
            trailing_kind: trailing_kind.transpose()?,
            notes: self.notes,
            announced_keys: self.announced_keys,
            functions: self.functions,
            checksum: self.checksum.map(|checksum| match checksum {
                ChecksumWire::Verified => Checksum::Verified,
                ChecksumWire::Mismatch { stored, computed } => Checksum::Mismatch { stored, computed },
                ChecksumWire::Absent => Checksum::Absent,
                ChecksumWire::Skipped => Checksum::Skipped,
            }),
            coverage: self.coverage,
            warnings,
            memory_model: self.is_memory_modelled.then(|| server.model()),
            ..SourceFacts::new(header, server)
        })
    }
}

impl ElementWire {
    fn new(element: &LargestElement) -> Self {
        let name = |name: &ElementName| ElementNameWire {
            bytes: Name(name.bytes.clone()),
            whole_bytes: name.whole_bytes,
        };
        match element {
            LargestElement::Index(index) => Self::Index(*index),
            LargestElement::Member(member) => Self::Member(name(member)),
            LargestElement::Field(field) => Self::Field(name(field)),
            LargestElement::Entry(EntryId { ms, sequence }) => Self::Entry(*ms, *sequence),
        }
    }

    fn into_element(self) -> LargestElement {
        let name = |name: ElementNameWire| ElementName { bytes: name.bytes.0, whole_bytes: name.whole_bytes };
        match self {
            Self::Index(index) => LargestElement::Index(index),
            Self::Member(member) => LargestElement::Member(name(member)),
            Self::Field(field) => LargestElement::Field(name(field)),
            Self::Entry(ms, sequence) => LargestElement::Entry(EntryId { ms, sequence }),
        }
    }
}

impl TopWire {
    fn new(key: &TopKey) -> Self {
        let measure = &key.measure;
        Self {
            key: Name(key.key.clone()),
            key_bytes: key.key_bytes,
            largest_element: key.largest_element.as_ref().map(ElementWire::new),
            db: measure.db,
            data_type: measure.data_type.into(),
            encoding: number(&Encoding::ALL, &measure.encoding),
            elements: measure.elements,
            value_bytes: measure.value_bytes,
            rdb_bytes: measure.rdb_bytes,
            memory_bytes: measure.memory_bytes,
            memory_is_modelled: measure.memory_is_modelled,
            largest_element_bytes: measure.largest_element_bytes,
            expires_at_ms: measure.expires_at_ms,
            idle_seconds: measure.idle_seconds,
            freq: measure.freq,
            slot: measure.slot,
            offset: measure.offset,
        }
    }

    fn into_measure(self) -> Result<Measure, WireError> {
        Ok(Measure {
            db: self.db,
            data_type: self.data_type.into_type().ok_or(WireError::Unknown("type"))?,
            encoding: item(&Encoding::ALL, self.encoding, "encoding")?,
            elements: self.elements,
            value_bytes: self.value_bytes,
            rdb_bytes: self.rdb_bytes,
            memory_bytes: self.memory_bytes,
            memory_is_modelled: self.memory_is_modelled,
            largest_element_bytes: self.largest_element_bytes,
            expires_at_ms: self.expires_at_ms,
            idle_seconds: self.idle_seconds,
            freq: self.freq,
            slot: self.slot,
            offset: self.offset,
        })
    }
}
