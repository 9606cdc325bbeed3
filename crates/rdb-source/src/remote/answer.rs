//! An HTTP client that checks every answer of a store before `object_store` reads it.
//!
//! `object_store` neither compares the answers to several requests with each other nor accepts an
//! answer without `Content-Length`, and it retries connections that are refused. A client of our
//! own in between compares answers, accepts an unknown length, and marks which errors to retry.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::StreamExt as _;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

use super::error::{self, Cause};

/// Bytes of an error's body that are read.
const ERROR_BODY_BYTES: usize = 16 << 10;

/// How long the body of an error is waited for.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(5);

/// How long a server may be silent while an object is read by one request. The timeout of the
/// client does not apply to such a request, because it includes the time that the reader takes.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(30);

/// Marks the requests for one object, so that their answers are compared with each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracked {
    first: Arc<OnceLock<Version>>,
    /// Whether all of the object is requested.
    is_whole: bool,
}

/// What an answer says about the version of an object. Text is compared as it stands, so a weak
/// `ETag` counts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// The `ETag` header.
    pub(super) e_tag: Option<String>,
    /// The `Last-Modified` header.
    pub(super) last_modified: Option<String>,
    /// Length of the object in bytes, if the server says it.
    pub(super) length: Option<u64>,
}

impl Tracked {
    /// The mark of a request for all of the object.
    pub(super) fn whole(&self) -> Self {
        Self { is_whole: true, ..self.clone() }
    }

    /// The version of the object as of the first answer.
    pub(super) fn version(&self) -> Option<&Version> {
        self.first.get()
    }

    /// Remembers the version of the first answer and refuses another one later. `offset` is the
    /// first byte that was requested.
    fn compare(&self, version: &Version, offset: u64) -> Result<(), Cause> {
        let first = self.first.get_or_init(|| version.clone());
        match first.difference(version) {
            Some(what) => Err(Cause::Replaced { what, offset }),
            None => Ok(()),
        }
    }

    /// Checks the headers of an answer and gives the number of bytes that its body has, if known.
    fn check(&self, head: &Head, asked: Option<&Range<u64>>) -> Result<Option<u64>, Cause> {
        let offset = asked.map_or(0, |asked| asked.start);
        let part = head.content_range.as_ref().filter(|_| head.status == 206);
        let length = if head.status == 206 { part.and_then(|part| part.total) } else { head.content_length };
        let version =
            Version { e_tag: head.e_tag.clone(), last_modified: head.last_modified.clone(), length };
        self.compare(&version, offset)?;
        let Some(asked) = asked else {
            return if head.status == 206 { Err(Cause::UnwantedPart) } else { Ok(head.content_length) };
        };
        // A range of an object of unknown length is no use either.
        if head.status != 206 || part.is_some_and(|part| part.total.is_none()) {
            return Err(Cause::RangeIgnored { start: asked.start });
        }
        let end = length.map_or(asked.end, |length| length.min(asked.end));
        let wrong = |got| Cause::WrongRange { start: asked.start, end, got };
        let Some(part) = part else { return Err(wrong("a part without a Content-Range".to_owned())) };
        if part.range.is_empty() || part.range != (asked.start..end) {
            return Err(wrong(format!("bytes {}-{}", part.range.start, part.range.end.saturating_sub(1))));
        }
        match head.content_length {
            Some(n) if n != end - asked.start => Err(wrong(format!("{n} bytes"))),
            _ => Ok(Some(end - asked.start)),
        }
    }

    /// The cause of an answer with an error status. After the first answer, 412 and 416 mean that
    /// the object was replaced.
    fn refusal(
        &self,
        head: &Head,
        asked: Option<&Range<u64>>,
        message: Option<String>,
        is_signed: bool,
    ) -> Cause {
        let offset = asked.map_or(0, |asked| asked.start);
        let total = head.content_range.as_ref().and_then(|range| range.total);
        match (head.status, self.version()) {
            (412, Some(_)) => Cause::Replaced { what: "its ETag changed".to_owned(), offset },
            (416, Some(first)) if total.is_some() && total != first.length => {
                Cause::Replaced { what: "its length changed".to_owned(), offset }
            }
            (code, _) => Cause::Status { code, message, is_signed },
        }
    }
}

impl Version {
    /// How `later` differs. A length that one of the two leaves out is no difference.
    fn difference(&self, later: &Self) -> Option<String> {
        let show = |text: &Option<String>| text.as_deref().map_or("none".to_owned(), error::one_line);
        if self.e_tag != later.e_tag {
            return Some(format!("its ETag changed from {} to {}", show(&self.e_tag), show(&later.e_tag)));
        }
        match (self.length, later.length) {
            (Some(first), Some(later)) if first != later => {
                return Some(format!("its length changed from {first} to {later} bytes"));
            }
            _ => {}
        }
        (self.last_modified != later.last_modified).then(|| {
            let (first, later) = (show(&self.last_modified), show(&later.last_modified));
            format!("its Last-Modified changed from {first} to {later}")
        })
    }
}

/// The headers of an answer that count here.
struct Head {
    status: u16,
    e_tag: Option<String>,
    last_modified: Option<String>,
    content_length: Option<u64>,
    content_range: Option<ContentRange>,
}

impl Head {
    fn of(response: &HttpResponse) -> Self {
        let text = |name: &str| {
            response.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            status: response.status().as_u16(),
            e_tag: text("etag"),
            last_modified: text("last-modified"),
            content_length: text("content-length").and_then(|text| text.trim().parse().ok()),
            content_range: text("content-range").and_then(|text| ContentRange::parse(&text)),
        }
    }
}

/// A `Content-Range`: the bytes sent, and of how many.
#[derive(Debug, PartialEq, Eq)]
struct ContentRange {
    /// Empty if none are sent (`*`).
    range: Range<u64>,
    /// Length of the object, unless unknown (`*`).
    total: Option<u64>,
}

impl ContentRange {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.trim().split_once('/')?;
        let total = if total == "*" { None } else { Some(total.parse().ok()?) };
        let range = if range == "*" { 0..0 } else { bounds(range)? };
        Some(Self { range, total })
    }
}

/// `first-last` as a range.
fn bounds(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    Some(first.trim().parse().ok()?..last.trim().parse::<u64>().ok()?.checked_add(1)?)
}

/// Makes the clients of a store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connector {
    /// Whether the store is a web server, which the URL of the input names.
    pub(super) is_web: bool,
    /// Whether the URL of the input has a query, which may be a signature.
    pub(super) is_signed: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let connect = |options: &ClientOptions| ReqwestConnector::default().connect(options);
        let without_timeout = if self.is_web {
            Some(connect(&options.clone().with_timeout_disabled().with_read_timeout_disabled())?)
        } else {
            None
        };
        Ok(HttpClient::new(Client { connector: *self, inner: connect(options)?, without_timeout }))
    }
}

/// Sends requests and checks their answers.
#[derive(Debug)]
struct Client {
    connector: Connector,
    inner: HttpClient,
    /// For requests that take as long as the reader does.
    without_timeout: Option<HttpClient>,
}

impl HttpService for Client {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> BoxFuture<'b, Result<HttpResponse, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.send(request))
    }
}

impl Client {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let tracked = request.extensions().get::<Tracked>().cloned();
        let range = request.headers().get("range").and_then(|value| value.to_str().ok());
        let asked = range.and_then(|text| bounds(text.trim().strip_prefix("bytes=")?));
        // The URL of the input shows the host of a web server only.
        let is_shown = self.connector.is_web && tracked.is_some();
        let authority = if is_shown { None } else { request.uri().authority() };
        // Without a password.
        let host = authority.map(|host| host.as_str().rsplit('@').next().unwrap_or_default().to_owned());
        let failed = |cause: Cause| cause.into_http(host.clone(), HttpErrorKind::Unknown);

        let is_whole = tracked.as_ref().is_some_and(|tracked| tracked.is_whole);
        if let (true, Some(asked)) = (is_whole, &asked) {
            // `object_store` tries to go on where a body broke off; this server knows no ranges.
            let what = "connection closed before the end of the answer";
            return Err(failed(Cause::Other(format!("{what} at offset {}: run again", asked.start))));
        }
        let started = Instant::now();
        let answer = match &self.without_timeout {
            Some(client) if is_whole => {
                match tokio::time::timeout(MAX_SILENCE, client.execute(request)).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        Err(HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut)))
                    }
                }
            }
            _ => self.inner.execute(request).await,
        };
        let answer = answer.map_err(|error| {
            let cause = Cause::of(&error, started.elapsed());
            let cause = cause.unwrap_or_else(|| Cause::Other(error::root(&error)));
            cause.into_http(host.clone(), error.kind())
        })?;

        let is_success = answer.status().is_success();
        let Some(tracked) = tracked else {
            // A request for credentials. Its status decides what `object_store` does next.
            return Ok(if is_success { answer } else { without_page(answer).await });
        };
        let head = Head::of(&answer);
        if !is_success {
            let message = error_message(answer).await;
            return Err(failed(tracked.refusal(&head, asked.as_ref(), message, self.connector.is_signed)));
        }
        let body_bytes = tracked.check(&head, asked.as_ref()).map_err(failed)?;
        let (mut parts, body) = answer.into_parts();
        if head.content_length.is_none() {
            // `object_store` requires a length. Of a whole object it is read nowhere: the version
            // has it.
            parts.headers.insert("content-length", body_bytes.unwrap_or(u64::MAX).into());
        }
        Ok(HttpResponse::from_parts(parts, body))
    }
}

/// `answer` with nothing in its body but the message.
async fn without_page(answer: HttpResponse) -> HttpResponse {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove("content-length");
    let status = parts.status;
    let mut copy = HttpResponse::new(body);
    *copy.status_mut() = status;
    let message = error_message(copy).await.unwrap_or_default();
    HttpResponse::from_parts(parts, message.into())
}

/// What the body of an error says, if it is of a form that is known.
async fn error_message(answer: HttpResponse) -> Option<String> {
    let mut body = answer.into_body().bytes_stream();
    let mut text = Vec::new();
    let read = async {
        while let Some(Ok(piece)) = body.next().await {
            text.extend_from_slice(&piece);
            if text.len() >= ERROR_BODY_BYTES {
                break;
            }
        }
    };
    // What came until then may do.
    let _ = tokio::time::timeout(ERROR_BODY_PATIENCE, read).await;
    error::xml_message(&String::from_utf8_lossy(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, content_length: Option<u64>) -> Head {
        let content_range = ContentRange::parse(text);
        Head { status: 206, e_tag: None, last_modified: None, content_length, content_range }
    }

    #[test]
    fn a_part_must_be_the_range_that_was_requested() {
        let check = |text, length| Tracked::default().check(&part(text, length), Some(&(10..20)));
        assert_eq!(check("bytes 10-19/50", Some(10)), Ok(Some(10)));
        assert_eq!(check("bytes 10-14/15", None), Ok(Some(5)));
        for (text, length) in
            [("bytes 0-9/50", Some(10)), ("bytes 10-14/50", Some(5)), ("bytes 10-19/50", Some(5))]
        {
            assert!(matches!(check(text, length), Err(Cause::WrongRange { .. })), "{text} {length:?}");
        }
        assert!(matches!(check("nonsense", Some(10)), Err(Cause::WrongRange { .. })));
        assert!(matches!(check("bytes 10-19/*", Some(10)), Err(Cause::RangeIgnored { .. })));
    }

    #[test]
    fn a_version_differs_in_any_of_its_parts() {
        let first = Version {
            e_tag: Some("W/\"1\"".to_owned()),
            last_modified: Some("Mon".to_owned()),
            length: Some(1),
        };
        assert_eq!(first.difference(&first), None);
        for later in [
            Version { e_tag: Some("\"1\"".to_owned()), ..first.clone() },
            Version { e_tag: None, ..first.clone() },
            Version { last_modified: Some("Tue".to_owned()), ..first.clone() },
            Version { length: Some(2), ..first.clone() },
        ] {
            assert!(first.difference(&later).is_some(), "{later:?}");
        }
        assert_eq!(first.difference(&Version { length: None, ..first.clone() }), None);
    }
}
