//! Hides what is secret in a URL.

use url::Url;

/// The query of `url` and its values, encoded and decoded. A signed URL has its signature there.
pub(super) fn secrets(url: &Url) -> Vec<String> {
    /// A shorter value is no signature, and may be anywhere in a message.
    const MIN_CHARS: usize = 6;
    let Some(query) = url.query() else { return Vec::new() };
    let encoded = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1.to_owned()));
    let decoded = url.query_pairs().map(|(_, value)| value.into_owned());
    let values = encoded.chain(decoded).filter(|value| value.len() >= MIN_CHARS);
    std::iter::once(query.to_owned()).filter(|query| !query.is_empty()).chain(values).collect()
}

/// `text` without the `secrets`.
pub(super) fn hide(text: String, secrets: &[String]) -> String {
    secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "..."))
}
