//! Small files that the user names: rules, baselines, maps of slots, saved reports.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use bigkeys::{STDIN, SavedReport};
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

/// Whether a path names a report that `scan --save` wrote. Streams are backups, and are not read
/// here.
pub(crate) fn is_saved_report(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && File::open(path).is_ok_and(|file| file.take(64).read_to_end(&mut beginning).is_ok())
        && SavedReport::is_beginning(&beginning)
}

/// Whether a path names what can be read once only. What is not there is reported when it is opened.
pub(crate) fn is_stream(path: &Path) -> bool {
    let is_special = |metadata: fs::Metadata| !metadata.is_file() && !metadata.is_dir();
    path.as_os_str() == STDIN || fs::metadata(path).is_ok_and(is_special)
}
