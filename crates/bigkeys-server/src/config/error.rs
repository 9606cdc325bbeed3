//! Errors of the configuration file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Offset in the text, if it is known, and the problem there.
pub(super) type Located = (Option<usize>, ConfigProblem);

/// A problem of a configuration file, and its line.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    line: Option<usize>,
    problem: ConfigProblem,
}

impl ConfigError {
    /// A problem at `offset` in `text`, the content of the file at `path`.
    pub(super) fn new(path: &Path, text: &str, offset: Option<usize>, problem: ConfigProblem) -> Self {
        let before = offset.and_then(|at| text.get(..at));
        let line = before.map(|before| before.matches('\n').count() + 1);
        Self { path: path.to_owned(), line, problem }
    }

    /// The line of the problem, from 1, if it is known.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The problem.
    pub fn problem(&self) -> &ConfigProblem {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ": line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for ConfigError {}

/// A problem of a configuration file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// The file cannot be read.
    #[error("{0}")]
    Read(io::Error),
    /// The file is not TOML, or has an unknown field or a value of another type.
    #[error("{0}")]
    Syntax(String),
    /// There are too many workers.
    #[error("workers must be at most {max}")]
    Workers {
        /// The maximum.
        max: u16,
    },
    /// `max_attempts` is 0.
    #[error("max_attempts must be at least 1")]
    MaxAttempts,
    /// `worker_timeout_seconds` is out of range.
    #[error("worker_timeout_seconds must be from 3 to 86400")]
    WorkerTimeout,
    /// `on_finished` is empty.
    #[error("on_finished must name a program, such as [\"/usr/local/bin/notify\"]")]
    OnFinished,
    /// `results_secret` is short, or there are two.
    #[error("results_secret must have at least 16 characters, and not be there beside results_secret_env")]
    ResultsSecret,
    /// Instances have backup files, and there are no roots.
    #[error("instances need roots = [...], the directories that their backups are in")]
    NoRoots,
    /// A root is a file.
    #[error("{} is no directory", .0.display())]
    NotADirectory(PathBuf),
    /// A root cannot be used.
    #[error("{}: {error}", path.display())]
    Root {
        /// The root.
        path: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A project's id is malformed.
    #[error("a project's id is 32 hexadecimal digits, with or without the dashes of a UUID")]
    ProjectId,
    /// The variable of a secret is not set.
    #[error("the environment has no variable {0}")]
    NoVariable(String),
    /// An access key has no secret, or two.
    #[error("an access key needs either secret_key or secret_key_env")]
    NoSecret,
    /// An access key or its secret is empty.
    #[error("an access key and its secret must not be empty")]
    EmptyAccessKey,
    /// Two access keys are equal.
    #[error("the access key {0} is there twice")]
    AccessKeyTwice(String),
    /// The hash of a token is malformed.
    #[error("sha256 must be the 64 hexadecimal digits of the token's SHA-256")]
    TokenHash,
    /// The expiry of a token is malformed.
    #[error("expires_at must be a time such as \"2027-01-01T00:00:00Z\"")]
    ExpiresAt,
    /// An instance's id is malformed.
    #[error("an instance's id is 32 hexadecimal digits, with or without the dashes of a UUID")]
    InstanceId,
    /// Two instances have the same id.
    #[error("the instance {0} is there twice")]
    InstanceTwice(String),
    /// An instance has no shards.
    #[error("an instance needs at least one shard")]
    NoShards,
    /// An instance that is no cluster has several shards.
    #[error("an instance of kind \"single\" has one shard")]
    ManyShards,
    /// The address of a shard is malformed.
    #[error("address must be an IP address and a port, such as \"10.0.0.1:6379\"")]
    Address,
    /// The URL of a backup has an unknown scheme.
    #[error("url must begin with s3://, gs://, az://, http:// or https://")]
    Url,
    /// A shard names no backup, or several.
    #[error("a shard needs one of file, glob and url")]
    NoBackup,
    /// A glob has no name of a file.
    #[error("glob must end in a pattern of file names, such as \"backups/dump-*.rdb\"")]
    GlobName,
    /// A glob has a pattern in the name of a directory.
    #[error("only the last part of a glob may be a pattern")]
    GlobDirectory,
    /// A glob has a pattern other than `*` and `?`.
    #[error("patterns know * and ? only")]
    GlobSyntax,
}
