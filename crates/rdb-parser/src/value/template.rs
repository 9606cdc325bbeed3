//! The hash templates of a file (Redis 8.10): field names that many hashes share.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::ErrorKind;
use crate::limits::MAX_HASH_TEMPLATES;

/// The templates of a file, by id: the number of their fields. An attacker may choose the ids, so
/// they are hashed with a random key.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    fields: HashMap<u64, u64>,
}

impl Templates {
    /// Adds a template.
    pub(crate) fn add(&mut self, id: u64, fields: u64) -> Result<(), ErrorKind> {
        if fields == 0 {
            return Err(ErrorKind::Corrupt("hash template", "it has no fields"));
        }
        if self.fields.len() >= MAX_HASH_TEMPLATES {
            return Err(ErrorKind::Limit("the number of hash templates"));
        }
        match self.fields.entry(id) {
            Entry::Occupied(_) => Err(ErrorKind::Corrupt("hash template", "its id is already taken")),
            Entry::Vacant(free) => {
                free.insert(fields);
                Ok(())
            }
        }
    }

    /// Whether the file has none so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(super) fn fields(&self, id: u64) -> Option<u64> {
        self.fields.get(&id).copied()
    }
}
