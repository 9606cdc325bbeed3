//! The account of the memory of sources, in words.

use rdb_analysis::{ExpectedError, MemoryModel, RaisedLimit, Report, SourceReport};

use crate::text::{bytes, counted, cut_name, growth};
use crate::words;

/// Bytes of the name of a key that shows a limit.
const MAX_KNOWN_NAME_BYTES: usize = 1024;

/// The account of the memory of a source, or of several with one model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// The model.
    pub model: MemoryModel,
    /// Number of sources.
    pub sources: u64,
    /// Keys that are not modelled, and counted with their bytes in the file.
    pub not_modelled_keys: u64,
    keys_bytes: u64,
    key_tables_bytes: u64,
    expiry_tables_bytes: u64,
    not_in_keys_bytes: Option<i128>,
    used_memory_bytes: Option<u64>,
    /// One for each type and encoding.
    expected_errors: Vec<ExpectedError>,
    /// One for each directive: the highest.
    raised_limits: Vec<RaisedLimit>,
}

impl Account {
    /// The account of a source. `None`: its memory is not modelled.
    pub fn of(source: &SourceReport) -> Option<Self> {
        let memory = source.memory.as_ref()?;
        Some(Self {
            model: memory.model,
            sources: 1,
            not_modelled_keys: memory.keys_not_modelled,
            keys_bytes: memory.keys_bytes,
            key_tables_bytes: memory.key_tables_bytes,
            expiry_tables_bytes: memory.expiry_tables_bytes,
            not_in_keys_bytes: memory.not_in_keys_bytes().map(i128::from),
            used_memory_bytes: memory.used_memory_bytes,
            expected_errors: memory.expected_error.clone(),
            raised_limits: source.raised_limits.clone(),
        })
    }

    /// The accounts of a report, one for each model.
    pub fn by_model(report: &Report) -> Vec<Self> {
        let mut accounts: Vec<Self> = Vec::new();
        for account in report.sources.iter().filter_map(Self::of) {
            match accounts.iter_mut().find(|known| known.model == account.model) {
                Some(known) => known.add(account),
                None => accounts.push(account),
            }
        }
        accounts
    }

    fn add(&mut self, other: Self) {
        self.sources += other.sources;
        self.not_modelled_keys += other.not_modelled_keys;
        self.keys_bytes = self.keys_bytes.saturating_add(other.keys_bytes);
        self.key_tables_bytes = self.key_tables_bytes.saturating_add(other.key_tables_bytes);
        self.expiry_tables_bytes = self.expiry_tables_bytes.saturating_add(other.expiry_tables_bytes);
        self.not_in_keys_bytes = self.not_in_keys_bytes.zip(other.not_in_keys_bytes).map(|(a, b)| a + b);
        self.used_memory_bytes =
            self.used_memory_bytes.zip(other.used_memory_bytes).map(|(a, b)| a.saturating_add(b));
        for error in other.expected_errors {
            if !self.expected_errors.contains(&error) {
                self.expected_errors.push(error);
            }
        }
        for limit in other.raised_limits {
            match self.raised_limits.iter_mut().find(|known| known.directive == limit.directive) {
                Some(known) if known.at_least >= limit.at_least => {}
                Some(known) => *known = limit,
                None => self.raised_limits.push(limit),
            }
        }
    }

    /// The parts of the memory, and the bytes of each. `None`: the file does not state them.
    pub fn parts(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("keys and values", Some(bytes(self.keys_bytes))),
            ("tables of keys", Some(bytes(self.key_tables_bytes))),
            ("tables of expiries", Some(bytes(self.expiry_tables_bytes))),
            (
                "not in keys: buffers, fragmentation, live slack",
                self.not_in_keys_bytes.map(|rest| growth(rest).trim_start_matches('+').to_owned()),
            ),
            ("used-mem, as the file states it", self.used_memory_bytes.map(bytes)),
        ]
    }

    /// What is assumed, and how far the model may be off, line by line.
    pub fn remarks(&self) -> Vec<String> {
        let MemoryModel { name: model, allocator, note, .. } = self.model;
        let mut lines = vec![format!("model of {model}, allocator {allocator} assumed")];
        lines.extend(note.map(|note| format!("note: {note}")));
        if self.not_modelled_keys > 0 {
            let keys = counted(self.not_modelled_keys, "key");
            lines.push(format!(
                "note: not modelled, but counted with bytes in the file: {keys} of module types"
            ));
        }
        lines.extend(self.raised_limits.iter().map(|limit| {
            let RaisedLimit { directive, at_least, db, key, .. } = limit;
            let key = cut_name(key, MAX_KNOWN_NAME_BYTES);
            format!("assumed {directive} of at least {at_least}, as packed key {key} in database {db} shows")
        }));
        lines.extend(words::expected_errors(&self.expected_errors));
        lines
    }
}
