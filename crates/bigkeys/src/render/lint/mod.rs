//! Broken rules: for people, as JSON, `JUnit` and SARIF.

mod json;
mod junit;
mod sarif;
mod table;

pub(crate) use json::json;
pub(crate) use junit::junit;
pub(crate) use sarif::sarif;
pub(crate) use table::table;
