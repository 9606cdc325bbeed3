//! Runs requests and waits for answers.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;

/// How long an answer is waited for before the stop flag is looked at again.
const PATIENCE: Duration = Duration::from_millis(50);

/// The threads that talk to stores, for all objects together.
pub(super) fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Waits for `work`, but not longer than until `stop` is set.
pub(super) fn wait<T>(stop: &AtomicBool, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    runtime()?.block_on(async {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(PATIENCE, work.as_mut()).await {
                Ok(outcome) => return outcome,
                Err(_) if stop.load(Ordering::Relaxed) => return Err(io::Error::other("stopped")),
                Err(_) => {}
            }
        }
    })
}

/// The error of a server that sends nothing for [`MAX_SILENCE`](super::answer::MAX_SILENCE).
pub(super) fn silence() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}
