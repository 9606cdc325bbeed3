//! The configuration of the service.
//!
//! [`file`] has the sections of the file as they are written. [`resolve`] makes a [`Config`] of
//! them, in which every reference is resolved and every value is in range. An error names the line.

mod error;
mod file;
mod resolve;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glob::Pattern;

use super::auth::Credentials;

pub use error::{ConfigError, ConfigProblem};

/// The address on which the service listens by default.
pub const DEFAULT_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8635);

/// Maximum number of scans at a time.
const MAX_WORKERS: u16 = 64;

/// A commented example, as `bigkeys serve --init` writes it.
pub const EXAMPLE: &str = include_str!("example.toml");

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
    pub(crate) credentials: Credentials,
    pub(crate) instances: Instances,
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

impl Instance {
    /// The nodes of all shards.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.shards.iter().map(|shard| shard.node_id.clone()).collect()
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
            max_attempts: file::DEFAULT_MAX_ATTEMPTS,
            worker_timeout: Duration::from_secs(file::DEFAULT_WORKER_TIMEOUT_SECONDS),
            max_scan: Duration::from_secs(file::DEFAULT_MAX_SCAN_SECONDS),
            max_backup_bytes: None,
            requests_per_second: file::DEFAULT_REQUESTS_PER_SECOND,
            credentials: Credentials::default(),
            instances: Instances::Directory(directory),
        }
    }

    /// Reads the file at `path`. Relative paths in it start from its directory.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or anything in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::new(path, "", None, ConfigProblem::Read(error)))?;
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        resolve::config(&text, &base)
            .map_err(|(offset, problem)| ConfigError::new(path, &text, offset, problem))
    }
}

/// One worker for each core.
fn cores() -> u16 {
    std::thread::available_parallelism()
        .map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(MAX_WORKERS))
        .min(MAX_WORKERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5560df16-cebf-4473-95c4-d1b573c16e79";

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bigkeys.toml");
        std::fs::create_dir(dir.path().join("backups")).expect("made");
        std::fs::write(&path, text).expect("written");
        Config::read(&path).map_err(|error| {
            let text = error.to_string();
            text.strip_prefix(&format!("{}: ", path.display())).expect("starts with the path").to_owned()
        })
    }

    #[test]
    fn the_example_is_valid_once_its_directory_exists() {
        let config = read(EXAMPLE).expect("valid");
        assert_eq!(config.listen, DEFAULT_LISTEN);
        let Instances::Listed { instances, roots } = config.instances else { panic!("listed") };
        assert_eq!((instances.len(), roots.len()), (2, 1));
        assert!(instances[1].is_cluster);
        assert!(config.credentials.is_open(), "its credentials are commented out");
    }

    #[test]
    fn an_empty_file_is_a_valid_configuration() {
        let config = read("").expect("valid");
        assert_eq!((config.workers, config.requests_per_second), (cores(), 1000));
    }

    #[test]
    fn messages_name_the_line() {
        let shard = "kind = \"single\"\nshards = [{ file = \"a\" }]\n";
        for (text, message) in [
            ("\nrots = []", "line 2: unknown field `rots`"),
            ("[server]\nlisten = \"localhost\"", "line 2: invalid socket address syntax"),
            ("[server]\n\nworkers = 65", "line 3: workers must be at most 64"),
            ("[server]\nmax_attempts = 0", "line 2: max_attempts must be"),
            ("[server]\nworker_timeout_seconds = 1", "line 2: worker_timeout_seconds must be"),
            ("[server]\nworkers = \"many\"", "line 2: invalid type"),
            ("roots = [\n\"backups\",\n\"nothing\"]", "line 3: nothing: No such file"),
            ("x = ", "line 1"),
            ("[[tokens]]\nname = \"a\"\nsha256 = \"12\"", "line 3: sha256 must be the 64"),
            ("[[access_keys]]\naccess_key = \"a\"", "line 1: an access key needs either"),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"single\"\nshards = [{{ url = \"ftp://host/a.rdb\" }}]"
                ),
                "line 4: url must begin with s3://",
            ),
            (
                "[[access_keys]]\naccess_key = \"a\"\nsecret_key_env = \"NO SUCH\"",
                "line 3: the environment has no",
            ),
            (&format!("[[instances]]\nid = \"x\"\n{shard}"), "line 2: an instance's id is 32"),
            (&format!("[[instances]]\nid = \"{ID}\"\n{shard}"), "line 1: instances need roots"),
            (
                &format!(
                    "roots = [\"backups\"]\n[[instances]]\nid = \"{ID}\"\n{shard}[[instances]]\nid = \"{}\"\n{shard}",
                    ID.replace('-', "")
                ),
                "line 7: the instance 5560df16cebf447395c4d1b573c16e79 is there twice",
            ),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"single\"\nshards = [{{ glob = \"*/a.rdb\" }}]"
                ),
                "line 4: only the last part",
            ),
            (
                &format!(
                    "[[instances]]\nid = \"{ID}\"\nkind = \"cluster\"\nshards = [\n{{ file = \"a\", address = \"host:1\" }}]"
                ),
                "line 5: address must be",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(message), "{error}\ninstead of\n{message}\nfor\n{text}");
        }
    }
}
