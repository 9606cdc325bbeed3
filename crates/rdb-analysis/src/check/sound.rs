//! The sound keys of a range.

use std::ops::ControlFlow;

use rdb_parser::ErrorKind;

use crate::measure::KeyView;
use crate::parallel::RangePart;
use crate::scan::{FileRecord, Sink};

/// Counts the keys of a range, up to one about which something is to be found.
///
/// All keys are of one database, because the range ends before a record that names another.
#[derive(Debug, Default)]
pub(super) struct SoundKeys {
    pub(super) keys: u64,
    /// Keys with an expiry.
    pub(super) expires: u64,
    has_refused: bool,
    scratch: Vec<u8>,
}

impl Sink for SoundKeys {
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let is_sound =
            key.warnings.is_empty() && !key.has_duplicate && key.key.decode(&mut self.scratch).is_ok();
        if !is_sound {
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        self.keys += 1;
        self.expires += u64::from(key.measure.expires_at_ms.is_some());
        ControlFlow::Continue(Ok(()))
    }

    fn skipped_key(&mut self, _: &KeyView<'_>) -> ControlFlow<()> {
        self.has_refused = true;
        ControlFlow::Break(())
    }
}

impl RangePart for SoundKeys {
    const CORRECTS_PLACE: bool = true;

    fn has_refused(&self) -> bool {
        self.has_refused
    }

    fn follows(&self, record: FileRecord) -> bool {
        !matches!(record, FileRecord::SelectDb(_) | FileRecord::ResizeDb { .. })
    }

    fn clear(&mut self) {
        *self = Self { scratch: std::mem::take(&mut self.scratch), ..Self::default() };
    }
}
