//! Ranges that are read ahead of the stitch, by all threads.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rdb_parser::resume::KnownSum;

use super::context::RangeContext;
use super::range::RangeWork;
use super::sink::RangePart;
use crate::measure::Estimator;
use crate::scan::Piece;

/// Ranges in which nothing was found, from which on later ranges are only summed. They lie in a
/// value of which nothing is known yet.
const MAX_EMPTY: usize = 2;

/// Ranges in file order, and what was read of them. The front is the next that the stitch takes.
pub(super) struct Pipeline<'c, 'a, M: Estimator, P> {
    common: &'c RangeContext<'a, M>,
    queue: Mutex<Queue<P, M::Part>>,
    /// Signalled when a worker is done.
    done: Condvar,
}

struct Queue<P, E> {
    /// With the number of each.
    slots: VecDeque<(u64, Slot<P, E>)>,
    /// Number of the next slot.
    next: u64,
}

/// A range.
enum Slot<P, E> {
    Waiting(Job<P>),
    Running,
    /// Nothing was found, or it was only summed. Tried again when there is a new hint.
    Empty {
        job: Job<P>,
        /// [Changes](super::hints::Hints::changes) of the hints before it was tried.
        changes: u64,
        /// Whether its start was looked for.
        is_searched: bool,
    },
    Done(Box<RangeWork<P, E>>),
}

/// A range to be read.
struct Job<P> {
    range: (u64, u64),
    part: P,
    /// The checksum of the range, if it was computed already.
    sum: Option<KnownSum>,
}

impl<'c, 'a, M: Estimator, P: RangePart> Pipeline<'c, 'a, M, P> {
    pub(super) fn new(common: &'c RangeContext<'a, M>) -> Self {
        let queue = Queue { slots: VecDeque::new(), next: 0 };
        Self { common, queue: Mutex::new(queue), done: Condvar::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<P, M::Part>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of ranges that were added and not taken.
    pub(super) fn len(&self) -> usize {
        self.queue().slots.len()
    }

    /// Adds a range at the end.
    pub(super) fn add(&self, range: (u64, u64), part: P) {
        let mut queue = self.queue();
        let number = queue.next;
        queue.slots.push_back((number, Slot::Waiting(Job { range, part, sum: None })));
        queue.next += 1;
    }

    /// Number of ranges that a worker could read now.
    pub(super) fn ready(&self) -> usize {
        let queue = self.queue();
        let now = Now::of(&queue, self.common.hints.changes());
        queue.slots.iter().filter(|(_, slot)| slot.is_ready(now)).count()
    }

    /// Reads the first range that nobody reads, if there is one.
    pub(super) fn help(&self) {
        self.work();
    }

    /// Reads the first range that nobody reads. Returns false if there is none.
    fn work(&self) -> bool {
        let changes = self.common.hints.changes();
        let mut queue = self.queue();
        let now = Now::of(&queue, changes);
        let first = queue.slots.iter_mut().find(|(_, slot)| slot.is_ready(now));
        let Some((number, slot)) = first else { return false };
        let number = *number;
        let (Slot::Waiting(job) | Slot::Empty { job, .. }) = std::mem::replace(slot, Slot::Running) else {
            return false;
        };
        drop(queue);
        let Job { range, part, sum } = job;
        let (progress, piece) = (self.common.context.progress, Piece::Range(range.0));
        progress.begin(piece);
        let work = catch_unwind(AssertUnwindSafe(|| {
            if now.may_search {
                self.common.work(range, part, sum)
            } else {
                self.common.sum(range, part, sum)
            }
        }));
        progress.end(piece);
        let (slot, panic) = match work {
            Ok(RangeWork { head: None, records: None, part: Some(part), sum, .. }) => {
                (Slot::Empty { job: Job { range, part, sum }, changes, is_searched: now.may_search }, None)
            }
            Ok(work) => (Slot::Done(Box::new(work)), None),
            // The stitch must not wait for ever.
            Err(panic) => (Slot::Done(Box::new(RangeWork::nothing(range, None))), Some(panic)),
        };
        let mut queue = self.queue();
        if let Some((_, place)) = queue.slots.iter_mut().find(|&&mut (other, _)| other == number) {
            *place = slot;
        }
        drop(queue);
        self.done.notify_all();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        true
    }

    /// Takes the first range, as soon as it was read, and reads others until then. `None` if there
    /// is none.
    pub(super) fn take(&self) -> Option<RangeWork<P, M::Part>> {
        loop {
            {
                let mut queue = self.queue();
                let now = Now::of(&queue, self.common.hints.changes());
                let (_, front) = queue.slots.front()?;
                let is_read = match front {
                    Slot::Done(_) => true,
                    slot => matches!(slot, Slot::Empty { .. }) && !slot.is_ready(now),
                };
                if is_read {
                    return match queue.slots.pop_front()?.1 {
                        Slot::Done(work) => Some(*work),
                        Slot::Empty { job, .. } => Some(RangeWork::nothing(job.range, job.sum)),
                        Slot::Waiting(_) | Slot::Running => None,
                    };
                }
            }
            if self.work() {
                continue;
            }
            let queue = self.queue();
            if matches!(queue.slots.front(), Some((_, Slot::Running))) {
                // Another thread reads it.
                drop(self.done.wait(queue).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Gives up all ranges that nobody has begun to read.
    pub(super) fn cancel(&self) {
        self.queue().slots.retain(|(_, slot)| matches!(slot, Slot::Running));
    }
}

/// What decides which ranges a worker reads.
#[derive(Clone, Copy)]
struct Now {
    /// Changes of the hints so far.
    changes: u64,
    /// Whether it looks for the start of a range.
    may_search: bool,
}

impl Now {
    fn of<P, E>(queue: &Queue<P, E>, now: u64) -> Self {
        let is_in_vain = |slot: &Slot<P, E>| matches!(slot, Slot::Empty { changes, is_searched: true, .. } if *changes == now);
        let in_vain = queue.slots.iter().filter(|(_, slot)| is_in_vain(slot)).count();
        Self { changes: now, may_search: in_vain < MAX_EMPTY }
    }
}

impl<P, E> Slot<P, E> {
    /// Whether a worker can read it.
    fn is_ready(&self, now: Now) -> bool {
        match self {
            Self::Waiting(_) => true,
            Self::Empty { changes, is_searched, .. } => {
                *changes < now.changes || !is_searched && now.may_search
            }
            Self::Running | Self::Done(_) => false,
        }
    }
}
