//! Default values of the configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The address on which the service listens by default.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8635);

/// Maximum number of scans at a time.
pub(super) const MAX_WORKERS: u16 = 64;

/// Minimum length of the secret that signs results.
pub(super) const MIN_SECRET_CHARS: usize = 16;

pub(super) const DEFAULT_MAX_ATTEMPTS: u16 = 2;
pub(super) const DEFAULT_WORKER_TIMEOUT_SECONDS: u64 = 30;
pub(super) const DEFAULT_MAX_SCAN_SECONDS: u64 = 3600;
pub(super) const DEFAULT_REQUESTS_PER_SECOND: u32 = 1000;
pub(super) const DEFAULT_CONNECTIONS_PER_ADDRESS: u16 = 1024;

/// One worker for each core.
pub(super) fn cores() -> u16 {
    std::thread::available_parallelism()
        .map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(MAX_WORKERS))
        .min(MAX_WORKERS)
}
