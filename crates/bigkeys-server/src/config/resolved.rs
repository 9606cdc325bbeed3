//! The resolved configuration: every reference is resolved and every value is in range.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glob::Pattern;
use serde::Deserialize;

use super::defaults::{
    DEFAULT_CONNECTIONS_PER_ADDRESS, DEFAULT_LISTEN, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_SCAN_SECONDS,
    DEFAULT_REQUESTS_PER_SECOND, DEFAULT_WORKER_TIMEOUT_SECONDS, cores,
};
use crate::auth::Credentials;
use crate::id;

/// A validated configuration.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where tasks are kept.
    pub database: Database,
    pub(crate) tls: Option<Tls>,
    /// Shards scanned at a time. 0: others scan, which needs a database that they can use.
    pub(crate) workers: u16,
    pub(crate) max_attempts: u16,
    pub(crate) worker_timeout: Duration,
    pub(crate) max_scan: Duration,
    pub(crate) max_backup_bytes: Option<u64>,
    pub(crate) requests_per_second: u32,
    /// Maximum number of connections of one client.
    pub(crate) connections_per_address: u16,
    pub(crate) synchronous: Synchronous,
    /// Age at which tasks that have ended are deleted.
    pub(crate) keep_tasks: Option<Duration>,
    /// Program and arguments that are run when a task has ended. Empty: none.
    pub(crate) on_finished: Vec<String>,
    /// Secret that signs results.
    pub(crate) results_secret: Option<Secret>,
    pub(crate) credentials: Credentials,
    pub(crate) instances: Instances,
}

/// A secret, which no log shows.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// When a write is on the disk of a `SQLite` database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Synchronous {
    /// Soon after. A loss of power may lose the last writes.
    #[default]
    Normal,
    /// Before the answer.
    Full,
}

/// A database for tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of `SQLite`, for one process.
    File(PathBuf),
    /// A database of `PostgreSQL`, for any number of processes: its URL, which may hold a password.
    Postgres(String),
}

impl Database {
    /// What `text` names: a URL or the path of a file.
    pub fn of(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::File(text.into())
        }
    }

    /// The file in the directory `state` for the tasks of a directory of backups. Each directory of backups
    /// has one of its own, so that two services do not compete for it.
    ///
    /// # Errors
    ///
    /// There is no such directory of backups.
    pub fn of_backups(state: &Path, backups: &Path) -> io::Result<Self> {
        let real = backups.canonicalize()?;
        Ok(Self::File(state.join(format!("{}.db", id::derive(&real.to_string_lossy())))))
    }
}

/// Without what may be secret.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// What is served.
#[derive(Clone, Debug)]
pub(crate) enum Instances {
    /// Each RDB file below a directory is an instance.
    Directory(PathBuf),
    /// As configured.
    Listed {
        /// Directories that every backup must be in.
        roots: Vec<PathBuf>,
        instances: Vec<Instance>,
    },
}

/// An instance whose backups can be analysed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Its id as the operator wrote it, and as answers have it.
    pub(crate) id: String,
    /// Its id in the one form in which ids are compared and stored.
    pub(crate) key: String,
    /// `None`: of whatever project is asked for.
    pub(crate) project: Option<String>,
    pub(crate) name: String,
    pub(crate) is_cluster: bool,
    pub(crate) shards: Vec<Shard>,
}

/// One shard and where its backups are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Its id in the offline analysis.
    pub(crate) node_id: String,
    /// `ip:port`.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) backup: Backup,
}

/// Where a shard's backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Backup {
    /// This file.
    File(PathBuf),
    /// The newest of the files in a directory whose names match.
    Newest {
        /// The directory.
        directory: PathBuf,
        /// Pattern of the name, with `*` and `?`.
        pattern: Pattern,
    },
    /// An object in a store or on a web server: its URL, whose query may be a secret.
    Object(String),
}

impl Config {
    /// Serves every RDB file below `directory`, to everybody on this machine.
    pub fn for_directory(directory: PathBuf, database: Database) -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            database,
            tls: None,
            workers: cores(),
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            worker_timeout: Duration::from_secs(DEFAULT_WORKER_TIMEOUT_SECONDS),
            max_scan: Duration::from_secs(DEFAULT_MAX_SCAN_SECONDS),
            max_backup_bytes: None,
            requests_per_second: DEFAULT_REQUESTS_PER_SECOND,
            connections_per_address: DEFAULT_CONNECTIONS_PER_ADDRESS,
            synchronous: Synchronous::default(),
            keep_tasks: None,
            on_finished: Vec::new(),
            results_secret: None,
            credentials: Credentials::default(),
            instances: Instances::Directory(directory),
        }
    }
}
