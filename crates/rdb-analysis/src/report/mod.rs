//! Results as plain data, as JSON, and in parts that travel between machines.

mod collector;
mod contents;
pub mod json;
mod partial;
mod wire;

pub use collector::ReportCollector;
pub use contents::{Report, SourceReport};
pub use partial::Partial;
pub use wire::WireError;
