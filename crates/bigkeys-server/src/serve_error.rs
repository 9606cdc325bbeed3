//! Errors of the start of the service.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::{ConfigError, Database};

/// The reason why the service cannot start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The service would answer the whole network without authentication.
    #[error(
        "without access_keys or tokens the service answers everybody, so it listens on loopback only and not on {0}"
    )]
    Open(SocketAddr),
    /// A configuration that is read again would remove the authentication.
    #[error(
        "it has no access_keys or tokens any more, so everybody would be answered; restart the service to open it"
    )]
    Opened,
    /// The directory of backups cannot be read.
    #[error("{}: {error}", path.display())]
    Backups {
        /// The directory.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// The database cannot be used.
    #[error("{database}: {error}")]
    Store {
        /// The database.
        database: Database,
        /// The error of the database.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The process has no workers, and no other process can use its database.
    #[error(
        "workers = 0 leaves the scans to others, which needs a database that they can use: --database postgres://..."
    )]
    NoWorkers,
    /// A worker process was given a database that one process can use.
    #[error("a worker needs a database that several processes can use: --database postgres://...")]
    NotShared,
    /// The certificate or its key cannot be used.
    #[error("{}: {error}", path.display())]
    Tls {
        /// The file of the certificate or of the key.
        path: PathBuf,
        /// The error of the file system or of TLS.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A configuration that is read again has TLS, and the service has none, or the other way round.
    #[error("[server.tls] appears or disappears at the next start only")]
    TlsChanged,
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// Another error of the operating system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
