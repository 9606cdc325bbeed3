//! Events of records that were read, which the parser reports before it reads the next record.

use std::collections::VecDeque;

use crate::event::Checksum;
use crate::warning::Warning;

/// Pending events, in order.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    events: VecDeque<PendingEvent>,
}

/// An event that borrows nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PendingEvent {
    Warning {
        warning: Warning,
        /// Absolute offset of the record that shows it.
        offset: u64,
    },
    End(Checksum),
}

impl Pending {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    #[cold]
    pub(crate) fn warn(&mut self, warning: Warning, offset: u64) {
        self.events.push_back(PendingEvent::Warning { warning, offset });
    }

    pub(crate) fn end(&mut self, checksum: Checksum) {
        self.events.push_back(PendingEvent::End(checksum));
    }

    pub(crate) fn next(&mut self) -> Option<PendingEvent> {
        self.events.pop_front()
    }

    /// Takes the warnings of the records in a blob, which have no offsets in the file. They get
    /// that of the blob.
    pub(crate) fn take_warnings_of_blob(&mut self, blob: &mut Self, offset: u64) {
        while let Some(event) = blob.next() {
            if let PendingEvent::Warning { warning, .. } = event {
                self.warn(warning, offset);
            }
        }
    }
}
