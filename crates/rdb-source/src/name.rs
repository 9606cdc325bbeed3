//! Names of inputs.

use std::borrow::Cow;
use std::path::Path;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// File extensions treated as RDB when a directory is searched, whatever the file holds, so that a
/// damaged file is reported and not skipped.
const EXTENSIONS: [&str; 2] = ["rdb", "dfs"];
const COMPRESSED_EXTENSIONS: [&str; 4] = ["gz", "zst", "zstd", "lz4"];

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

/// Whether the extensions of `path` are those of an RDB file, plain or compressed.
pub fn is_named_like_rdb(path: &Path) -> bool {
    has_extension(path, &EXTENSIONS)
        || has_extension(path, &COMPRESSED_EXTENSIONS)
            && path.file_stem().is_some_and(|stem| has_extension(Path::new(stem), &EXTENSIONS))
}

/// Whether the extension of `path` is in a list.
pub(crate) fn has_extension(path: &Path, list: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| list.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}
