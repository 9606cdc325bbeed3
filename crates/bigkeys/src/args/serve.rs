//! The arguments of `bigkeys serve` and `bigkeys worker`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct ServeArgs {
    /// Configuration file; it is read again at SIGHUP
    #[arg(long, value_name = "FILE", group = "what", env = "BIGKEYS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Without any configuration: serve every RDB file below DIR to everybody on this machine
    #[arg(long, value_name = "DIR", group = "what")]
    pub(crate) backups: Option<PathBuf>,

    /// Write a commented example of a configuration file and end
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "bigkeys.toml", group = "what")]
    pub(crate) init: Option<PathBuf>,

    /// Address to listen on, instead of the configured one; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", env = "BIGKEYS_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Database of tasks, instead of the configured one: a file, or
    /// `postgres://USER:PASSWORD@HOST/DATABASE` for several machines. Default with --backups: a file for
    /// each DIR in ~/.local/state/bigkeys
    #[arg(long, value_name = "FILE|URL", env = "BIGKEYS_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Configuration file; it is read again at SIGHUP
    #[arg(long, value_name = "FILE", env = "BIGKEYS_CONFIG")]
    pub(crate) config: PathBuf,

    /// Database of tasks, `postgres://USER:PASSWORD@HOST/DATABASE`, instead of the configured one
    #[arg(long, value_name = "URL", env = "BIGKEYS_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// The log on standard error.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How the log on standard error is written
    #[arg(long = "log", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) format: LogFormat,

    /// What is logged: warn, info, debug, or such a level for each part of the program
    #[arg(long = "log-level", value_name = "FILTER", default_value = "info", env = "BIGKEYS_LOG")]
    pub(crate) level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// An object a line
    Json,
}
