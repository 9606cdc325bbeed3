//! What a key takes in a server's memory: the answer to `MEMORY USAGE key SAMPLES 0` after the server has
//! loaded the file.
//!
//! [`MemoryEstimator`] sees values as the parser passes over them and computes the answer from lengths, counts and
//! IDs alone. What differs between servers is data in `server/profile.rs`; what an allocator makes of a request
//! is in `server/allocator.rs`. The other modules are the servers' data structures, one each. `docs/memory-model.md`
//! explains the whole and has its accuracy.

mod account;
mod buckets;
mod dict;
mod estimator;
mod expected;
mod expiry_index;
mod float;
mod key_costs;
mod memo;
mod packed;
mod rax;
mod sizes;
mod skiplist;
mod value;

pub use account::SourceMemory;
pub(crate) use account::{KeysInMemory, SourceMemoryJson};
pub(crate) use estimator::MemoryEstimator;
pub use expected::{Expected, ExpectedError};
