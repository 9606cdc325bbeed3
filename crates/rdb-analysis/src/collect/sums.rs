//! Sums by database, type, encoding and time to expiry.
//!
//! One table of cells, indexed by type, encoding and whether there is an expiry, takes the keys of
//! a run without a change of database. Where the database changes, the cells that were touched are
//! added to the sums of the database and to those over all databases. So a key costs one addition
//! per number, or two if it has an expiry, and not one for each grouping. A change of database
//! costs no more than the keys before it did.

use std::collections::BTreeMap;

use super::bounded::Bounded;
use super::cells::{CellId, Cells};
use super::collector::{Observe, PlaceUse};
use super::expiry::ExpiryBucket;
use super::group::{DbGroup, EncodingGroup, ExpiryGroup, Group, TypeGroup};
use crate::measure::KeyView;
use crate::parallel::Place;

/// Databases with sums of their own: the smallest numbers. Real files have a handful. A hostile
/// file must not grow the table, so all others are summed together.
const MAX_DATABASES: usize = 1024;

/// The keys of a range or more, summed in every way that a report shows. The child of
/// [`Groups`](super::Groups).
#[derive(Clone, Debug, Default)]
pub struct Sums {
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

impl Sums {
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

    pub(crate) fn totals(&self) -> Group {
        self.sums(|_| ()).into_values().next().unwrap_or_default()
    }

    pub(crate) fn by_type(&self) -> Vec<TypeGroup> {
        let groups = self.sums(|id| id.data_type).into_iter();
        groups.map(|(data_type, group)| TypeGroup { data_type, group }).collect()
    }

    pub(crate) fn by_encoding(&self) -> Vec<EncodingGroup> {
        let groups = self.sums(|id| (id.data_type, id.encoding)).into_iter();
        let group = |((data_type, encoding), group)| EncodingGroup { data_type, encoding, group };
        groups.map(group).collect()
    }

    /// In ascending order. Last, without a number, are the databases that have no sums of their
    /// own.
    pub(crate) fn by_db(&self) -> Vec<DbGroup> {
        self.settled().dbs.into_values().map(|(db, group)| DbGroup { db, group }).collect()
    }

    pub(crate) fn by_expiry(&self) -> Vec<ExpiryGroup> {
        let lasting = self.sums(|id| id.expires).remove(&false).unwrap_or_default();
        let group = |(bucket, group)| match bucket {
            ExpiryBucket::Never => ExpiryGroup { bucket, group: lasting },
            _ => ExpiryGroup { bucket, group },
        };
        ExpiryBucket::ALL.into_iter().zip(self.expiry).map(group).collect()
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

impl Observe for Sums {
    const PLACE: PlaceUse = PlaceUse::Corrected;

    #[inline(always)]
    fn observe(&mut self, key: &KeyView<'_>) {
        let measure = &key.measure;
        if let Some(at_ms) = measure.expires_at_ms {
            self.expiry[ExpiryBucket::of(key.time_ms, at_ms) as usize].add(measure);
        }
        if measure.db != self.db {
            self.select(measure.db);
        }
        self.recent.cell(CellId::of(measure)).add(measure);
    }

    /// All keys were recent, because the database did not change.
    fn correct_place(&mut self, place: Place) {
        debug_assert_eq!(self.dbs.iter().count(), 0, "all keys are recent");
        self.db = place.db;
    }
}
