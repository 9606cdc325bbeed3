//! Arrays of Redis 8.8: cells in slices, and a directory of the slices.
//!
//! Source: `sparsearray.c`. A server writes and loads the cells by ascending index. Sizes of slices are
//! the servers' defaults (`array-slice-size`, `array-sparse-kmax`).

use super::sizes::Sizes;

/// The struct of an array.
const ARRAY: u64 = 80;

/// The struct of a slice, before its cells.
const SLICE: u64 = 32;

/// A cell, and its offset in a sparse slice.
const CELL: u64 = 8;
const OFFSET: u64 = 2;

/// Cells of a slice (`array-slice-size`).
const SLICE_CELLS: u64 = 4096;

/// Cells that a sparse slice has room for at first, and at most (`array-sparse-kmax`).
const FIRST_ROOM: u64 = 4;
const MAX_SPARSE_CELLS: u64 = 10;

/// Cells of the smallest dense slice.
const MIN_WINDOW: u64 = 8;

/// Slices from which on the directory has blocks of pointers.
const BLOCK_SLICES: u64 = 2048;

/// Entry for a block in the directory, and the entries that it has room for at first.
const BLOCK_ENTRY: u64 = 24;
const FIRST_BLOCKS: u64 = 4;

/// The longest string that a cell holds itself, and the longest with a header of two bytes.
const MAX_INLINE_BYTES: u64 = 7;
const MAX_SHORT_BYTES: u64 = 32_767;

/// An array that is loaded cell by cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Array {
    /// Bytes of strings, and of the slices before the current one.
    bytes: u64,
    /// Number of the current slice, and its cells.
    slice: u64,
    cells: Cells,
    /// Blocks of slices so far.
    blocks: u64,
    last_block: u64,
    /// The least index that the next cell may have.
    next: u64,
    /// Whether the indices do not ascend. Servers load any order, which the model does not follow.
    is_irregular: bool,
}

/// The cells of a slice.
#[derive(Clone, Copy, Debug, Default)]
enum Cells {
    #[default]
    None,
    /// Sorted offsets with their values.
    Sparse { count: u64, room: u64, first: u64, last: u64 },
    /// A window that begins at an offset, with a place for each cell.
    Dense { window: Window },
}

#[derive(Clone, Copy, Debug)]
struct Window {
    offset: u64,
    cells: u64,
}

impl Array {
    /// Adds a cell. `string_bytes` is the length of a string, `None` for a number.
    pub(super) fn push(&mut self, index: u64, string_bytes: Option<u64>, sizes: &Sizes) {
        self.is_irregular |= index < self.next;
        self.next = index.saturating_add(1);
        let (slice, offset) = (index / SLICE_CELLS, index % SLICE_CELLS);
        if matches!(self.cells, Cells::None) || slice != self.slice {
            self.finish_slice(sizes);
            self.slice = slice;
            let block = slice / BLOCK_SLICES;
            if self.blocks == 0 || block != self.last_block {
                self.blocks += 1;
                self.last_block = block;
            }
        }
        self.cells = self.cells.with(offset);
        if let Some(len) = string_bytes.filter(|&len| len > MAX_INLINE_BYTES) {
            let header = if len <= MAX_SHORT_BYTES { 2 } else { 8 };
            self.bytes = self.bytes.saturating_add(sizes.usable(len.saturating_add(header)));
        }
    }

    /// The bytes of the array. `None`: its cells are not in order, which no server writes.
    pub(super) fn finish(&mut self, sizes: &Sizes) -> Option<u64> {
        if self.is_irregular {
            return None;
        }
        self.finish_slice(sizes);
        let directory = if self.slice < BLOCK_SLICES {
            sizes.usable((self.slice + 1).next_power_of_two() * CELL)
        } else {
            let room = self.blocks.next_power_of_two().max(FIRST_BLOCKS);
            let blocks = self.blocks.saturating_mul(sizes.usable(BLOCK_SLICES * CELL));
            sizes.usable(room.saturating_mul(BLOCK_ENTRY)).saturating_add(blocks)
        };
        let bytes = self.bytes.saturating_add(directory).saturating_add(sizes.usable(ARRAY));
        Some(bytes)
    }

    fn finish_slice(&mut self, sizes: &Sizes) {
        let payload = match std::mem::take(&mut self.cells) {
            Cells::None => return,
            Cells::Sparse { room, .. } => (room * OFFSET).next_multiple_of(CELL) + room * CELL,
            Cells::Dense { window } => window.cells * CELL,
        };
        self.bytes = self.bytes.saturating_add(sizes.usable(SLICE + payload));
    }
}

impl Cells {
    /// These cells and one more.
    fn with(self, offset: u64) -> Self {
        match self {
            Self::None => Self::Sparse { count: 1, room: FIRST_ROOM, first: offset, last: offset },
            Self::Sparse { count, room, first, .. } if count < MAX_SPARSE_CELLS => {
                let room = if count < room { room } else { (2 * room).min(MAX_SPARSE_CELLS) };
                Self::Sparse { count: count + 1, room, first, last: offset }
            }
            Self::Sparse { first, last, .. } => {
                let window = Window { offset: first, cells: MIN_WINDOW };
                Self::Dense { window: window.grown(last).grown(offset) }
            }
            Self::Dense { window } => Self::Dense { window: window.grown(offset) },
        }
    }
}

impl Window {
    /// Doubled until it holds `offset`, and moved to the left where it would leave the slice.
    fn grown(self, offset: u64) -> Self {
        let mut cells = self.cells;
        while offset >= self.offset + cells && cells < SLICE_CELLS {
            cells *= 2;
        }
        Self { offset: self.offset.min(SLICE_CELLS - cells), cells }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Allocator, Family, Profile};

    fn bytes(cells: impl IntoIterator<Item = (u64, Option<u64>)>) -> u64 {
        let sizes = Sizes::new(Profile::of(Family::Redis8_10, None), Allocator::JemallocQ8);
        let mut array = Array::default();
        for (index, string_bytes) in cells {
            array.push(index, string_bytes, &sizes);
        }
        array.finish(&sizes).expect("in order")
    }

    fn numbers(indices: impl IntoIterator<Item = u64>) -> u64 {
        bytes(indices.into_iter().map(|index| (index, None)))
    }

    #[test]
    fn a_slice_of_up_to_ten_cells_is_sparse() {
        // The struct, and a directory of one slice.
        let empty = 80 + 8;
        assert_eq!(numbers([0]), empty + 80, "room for four");
        assert_eq!(numbers(0..5), empty + 112, "for eight");
        assert_eq!(numbers(0..10), empty + 160, "for ten");
        assert_eq!(numbers(0..11), empty + 160, "a window of sixteen");
        assert_eq!(numbers(0..17), empty + 320, "of 32");
    }

    #[test]
    fn a_window_stays_within_its_slice() {
        assert_eq!(numbers(4085..4096), numbers(0..11), "moved to the left");
        assert_eq!(numbers((0..4096).step_by(200)), 80 + 8 + 40_960, "the whole slice");
    }

    #[test]
    fn long_strings_have_an_allocation() {
        assert_eq!(bytes([(0, Some(7))]), numbers([0]));
        assert_eq!(bytes([(0, Some(8))]), numbers([0]) + 16);
        assert_eq!(bytes([(0, Some(32_767))]), numbers([0]) + 40_960);
    }

    #[test]
    fn slices_that_are_far_apart_have_blocks_of_pointers() {
        assert_eq!(numbers([0, 4096 * 2047]), 80 + 2 * 80 + 2048 * 8);
        assert_eq!(numbers([0, 4096 * 2048]), 80 + 2 * 80 + 96 + 2 * 16_384);
        assert_eq!(numbers([u64::MAX - 1]), 80 + 80 + 96 + 16_384);
    }

    #[test]
    fn cells_out_of_order_have_no_model() {
        let sizes = Sizes::new(Profile::of(Family::Redis8_10, None), Allocator::JemallocQ8);
        for indices in [[0, 8_388_608, 1], [2, 1, 0], [0, 7, 7]] {
            let mut array = Array::default();
            for index in indices {
                array.push(index, None, &sizes);
            }
            assert_eq!(array.finish(&sizes), None, "{indices:?}");
        }
    }
}
