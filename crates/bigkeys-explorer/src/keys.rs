//! The biggest keys of a group, and one key of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bigkeys_report::words;
use bigkeys_scan::{KeyRecord, Rank};
use rdb_analysis::{Filtered, KeyView, TopKeys};

use crate::job::{Job, Watch};
use crate::list::Cursor;
use crate::session::Session;
use crate::tree::GroupId;
use crate::value::Value;

/// Keys of each type that are listed.
pub(crate) const MAX_KEYS: usize = 1000;

/// Bytes of a name that are kept.
const MAX_NAME_BYTES: usize = 1024;

/// The biggest keys of a group.
#[derive(Debug)]
pub(crate) struct KeysView {
    /// The group. `None`: all keys.
    pub(crate) group: Option<GroupId>,
    pub(crate) rank: Rank,
    /// The scan that looks for them.
    pub(crate) job: Job<Vec<KeyRecord>>,
    keys: Vec<KeyRecord>,
    pub(crate) search: String,
    pub(crate) cursor: Cursor,
    /// Source and offset of marked keys.
    pub(crate) marked: BTreeSet<(usize, u64)>,
}

impl KeysView {
    pub(crate) fn new(group: Option<GroupId>, rank: Rank, job: Job<Vec<KeyRecord>>) -> Self {
        let (search, cursor, marked) = (String::new(), Cursor::default(), BTreeSet::new());
        Self { group, rank, job, keys: Vec::new(), search, cursor, marked }
    }

    /// Shows keys. The marks of keys that are not listed are removed.
    pub(crate) fn replace(&mut self, keys: Vec<KeyRecord>) {
        let known: BTreeSet<_> = keys.iter().map(id).collect();
        self.marked.retain(|id| known.contains(id));
        self.keys = keys;
    }

    /// Whether there may be more keys of a type than are listed.
    pub(crate) fn is_full(&self) -> bool {
        let mut keys_of = BTreeMap::<_, usize>::new();
        for key in &self.keys {
            *keys_of.entry(key.measure.data_type).or_default() += 1;
        }
        keys_of.values().any(|&keys| keys >= MAX_KEYS)
    }

    /// The keys to show, the biggest first.
    pub(crate) fn rows(&self) -> Vec<&KeyRecord> {
        let text = self.search.to_lowercase();
        let matches = |key: &&KeyRecord| {
            text.is_empty() || String::from_utf8_lossy(&key.key).to_lowercase().contains(&text)
        };
        self.keys.iter().filter(matches).collect()
    }

    pub(crate) fn selected(&self) -> Option<&KeyRecord> {
        self.rows().get(self.cursor.selected()).copied()
    }

    /// Marks the key under the cursor, or removes its mark.
    pub(crate) fn toggle_mark(&mut self) {
        let Some(id) = self.selected().map(id) else { return };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
    }

    /// The marked keys, or else the shown ones.
    pub(crate) fn chosen(&self) -> Vec<&KeyRecord> {
        if self.marked.is_empty() {
            return self.rows();
        }
        self.keys.iter().filter(|key| self.marked.contains(&id(key))).collect()
    }
}

/// What identifies a key among the inputs.
pub(crate) fn id(key: &KeyRecord) -> (usize, u64) {
    (key.source, key.measure.offset)
}

/// The name of a key for people, escaped.
pub(crate) fn name(key: &KeyRecord) -> String {
    words::name(&key.key, key.key_bytes)
}

/// The measure after this one.
pub(crate) fn next_rank(rank: Rank, has_memory: bool) -> Rank {
    match rank {
        Rank::MemoryBytes => Rank::RdbBytes,
        Rank::RdbBytes => Rank::Elements,
        _ if has_memory => Rank::MemoryBytes,
        _ => Rank::RdbBytes,
    }
}

/// Scans for the biggest keys of a group.
pub(crate) fn list(
    session: &Session<'_>,
    group: Option<GroupId>,
    rank: Rank,
    watch: &Watch,
    stop: &Arc<AtomicBool>,
) -> Result<Vec<KeyRecord>, String> {
    let top = TopKeys::new(rank, MAX_KEYS);
    let outcome = match group {
        None => session.scan_all(top, watch, stop)?,
        Some(GroupId { kind, level, path }) => {
            let rule = session.rule.clone();
            let admits = move |_: &KeyView<'_>, name: &[u8]| rule.admits(name, kind, level, &path);
            session.scan_all(Filtered::<_, _, false>::new(top, admits), watch, stop)?
        }
    };
    let mut keys: Vec<KeyRecord> = outcome.output.into_values().flatten().collect();
    // Names may have 64 KiB each.
    for key in &mut keys {
        key.key.truncate(MAX_NAME_BYTES);
        key.key.shrink_to_fit();
    }
    // The lists are sorted, and the sort is stable.
    keys.sort_by_key(|key| Reverse(rank.of(&key.measure)));
    Ok(keys)
}

/// What is shown below the facts of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Elements,
    Hex,
}

/// One key.
#[derive(Debug)]
pub(crate) struct ValueView {
    pub(crate) key: KeyRecord,
    /// Name of its input.
    pub(crate) input: String,
    pub(crate) job: Job<Value>,
    pub(crate) value: Option<Value>,
    pub(crate) shown: Shown,
    pub(crate) cursor: Cursor,
}
