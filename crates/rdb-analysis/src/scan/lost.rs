//! Bytes of a mapped file that are no longer the file's.

use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use rdb_parser::Entry;

use super::source::Guard;

/// Bytes of a page of memory on the common platforms. With larger pages the guard is asked several
/// times per page, which is harmless.
const PAGE_BYTES: u64 = 4096;

/// Whether `entry` may be made of bytes that are not the source's. `alarm` is the guard's.
///
/// A file that was truncated inside its last mapped page shows zeros there without an alarm. Zeros
/// parse as string keys with an empty name. The guard is asked once per page about such keys,
/// because a page of zeros holds more than a thousand of them. If it is asked before the
/// truncation, up to a page of such keys is counted, and the result is still partial.
#[inline(always)]
pub(crate) fn is_lost(
    guard: &dyn Guard,
    alarm: &AtomicBool,
    guarded_page: &mut Option<u64>,
    entry: &Entry<'_>,
) -> bool {
    // The alarm may be set by a signal handler on this thread while the entry is read.
    compiler_fence(Ordering::SeqCst);
    let alarm = alarm.load(Ordering::Relaxed);
    (alarm || entry.key.decoded_len() == 0) && is_behind_loss(guard, alarm, guarded_page, entry.span.end)
}

/// Whether a record that ends at `end` has bytes that were lost.
///
/// The alarm may have been set by a thread that reads far behind the record.
#[cold]
fn is_behind_loss(guard: &dyn Guard, alarm: bool, guarded_page: &mut Option<u64>, end: u64) -> bool {
    let page = Some(end / PAGE_BYTES);
    if std::mem::replace(guarded_page, page) == page && !alarm {
        return false;
    }
    match guard.loss() {
        Some(loss) => loss.offset.is_none_or(|offset| end > offset),
        None => alarm,
    }
}
