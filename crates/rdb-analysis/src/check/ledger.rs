//! Counts findings and passes them on.

use rdb_parser::{Checksum, Dialect, Error, ErrorKind, Warning};

use super::finding::{Checked, Finding, Severity, severity};
use crate::measure::KeyView;
use crate::scan::{Loss, Origin, TrailingKind};

/// Bytes of a key's name that a finding shows.
const KEY_BYTES: usize = 128;

/// What a finding is about.
#[derive(Default)]
pub(super) struct Subject {
    /// Absolute offset.
    pub(super) offset: u64,
    pub(super) db: Option<u64>,
    pub(super) key: Option<Vec<u8>>,
}

impl Subject {
    /// A place in the file that belongs to no key.
    pub(super) fn at(offset: u64) -> Self {
        Self { offset, ..Self::default() }
    }
}

/// Counts findings and passes them on.
pub(super) struct Ledger<F> {
    pub(super) checked: Checked,
    /// That of the header.
    pub(super) dialect: Dialect,
    report: F,
    scratch: Vec<u8>,
}

impl<F: FnMut(&Finding)> Ledger<F> {
    pub(super) fn new(report: F) -> Self {
        Self { checked: Checked::default(), dialect: Dialect::Redis, report, scratch: Vec::new() }
    }

    pub(super) fn error(&mut self, code: &'static str, subject: Subject, message: String) {
        self.find(Severity::Error, code, subject, message);
    }

    pub(super) fn warn(&mut self, code: &'static str, subject: Subject, message: String) {
        self.find(Severity::Warning, code, subject, message);
    }

    fn find(&mut self, severity: Severity, code: &'static str, subject: Subject, message: String) {
        match severity {
            Severity::Error => self.checked.errors += 1,
            Severity::Warning => self.checked.warnings += 1,
        }
        let Subject { offset, db, key } = subject;
        (self.report)(&Finding { severity, code, offset, db, key, message });
    }

    /// Adds an error of the parser. `db` is the current database.
    pub(super) fn damage(&mut self, error: &Error, db: u64) {
        let key = error.key().map(<[u8]>::to_vec);
        let subject = Subject { offset: error.offset(), db: key.is_some().then_some(db), key };
        self.error(error.kind().code(), subject, error.message());
    }

    /// Adds a warning of the parser that is about no key.
    pub(super) fn warning(&mut self, warning: Warning, offset: u64) {
        let severity = severity(warning, self.dialect);
        self.find(severity, warning.name(), Subject::at(offset), warning.to_string());
    }

    /// Adds what is wrong with a key: the warnings of the parser, a name that cannot be decoded, a
    /// duplicate.
    pub(super) fn key(&mut self, key: &KeyView<'_>) {
        let (offset, db) = (key.measure.offset, Some(key.measure.db));
        match key.key.decode(&mut self.scratch) {
            // A name that is too long to be held is no damage.
            Ok(_) | Err(ErrorKind::Limit(_)) => {}
            Err(kind) => {
                let subject = Subject { offset, db, key: None };
                self.error(kind.code(), subject, format!("{kind}, in the name of a key"));
            }
        }
        if key.warnings.is_empty() && !key.has_duplicate {
            return;
        }
        let name = key.key.decode_prefix(KEY_BYTES, &mut self.scratch).ok().map(<[u8]>::to_vec);
        let subject = || Subject { offset, db, key: name.clone() };
        for warning in key.warnings.iter() {
            let severity = severity(warning, self.dialect);
            self.find(severity, warning.name(), subject(), warning.to_string());
        }
        if key.has_duplicate {
            self.error("duplicate", subject(), "a member or field is there twice".to_owned());
        }
    }

    /// Adds the checksum, which ends at `end`.
    pub(super) fn checksum(&mut self, checksum: Checksum, end: u64) {
        self.checked.checksum = Some(checksum);
        if let Checksum::Mismatch { stored, computed } = checksum {
            let message = format!("the file says checksum {stored:016x}, its content gives {computed:016x}");
            self.error("checksum", Subject::at(end), message);
        }
    }

    /// Compares the end of the RDB data with what its sender announced.
    pub(super) fn end(
        &mut self,
        origin: &Origin<'_>,
        end: u64,
        trailing_bytes: u64,
        kind: Option<TrailingKind>,
    ) {
        for note in origin.broken_promises(end - origin.prefix_bytes, kind) {
            self.warn("announced", Subject::at(end), note.text);
        }
        if let Some(kind) = kind.filter(|kind| kind.may_hold_data()) {
            let message = format!("bytes after the RDB data: {trailing_bytes}, {}", kind.describe());
            self.warn("trailing", Subject::at(end), message);
        }
    }

    /// Adds bytes of the source that were lost while it was read up to `position`.
    pub(super) fn loss(&mut self, loss: Loss, position: u64) {
        self.error("lost", Subject::at(loss.offset.unwrap_or(position)), loss.reason);
    }
}
