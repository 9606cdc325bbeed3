//! Objects in S3 and what speaks its protocol, Google Cloud Storage, Azure, and on web servers.
//!
//! An object is read from front to back by range requests, a few at a time in flight, so that memory is
//! bounded and one slow answer does not hold up the others. Endpoints and credentials come from the
//! environment, by the names the stores' own tools use (`AWS_*`, `GOOGLE_*`, `AZURE_*`). A service that
//! speaks S3 (Huawei OBS, MinIO, Ceph) is named by `AWS_ENDPOINT`, and by
//! `AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true` if it wants the bucket in the host name.

use std::future::Future;
use std::io::{self, Cursor, Read};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use url::{Position, Url};

use crate::stream::Reader;

/// Bytes asked for at a time, and requests under way at a time. With one chunk waiting and one being
/// read, an object takes 48 MiB at most.
const CHUNK_BYTES: u64 = 8 << 20;
const IN_FLIGHT: usize = 4;

/// Bytes first looked at to see what the object is.
const FIRST_LOOK_BYTES: u64 = 64 << 10;

/// How long an answer is waited for before the stop flag is looked at again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Time that a request for a chunk may take: at 0.5 Mbit/s it just suffices. Overridden by the
/// environment, as everything else.
const DEFAULTS: [(&str, &str); 2] = [("timeout", "130 seconds"), ("connect_timeout", "10 seconds")];

/// Beginnings of the names of variables that are passed on.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

type Outcome<T> = object_store::Result<T>;

/// An object that is there.
#[derive(Clone)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    path: Path,
    stop: Arc<AtomicBool>,
    /// Part of the URL that is a secret.
    query: Option<String>,
    version: Option<String>,
    /// Whether the store answers requests for a part.
    has_ranges: bool,
    head: Vec<u8>,
    pub(crate) modified_ms: i64,
    /// Length in bytes.
    pub(crate) length: u64,
}

/// Finds the object at `url` and reads its beginning.
pub(crate) fn open(url: &str, settings: &[(String, String)], stop: &Arc<AtomicBool>) -> io::Result<Object> {
    let url = Url::parse(url).map_err(io::Error::other)?;
    let query = url.query().filter(|query| !query.is_empty()).map(str::to_owned);
    let (store, path) = store(&url, settings).map_err(|error| explain(&error, query.as_deref()))?;
    wait(stop, query.as_deref(), find(&url, store, path, Arc::clone(stop), query.clone()))
}

async fn find(
    url: &Url,
    store: Arc<dyn ObjectStore>,
    path: Path,
    stop: Arc<AtomicBool>,
    query: Option<String>,
) -> Outcome<Object> {
    let (answer, has_ranges) = match get_range(&*store, &path, 0, FIRST_LOOK_BYTES, None).await {
        Ok(answer) => (answer, true),
        Err(error) => {
            // An empty object has no range, and some web servers know no ranges at all.
            let is_web = matches!(url.scheme(), "http" | "https");
            let whole = store.get(&path).await;
            match whole {
                Ok(whole) if is_web || whole.meta.size == 0 => (whole, false),
                _ => return Err(error),
            }
        }
    };
    let meta = answer.meta.clone();
    let mut head = Vec::new();
    let mut body = answer.into_stream();
    while let Some(piece) = body.next().await {
        head.extend_from_slice(&piece?);
        if head.len() as u64 >= FIRST_LOOK_BYTES {
            break;
        }
    }
    Ok(Object {
        store,
        path,
        stop,
        query,
        version: meta.e_tag,
        has_ranges,
        head,
        modified_ms: meta.last_modified.timestamp_millis(),
        length: meta.size,
    })
}

impl Object {
    /// The beginning of the object.
    pub(crate) fn head(&self) -> Reader {
        Box::new(Cursor::new(self.head.clone()))
    }

    /// A longer beginning, if the object goes on: what the first was too short to tell.
    pub(crate) fn longer_head(&self) -> io::Result<Option<Reader>> {
        if self.length <= self.head.len() as u64 || !self.has_ranges {
            return Ok(None);
        }
        let end = self.length.min(CHUNK_BYTES);
        let bytes = wait(&self.stop, self.query.as_deref(), async {
            get_range(&*self.store, &self.path, 0, end, self.version.as_deref()).await?.bytes().await
        })?;
        Ok(Some(Box::new(Cursor::new(bytes))))
    }

    /// Starts reading the object.
    pub(crate) fn reader(&self) -> io::Result<Reader> {
        let (filled, chunks) = mpsc::channel(1);
        runtime()?.spawn(download(self.clone(), filled));
        Ok(Box::new(Download { object: self.clone(), chunks, chunk: Cursor::default(), read: 0 }))
    }
}

type Bytes = Cursor<Vec<u8>>;

/// Sends the object, chunk after chunk, until nobody wants them any more.
async fn download(object: Object, filled: mpsc::Sender<Outcome<Vec<u8>>>) {
    let object = Arc::new(object);
    let mut chunks: BoxStream<'_, Outcome<Vec<u8>>> = if object.has_ranges {
        let step = usize::try_from(CHUNK_BYTES).unwrap_or(usize::MAX);
        let starts = (0..object.length).step_by(step);
        let requests = starts.map(|start| {
            let object = Arc::clone(&object);
            async move {
                let end = (start + CHUNK_BYTES).min(object.length);
                let version = object.version.as_deref();
                let answer = get_range(&*object.store, &object.path, start, end, version).await?;
                Ok(answer.bytes().await?.to_vec())
            }
        });
        stream::iter(requests).buffered(IN_FLIGHT).boxed()
    } else {
        match object.store.get(&object.path).await {
            Ok(answer) => answer.into_stream().map(|piece| Ok(piece?.to_vec())).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    };
    while let Some(chunk) = chunks.next().await {
        let failed = chunk.is_err();
        if filled.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

/// Asks for bytes `start..end`, of that version of the object and no other.
async fn get_range(
    store: &dyn ObjectStore,
    path: &Path,
    start: u64,
    end: u64,
    version: Option<&str>,
) -> Outcome<GetResult> {
    let options = GetOptions {
        range: Some(GetRange::Bounded(start..end)),
        // A weak tag cannot be asked for.
        if_match: version.filter(|version| !version.starts_with("W/")).map(str::to_owned),
        ..GetOptions::default()
    };
    store.get_opts(path, options).await
}

/// What arrives, in order.
struct Download {
    object: Object,
    chunks: mpsc::Receiver<Outcome<Vec<u8>>>,
    chunk: Bytes,
    read: u64,
}

impl Read for Download {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.chunk.read(out)?;
            if n > 0 || out.is_empty() {
                self.read += n as u64;
                return Ok(n);
            }
            let next = wait(&self.object.stop, self.object.query.as_deref(), async {
                self.chunks.recv().await.transpose()
            })?;
            match next {
                Some(chunk) => self.chunk = Cursor::new(chunk),
                None if self.read < self.object.length => {
                    let (read, length) = (self.read, self.object.length);
                    return Err(io::Error::other(format!("only {read} of {length} bytes arrived")));
                }
                None => return Ok(0),
            }
        }
    }
}

/// The store that `url` is in, and the place of the object in it.
fn store(url: &Url, settings: &[(String, String)]) -> Outcome<(Arc<dyn ObjectStore>, Path)> {
    // The first call installs it, the others find it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut options: Vec<(String, String)> =
        DEFAULTS.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    options.extend(std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let known = VARIABLES.iter().any(|start| name.starts_with(start));
        known.then(|| value.into_string().ok())?.map(|value| (name.to_ascii_lowercase(), value))
    }));
    options.extend_from_slice(settings);
    // Who names an endpoint without encryption knows what that means.
    let is_plain = |value: &str| value.starts_with("http://");
    if url.scheme() == "http"
        || options.iter().any(|(name, value)| name.contains("endpoint") && is_plain(value))
    {
        options.push(("allow_http".to_owned(), "true".to_owned()));
    }
    if !matches!(url.scheme(), "http" | "https") {
        let (store, path) = object_store::parse_url_opts(url, options)?;
        return Ok((store.into(), path));
    }
    // Not by way of `parse_url_opts`: it drops the query, in which a signed URL has its signature, and takes
    // some host names for a store that needs credentials.
    let path = Path::from_url_path(url.path())?;
    let mut base = url[..Position::BeforePath].to_owned();
    if let Some(query) = url.query() {
        base.push_str("/?");
        base.push_str(query);
    }
    let builder = options.into_iter().fold(HttpBuilder::new().with_url(base), |builder, (name, value)| {
        match name.parse() {
            Ok(name) => builder.with_config(name, value),
            Err(_) => builder,
        }
    });
    Ok((Arc::new(builder.build()?), path))
}

/// The threads that talk to stores, for all objects together.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Waits for `work`, but not longer than until `stop` is set.
fn wait<T>(stop: &AtomicBool, query: Option<&str>, work: impl Future<Output = Outcome<T>>) -> io::Result<T> {
    runtime()?.block_on(async {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(PATIENCE, work.as_mut()).await {
                Ok(outcome) => return outcome.map_err(|error| explain(&error, query)),
                Err(_) if stop.load(Ordering::Relaxed) => return Err(io::Error::other("stopped")),
                Err(_) => {}
            }
        }
    })
}

/// The error in one line, without the part of the URL that may be a signature.
fn explain(error: &object_store::Error, query: Option<&str>) -> io::Error {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    io::Error::other(match query {
        Some(query) => text.replace(query, "..."),
        None => text,
    })
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
