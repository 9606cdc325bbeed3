//! Errors of a scan.

use std::fmt;

use rdb_analysis::{SourceError, ThreadsError};
use rdb_source::OpenError;

/// The reason why a scan has no result. Each message is one line and names the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// An input could not be found or opened.
    #[error(transparent)]
    Open(#[from] InputError),
    /// An input is not an RDB file.
    #[error(transparent)]
    NotRdb(#[from] SourceError),
    /// An input was assigned to two shards.
    #[error("{files}: --shard names two nodes for one file, {first} and {second}; remove one")]
    ShardConflict {
        /// The file, or both names of the file.
        files: String,
        /// The shard of the first name.
        first: String,
        /// The shard of the second name.
        second: String,
    },
    /// A scan with a filter cannot do this, because its result has all keys.
    #[error("{what} takes no filter, because it covers all keys")]
    FilterRefused {
        /// What cannot be done.
        what: &'static str,
    },
    /// The threads of the scan could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
}

/// The reason why one input could not be opened.
#[derive(Debug)]
pub struct InputError {
    path: String,
    name: String,
    error: OpenError,
}

impl InputError {
    /// An error about the input at `path`, which messages call `name`.
    pub(crate) fn new(path: String, name: String, error: OpenError) -> Self {
        Self { path, name, error }
    }

    /// The name of the input, as messages and reports show it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The error of the file system, the object store or the format detection.
    pub fn open_error(&self) -> &OpenError {
        &self.error
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path == self.name {
            return self.error.fmt(f);
        }
        // A message must not show the path where the input was given another name.
        f.write_str(&self.error.to_string().replace(&self.path, &self.name))
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}
