//! The assumed server of a file: its family, limits, allocator and size constants.

mod allocator;
mod assumed;
mod embedding;
mod family;
mod limits;
mod list_node;
mod packed;
mod profile;
mod version;

pub use allocator::Allocator;
pub(crate) use assumed::AssumedServer;
pub use assumed::{Assumptions, MemoryModel};
pub(crate) use embedding::{Key, OBJECT, embedded_bytes};
pub use family::Family;
pub use limits::Limits;
pub(crate) use list_node::ItemPlace;
pub(crate) use packed::{PackedLength, PackedString};
pub(crate) use profile::{
    Conversion, Embedding, Fields, KeyCharge, Profile, RoundsStrings, Skiplist, StringHeaders, SumOfElements,
    Tables, Trees,
};
pub use version::ServerVersion;
