//! Checks that every operation makes first, in the order of the contract: authentication, project,
//! instance. The router has matched the URL and the method before.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use http_body_util::LengthLimitError;
use jiff::Timestamp;
use serde_json::Value;

use super::app::App;
use super::connections::Client;
use crate::auth::signature::{self, percent_decode};
use crate::auth::{Scope, has_credential};
use crate::config::Instance;
use crate::error::ApiError;
use crate::id;
use crate::store::{Origin, StoreError, status_name};
use dcs_bigkeys::Status;

/// Maximum length of a request's body, in bytes. Bodies of the contract have a few hundred bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Time limit for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of tasks on a page of the big-key analysis.
const MAX_LIMIT: i64 = 1000;

const DEFAULT_LIMIT: i64 = 10;

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The id of a request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// An authenticated request.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) scope: Scope,
    pub(crate) origin: Origin,
    params: Vec<(String, String)>,
    query: String,
    pub(crate) body: Bytes,
}

/// An authenticated request for an instance that the sender has access to.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) instance: Instance,
    request: Authenticated,
}

impl FromRequest<Arc<App>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let params = RawPathParams::from_request_parts(&mut parts, app).await.map_err(|_| ApiError::URL)?;
        let params: Vec<_> = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let credentials = app.credentials();
        if credentials.is_open() && !is_local(&parts.headers) {
            return Err(ApiError::FORBIDDEN);
        }
        if !credentials.is_open() && !has_credential(&parts.headers) {
            return Err(ApiError::NO_TOKEN);
        }
        let body = read(body).await?;
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let client = peer.map(Client::from);
        let is_allowed = |client: &Client| app.failures.would_allow(client, Instant::now());
        if !client.as_ref().is_none_or(is_allowed) {
            return Err(ApiError::TOO_MANY);
        }
        let authenticated = credentials.authenticate(signed(&parts, &body), Timestamp::now());
        if let (Err(_), Some(client)) = (&authenticated, &client) {
            app.failures.count(client, Instant::now());
        }
        let scope = authenticated?;
        tracing::Span::current().record("caller", &scope.name);
        if !app.throttle.allows(&scope.name, Instant::now()) {
            return Err(ApiError::TOO_MANY);
        }
        if scope.read_only && !matches!(parts.method, Method::GET | Method::HEAD) {
            // The project is the first check, so a malformed project is reported here.
            let project = param(&params, "project").map_or(Ok(()), |text| project(text, &scope).map(drop));
            return Err(project.err().unwrap_or(ApiError::READ_ONLY));
        }
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let origin = Origin {
            caller: Some(scope.name.clone()),
            peer: peer.map(|peer| peer.to_string()),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()),
        };
        Ok(Self { scope, origin, params, query, body })
    }
}

/// Whether a request names this machine as host and comes from no page of another site. Without
/// credentials, a page in a browser of this machine could otherwise reach the service by a name
/// that resolves to loopback.
fn is_local(headers: &HeaderMap) -> bool {
    let is_local_name = |authority: &str| {
        let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        let host = host.map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    host.is_none_or(is_local_name)
        && origin.is_none_or(|origin| origin.split_once("://").map(|(_, authority)| authority) == host)
}

fn signed<'a>(parts: &'a Parts, body: &'a [u8]) -> signature::Request<'a> {
    signature::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
    }
}

async fn read(body: Body) -> Result<Bytes, ApiError> {
    match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(ApiError::TOO_LARGE),
        Ok(Err(_)) => Err(ApiError::MALFORMED),
        Err(_) => Err(ApiError::TIMEOUT),
    }
}

/// Whether a body could not be read because of its length. Everything else is a broken transfer, such
/// as a wrong size of a chunk.
fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let request = Authenticated::from_request(request, app).await?;
        let project = project(request.param("project"), &request.scope)?;
        let key = id::normalize(request.param("instance")).ok_or(ApiError::INSTANCE_ID)?;
        let instance = app.catalog.find(&key).await.ok_or(ApiError::NO_INSTANCE)?;
        if instance.project.as_ref().is_some_and(|of| *of != project) {
            return Err(ApiError::NO_INSTANCE);
        }
        Ok(Self { instance, request })
    }
}

/// The project's id in the form in which ids are compared.
fn project(text: &str, scope: &Scope) -> Result<String, ApiError> {
    let project = id::normalize(text).ok_or(ApiError::PROJECT_ID)?;
    if scope.allows_project(&project) { Ok(project) } else { Err(ApiError::PROJECT) }
}

fn param<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Authenticated {
    /// A part of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        param(&self.params, name).unwrap_or_default()
    }

    /// The instance with the id in the path, if the sender has access to it.
    pub(crate) async fn instance(&self, app: &App) -> Result<Instance, ApiError> {
        let key = id::normalize(self.param("instance")).ok_or(ApiError::INSTANCE_ID)?;
        let instance = app.catalog.find(&key).await;
        instance.filter(|instance| self.may_see(instance)).ok_or(ApiError::NO_INSTANCE)
    }

    pub(crate) fn may_see(&self, instance: &Instance) -> bool {
        instance.project.as_ref().is_none_or(|project| self.scope.allows_project(project))
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Result<Option<String>, ApiError> {
        let mut values = self.query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decode(key.as_bytes()) == name.as_bytes()).then(|| percent_decode(value.as_bytes()))
        });
        let Some(value) = values.next() else { return Ok(None) };
        // A parameter that occurs twice is ambiguous, and one that is not UTF-8 is wrong.
        match (String::from_utf8(value), values.next()) {
            (Ok(value), None) => Ok(Some(value)),
            _ => Err(ApiError::parameter(name)),
        }
    }

    fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.query(name)? else { return Ok(None) };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::parameter(name));
        }
        text.parse().map(Some).map_err(|_| ApiError::parameter(name))
    }

    /// The filter and the page of a list. `least` is the smallest limit.
    pub(crate) fn page(&self, least: i64) -> Result<Page, ApiError> {
        let offset = self.number("offset")?.unwrap_or(0);
        let limit = self.number("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(least..=MAX_LIMIT).contains(&limit) {
            return Err(ApiError::parameter("limit"));
        }
        let status = self.query("status")?.map(|text| {
            [Status::Waiting, Status::Running, Status::Success, Status::Failed]
                .into_iter()
                .find(|status| status_name(*status) == text)
                .ok_or(ApiError::parameter("status"))
        });
        Ok(Page { offset, limit, status: status.transpose()? })
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<serde_json::Map<String, Value>, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::EMPTY_BODY);
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(ApiError::BODY),
        }
    }

    /// Refuses a body with content. The operation takes no body, and clients send nothing or `{}`.
    pub(crate) fn expect_no_body(&self) -> Result<(), ApiError> {
        match self.object() {
            Err(error) if error != ApiError::EMPTY_BODY => Err(error),
            _ => Ok(()),
        }
    }
}

impl std::ops::Deref for Call {
    type Target = Authenticated;

    fn deref(&self) -> &Authenticated {
        &self.request
    }
}

impl Call {
    /// The id of the task in the path.
    pub(crate) fn task(&self) -> Result<String, ApiError> {
        id::task(self.param("task")).ok_or(ApiError::TASK_ID)
    }
}

/// A page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    pub(crate) status: Option<Status>,
}

/// Logs a failure of the store. The answer does not contain its text.
impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::INTERNAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_credentials_only_this_machine_is_answered() {
        let headers = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a value"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            headers
        };
        for (host, origin) in [
            ("127.0.0.1:8635", None),
            ("localhost", None),
            ("[::1]:80", None),
            ("[::1]", None),
            ("localhost:8635", Some("http://localhost:8635")),
        ] {
            assert!(is_local(&headers(host, origin)), "{host} {origin:?}");
        }
        for (host, origin) in [
            ("evil.example:8635", None),
            ("10.0.0.1:8635", None),
            ("127.0.0.1:8635", Some("https://evil.example")),
            ("127.0.0.1:8635", Some("null")),
            ("localhost:8635", Some("http://localhost:80")),
        ] {
            assert!(!is_local(&headers(host, origin)), "{host} {origin:?}");
        }
    }
}
