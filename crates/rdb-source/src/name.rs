//! Names of inputs.

use std::borrow::Cow;
use std::path::Path;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// Whether `path` is the URL of an object.
pub fn is_remote(path: &Path) -> bool {
    const SCHEMES: [&str; 5] = ["s3", "gs", "az", "http", "https"];
    path.to_str()
        .and_then(|text| text.split_once("://"))
        .is_some_and(|(scheme, _)| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

/// `path` for messages and reports. A URL loses its query, because a signed URL has its signature
/// there.
pub fn display_name(path: &Path) -> Cow<'_, str> {
    let text = path.to_string_lossy();
    match text.find('?') {
        Some(at) if is_remote(path) => Cow::Owned(text.get(..at).unwrap_or_default().to_owned()),
        _ => text,
    }
}
