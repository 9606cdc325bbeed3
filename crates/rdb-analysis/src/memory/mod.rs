//! What a key takes in a server's memory: the answer to `MEMORY USAGE key SAMPLES 0` after the
//! server has loaded the file.
//!
//! [`MemoryEstimator`] sees values while the parser skips them, and computes the answer from
//! lengths, counts, integers, scores and IDs alone. `server/profile.rs` has the constants of each server family, and
//! `server/allocator.rs` the size classes of allocators. Each other module is one data structure of
//! the servers. `docs/memory-model.md` explains the model and its accuracy.

mod account;
mod arrays;
mod buckets;
mod compressed_nodes;
mod dict;
mod elements;
mod estimator;
mod expected;
mod expiry_index;
mod float;
mod key_costs;
mod memo;
mod name_tree;
mod pairs;
mod rax;
mod sizes;
mod skiplist;
mod streams;
mod string_costs;
mod value;
mod values;

pub use account::SourceMemory;
pub(crate) use account::{KeysInMemory, SourceMemoryJson};
pub(crate) use estimator::MemoryEstimator;
pub use expected::{Expected, ExpectedError};
