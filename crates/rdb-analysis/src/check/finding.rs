//! What a check finds.

use rdb_parser::{Checksum, Dialect, Warning};

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A name for its kind, for programs.
    pub code: &'static str,
    /// Absolute offset at which it was found.
    pub offset: u64,
    /// Logical database, if it is about a key or a database.
    pub db: Option<u64>,
    /// First bytes of the name of the key that it is about.
    pub key: Option<Vec<u8>>,
    /// What is wrong, in one line.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Odd, and no reason to distrust the data.
    Warning,
    /// Data is lost, or not what was written.
    Error,
}

impl Severity {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The counts of a [check](crate::check()).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Keys whose records are sound.
    pub keys: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Findings of severity [`Error`](Severity::Error).
    pub errors: u64,
    /// Findings of severity [`Warning`](Severity::Warning).
    pub warnings: u64,
    /// The comparison of the checksum. `None` if the end was not reached.
    pub checksum: Option<Checksum>,
    /// Whether reading ended because `stop` was set.
    pub interrupted: bool,
}

/// The severity of a warning of the parser: what servers refuse to load is an error. Valkey 9
/// refuses more.
pub(super) fn severity(warning: Warning, dialect: Dialect) -> Severity {
    match warning {
        Warning::NotANumber | Warning::UnreadableScore => Severity::Error,
        Warning::StreamLength | Warning::UnsortedIntset | Warning::OddEntryCount
            if dialect == Dialect::Valkey =>
        {
            Severity::Error
        }
        _ => Severity::Warning,
    }
}
