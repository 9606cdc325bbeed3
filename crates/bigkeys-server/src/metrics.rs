//! Metrics of the service, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets for requests, in seconds.
const REQUEST_BUCKETS: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.1, 1.0, 10.0];

/// Upper bounds of the buckets for scans, in seconds.
const SCAN_BUCKETS: [f64; 8] = [0.1, 1.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0];

#[derive(Debug)]
pub(crate) struct Metrics {
    started: Instant,
    /// Requests by method, path of the operation and status.
    requests: Mutex<BTreeMap<(&'static str, String, u16), u64>>,
    request_seconds: Histogram,
    scan_seconds: Histogram,
    scans_succeeded: AtomicU64,
    scans_failed: AtomicU64,
    scanned_bytes: AtomicU64,
    store_failures: AtomicU64,
    refused_connections: AtomicU64,
}

/// What is true at the moment, in this process and in the store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauges {
    pub(crate) waiting_tasks: i64,
    pub(crate) running_tasks: i64,
    /// Scans that this process may run at a time.
    pub(crate) workers: usize,
    /// Scans that this process runs.
    pub(crate) busy_workers: usize,
    /// Workers of all processes with a recent heartbeat.
    pub(crate) live_workers: i64,
}

#[derive(Debug)]
struct Histogram {
    bounds: [f64; 8],
    counts: [AtomicU64; 8],
    count: AtomicU64,
    microseconds: AtomicU64,
}

impl Histogram {
    fn new(bounds: [f64; 8]) -> Self {
        Self { bounds, counts: Default::default(), count: AtomicU64::new(0), microseconds: AtomicU64::new(0) }
    }

    fn observe(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            if seconds <= *bound {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str) {
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {}", count.load(Ordering::Relaxed));
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = Duration::from_micros(self.microseconds.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}");
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            requests: Mutex::default(),
            request_seconds: Histogram::new(REQUEST_BUCKETS),
            scan_seconds: Histogram::new(SCAN_BUCKETS),
            scans_succeeded: AtomicU64::new(0),
            scans_failed: AtomicU64::new(0),
            scanned_bytes: AtomicU64::new(0),
            store_failures: AtomicU64::new(0),
            refused_connections: AtomicU64::new(0),
        }
    }

    /// Counts a request for an operation: its method, and its path with the names of parameters. The path
    /// is empty if there is no such operation.
    pub(crate) fn request(&self, (method, path): (&'static str, &str), status: u16, time: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((method, path.to_owned(), status)).or_default() += 1;
        drop(requests);
        self.request_seconds.observe(time);
    }

    pub(crate) fn task_ended(&self, succeeded: bool) {
        let counter = if succeeded { &self.scans_succeeded } else { &self.scans_failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a scanned shard.
    pub(crate) fn shard_ended(&self, time: Duration, bytes: u64) {
        self.scanned_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.scan_seconds.observe(time);
    }

    pub(crate) fn store_failed(&self) {
        self.store_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_refused(&self) {
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Renders all metrics.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut out = String::with_capacity(4096);
        let mut one = |name: &str, kind: &str, help: &str, value: f64| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        };
        let read = |counter: &AtomicU64| {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
            {
                counter.load(Ordering::Relaxed) as f64
            }
        };
        one("bigkeys_uptime_seconds", "gauge", "Time since the start.", self.started.elapsed().as_secs_f64());
        let counts = [
            ("bigkeys_tasks_waiting", "Tasks that wait for a worker.", gauges.waiting_tasks),
            ("bigkeys_tasks_running", "Tasks that are worked on.", gauges.running_tasks),
            ("bigkeys_workers", "Scans that this process may run at a time.", signed(gauges.workers)),
            ("bigkeys_workers_busy", "Scans that this process runs.", signed(gauges.busy_workers)),
            (
                "bigkeys_workers_live",
                "Workers of all processes with a recent heartbeat.",
                gauges.live_workers,
            ),
        ];
        for (name, help, count) in counts {
            #[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
            one(name, "gauge", help, count as f64);
        }
        one("bigkeys_scans_succeeded_total", "counter", "Tasks that succeeded.", read(&self.scans_succeeded));
        one("bigkeys_scans_failed_total", "counter", "Tasks that failed.", read(&self.scans_failed));
        one("bigkeys_scanned_bytes_total", "counter", "Bytes of backups read.", read(&self.scanned_bytes));
        one("bigkeys_store_failures_total", "counter", "Failures of the store.", read(&self.store_failures));
        one(
            "bigkeys_refused_connections_total",
            "counter",
            "Connections beyond the limit.",
            read(&self.refused_connections),
        );
        let _ = writeln!(out, "# HELP bigkeys_requests_total Requests by operation and status.");
        let _ = writeln!(out, "# TYPE bigkeys_requests_total counter");
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((method, path, status), count) in requests.iter() {
            let labels = format!("method=\"{method}\",path=\"{path}\",status=\"{status}\"");
            let _ = writeln!(out, "bigkeys_requests_total{{{labels}}} {count}");
        }
        drop(requests);
        self.request_seconds.write(&mut out, "bigkeys_request_seconds", "Time to answer a request.");
        self.scan_seconds.write(&mut out, "bigkeys_scan_seconds", "Time of a scan.");
        out
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let metrics = Metrics::new();
        metrics.request(("GET", "/metrics"), 200, Duration::from_millis(2));
        metrics.request(("GET", "/metrics"), 200, Duration::from_secs(100));
        let gauges =
            Gauges { waiting_tasks: 3, running_tasks: 1, workers: 2, busy_workers: 1, live_workers: 5 };
        let text = metrics.render(&gauges);
        for line in [
            "bigkeys_requests_total{method=\"GET\",path=\"/metrics\",status=\"200\"} 2",
            "bigkeys_request_seconds_bucket{le=\"0.001\"} 0",
            "bigkeys_request_seconds_bucket{le=\"0.0025\"} 1",
            "bigkeys_request_seconds_bucket{le=\"10\"} 1",
            "bigkeys_request_seconds_bucket{le=\"+Inf\"} 2",
            "bigkeys_tasks_waiting 3",
            "bigkeys_workers_live 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
    }
}
