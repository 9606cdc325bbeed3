//! Sums by type, encoding and whether there is an expiry.

use std::collections::BTreeMap;

use rdb_parser::ModuleId;

use super::bounded::{Add, Bounded};
use super::group::Group;
use crate::measure::{DataType, Encoding, Measure};

/// Number of types, besides those that every server has, with their own sums and lists: the first
/// in their order. All others are reported as one type, [`OTHER_MODULES`].
pub(super) const MAX_OTHER_TYPES: usize = 64;

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
    pub(super) fn of(measure: &Measure) -> Self {
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

/// The type of all modules without their own sums: all bits set but the version.
pub(super) const OTHER_MODULES: DataType = DataType::Module(ModuleId(!1023));

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
pub(super) struct Cells {
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
    pub(super) fn cell(&mut self, id: CellId) -> &mut Group {
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
    pub(super) fn iter(&self) -> impl Iterator<Item = (CellId, &Group)> {
        let built_in = self.built_in.iter().flat_map(|cells| cells.iter().enumerate());
        let built_in = built_in.map(|(index, group)| (CellId::of_index(index), group));
        let others = self.others.iter().flat_map(|(data_type, cells)| {
            let data_type = data_type.unwrap_or(OTHER_MODULES);
            let id = move |&(encoding, expires): &_| CellId { data_type, encoding, expires };
            cells.0.iter().map(move |(rest, group)| (id(rest), group))
        });
        built_in.chain(others).filter(|(_, group)| group.keys > 0)
    }

    /// Removes all sums, and gives each to `take`.
    pub(super) fn drain(&mut self, mut take: impl FnMut(CellId, &Group)) {
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
