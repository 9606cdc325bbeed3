//! Reads objects from S3-compatible stores, Google Cloud Storage, Azure and web servers.
//!
//! An object is read from front to back by range requests, a few at a time in flight, so that
//! memory is bounded and one slow answer does not hold up the others. Every answer must be of the
//! same version of the object as the first one (`answer.rs`). Endpoints and credentials come from
//! the environment, by the names the stores' own tools use (`AWS_*`, `GOOGLE_*`, `AZURE_*`). A
//! service that speaks S3 (Huawei OBS, MinIO, Ceph) is named by `AWS_ENDPOINT`, and by
//! `AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true` if it requires the bucket in the host name.

mod answer;
mod error;
mod list;
mod runtime;
mod secrets;
mod store;

pub(crate) use list::list;

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use futures_util::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use url::Url;

use crate::stream::Reader;
use answer::{MAX_SILENCE, Tracked};
use error::Cause;
use runtime::{runtime, silence, wait};
use secrets::{hide, secrets};

/// Bytes asked for at a time, and requests under way at a time. With one chunk waiting and one
/// being read, an object takes 48 MiB at most.
const CHUNK_BYTES: u64 = 8 << 20;
const IN_FLIGHT: usize = 4;

/// Bytes first looked at to see what the object is.
const FIRST_LOOK_BYTES: u64 = 64 << 10;

/// Pause before a chunk is requested again, doubled each time, and the time after which it is not.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSES: Duration = Duration::from_secs(2);

/// An object that is there.
#[derive(Clone)]
pub(crate) struct Object {
    source: Source,
    stop: Arc<AtomicBool>,
    /// Whether the store answers requests for a part.
    has_ranges: bool,
    head: Vec<u8>,
    /// When it was last modified, in milliseconds since 1970, if the store says it.
    pub(crate) modified_ms: Option<i64>,
    /// Length in bytes, if the store says it.
    pub(crate) length: Option<u64>,
}

/// Where an object is requested.
#[derive(Clone)]
struct Source {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Whether the store is a web server.
    is_web: bool,
    /// Parts of the URL that are a secret.
    secrets: Arc<[String]>,
    tracked: Tracked,
}

/// Finds the object at `url` and reads its beginning.
pub(crate) fn open(url: &str, settings: &[(String, String)], stop: &Arc<AtomicBool>) -> io::Result<Object> {
    let url = Url::parse(url).map_err(io::Error::other)?;
    let secrets: Arc<[String]> = secrets(&url).into();
    let (store, path) = store::store(&url, settings)
        .map_err(|error| io::Error::other(hide(error::one_line(&error.to_string()), &secrets)))?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let source = Source { store, path, is_web, secrets, tracked: Tracked::default() };
    wait(stop, find(source, Arc::clone(stop)))
}

async fn find(source: Source, stop: Arc<AtomicBool>) -> io::Result<Object> {
    let started = Instant::now();
    let (answer, has_ranges) = match source.request(Some((0, FIRST_LOOK_BYTES))).await {
        Ok(answer) => (answer, true),
        Err(error) => {
            // An empty object has no range, and some web servers know no ranges at all.
            let is_without_ranges = match error::cause_in(&error) {
                Some(Cause::RangeIgnored { .. } | Cause::Status { code: 416, .. }) => true,
                Some(Cause::Status { code: 400, .. }) => source.is_web,
                _ => false,
            };
            let whole = if is_without_ranges { Some(source.request(None).await) } else { None };
            match whole {
                Some(Ok(whole)) if source.is_web || whole.meta.size == 0 => (whole, false),
                Some(Err(later)) if source.is_web => return Err(source.explain(&later, 0, started)),
                _ => return Err(source.explain(&error, 0, started)),
            }
        }
    };
    let meta = answer.meta.clone();
    let end = has_ranges.then_some(answer.range.end);
    let head = source.read_head(answer, FIRST_LOOK_BYTES, end).await?;
    let version = source.tracked.version();
    // `object_store` has a date for what the server does not say.
    let modified = version.and_then(|version| version.last_modified.as_ref());
    let modified_ms = modified.map(|_| meta.last_modified.timestamp_millis());
    let length = version.and_then(|version| version.length);
    Ok(Object { source, stop, has_ranges, head, modified_ms, length })
}

impl Source {
    /// Requests the bytes from the first offset up to the second, or all bytes, of the version of
    /// the object that the first answer was of.
    async fn request(&self, range: Option<(u64, u64)>) -> object_store::Result<GetResult> {
        let e_tag = self.tracked.version().and_then(|version| version.e_tag.clone());
        let mut options = GetOptions {
            range: range.map(|(start, end)| GetRange::Bounded(start..end)),
            // `If-Match` never matches a weak tag.
            if_match: e_tag.filter(|tag| !tag.starts_with("W/")),
            ..GetOptions::default()
        };
        let mark = if range.is_some() { self.tracked.clone() } else { self.tracked.whole() };
        options.extensions.insert(mark);
        self.store.get_opts(&self.path, options).await
    }

    /// Reads at most `n` bytes of `answer`; all bytes up to `end`, if it is known where the answer
    /// ends.
    async fn read_head(&self, answer: GetResult, n: u64, end: Option<u64>) -> io::Result<Vec<u8>> {
        let started = Instant::now();
        let mut head = Vec::new();
        let mut body = answer.into_stream();
        while (head.len() as u64) < end.unwrap_or(n) {
            match tokio::time::timeout(MAX_SILENCE, body.next()).await {
                Ok(Some(piece)) => {
                    head.extend_from_slice(&piece.map_err(|error| self.explain(&error, 0, started))?);
                }
                Ok(None) => break,
                Err(_) => return Err(self.explain(&silence(), 0, started)),
            }
        }
        match end {
            Some(end) if head.len() as u64 != end => Err(self.wrong_size(0, end, head.len())),
            _ => Ok(head),
        }
    }

    /// The bytes from `start` up to `end`.
    async fn chunk(self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        let chunk = loop {
            let chunk = async { bounded_body(self.request(Some((start, end))).await?, end - start).await };
            let error = match chunk.await {
                Ok(chunk) => break chunk,
                Err(error) => error,
            };
            if !self.may_repeat(&error) || started.elapsed() > MAX_PAUSES {
                return Err(self.explain(&error, start, started));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        };
        // The headers of an answer without `Content-Length` do not show the size of its body.
        if chunk.len() as u64 == end - start {
            Ok(chunk)
        } else {
            Err(self.wrong_size(start, end, chunk.len()))
        }
    }

    /// Whether to request a chunk again because its body broke off. `object_store` does so, and
    /// continues in the middle, if the object has an `ETag`.
    fn may_repeat(&self, error: &object_store::Error) -> bool {
        let has_e_tag = self.tracked.version().is_some_and(|version| version.e_tag.is_some());
        !has_e_tag && error::cause_in(error).is_none() && Cause::of(error, Duration::ZERO).is_some()
    }

    /// All bytes, as they come.
    async fn whole(self) -> io::Result<BoxStream<'static, io::Result<Vec<u8>>>> {
        let started = Instant::now();
        let answer = self.request(None).await.map_err(|error| self.explain(&error, 0, started))?;
        let state = (self, answer.into_stream(), 0);
        let pieces = stream::try_unfold(state, |(source, mut body, offset)| async move {
            let started = Instant::now();
            match tokio::time::timeout(MAX_SILENCE, body.next()).await {
                Ok(Some(Ok(piece))) => {
                    let next = offset + piece.len() as u64;
                    Ok(Some((piece.to_vec(), (source, body, next))))
                }
                Ok(Some(Err(error))) => Err(source.explain(&error, offset, started)),
                Ok(None) => Ok(None),
                Err(_) => Err(source.explain(&silence(), offset, started)),
            }
        });
        Ok(pieces.boxed())
    }

    fn wrong_size(&self, start: u64, end: u64, got: usize) -> io::Error {
        let got = if got as u64 > end - start { "more bytes".to_owned() } else { format!("{got} bytes") };
        self.error(Cause::WrongRange { start, end, got }.to_string())
    }

    fn explain(&self, error: &(dyn std::error::Error + 'static), offset: u64, started: Instant) -> io::Error {
        self.error(error::explain(error, offset, started.elapsed()))
    }

    fn error(&self, text: String) -> io::Error {
        io::Error::other(hide(text, &self.secrets))
    }
}

/// The body of an answer, or so much of it that it is seen to have more than `bytes`: a server may
/// send without end.
async fn bounded_body(answer: GetResult, bytes: u64) -> object_store::Result<Vec<u8>> {
    let mut held = Vec::new();
    let mut body = answer.into_stream();
    while held.len() as u64 <= bytes
        && let Some(piece) = body.next().await
    {
        held.extend_from_slice(&piece?);
    }
    Ok(held)
}

impl Object {
    /// The beginning of the object.
    pub(crate) fn head(&self) -> Reader {
        Box::new(Cursor::new(self.head.clone()))
    }

    /// A longer beginning, if the object goes on: what the first was too short to tell.
    pub(crate) fn longer_head(&self) -> io::Result<Option<Reader>> {
        let seen = self.head.len() as u64;
        if self.length.map_or(seen < FIRST_LOOK_BYTES, |length| length <= seen) {
            return Ok(None);
        }
        let bytes = wait(&self.stop, async {
            let end = self.length.map_or(CHUNK_BYTES, |length| length.min(CHUNK_BYTES));
            if self.has_ranges {
                return self.source.clone().chunk(0, end).await;
            }
            let started = Instant::now();
            let answer =
                self.source.request(None).await.map_err(|error| self.source.explain(&error, 0, started))?;
            self.source.read_head(answer, end, None).await
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

/// Sends the object, chunk after chunk, until the receiver is dropped.
async fn download(object: Object, filled: mpsc::Sender<io::Result<Vec<u8>>>) {
    let source = object.source.clone();
    let mut chunks: BoxStream<'_, io::Result<Vec<u8>>> = match object.length {
        Some(length) if object.has_ranges => {
            let step = usize::try_from(CHUNK_BYTES).unwrap_or(usize::MAX);
            let requests = (0..length).step_by(step).map(move |start| {
                let end = (start + CHUNK_BYTES).min(length);
                // Its own task continues while the reader of the earlier chunks is busy: a request
                // that nobody polls times out.
                Task(tokio::spawn(source.clone().chunk(start, end))).join()
            });
            stream::iter(requests).buffered(IN_FLIGHT).boxed()
        }
        _ => match source.whole().await {
            Ok(pieces) => pieces,
            Err(error) => stream::iter([Err(error)]).boxed(),
        },
    };
    while let Some(chunk) = chunks.next().await {
        let failed = chunk.is_err();
        if filled.send(chunk).await.is_err() || failed {
            return;
        }
    }
}

/// A task that is aborted when it is dropped.
struct Task<T>(JoinHandle<io::Result<T>>);

impl<T> Task<T> {
    async fn join(mut self) -> io::Result<T> {
        (&mut self.0).await.map_err(io::Error::other)?
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What arrives, in order.
struct Download {
    object: Object,
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
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
            let next = wait(&self.object.stop, async { self.chunks.recv().await.transpose() })?;
            match (next, self.object.length) {
                (Some(chunk), _) => self.chunk = Cursor::new(chunk),
                (None, Some(length)) if self.read != length => {
                    let read = self.read;
                    return Err(io::Error::other(format!("{read} of {length} bytes received: run again")));
                }
                (None, _) => return Ok(0),
            }
        }
    }
}
