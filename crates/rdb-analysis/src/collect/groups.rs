//! Sums by database, type, encoding and time to expiry.
//!
//! One table of cells per database, indexed by type, encoding and whether there is an expiry, holds everything
//! but the time to expiry; the groupings of a report are its margins. So a key costs one addition per number,
//! or two if it has an expiry, not one for each grouping.

use std::collections::BTreeMap;

use rdb_parser::ModuleId;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::measure::{DataType, Measure};

/// Databases and module types that are told apart. Real files have a handful of each; a hostile one must
/// not grow the tables, so the rest is summed under "other".
const MAX_TOLD_APART: usize = 1024;

const MILLISECONDS: [(ExpiryBucket, i64); 5] = [
    (ExpiryBucket::WithinHour, 3_600_000),
    (ExpiryBucket::WithinDay, 86_400_000),
    (ExpiryBucket::WithinWeek, 7 * 86_400_000),
    (ExpiryBucket::WithinMonth, 30 * 86_400_000),
    (ExpiryBucket::Later, i64::MAX),
];

/// Time to expiry, from the time the file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiryBucket {
    /// The key has no expiry.
    Never,
    /// It had expired, and not been deleted.
    Expired,
    /// Up to an hour.
    WithinHour,
    /// Up to 24 hours.
    WithinDay,
    /// Up to seven days.
    WithinWeek,
    /// Up to thirty days.
    WithinMonth,
    /// More.
    Later,
}

impl ExpiryBucket {
    const ALL: [Self; 7] = [
        Self::Never,
        Self::Expired,
        Self::WithinHour,
        Self::WithinDay,
        Self::WithinWeek,
        Self::WithinMonth,
        Self::Later,
    ];

    #[inline]
    fn of(now_ms: i64, expires_at_ms: i64) -> Self {
        let left = expires_at_ms.saturating_sub(now_ms);
        if left <= 0 {
            return Self::Expired;
        }
        MILLISECONDS.iter().find(|(_, limit)| left <= *limit).map_or(Self::Later, |(bucket, _)| *bucket)
    }
}

/// Sums over a group of keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Group {
    /// Keys in the group.
    pub keys: u64,
    /// Keys with an expiry.
    pub keys_with_expiry: u64,
    /// Elements of all keys that have a number of elements.
    pub elements: u64,
    /// Payload of the keys of which it is known.
    pub value_bytes: u64,
    /// Keys of which the payload is known, and so counted in `value_bytes`.
    pub value_bytes_keys: u64,
    /// Bytes in the file.
    pub rdb_bytes: u64,
    /// Bytes in the server's memory. `None`: not modelled, or no keys.
    pub memory_bytes: Option<u64>,
    /// Keys in `memory_bytes` that are not modelled, and counted with their bytes in the file.
    pub memory_not_modelled_keys: u64,
}

impl Group {
    #[inline(always)]
    fn add(&mut self, measure: &Measure) {
        self.keys += 1;
        self.keys_with_expiry += u64::from(measure.expires_at_ms.is_some());
        self.elements = self.elements.saturating_add(measure.elements.unwrap_or(0));
        self.value_bytes = self.value_bytes.saturating_add(measure.value_bytes.unwrap_or(0));
        self.value_bytes_keys += u64::from(measure.value_bytes.is_some());
        self.rdb_bytes += measure.rdb_bytes;
        if let Some(bytes) = measure.memory_bytes {
            self.memory_bytes = Some(self.memory_bytes.unwrap_or(0).saturating_add(bytes));
            self.memory_not_modelled_keys += u64::from(!measure.memory_is_modelled);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.keys += other.keys;
        self.keys_with_expiry += other.keys_with_expiry;
        self.elements = self.elements.saturating_add(other.elements);
        self.value_bytes = self.value_bytes.saturating_add(other.value_bytes);
        self.value_bytes_keys += other.value_bytes_keys;
        self.rdb_bytes += other.rdb_bytes;
        if let Some(bytes) = other.memory_bytes {
            self.memory_bytes = Some(self.memory_bytes.unwrap_or(0).saturating_add(bytes));
        }
        self.memory_not_modelled_keys += other.memory_not_modelled_keys;
    }
}

/// A database, or what [`MAX_TOLD_APART`] left over, which sorts last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Db {
    Number(u64),
    Other,
}

impl Db {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(db) => Some(db),
            Self::Other => None,
        }
    }
}

const BUILT_IN: usize = DataType::BUILT_IN.len();
const ENCODINGS: usize = Encoding::ALL.len();

/// What the keys of a cell have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CellId {
    pub(crate) data_type: DataType,
    pub(crate) encoding: Encoding,
    pub(crate) expires: bool,
}

impl CellId {
    #[inline(always)]
    fn of(measure: &Measure) -> Self {
        let Measure { data_type, encoding, expires_at_ms, .. } = *measure;
        Self { data_type, encoding, expires: expires_at_ms.is_some() }
    }
}

/// The cells of one database.
#[derive(Debug, Default)]
struct DbCells {
    /// By type, encoding, and whether the keys expire.
    built_in: [[[Group; 2]; ENCODINGS]; BUILT_IN],
    /// Types that only some servers have.
    others: BTreeMap<CellId, Group>,
}

impl DbCells {
    #[inline(always)]
    fn cell(&mut self, id: CellId) -> &mut Group {
        match id.data_type.built_in_index() {
            Some(row) => &mut self.built_in[row][id.encoding as usize][usize::from(id.expires)],
            None => self.other(id),
        }
    }

    #[cold]
    fn other(&mut self, id: CellId) -> &mut Group {
        let id = if self.others.len() < MAX_TOLD_APART || self.others.contains_key(&id) {
            id
        } else {
            CellId { data_type: DataType::Module(OTHER_MODULES), encoding: Encoding::Raw, ..id }
        };
        self.others.entry(id).or_default()
    }

    fn cells(&self) -> impl Iterator<Item = (CellId, &Group)> {
        let built_in = DataType::BUILT_IN.into_iter().zip(&self.built_in).flat_map(|(data_type, row)| {
            Encoding::ALL.into_iter().zip(row).flat_map(move |(encoding, cells)| {
                let id = move |expires| CellId { data_type, encoding, expires };
                [false, true].map(id).into_iter().zip(cells)
            })
        });
        let others = self.others.iter().map(|(&id, cell)| (id, cell));
        built_in.chain(others).filter(|(_, cell)| cell.keys > 0)
    }
}

/// Stands for the module types that were not told apart: all bits set but the version, which no real
/// name gives.
const OTHER_MODULES: ModuleId = ModuleId(!1023);

/// The sums of a report.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    dbs: Vec<(Db, DbCells)>,
    /// Index of the database of the last key.
    current: usize,
    /// Keys with an expiry by the time to it.
    expiry: [Group; ExpiryBucket::ALL.len()],
}

impl Groups {
    #[inline(always)]
    pub(crate) fn observe(&mut self, now_ms: i64, measure: &Measure) {
        if let Some(at_ms) = measure.expires_at_ms {
            self.expiry[ExpiryBucket::of(now_ms, at_ms) as usize].add(measure);
        }
        self.db(Db::Number(measure.db)).cell(CellId::of(measure)).add(measure);
    }

    #[inline(always)]
    fn db(&mut self, db: Db) -> &mut DbCells {
        if self.dbs.get(self.current).is_none_or(|(current, _)| *current != db) {
            self.select(db);
        }
        &mut self.dbs[self.current].1
    }

    #[cold]
    fn select(&mut self, db: Db) {
        let known = |dbs: &[(Db, DbCells)], db| dbs.iter().position(|(known, _)| *known == db);
        let full = self.dbs.len() >= MAX_TOLD_APART;
        let db = if full && known(&self.dbs, db).is_none() { Db::Other } else { db };
        self.current = known(&self.dbs, db).unwrap_or_else(|| {
            self.dbs.push((db, DbCells::default()));
            self.dbs.len() - 1
        });
    }

    pub(crate) fn merge(mut self, other: &Self) -> Self {
        for (db, cells) in &other.dbs {
            for (id, cell) in cells.cells() {
                self.db(*db).cell(id).merge(cell);
            }
        }
        self.add_expiry(&other.expiry);
        self
    }

    /// The cells of all databases, in the order in which they are to be [added](Self::add_cell) elsewhere;
    /// `None` for databases that were not told apart.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (Option<u64>, CellId, &Group)> {
        self.dbs.iter().flat_map(|(db, cells)| cells.cells().map(|(id, group)| (db.number(), id, group)))
    }

    pub(crate) fn add_cell(&mut self, db: Option<u64>, id: CellId, group: &Group) {
        self.db(db.map_or(Db::Other, Db::Number)).cell(id).merge(group);
    }

    /// Sums over the keys with an expiry by the time to it.
    pub(crate) fn expiry(&self) -> &[Group] {
        &self.expiry
    }

    /// Adds such [sums](Self::expiry).
    pub(crate) fn add_expiry(&mut self, groups: &[Group]) {
        for (mine, theirs) in self.expiry.iter_mut().zip(groups) {
            mine.merge(theirs);
        }
    }

    /// Moves all keys, which are of one database, to `db`.
    pub(crate) fn settle(&mut self, db: u64) {
        for (known, _) in &mut self.dbs {
            *known = Db::Number(db);
        }
    }

    pub(crate) fn totals(&self) -> Group {
        self.sums(|_, _| ()).into_values().next().unwrap_or_default()
    }

    pub(crate) fn by_type(&self) -> BTreeMap<DataType, Group> {
        self.sums(|_, id| id.data_type)
    }

    pub(crate) fn by_encoding(&self) -> BTreeMap<(DataType, Encoding), Group> {
        self.sums(|_, id| (id.data_type, id.encoding))
    }

    /// By database in ascending order; `None` for those that were not told apart.
    pub(crate) fn by_db(&self) -> Vec<(Option<u64>, Group)> {
        self.sums(|db, _| db).into_iter().map(|(db, group)| (db.number(), group)).collect()
    }

    pub(crate) fn by_expiry(&self) -> impl Iterator<Item = (ExpiryBucket, Group)> {
        let lasting = self.sums(|_, id| id.expires).remove(&false).unwrap_or_default();
        ExpiryBucket::ALL.into_iter().zip(self.expiry).map(move |(bucket, group)| match bucket {
            ExpiryBucket::Never => (bucket, lasting),
            _ => (bucket, group),
        })
    }

    fn sums<K: Ord>(&self, key: impl Fn(Db, CellId) -> K) -> BTreeMap<K, Group> {
        let mut sums = BTreeMap::<K, Group>::new();
        for (db, cells) in &self.dbs {
            for (id, cell) in cells.cells() {
                sums.entry(key(*db, id)).or_default().merge(cell);
            }
        }
        sums
    }
}
