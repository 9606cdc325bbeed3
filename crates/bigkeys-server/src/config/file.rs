//! The sections of the configuration file, as they are written.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::defaults::{
    DEFAULT_CONNECTIONS_PER_ADDRESS, DEFAULT_LISTEN, DEFAULT_MAX_ATTEMPTS, DEFAULT_MAX_SCAN_SECONDS,
    DEFAULT_REQUESTS_PER_SECOND, DEFAULT_WORKER_TIMEOUT_SECONDS,
};
use super::resolved::Synchronous;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) server: Option<ServerSection>,
    #[serde(default)]
    pub(super) roots: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) access_keys: Vec<Spanned<AccessKeySection>>,
    #[serde(default)]
    pub(super) tokens: Vec<Spanned<TokenSection>>,
    #[serde(default)]
    pub(super) instances: Vec<Spanned<InstanceSection>>,
}

/// `[server]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSection {
    #[serde(default = "default_listen")]
    pub(super) listen: SocketAddr,
    pub(super) database: Option<String>,
    pub(super) tls: Option<TlsSection>,
    pub(super) workers: Option<Spanned<u16>>,
    #[serde(default = "default_max_attempts")]
    pub(super) max_attempts: Spanned<u16>,
    #[serde(default = "default_worker_timeout_seconds")]
    pub(super) worker_timeout_seconds: Spanned<u64>,
    #[serde(default = "default_max_scan_seconds")]
    pub(super) max_scan_seconds: u64,
    pub(super) max_backup_bytes: Option<u64>,
    #[serde(default = "default_requests_per_second")]
    pub(super) requests_per_second: u32,
    #[serde(default = "default_connections_per_address")]
    pub(super) connections_per_address: u16,
    #[serde(default)]
    pub(super) explain_signatures: bool,
    #[serde(default)]
    pub(super) synchronous: Synchronous,
    pub(super) keep_tasks_days: Option<NonZeroU32>,
    pub(super) on_finished: Option<Spanned<Vec<String>>>,
    pub(super) results_secret: Option<Spanned<String>>,
    pub(super) results_secret_env: Option<Spanned<String>>,
}

/// `[server.tls]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// `[[access_keys]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessKeySection {
    pub(super) access_key: Spanned<String>,
    pub(super) secret_key: Option<String>,
    pub(super) secret_key_env: Option<Spanned<String>>,
    pub(super) projects: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) read_only: bool,
}

/// `[[tokens]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenSection {
    pub(super) name: String,
    pub(super) sha256: Spanned<String>,
    pub(super) expires_at: Option<Spanned<String>>,
    pub(super) projects: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) read_only: bool,
}

/// `[[instances]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceSection {
    pub(super) id: Spanned<String>,
    pub(super) project: Option<Spanned<String>>,
    pub(super) name: Option<String>,
    pub(super) kind: Kind,
    pub(super) shards: Spanned<Vec<Spanned<ShardSection>>>,
}

/// The kind of an instance.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Single,
    Cluster,
}

/// A shard of an instance.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardSection {
    pub(super) address: Option<Spanned<String>>,
    pub(super) file: Option<PathBuf>,
    pub(super) glob: Option<Spanned<PathBuf>>,
    pub(super) url: Option<Spanned<String>>,
}

fn default_listen() -> SocketAddr {
    DEFAULT_LISTEN
}

fn default_max_attempts() -> Spanned<u16> {
    Spanned::new(0..0, DEFAULT_MAX_ATTEMPTS)
}

fn default_worker_timeout_seconds() -> Spanned<u64> {
    Spanned::new(0..0, DEFAULT_WORKER_TIMEOUT_SECONDS)
}

fn default_max_scan_seconds() -> u64 {
    DEFAULT_MAX_SCAN_SECONDS
}

fn default_requests_per_second() -> u32 {
    DEFAULT_REQUESTS_PER_SECOND
}

fn default_connections_per_address() -> u16 {
    DEFAULT_CONNECTIONS_PER_ADDRESS
}
