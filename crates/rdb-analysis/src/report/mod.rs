//! Results as plain data, as JSON, and in parts that travel between machines.

mod contents;
pub mod json;
mod partial;
mod wire;

pub use contents::{DbGroup, EncodingGroup, ExpiryGroup, KeyRecord, Report, SourceReport, TypeGroup};
pub use partial::Partial;
pub use wire::WireError;
