//! What the fuzz targets run. `tests/artifacts.rs` of `rdb-parser` and of `rdb-analysis` run the
//! same on every input that was once found.

pub mod harness;
pub mod split;
