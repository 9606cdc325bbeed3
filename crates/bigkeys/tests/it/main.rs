//! The tests of the program, in one binary: it links the program's crates once.
//!
//! The modules [`live`] and [`memory_live`] need a `redis-server`, so their tests are ignored
//! unless `scripts/test` runs them.

mod cluster;
mod common;
#[path = "common/configuration.rs"]
mod configuration;
mod dump;
#[cfg(all(unix, feature = "explore"))]
mod explore;
mod export;
mod fixtures;
#[cfg(target_os = "linux")]
mod hostile;
mod inputs;
mod live;
#[path = "common/live_memory.rs"]
mod live_memory;
mod memory;
mod memory_live;
#[path = "common/memory.rs"]
mod memory_support;
#[path = "common/old_files.rs"]
mod old_files;
mod output;
mod page;
#[cfg(target_os = "linux")]
mod peak_memory;
#[cfg(all(unix, feature = "explore"))]
mod pictures;
mod readme;
mod report_diff;
mod rules;
mod saved;
#[cfg(all(unix, feature = "explore"))]
#[path = "common/screen.rs"]
mod screen;
mod selection;
#[path = "common/server.rs"]
mod server;
mod sources;
mod stats;
mod terminal;
