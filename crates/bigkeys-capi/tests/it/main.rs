//! The tests of the C interface from Rust. `scripts/test-capi` tests it from C.
#![cfg(unix)]

mod arguments;
mod common;
mod header;
mod scan;
mod walk;
