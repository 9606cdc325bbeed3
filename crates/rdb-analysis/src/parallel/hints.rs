//! What workers tell each other of a file.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rdb_parser::ValueType;
use rdb_parser::resume::{ElementShape, FileSlice};

/// Types of which a shape is known.
const MAX_SHAPES: usize = 8;

/// What is known of the long values of a file. Only what a worker tries depends on it, and no
/// result.
#[derive(Debug, Default)]
pub(super) struct Hints {
    /// What their elements look like: one shape for each of some types, the latest first.
    shapes: RwLock<Vec<Arc<ElementShape>>>,
    /// The end of a value in which ranges may lie.
    inside_until: AtomicU64,
    /// Counts the changes.
    changes: AtomicU64,
}

impl Hints {
    /// Number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    pub(super) fn shapes(&self) -> Vec<Arc<ElementShape>> {
        self.shapes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn knows(&self, value_type: ValueType) -> bool {
        let shapes = self.shapes.read().unwrap_or_else(PoisonError::into_inner);
        shapes.iter().any(|shape| shape.value_type() == value_type)
    }

    /// Whether elements that begin at an offset look like those of the last value of their type.
    pub(super) fn recognize(&self, slice: FileSlice<'_>, at: u64, value_type: ValueType) -> bool {
        let shapes = self.shapes();
        let shape = shapes.iter().find(|shape| shape.value_type() == value_type);
        shape.is_some_and(|shape| shape.find(slice, at, at + 1).is_some())
    }

    /// Learns from a value with `count` elements from an offset on.
    pub(super) fn learn(&self, slice: FileSlice<'_>, offset: u64, value_type: ValueType, count: u64) {
        let Some(shape) = ElementShape::learn(slice, offset, value_type, count) else { return };
        let mut shapes = self.shapes.write().unwrap_or_else(PoisonError::into_inner);
        shapes.retain(|known| known.value_type() != value_type);
        shapes.insert(0, Arc::new(shape));
        shapes.truncate(MAX_SHAPES);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Whether a range that ends at `end` lies in a value.
    pub(super) fn is_inside(&self, end: u64) -> bool {
        end <= self.inside_until.load(Ordering::Relaxed)
    }

    /// A value ends at `end`.
    pub(super) fn value_ends(&self, end: u64) {
        if self.inside_until.fetch_max(end, Ordering::Relaxed) < end {
            self.changes.fetch_add(1, Ordering::Release);
        }
    }
}
