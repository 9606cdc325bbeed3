//! HTTP service over backup files: the big-key API of Huawei Cloud DCS, and a native API.
//!
//! [`serve`] runs the service until a signal ends it. [`work`] runs a worker, which scans for
//! services on the same database. A request only reads and writes the database of tasks. Scans run
//! on their own threads. The live Redis servers are never contacted.

#![forbid(unsafe_code)]

mod auth;
mod autoscan;
mod backup_mark;
mod catalog;
mod config;
mod error;
mod http;
mod id;
mod instance_metrics;
mod listing;
mod metrics;
mod notifier;
mod results;
mod retention;
mod runner;
mod running;
mod scan;
mod serve_error;
mod signals;
mod store;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use config::{Config, ConfigError, ConfigProblem, DEFAULT_LISTEN, Database, EXAMPLE};
pub use error::ErrorBody;
pub use serve_error::ServeError;

use catalog::Catalog;
use config::Instances;
use http::App;
use http::connections::Connections;
use metrics::Metrics;
use notifier::Notifier;
use runner::{Runner, RunnerOptions};
use scan::ScanLimits;
use signals::Signals;
use store::{Seal, StoreError, StoreOptions, TaskStore};

/// Time limit for each part of the service to end. It is longer than that for a scan.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Origin of the configuration.
#[derive(Clone, Debug)]
pub enum ConfigSource {
    /// A file, read again on SIGHUP.
    File(PathBuf),
    /// Every RDB file below a directory, for all users of this machine.
    Directory {
        /// The directory.
        backups: PathBuf,
        /// The database, unless the options name another.
        database: Database,
    },
}

/// Options of [`serve`] and [`work`].
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The configuration.
    pub source: ConfigSource,
    /// The address to listen on, instead of the configured one.
    pub listen: Option<SocketAddr>,
    /// The database, instead of the configured one.
    pub database: Option<Database>,
}

/// The description of the API as an `OpenAPI` document in JSON.
pub fn openapi() -> String {
    http::openapi::text()
}

/// Serves until SIGINT or SIGTERM, then stops scans, which run again at the next start.
///
/// `ready` is called with the address once requests are answered.
///
/// # Errors
///
/// [`ServeError`], if the service cannot start.
pub fn serve(options: &ServeOptions, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    block_on("serve", run(options, ready))
}

/// Runs a service to its end, which comes in bounded time even if a thread hangs in the kernel, as
/// on a mount whose server is gone.
fn block_on(name: &str, service: impl Future<Output = Result<(), ServeError>>) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name(name).build()?;
    let result = runtime.block_on(service);
    runtime.shutdown_timeout(STOP_TIMEOUT);
    result
}

fn configure(options: &ServeOptions) -> Result<Config, ServeError> {
    let mut config = match &options.source {
        ConfigSource::File(path) => Config::read(path)?,
        ConfigSource::Directory { backups, database } => {
            Config::for_directory(backups.clone(), database.clone())
        }
    };
    config.listen = options.listen.unwrap_or(config.listen);
    if let Some(database) = &options.database {
        config.database.clone_from(database);
    }
    // Checked here and not in the file, because the options may name another database.
    if config.workers == 0 && matches!(config.database, Database::File(_)) {
        return Err(ServeError::NoWorkers);
    }
    if config.credentials.is_open() && !config.listen.ip().is_loopback() {
        return Err(ServeError::Open(config.listen));
    }
    Ok(config)
}

/// Scans shards for services on the same database, until SIGINT or SIGTERM. Unfinished shards are
/// queued again.
///
/// `ready` is called once the database is reached. When the database fails later, the worker waits
/// for it.
///
/// # Errors
///
/// [`ServeError`], if the worker cannot start.
pub fn work(options: &ServeOptions, ready: impl FnOnce()) -> Result<(), ServeError> {
    block_on("worker", run_worker(options, ready))
}

async fn run_worker(options: &ServeOptions, ready: impl FnOnce()) -> Result<(), ServeError> {
    let config = configure(options)?;
    if !matches!(config.database, Database::Postgres(_)) {
        return Err(ServeError::NotShared);
    }
    let catalog = Arc::new(catalog(options, config.instances.clone())?);
    let store = open_store(&config).await?;
    let (end, shutdown) = watch::channel(false);
    // A worker process scans even where `workers = 0` is configured for the services.
    let workers = usize::from(config.workers.max(1));
    let (notifier, commands) = Notifier::new(config.on_finished, shutdown.clone());
    let commands = tokio::spawn(commands);
    let runner = Runner::new(RunnerOptions {
        store: Arc::clone(&store),
        catalog: Arc::clone(&catalog),
        metrics: Arc::new(Metrics::new()),
        notifier,
        limits: ScanLimits { max_time: config.max_scan, max_backup_bytes: config.max_backup_bytes },
        workers,
        shutdown: shutdown.clone(),
    });
    let work = tokio::spawn(store.work(workers, runner.handler(), shutdown));
    let signals = Signals::install()?;
    tracing::info!(workers, "working");
    ready();
    let reload = || {
        catalog.replace(configure(options)?.instances)?;
        Ok(())
    };
    signals.wait_for_end(reload).await?;
    stop(&end, [work, commands], &runner).await;
    Ok(())
}

fn catalog(options: &ServeOptions, instances: Instances) -> Result<Catalog, ServeError> {
    Catalog::new(instances).map_err(|error| ServeError::Backups {
        path: match &options.source {
            ConfigSource::File(path) => path.clone(),
            ConfigSource::Directory { backups, .. } => backups.clone(),
        },
        error,
    })
}

async fn open_store(config: &Config) -> Result<Arc<TaskStore>, ServeError> {
    let options = StoreOptions {
        max_attempts: config.max_attempts,
        worker_timeout: config.worker_timeout,
        synchronous: config.synchronous,
        seal: Seal::new(config.results_secret.as_ref().map(|secret| secret.0.clone())),
    };
    let opened = match &config.database {
        Database::File(path) => store::sqlite::open(path, &options).await,
        Database::Postgres(url) => store::postgres::open(url, &options).await,
    };
    let failed =
        |error: StoreError| ServeError::Store { database: config.database.clone(), error: Box::new(error) };
    opened.map(Arc::new).map_err(failed)
}

/// Stops the parts of a process, and waits for the parts and for the scans.
async fn stop<const N: usize>(
    end: &watch::Sender<bool>,
    parts: [tokio::task::JoinHandle<()>; N],
    runner: &Runner,
) {
    tracing::info!("ending");
    // An error means that every part has ended already.
    let _ = end.send(true);
    for part in parts {
        if tokio::time::timeout(STOP_TIMEOUT, part).await.is_err() {
            tracing::warn!("a part of the service did not end in time");
        }
    }
    if tokio::time::timeout(STOP_TIMEOUT, runner.idle()).await.is_err() {
        tracing::warn!("a scan did not stop in time, it runs again later");
    }
}

async fn run(options: &ServeOptions, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let config = configure(options)?;
    let tls = config.tls.as_ref().map(http::listen::tls).transpose()?;
    let (certificate, certificates) = watch::channel(tls);
    let catalog = catalog(options, config.instances.clone())?;
    let store = open_store(&config).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| ServeError::Listen { address: config.listen, error })?;
    let address = listener.local_addr()?;

    let (end, shutdown) = watch::channel(false);
    let workers = usize::from(config.workers);
    let metrics = Arc::new(Metrics::new());
    let catalog = Arc::new(catalog);
    let (notifier, commands) = Notifier::new(config.on_finished, shutdown.clone());
    let commands = tokio::spawn(commands);
    let runner = Runner::new(RunnerOptions {
        store: Arc::clone(&store),
        catalog: Arc::clone(&catalog),
        metrics: Arc::clone(&metrics),
        notifier,
        limits: ScanLimits { max_time: config.max_scan, max_backup_bytes: config.max_backup_bytes },
        workers,
        shutdown: shutdown.clone(),
    });
    let app = App::new(Arc::clone(&runner), config.credentials, config.requests_per_second);
    let work = tokio::spawn(store.work(workers, runner.handler(), shutdown.clone()));
    let schedules =
        tokio::spawn(autoscan::follow(Arc::clone(&store), Arc::clone(&catalog), shutdown.clone()));
    let retention = tokio::spawn(retention::follow(Arc::clone(&store), config.keep_tasks, shutdown.clone()));
    let router = http::router(Arc::clone(&app));
    // Each scan has an input, and some have sockets of a store.
    let descriptors = raise_descriptor_limit().saturating_sub(workers * 4);
    let connections = Connections::new(descriptors, usize::from(config.connections_per_address));
    let answers =
        tokio::spawn(http::listen::answer(listener, certificates, router, connections, metrics, shutdown));
    // A service manager may send a signal as soon as the service is ready.
    let signals = Signals::install()?;
    tracing::info!(%address, database = %config.database, "serving");
    ready(address);

    signals.wait_for_end(|| reload(options, &app, address, &certificate)).await?;
    stop(&end, [answers, schedules, retention, work, commands], &runner).await;
    Ok(())
}

/// Allows the process as many descriptors as it may have, and returns their number. The usual limit of
/// 1,024 is for programs that use `select`.
#[cfg(target_os = "linux")]
fn raise_descriptor_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of descriptors stays as it is");
            current
        }
    };
    // `None`: there is no limit.
    allowed.map_or(usize::MAX, |allowed| usize::try_from(allowed).unwrap_or(usize::MAX))
}

#[cfg(not(target_os = "linux"))]
fn raise_descriptor_limit() -> usize {
    usize::MAX
}

/// Reads instances, credentials and the certificate again. Tasks stay as they are.
///
/// A file that is empty or was written in part must not open a service that was closed.
fn reload(
    options: &ServeOptions,
    app: &App,
    address: SocketAddr,
    certificate: &watch::Sender<Option<TlsAcceptor>>,
) -> Result<(), ServeError> {
    let mut options = options.clone();
    options.listen = Some(address);
    let config = configure(&options)?;
    if config.credentials.is_open() && !app.credentials().is_open() {
        return Err(ServeError::Opened);
    }
    if certificate.borrow().is_some() != config.tls.is_some() {
        return Err(ServeError::TlsChanged);
    }
    let tls = config.tls.as_ref().map(http::listen::tls).transpose()?;
    app.catalog.replace(config.instances)?;
    certificate.send_replace(tls);
    *app.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.credentials);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_workers_needs_a_database_that_others_can_use() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("bigkeys.toml");
        let (file, shared) = (Database::File("tasks.db".into()), Database::of("postgres://h/d"));
        let cases = [
            ("", None, false),
            ("", Some(&file), false),
            ("", Some(&shared), true),
            ("database = \"postgres://h/d\"", None, true),
            ("database = \"postgres://h/d\"", Some(&file), false),
        ];
        for (configured, given, is_valid) in cases {
            std::fs::write(&path, format!("[server]\nworkers = 0\n{configured}\n")).expect("written");
            let options = ServeOptions {
                source: ConfigSource::File(path.clone()),
                listen: None,
                database: given.cloned(),
            };
            match configure(&options) {
                Ok(config) => assert!(is_valid, "{configured:?} {given:?}: {config:?}"),
                Err(ServeError::NoWorkers) => assert!(!is_valid, "{configured:?} {given:?}"),
                Err(other) => panic!("{other}"),
            }
        }
    }
}
