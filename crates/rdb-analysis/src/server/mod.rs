//! What is assumed of the server that wrote a file: its family, limits, allocator and constants.

mod allocator;
mod embedding;
mod family;
mod limits;
mod profile;
mod rules;
mod version;

pub use allocator::Allocator;
pub(crate) use embedding::{Key, OBJECT, embedded_bytes};
pub use family::Family;
pub use limits::Limits;
pub(crate) use profile::{Conversion, Fields, KeyCharge, Profile, Skiplist, StringHeaders, Tables};
pub(crate) use rules::Rules;
pub use rules::{Assumptions, MemoryModel};
pub use version::ServerVersion;
