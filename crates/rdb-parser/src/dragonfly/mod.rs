//! Structures of Dragonfly's files that no other server writes: compressed frames and chunked
//! values.
//!
//! Source: `rdb_extensions.h`, `rdb_save.cc` and `rdb_load.cc` of Dragonfly, mid 2026. No file of a
//! server was available.

mod chunk;
mod context;
#[cfg_attr(not(feature = "dragonfly"), path = "no_decoder.rs")]
mod decoder;
mod frame;
mod limited;

pub(crate) use chunk::{ChunkPlace, Chunks, CompleteValue};
pub(crate) use context::BlobContext;
pub(crate) use frame::{BlobLimits, BufferPool, FrameReader, frame_magic};
