//! Routes and middleware.

mod answers;
mod app;
mod backups;
pub(crate) mod bigkeys;
pub(crate) mod call;
pub(crate) mod connections;
pub(crate) mod limits;
pub(crate) mod listen;
pub(crate) mod native;
pub(crate) mod offline;
pub(crate) mod openapi;
mod page;
mod time;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::FutureExt as _;
use rdb_parser::escape::Escaped;
use tracing::Instrument as _;

pub(crate) use app::App;

use call::{Peer, RequestId};

use crate::error::ApiError;

/// Time limit for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum length of a request id that is accepted from the client.
const MAX_REQUEST_ID_BYTES: usize = 64;

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v2/{project}/instances/{instance}", get(bigkeys::show_instance))
        .route("/v2/{project}/instances/{instance}/bigkey-task", post(bigkeys::create))
        .route("/v2/{project}/instances/{instance}/bigkey-tasks", get(bigkeys::list))
        .route(
            "/v2/{project}/instances/{instance}/bigkey-task/{task}",
            get(bigkeys::show).delete(bigkeys::delete),
        )
        .route(
            "/v2/{project}/instances/{instance}/bigkey/autoscan",
            get(bigkeys::show_autoscan).put(bigkeys::update_autoscan),
        )
        .route(
            "/v2/{project}/instances/{instance}/offline/key-analysis",
            get(offline::list).post(offline::create),
        )
        .route(
            "/v2/{project}/instances/{instance}/offline/key-analysis/{task}",
            get(offline::show).delete(offline::delete),
        )
        .route("/v2/{project}/instances/{instance}/backups", get(backups::list))
        .route("/", get(page::page))
        .route("/metrics", get(native::metrics))
        .route("/api/v1/health", get(native::health))
        .route("/api/v1/ready", get(native::ready))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/api/v1/instances", get(native::instances))
        .route("/api/v1/instances/{instance}/backups", get(native::backups))
        .route("/api/v1/instances/{instance}/tasks", get(native::tasks).post(native::create))
        .route("/api/v1/tasks/{task}", get(native::task))
        .route("/api/v1/tasks/{task}/report", get(native::report))
        .route("/api/v1/tasks/{task}/report.html", get(native::report_page))
        .route("/api/v1/tasks/{task}/cancel", post(native::cancel))
        .fallback(|| async { ApiError::URL })
        .method_not_allowed_fallback(|| async { ApiError::METHOD })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

/// Assigns each request an id, logs and counts it, and answers even after a panic or a time-out.
async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = method_name(request.method());
    let operation = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!(
        "request",
        id,
        peer = request.extensions().get::<Peer>().map(|peer| tracing::field::display(peer.0)),
        caller = tracing::field::Empty,
        method,
        path = %Escaped::for_terminal(request.uri().path().as_bytes()),
    );
    let answer = async {
        if let Err(error) = check_head(&request) {
            return error.into_response();
        }
        let Ok(_permit) = app.requests.try_acquire() else { return ApiError::BUSY.into_response() };
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
        match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => {
                tracing::error!("a handler panicked");
                ApiError::INTERNAL.into_response()
            }
            Err(_) => ApiError::TIMEOUT.into_response(),
        }
    };
    let mut response = answer.instrument(span.clone()).await;
    let (status, time) = (response.status().as_u16(), began.elapsed());
    let operation = operation.as_ref().map_or("", MatchedPath::as_str);
    app.metrics.request((method, operation), status, time);
    span.in_scope(|| tracing::info!(status, microseconds = time.as_micros(), "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a head that is too long, or has no host though its version demands one.
fn check_head(request: &Request) -> Result<(), ApiError> {
    // What separates the parts of a line: a colon, a space and two characters at the end.
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target + fields.sum::<usize>() > listen::MAX_HEAD_BYTES {
        return Err(ApiError::HEAD_TOO_LARGE);
    }
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(header::HOST) {
        return Err(ApiError::NO_HOST);
    }
    Ok(())
}

/// The request id of the client if it is short and printable, and a new id otherwise.
fn request_id(request: &Request) -> String {
    let given = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).filter(|id| {
        (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    given.map_or_else(super::id::random, str::to_owned)
}

/// The name of a known method, so that metrics have a bounded number of series.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}
