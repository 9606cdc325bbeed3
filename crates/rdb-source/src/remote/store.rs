//! The store of a URL, with its settings.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::{Position, Url};

use super::answer::Connector;

/// Timeouts: of a request for a chunk (8 MiB in 130 s are 0.52 Mbit/s), of a server that sends
/// nothing, and of connecting. Settings override them.
const DEFAULTS: [(&str, &str); 3] =
    [("timeout", "130 seconds"), ("read_timeout", "30 seconds"), ("connect_timeout", "10 seconds")];

/// Beginnings of the names of variables that are passed on.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// How often a request is sent again after an error that may pass, and how long after the first
/// try.
const MAX_RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// Applies `options`, retries and the checks of answers to a builder of a store.
macro_rules! build {
    ($builder:expr, $options:expr, $connector:expr) => {{
        let builder = $options.into_iter().fold($builder, |builder, (name, value)| match name.parse() {
            Ok(name) => builder.with_config(name, value),
            // A setting of another store.
            Err(_) => builder,
        });
        Arc::new(builder.with_retry(retry_config()).with_http_connector($connector).build()?)
    }};
}

/// The store that `url` is in, and the path of the object in it.
pub(super) fn store(
    url: &Url,
    settings: &[(String, String)],
) -> object_store::Result<(Arc<dyn ObjectStore>, Path)> {
    // Fails if a provider is installed already, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = options(url, settings);
    let is_web = matches!(url.scheme(), "http" | "https");
    let connector = Connector { is_web, is_signed: url.query().is_some() };
    if is_web {
        // Not by way of `ObjectStoreScheme`: it takes some host names for a store that needs
        // credentials.
        let path = Path::from_url_path(url.path())?;
        let mut base = url[..Position::BeforePath].to_owned();
        if let Some(query) = url.query() {
            base.push_str("/?");
            base.push_str(query);
        }
        return Ok((build!(HttpBuilder::new().with_url(base), options, connector), path));
    }
    let (scheme, path) = ObjectStoreScheme::parse(url)?;
    let store: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            build!(AmazonS3Builder::new().with_url(url.as_str()), options, connector)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            build!(GoogleCloudStorageBuilder::new().with_url(url.as_str()), options, connector)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            build!(MicrosoftAzureBuilder::new().with_url(url.as_str()), options, connector)
        }
        _ => {
            let source = format!("{}:// is no scheme of an object store", url.scheme()).into();
            return Err(object_store::Error::NotSupported { source });
        }
    };
    Ok((store, path))
}

/// The settings for `url` by name in lower case; the last one of a name counts.
fn options(url: &Url, settings: &[(String, String)]) -> Vec<(String, String)> {
    let mut options: Vec<(String, String)> =
        DEFAULTS.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    options.extend(std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let known = VARIABLES.iter().any(|start| name.starts_with(start));
        known.then(|| value.into_string().ok())?.map(|value| (name.to_ascii_lowercase(), value))
    }));
    options.extend(settings.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
    // An endpoint with http:// allows requests without encryption.
    let is_plain = |value: &str| value.starts_with("http://");
    if url.scheme() == "http"
        || options.iter().any(|(name, value)| name.contains("endpoint") && is_plain(value))
    {
        options.push(("allow_http".to_owned(), "true".to_owned()));
    }
    options
}

/// Retries for errors that may pass: at most 30 s with the default timeouts.
fn retry_config() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(5),
        ..BackoffConfig::default()
    };
    RetryConfig { backoff, max_retries: MAX_RETRIES, retry_timeout: RETRY_TIMEOUT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_of_a_url_names_the_kind_of_store() {
        let account = [("azure_storage_account_name".to_owned(), "account".to_owned())];
        for (url, kind, bucket) in [
            ("s3://backups/a/b.rdb", "AmazonS3", "backups"),
            ("gs://backups/a/b.rdb", "GoogleCloudStorage", "backups"),
            ("az://backups/a/b.rdb", "MicrosoftAzure", "backups"),
            ("https://backups.example/a/b.rdb", "HttpStore", ""),
        ] {
            let (store, path) = store(&Url::parse(url).expect("a URL"), &account).expect("a store");
            let name = store.to_string();
            assert!(name.contains(kind) && name.contains(bucket), "{url}: {name}");
            assert_eq!(path.as_ref(), "a/b.rdb", "{url}");
        }
        assert!(store(&Url::parse("ftp://backups/a/b.rdb").expect("a URL"), &account).is_err());
    }
}
