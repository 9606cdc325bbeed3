//! Keys as Arrow record batches.

mod batches;
mod columns;
mod schema;

pub use batches::{BatchOrder, key_batches};
pub use schema::key_schema;
