//! Sums by database, type, encoding and time to expiry.
//!
//! One table of cells, indexed by type, encoding and whether there is an expiry, takes the keys of a run
//! without a change of database. Where the database changes, the cells that were touched are added to the sums
//! of the database and to those over all. So a key costs one addition per number, or two if it has an expiry, and
//! not one for each grouping; and a change of database costs no more than the keys before it did.

use std::collections::BTreeMap;

use rdb_parser::ModuleId;
use serde::{Deserialize, Serialize};

use super::bounded::{Add, Bounded};
use crate::measure::Encoding;
use crate::measure::{DataType, Measure};

/// Databases with sums of their own: the smallest numbers. Real files have a handful; a hostile one must not
/// grow the table, so all others are summed together.
const MAX_DATABASES: usize = 1024;

/// Types, besides those that every server has, with sums and lists of their own: the first in their order. The others
/// are reported as one type, [`OTHER_MODULES`].
pub(crate) const MAX_OTHER_TYPES: usize = 64;

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

impl Add for Group {
    fn add_all(&mut self, other: Self) {
        self.merge(&other);
    }
}

const BUILT_IN: usize = DataType::BUILT_IN.len();
const ENCODINGS: usize = Encoding::ALL.len();
const CELLS: usize = BUILT_IN * ENCODINGS * 2;

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

    /// The index of a cell of a type that every server has.
    #[inline(always)]
    fn built_in_index(self) -> Option<usize> {
        let row = self.data_type.built_in_index()?;
        Some((row * ENCODINGS + self.encoding as usize) * 2 + usize::from(self.expires))
    }

    /// The cell with this index.
    fn of_index(index: usize) -> Self {
        Self {
            data_type: DataType::BUILT_IN[index / 2 / ENCODINGS],
            encoding: Encoding::ALL[index / 2 % ENCODINGS],
            expires: index % 2 == 1,
        }
    }
}

/// Stands for the module types without sums of their own: all bits set but the version.
pub(crate) const OTHER_MODULES: DataType = DataType::Module(ModuleId(!1023));

/// Cells of one type.
#[derive(Clone, Debug, Default)]
struct TypeCells(BTreeMap<(Encoding, bool), Group>);

impl Add for TypeCells {
    fn add_all(&mut self, other: Self) {
        for (id, group) in other.0 {
            self.0.entry(id).or_default().merge(&group);
        }
    }
}

/// Sums by type, encoding and whether there is an expiry.
#[derive(Clone, Debug, Default)]
struct Cells {
    /// Of the types that every server has; made with the first key.
    built_in: Option<Box<[Group; CELLS]>>,
    /// Indices of those with keys in them.
    touched: Vec<u8>,
    /// Of the types that only some servers have.
    others: Bounded<DataType, TypeCells, MAX_OTHER_TYPES>,
}

const _: () = assert!(CELLS <= 1 << u8::BITS, "an index of a cell fits in a byte");

impl Cells {
    #[inline(always)]
    fn cell(&mut self, id: CellId) -> &mut Group {
        match id.built_in_index() {
            Some(index) => {
                let cells = self.built_in.get_or_insert_with(|| Box::new([Group::default(); CELLS]));
                let cell = &mut cells[index];
                if cell.keys == 0 {
                    #[allow(clippy::cast_possible_truncation, reason = "asserted above")]
                    self.touched.push(index as u8);
                }
                cell
            }
            None => self.other(id),
        }
    }

    #[cold]
    fn other(&mut self, id: CellId) -> &mut Group {
        let cells = match id.data_type {
            OTHER_MODULES => self.others.rest(),
            data_type => self.others.value(data_type),
        };
        cells.0.entry((id.encoding, id.expires)).or_default()
    }

    /// The sums that have keys in them.
    fn iter(&self) -> impl Iterator<Item = (CellId, &Group)> {
        let built_in = self.built_in.iter().flat_map(|cells| cells.iter().enumerate());
        let built_in = built_in.map(|(index, group)| (CellId::of_index(index), group));
        let others = self.others.iter().flat_map(|(data_type, cells)| {
            let data_type = data_type.unwrap_or(OTHER_MODULES);
            let id = move |&(encoding, expires): &_| CellId { data_type, encoding, expires };
            cells.0.iter().map(move |(rest, group)| (id(rest), group))
        });
        built_in.chain(others).filter(|(_, group)| group.keys > 0)
    }

    /// Takes all sums out, giving each to `take`.
    fn drain(&mut self, mut take: impl FnMut(CellId, &Group)) {
        if let Some(cells) = &mut self.built_in {
            for index in self.touched.drain(..) {
                let group = std::mem::take(&mut cells[usize::from(index)]);
                take(CellId::of_index(usize::from(index)), &group);
            }
        }
        let others = Self { others: std::mem::take(&mut self.others), ..Self::default() };
        others.iter().for_each(|(id, group)| take(id, group));
    }
}

/// The sums of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    /// The database of the last key.
    db: u64,
    /// Sums over the keys since the database has changed, which are in none of the others.
    recent: Cells,
    /// Sums over all other keys.
    cells: Cells,
    /// Sums over them by database.
    dbs: Bounded<u64, Group, MAX_DATABASES>,
    /// Keys with an expiry by the time to it.
    expiry: [Group; ExpiryBucket::ALL.len()],
}

impl Groups {
    #[inline(always)]
    pub(crate) fn observe(&mut self, now_ms: i64, measure: &Measure) {
        if let Some(at_ms) = measure.expires_at_ms {
            self.expiry[ExpiryBucket::of(now_ms, at_ms) as usize].add(measure);
        }
        if measure.db != self.db {
            self.select(measure.db);
        }
        self.recent.cell(CellId::of(measure)).add(measure);
    }

    #[cold]
    fn select(&mut self, db: u64) {
        self.settle_recent();
        self.db = db;
    }

    /// Adds the sums over recent keys to the others.
    fn settle_recent(&mut self) {
        let Self { db, recent, cells, dbs, expiry: _ } = self;
        let mut all = Group::default();
        recent.drain(|id, group| {
            cells.cell(id).merge(group);
            all.merge(group);
        });
        if all.keys > 0 {
            dbs.value(*db).merge(&all);
        }
    }

    /// Adds the sums over other keys.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.settle_recent();
        other.settle_recent();
        let Self { db: _, recent: _, mut cells, dbs, expiry } = other;
        cells.drain(|id, group| self.cells.cell(id).merge(group));
        self.dbs.merge(dbs);
        self.add_expiry(&expiry);
    }

    /// Makes all keys, which are of one database, keys of `db`.
    pub(crate) fn correct_db(&mut self, db: u64) {
        debug_assert_eq!(self.dbs.iter().count(), 0, "all keys are recent");
        self.db = db;
    }

    pub(crate) fn totals(&self) -> Group {
        self.sums(|_| ()).into_values().next().unwrap_or_default()
    }

    pub(crate) fn by_type(&self) -> BTreeMap<DataType, Group> {
        self.sums(|id| id.data_type)
    }

    pub(crate) fn by_encoding(&self) -> BTreeMap<(DataType, Encoding), Group> {
        self.sums(|id| (id.data_type, id.encoding))
    }

    /// By database in ascending order; last, without a number, those that have no sums of their own.
    pub(crate) fn by_db(&self) -> Vec<(Option<u64>, Group)> {
        self.settled().dbs.into_values().collect()
    }

    pub(crate) fn by_expiry(&self) -> impl Iterator<Item = (ExpiryBucket, Group)> {
        let lasting = self.sums(|id| id.expires).remove(&false).unwrap_or_default();
        ExpiryBucket::ALL.into_iter().zip(self.expiry).map(move |(bucket, group)| match bucket {
            ExpiryBucket::Never => (bucket, lasting),
            _ => (bucket, group),
        })
    }

    /// The sums that all others but those by database and by time to expiry are made of, to be
    /// [added](Self::add_cell) elsewhere.
    pub(crate) fn cells(&self) -> Vec<(CellId, Group)> {
        self.settled().cells.iter().map(|(id, group)| (id, *group)).collect()
    }

    /// The same sums, none of them over recent keys.
    fn settled(&self) -> Self {
        let mut settled = self.clone();
        settled.settle_recent();
        settled
    }

    /// Adds such a sum.
    pub(crate) fn add_cell(&mut self, id: CellId, group: &Group) {
        self.cells.cell(id).merge(group);
    }

    /// Adds the sum of a [database](Self::by_db).
    pub(crate) fn add_db(&mut self, db: Option<u64>, group: &Group) {
        match db {
            Some(db) => self.dbs.value(db).merge(group),
            None => self.dbs.rest().merge(group),
        }
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

    fn sums<K: Ord>(&self, key: impl Fn(CellId) -> K) -> BTreeMap<K, Group> {
        let mut sums = BTreeMap::<K, Group>::new();
        for (id, group) in self.cells() {
            sums.entry(key(id)).or_default().merge(&group);
        }
        sums
    }
}
