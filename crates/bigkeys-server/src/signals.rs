//! Signals: the end of the process, and SIGHUP, at which the configuration is read again.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::serve_error::ServeError;

/// The signals that end the process, and SIGHUP.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

#[cfg(unix)]
impl Signals {
    /// Installs the handlers. Without them, a SIGHUP ends the process.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal to end, and calls `reload` at each SIGHUP.
    pub(crate) async fn wait_for_end(
        mut self,
        reload: impl Fn() -> Result<(), ServeError>,
    ) -> Result<(), ServeError> {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return Ok(()),
                _ = self.terminate.recv() => return Ok(()),
                _ = self.hang_up.recv() => match reload() {
                    Ok(()) => tracing::info!("the configuration was read again"),
                    Err(error) => tracing::error!(%error, "the configuration stays as it was"),
                },
            }
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn wait_for_end(self, _: impl Fn() -> Result<(), ServeError>) -> Result<(), ServeError> {
        Ok(tokio::signal::ctrl_c().await?)
    }
}
