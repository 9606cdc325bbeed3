//! The packed encodings: many elements in one string ("blob").
//!
//! Each has a small header with a count that is enough for most questions
//! ([`Packed::header_count`]), and can be walked entry by entry ([`Packed::walk`]) over any input,
//! a long blob through a window included.

mod blob;
mod intset;
mod listpack;
mod packed;
mod ziplist;
mod zipmap;

pub(crate) use packed::MAX_HEADER_BYTES;
pub use packed::Packed;
