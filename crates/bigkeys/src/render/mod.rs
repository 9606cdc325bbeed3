//! Writes results: one file per format.

pub(crate) mod csv;
pub(crate) mod json;
mod layout;
mod lines;
mod memory;
mod names;
mod rows;
mod sources;
mod stdout;
pub(crate) mod style;
pub(crate) mod table;

pub(crate) use layout::Width;
pub(crate) use lines::Lines;
pub(crate) use rows::{Row, RowFormat, RowWriter, append, top_keys};
pub(crate) use stdout::{flush, stdout};
