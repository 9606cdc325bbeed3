//! Errors of object stores and of the network, each in one line.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

/// Characters of a server's own message that are shown, at most.
const MAX_MESSAGE_CHARS: usize = 300;

/// An error of a request: the cause, and the host if the URL of the input does not show it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) host: Option<String>,
}

/// Why a request failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cause {
    #[error("connection refused")]
    Refused,
    #[error("host not found")]
    HostNotFound,
    #[error("certificate is not trusted: {0}")]
    Certificate(String),
    #[error("TLS handshake failed: {0}: check whether the server expects http:// instead of https://")]
    Tls(String),
    #[error("timed out after {:.0} s", .0.as_secs_f64())]
    TimedOut(Duration),
    #[error("connection reset by the server")]
    Reset,
    #[error("connection closed before the end of the answer")]
    Closed,
    #[error("{}", describe_status(*code, message.as_deref(), *is_signed))]
    Status {
        code: u16,
        /// The `Code` and `Message` of an error in XML.
        message: Option<String>,
        /// Whether the URL of the input has a query, which may be a signature.
        is_signed: bool,
    },
    #[error("the object was replaced during the download: {what} at offset {offset}: run again")]
    Replaced { what: String, offset: u64 },
    #[error("the store's answer is wrong: bytes {}-{} requested, {got} received", start, end.saturating_sub(1))]
    WrongRange {
        start: u64,
        /// Offset of the byte after the last.
        end: u64,
        got: String,
    },
    #[error("the store's answer is wrong: all of the object requested, a part received (status 206)")]
    UnwantedPart,
    #[error("the store's answer is wrong: bytes from offset {start} requested, all of the object received")]
    RangeIgnored { start: u64 },
    #[error("{0}")]
    Other(String),
}

impl Cause {
    /// Finds the cause of a failure to send a request or to receive its answer. `waited` is the
    /// time since the request began.
    pub(super) fn of(error: &(dyn Error + 'static), waited: Duration) -> Option<Self> {
        chain(error).find_map(|link| {
            if let Some(error) = link.downcast_ref::<rustls::Error>() {
                return Some(Self::of_tls(error));
            }
            if let Some(error) = link.downcast_ref::<io::Error>() {
                return Self::of_io(error.kind(), waited);
            }
            if link.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout) {
                return Some(Self::TimedOut(waited));
            }
            // The types of these errors are private, or of crates that are no dependency.
            let text = link.to_string();
            let is_closed = text.contains("before message") || text.contains("unexpected EOF");
            if text.starts_with("dns error") {
                Some(Self::HostNotFound)
            } else {
                is_closed.then_some(Self::Closed)
            }
        })
    }

    fn of_io(kind: io::ErrorKind, waited: Duration) -> Option<Self> {
        match kind {
            io::ErrorKind::ConnectionRefused => Some(Self::Refused),
            io::ErrorKind::TimedOut => Some(Self::TimedOut(waited)),
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                Some(Self::Reset)
            }
            io::ErrorKind::UnexpectedEof => Some(Self::Closed),
            _ => None,
        }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError as Bad;
        let rustls::Error::InvalidCertificate(error) = error else {
            return Self::Tls(one_line(&error.to_string()));
        };
        Self::Certificate(match error {
            Bad::UnknownIssuer => {
                "unknown issuer: set SSL_CERT_FILE to a PEM file with the certificate of the issuer"
                    .to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "not valid yet: check the clock".to_owned(),
            error => one_line(&error.to_string()),
        })
    }

    /// Whether the same request can succeed when it is sent again; `None` if the kind of the
    /// original error decides.
    fn is_transient(&self) -> Option<bool> {
        match self {
            Self::TimedOut(_) | Self::Reset | Self::Closed | Self::Other(_) => None,
            Self::Status { code, .. } => Some(*code >= 500 || matches!(code, 408 | 429)),
            _ => Some(false),
        }
    }

    /// The error for `object_store`, which retries those of a transient cause.
    pub(super) fn into_http(self, host: Option<String>, kind: HttpErrorKind) -> HttpError {
        let kind = match self.is_transient() {
            Some(true) => HttpErrorKind::Interrupted,
            Some(false) => HttpErrorKind::Unknown,
            None => kind,
        };
        HttpError::new(kind, Fault { cause: self, host })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host}: {}", self.cause),
            None => self.cause.fmt(f),
        }
    }
}

impl Error for Fault {}

/// The cause in `error` that the checks of answers found, if any.
pub(super) fn cause_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Cause> {
    chain(error).find_map(|link| link.downcast_ref::<Fault>()).map(|fault| &fault.cause)
}

/// Describes a failed request in one line. `offset` is the offset of the first byte that is
/// missing, or of the chunk that is; `waited` is the time since the request began.
pub(super) fn explain(error: &(dyn Error + 'static), offset: u64, waited: Duration) -> String {
    if let Some(fault) = chain(error).find_map(|link| link.downcast_ref::<Fault>()) {
        return fault.to_string();
    }
    match Cause::of(error, waited) {
        Some(cause) => format!("{cause} (bytes from offset {offset}): run again"),
        None => one_line(&error.to_string()),
    }
}

/// `error`, what caused it, what caused that, and so on.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        // The source of an `io::Error` is the source of the error inside, not that error.
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside),
            None => error.source(),
        }
    })
}

/// The innermost error in one line.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    one_line(&chain(error).last().map(ToString::to_string).unwrap_or_default())
}

fn describe_status(code: u16, message: Option<&str>, is_signed: bool) -> String {
    let what = match code {
        300..=399 => "the store is elsewhere",
        401 | 403 => "access denied",
        404 => "not found",
        429 => "too many requests",
        500.. => "the server failed",
        _ => "the server refused the request",
    };
    let advice = match code {
        300..=399 => ": check the region and the endpoint",
        401 | 403 if is_signed => ": check whether the signed URL has expired",
        401 | 403 => ": check the credentials",
        429 | 500.. => ": try again later",
        _ => "",
    };
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    format!("{what} ({code}){message}{advice}")
}

/// The `Code` and `Message` of an error in XML, as S3 and Azure send it. Anything else, such as a
/// page of HTML, gives nothing.
pub(super) fn xml_message(body: &str) -> Option<String> {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim()).filter(|text| !text.is_empty() && !text.contains('<'))
    };
    let code = element("Code")?;
    Some(one_line(&match element("Message") {
        Some(message) => format!("{code}: {}", message.trim_end_matches('.')),
        None => code.to_owned(),
    }))
}

/// `text` in one line of at most [`MAX_MESSAGE_CHARS`], with its control characters, and characters
/// that reorder or hide text, replaced by `?`.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_unprintable = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut chars = words.chars().map(|c| if is_unprintable(c) { '?' } else { c });
    let mut line: String = chars.by_ref().take(MAX_MESSAGE_CHARS).collect();
    if chars.next().is_some() {
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_a_server_is_one_line_without_control_characters() {
        assert_eq!(one_line("a\r\n  b\u{1b}[31m\u{202e}c"), "a b?[31m?c");
        assert_eq!(one_line(&"x".repeat(400)).chars().count(), MAX_MESSAGE_CHARS + 3);
    }

    #[test]
    fn only_the_code_and_message_of_an_xml_error_are_shown() {
        let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message>\
                   <StringToSign>secret</StringToSign></Error>";
        assert_eq!(xml_message(xml).as_deref(), Some("NoSuchKey: The key does not exist"));
        assert_eq!(xml_message("<html><body><h1>404</h1></body></html>"), None);
    }

    #[test]
    fn the_advice_depends_on_the_status() {
        assert_eq!(describe_status(404, None, false), "not found (404)");
        assert_eq!(describe_status(403, None, false), "access denied (403): check the credentials");
        assert_eq!(
            describe_status(403, Some("Expired"), true),
            "access denied (403): Expired: check whether the signed URL has expired"
        );
        assert_eq!(describe_status(503, None, false), "the server failed (503): try again later");
    }
}
