//! What a key takes in a server's memory: the answer to `MEMORY USAGE key SAMPLES 0` after the server has
//! loaded the file.
//!
//! [`Gauge`] sees values as the parser passes over them and computes the answer from lengths, counts and
//! IDs alone. What differs between servers is in [`profile`], as data; what an allocator makes of a request
//! is in [`allocator`]. The other modules are the servers' data structures, one each. `docs/memory-model.md`
//! explains the whole and has its accuracy.

mod account;
mod allocator;
mod buckets;
mod dict;
mod expected;
mod expiry_index;
mod float;
mod gauge;
mod memo;
mod packed;
mod profile;
mod rax;
mod sizes;
mod skiplist;
mod string;
mod value;

pub use account::SourceMemory;
pub(crate) use account::{SourceMemoryJson, reconcile};
pub use allocator::Allocator;
pub use expected::{Expected, ExpectedError};
pub(crate) use gauge::{Gauge, MemoryGauge};
pub(crate) use profile::Profile;
pub(crate) use string::{Key, embedded_bytes};

/// Whose memory is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryModel {
    /// The servers it is made for.
    pub name: &'static str,
    /// The allocator assumed.
    pub allocator: Allocator,
    /// How well it stands for the server that wrote the file, if that is another one.
    pub note: Option<&'static str>,
}
