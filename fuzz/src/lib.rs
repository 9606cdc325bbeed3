//! What the fuzz targets run. `crates/rdb-parser/tests/artifacts.rs` runs the same on every input that was once found.

pub mod harness;
