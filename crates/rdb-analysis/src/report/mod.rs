//! Results as plain data, as JSON, and in parts that travel between machines.

mod collector;
mod contents;
mod groups;
pub mod json;
mod key_columns;
mod key_row;
mod partial;
mod wire;

pub use collector::ReportCollector;
pub use contents::{KeyRow, Report, SourceReport};
pub use groups::groups_json;
pub use key_columns::{
    KEY_COLUMNS, KEY_NUMBERS, KEY_SCHEMA_VERSION, KEY_SCHEMA_VERSION_FIELD, KeyColumn, key_numbers,
};
pub use key_row::append_key_record;
pub use partial::{Partial, Partials};
pub use wire::WireError;
