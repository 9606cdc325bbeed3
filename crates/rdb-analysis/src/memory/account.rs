//! The account of a source: the memory of its keys, of what belongs to no key, and of its server.

use serde::Serialize;

use super::buckets::BucketTables;
use super::dict::slots_for;
use super::expected::{Expected, ExpectedError};
use super::float::{double, rounded};
use crate::measure::{DataType, Encoding};
use crate::server::AssumedServer;
use crate::server::MemoryModel;
use crate::server::{KeyCharge, Tables};

/// Bytes of an entry in a dictionary, and of an entry without a value.
const ENTRY_BYTES: u64 = 24;
const CHAINED_ENTRY_BYTES: u64 = 16;

/// Bytes of a slot of a dictionary.
const SLOT_BYTES: u64 = 8;

/// The memory of a source's keys, and the memory that the server used when it wrote the file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SourceMemory {
    /// The modelled server.
    pub model: MemoryModel,
    /// Keys with their values: the sum of the answers to `MEMORY USAGE`.
    pub keys_bytes: u64,
    /// Keys in that sum that are not modelled, and counted with their bytes in the file.
    pub keys_not_modelled: u64,
    /// The arrays of the databases' dictionaries, which `MEMORY USAGE` leaves out.
    pub key_tables_bytes: u64,
    /// The dictionaries of expiries, which `MEMORY USAGE` leaves out, too.
    pub expiry_tables_bytes: u64,
    /// Bytes that the server's allocator had given out when the file was written, if the file says
    /// so.
    pub used_memory_bytes: Option<u64>,
    /// The expectation for each type and encoding that occurs.
    pub expected_error: Vec<ExpectedError>,
}

/// The keys of a source, as far as the account needs them.
pub(crate) struct KeysInMemory {
    /// The sum of their `memory_bytes`.
    pub(crate) bytes: u64,
    /// Keys in that sum that are not modelled.
    pub(crate) not_modelled: u64,
    /// Keys, and keys with an expiry, of each database.
    pub(crate) databases: Vec<(u64, u64)>,
    /// Types and encodings that occur.
    pub(crate) encodings: Vec<(DataType, Encoding)>,
}

impl SourceMemory {
    pub(crate) fn new(server: &AssumedServer, keys: KeysInMemory, used_memory_bytes: Option<u64>) -> Self {
        let server = server.modelled();
        let mut tables = BucketTables::default();
        let mut key_tables_bytes = 0u64;
        let mut expiry_tables_bytes = 0u64;
        for (keys, expiries) in keys.databases {
            let (key_table, expiry_table) = table_bytes(&server, &mut tables, keys, expiries);
            key_tables_bytes = key_tables_bytes.saturating_add(key_table);
            expiry_tables_bytes = expiry_tables_bytes.saturating_add(expiry_table);
        }
        let expected_error = keys.encodings.into_iter().map(|(data_type, encoding)| ExpectedError {
            data_type,
            encoding,
            expected: Expected::of(&server, data_type, encoding),
        });
        Self {
            model: server.model(),
            keys_bytes: keys.bytes,
            keys_not_modelled: keys.not_modelled,
            key_tables_bytes,
            expiry_tables_bytes,
            used_memory_bytes,
            expected_error: expected_error.collect(),
        }
    }

    /// The sum of the modelled parts.
    pub fn accounted_bytes(&self) -> u64 {
        self.keys_bytes.saturating_add(self.key_tables_bytes).saturating_add(self.expiry_tables_bytes)
    }

    /// Other memory of the server: buffers, fragmentation inside allocations, slack of changed
    /// values, and the server itself. Negative if the modelled parts are more than the server used,
    /// because `MEMORY USAGE` counts more than radix trees take, or because an assumption is wrong.
    pub fn not_in_keys_bytes(&self) -> Option<i64> {
        let used = i128::from(self.used_memory_bytes?);
        i64::try_from(used - i128::from(self.accounted_bytes())).ok()
    }
}

/// The hash tables of a database: of its keys, and of the expiries of some of them, besides the
/// entries that the keys are charged.
fn table_bytes(server: &AssumedServer, tables: &mut BucketTables, keys: u64, expiries: u64) -> (u64, u64) {
    match (server.profile.tables, server.profile.key) {
        (Tables::Buckets { .. }, _) => (
            if keys > 0 { tables.bytes(keys) } else { 0 },
            if expiries > 0 { tables.bytes(expiries) } else { 0 },
        ),
        (Tables::Dict { .. }, KeyCharge::InObject) => (chained_table(keys), chained_table(expiries)),
        (Tables::Dict { .. }, _) => {
            let entries = expiries.saturating_mul(server.allocator.usable(ENTRY_BYTES));
            (slots(keys), slots(expiries).saturating_add(entries))
        }
    }
}

fn slots(keys: u64) -> u64 {
    if keys == 0 { 0 } else { SLOT_BYTES.saturating_mul(slots_for(keys)) }
}

/// A dictionary whose slots hold an object itself if it is alone in the slot.
fn chained_table(keys: u64) -> u64 {
    if keys == 0 {
        return 0;
    }
    let (m, n) = (double(slots_for(keys)), double(keys));
    let occupied = m * (1.0 - (1.0 - 1.0 / m).powf(n));
    slots(keys).saturating_add(rounded(double(CHAINED_ENTRY_BYTES) * (n - occupied)))
}

/// The account as it stands in reports.
#[derive(Serialize)]
pub(crate) struct SourceMemoryJson<'a> {
    model: &'static str,
    allocator: &'static str,
    note: Option<&'static str>,
    keys_bytes: u64,
    keys_not_modelled: u64,
    key_tables_bytes: u64,
    expiry_tables_bytes: u64,
    used_memory_bytes: Option<u64>,
    not_in_keys_bytes: Option<i64>,
    expected_error: &'a [ExpectedError],
}

impl<'a> From<&'a SourceMemory> for SourceMemoryJson<'a> {
    fn from(memory: &'a SourceMemory) -> Self {
        Self {
            model: memory.model.name,
            allocator: memory.model.allocator.name(),
            note: memory.model.note,
            keys_bytes: memory.keys_bytes,
            keys_not_modelled: memory.keys_not_modelled,
            key_tables_bytes: memory.key_tables_bytes,
            expiry_tables_bytes: memory.expiry_tables_bytes,
            used_memory_bytes: memory.used_memory_bytes,
            not_in_keys_bytes: memory.not_in_keys_bytes(),
            expected_error: &memory.expected_error,
        }
    }
}
