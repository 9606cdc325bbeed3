//! The elements of one key.

pub(crate) mod json;
pub(crate) mod resp;
