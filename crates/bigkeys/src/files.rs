//! Small files that the user names: rules, baselines, maps of slots, saved reports.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use rdb_parser::escape::Escaped;

/// Reads a file with `parse`. Errors begin with its name.
pub(crate) fn parse_file<T, E>(path: &Path, parse: impl FnOnce(&str) -> Result<T, E>) -> anyhow::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let name = || Escaped::for_terminal(path.as_os_str().as_encoded_bytes()).to_string();
    let text = fs::read_to_string(path).with_context(name)?;
    parse(&text).with_context(name)
}
