//! File system calls that may block for ever, such as opening a FIFO without a writer or a file on
//! a mount whose server is gone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long to wait for the call before the stop flag is looked at again.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs `call` on its own thread and returns its result, or an error soon after `stop` is set.
///
/// A call that is blocked in the kernel cannot be cancelled. Its thread stays until the call
/// returns or the process ends, and drops the result.
///
/// # Errors
///
/// The thread cannot be started, `stop` is set, or the call panics.
pub fn unless_stopped<T: Send + 'static>(
    stop: &Arc<AtomicBool>,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = sync_channel(1);
    std::thread::Builder::new().name("open".to_owned()).spawn(move || {
        // The caller may have stopped waiting.
        let _ = done.send(call());
    })?;
    loop {
        match result.recv_timeout(POLL_INTERVAL) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) if stop.load(Ordering::Relaxed) => {
                return Err(io::Error::new(
                    io::ErrorKind::Interrupted,
                    "interrupted while it was being opened",
                ));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other("the thread that opens it panicked"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_gives_its_result() {
        assert_eq!(unless_stopped(&Arc::default(), || 7).expect("returns"), 7);
        // Also when the flag is set already, if it returns at once.
        assert_eq!(unless_stopped(&Arc::new(AtomicBool::new(true)), || 7).expect("returns"), 7);
    }

    #[test]
    fn a_blocked_call_does_not_hold_up_a_stop() {
        let stop = Arc::new(AtomicBool::new(false));
        let (_keep, never) = sync_channel::<()>(0);
        let setter = Arc::clone(&stop);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            setter.store(true, Ordering::Relaxed);
        });
        assert!(unless_stopped(&stop, move || never.recv().is_ok()).is_err());
    }

    #[test]
    fn a_call_that_panics_is_an_error() {
        assert!(unless_stopped(&Arc::default(), || panic!("as a bug would")).is_err());
    }
}
