//! Ends a command at a signal.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::messages;

/// Interval at which the watchdog checks for a signal.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Time limit for a scan to stop after a signal. A scan checks the stop flag far more often, unless
/// one of its threads is blocked in the kernel.
const GRACE: Duration = Duration::from_secs(2);

/// The stop flag and its watchdog.
#[derive(Default)]
pub(crate) struct Stop {
    /// Set at the first signal.
    flag: Arc<AtomicBool>,
    /// Number of the signal; 0 before a signal arrives.
    signal: Arc<AtomicUsize>,
    /// Whether inputs may still be read. Locked while the watchdog ends the process.
    is_reading: Arc<Mutex<bool>>,
}

impl Stop {
    /// Makes SIGINT, SIGTERM and SIGHUP set the flag. A second signal ends the process at once.
    ///
    /// # Errors
    ///
    /// A handler cannot be installed, or the watchdog's thread cannot be started.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let stop = Self { is_reading: Arc::new(Mutex::new(true)), ..Self::default() };
        for signal in signals() {
            // Registered in this order, so that the first signal finds the flag unset.
            flag::register_conditional_shutdown(signal, i32::from(status(signal)), Arc::clone(&stop.flag))?;
            flag::register_usize(
                signal,
                Arc::clone(&stop.signal),
                usize::try_from(signal).unwrap_or_default(),
            )?;
            flag::register(signal, Arc::clone(&stop.flag))?;
        }
        let (signal, is_reading) = (Arc::clone(&stop.signal), Arc::clone(&stop.is_reading));
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch(&signal, &is_reading))?;
        Ok(stop)
    }

    pub(crate) fn flag(&self) -> &Arc<AtomicBool> {
        &self.flag
    }

    /// Disarms the watchdog, because all inputs have been read and printing may take long.
    pub(crate) fn reading_ended(&self) {
        *self.is_reading.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// The exit status after a signal; `None` without one.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(status(i32::try_from(signal).unwrap_or(SIGINT)).into()),
        }
    }
}

/// The exit status that shells report for a process that a signal ended.
fn status(signal: i32) -> u8 {
    u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128))
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        SIGTERM => "SIGTERM",
        _ => "SIGHUP",
    }
}

/// Ends the process if it still reads after a signal and [`GRACE`].
fn watch(signal: &AtomicUsize, is_reading: &Mutex<bool>) {
    let signal = loop {
        match signal.load(Ordering::Relaxed) {
            0 => thread::sleep(POLL_INTERVAL),
            signal => break i32::try_from(signal).unwrap_or(SIGINT),
        }
    };
    thread::sleep(GRACE);
    let is_reading = is_reading.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_reading {
        messages::error(&format_args!(
            "still blocked in a read or write {} s after {}; ended without the rest of the result",
            GRACE.as_secs(),
            name(signal)
        ));
        // Skips exit handlers, which could block as well.
        low_level::exit(i32::from(status(signal)));
    }
}

/// The signals that stop a command. SIGHUP is left out if the parent ignores it, as `nohup` does.
#[cfg(unix)]
fn signals() -> Vec<i32> {
    use signal_hook::consts::SIGHUP;
    let mut signals = vec![SIGINT, SIGTERM];
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !is_ignored(SIGHUP, &status) {
        signals.push(SIGHUP);
    }
    signals
}

#[cfg(not(unix))]
fn signals() -> Vec<i32> {
    vec![SIGINT, SIGTERM]
}

/// Whether a signal is ignored, according to `/proc/PID/status`.
#[cfg(unix)]
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_128_and_the_number_of_the_signal() {
        assert_eq!([SIGINT, SIGTERM, 1].map(status), [130, 143, 129]);
    }

    #[cfg(unix)]
    #[test]
    fn an_ignored_signal_is_recognised() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        assert!(is_ignored(1, status) && is_ignored(13, status) && !is_ignored(2, status));
        assert!(!is_ignored(1, ""));
    }
}
