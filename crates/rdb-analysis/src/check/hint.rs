//! The number of keys that a database announces, and the number that is there.

use super::finding::Finding;
use super::ledger::{Ledger, Subject};

/// What a `RESIZEDB` opcode announces of a database, and what was found of the database.
#[derive(Default)]
pub(super) struct Hint {
    /// Keys, and keys with an expiry.
    announced: Option<(u64, u64)>,
    keys: u64,
    expires: u64,
    /// Keys that could not be read, and are no reason to doubt the announcement.
    damaged: u64,
}

impl Hint {
    pub(super) fn announce(&mut self, keys: u64, expires: u64) {
        self.announced = Some((keys, expires));
    }

    /// Adds keys, of which some have an expiry.
    pub(super) fn add_keys(&mut self, keys: u64, expires: u64) {
        self.keys += keys;
        self.expires += expires;
    }

    pub(super) fn add_damaged_key(&mut self) {
        self.damaged += 1;
    }

    /// Compares the two at the end of a database, and begins the next one.
    pub(super) fn settle<F: FnMut(&Finding)>(&mut self, db: u64, offset: u64, ledger: &mut Ledger<F>) {
        let Self { announced, keys, expires, damaged } = std::mem::take(self);
        let Some((announced_keys, announced_expires)) = announced else { return };
        let subject = || Subject { offset, db: Some(db), key: None };
        if announced_keys != keys + damaged {
            let message = format!("database {db}: keys announced: {announced_keys}, found: {keys}");
            ledger.warn("resizedb", subject(), message);
        }
        if announced_expires != expires && damaged == 0 {
            let message = format!(
                "database {db}: keys with an expiry announced: {announced_expires}, found: {expires}"
            );
            ledger.warn("resizedb", subject(), message);
        }
    }
}
