//! Lists the objects of a store that a pattern matches.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use futures_util::stream::StreamExt as _;
use glob::{MatchOptions, Pattern};
use object_store::ObjectMeta;
use object_store::path::Path;
use url::Url;

use super::answer::MAX_SILENCE;
use super::runtime::{silence, wait};
use super::secrets::{hide, secrets};
use super::{error, store};
use crate::name::is_named_like_rdb;

/// A star does not match a slash, as in patterns of files.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The URLs and lengths of the objects that the path of `url` matches, in the order of their URLs. Empty
/// if the path is no pattern, or if the store is a web server, which does not list. An object whose name
/// is the path is the only match.
pub(crate) fn list(
    url: &str,
    settings: &[(String, String)],
    stop: &Arc<AtomicBool>,
) -> io::Result<Vec<(String, u64)>> {
    let url = Url::parse(url).map_err(io::Error::other)?;
    if matches!(url.scheme(), "http" | "https") || !url.path().contains(['*', '[']) {
        return Ok(Vec::new());
    }
    let secrets = secrets(&url);
    let failed = |text: String| io::Error::other(hide(text, &secrets));
    let (store, path) =
        store::store(&url, settings).map_err(|error| failed(error::one_line(&error.to_string())))?;
    let Ok(pattern) = Pattern::new(path.as_ref()) else { return Ok(Vec::new()) };
    let is_wild = |text: &str| text.contains(['*', '[', '?']);
    // The directories before the first one with a wildcard.
    let fixed: Path = path.parts().take_while(|part| !is_wild(part.as_ref())).collect();
    let is_one_directory = fixed.parts().count() + 1 == path.parts().count() && !path.as_ref().contains("**");
    let listed = wait(stop, async {
        let started = Instant::now();
        let explain =
            |error: &(dyn std::error::Error + 'static)| failed(error::explain(error, 0, started.elapsed()));
        if is_one_directory {
            // The directories below may have very many objects.
            let listed = store.list_with_delimiter(Some(&fixed)).await;
            return listed.map(|listed| listed.objects).map_err(|error| explain(&error));
        }
        let mut objects = store.list(Some(&fixed));
        let mut listed = Vec::new();
        loop {
            match tokio::time::timeout(MAX_SILENCE, objects.next()).await {
                Ok(Some(Ok(object))) => {
                    if pattern.matches_with(object.location.as_ref(), OPTIONS) || object.location == path {
                        listed.push(object);
                    }
                }
                Ok(None) => return Ok(listed),
                Ok(Some(Err(error))) => return Err(explain(&error)),
                Err(_) => return Err(explain(&silence())),
            }
        }
    })?;
    let is_match = |object: &&ObjectMeta| {
        // Consoles make empty objects that stand for directories.
        let is_marker = object.size == 0 && !is_named_like_rdb(object.location.as_ref().as_ref());
        !is_marker && pattern.matches_with(object.location.as_ref(), OPTIONS)
    };
    let mut found: Vec<&ObjectMeta> = match listed.iter().find(|object| object.location == path) {
        Some(exact) => vec![exact],
        None => listed.iter().filter(is_match).collect(),
    };
    found.sort_unstable_by(|one, other| one.location.cmp(&other.location));
    let with_path = |object: &ObjectMeta| {
        let mut url = url.clone();
        // The path of a URL is encoded, except percent signs.
        url.set_path(&object.location.as_ref().replace('%', "%25"));
        (url.into(), object.size)
    };
    Ok(found.into_iter().map(with_path).collect())
}
