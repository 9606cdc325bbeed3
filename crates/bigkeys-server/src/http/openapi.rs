//! The description of the API, generated from the handlers.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use utoipa::OpenApi;

use super::{backups, bigkeys, native, offline};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "bigkeys",
        description = "Big-key analysis of Huawei Cloud DCS over backup files, and the service's own API.",
    ),
    paths(
        bigkeys::show_instance,
        bigkeys::create,
        bigkeys::list,
        bigkeys::show,
        bigkeys::delete,
        bigkeys::show_autoscan,
        bigkeys::update_autoscan,
        offline::create,
        offline::list,
        offline::show,
        offline::delete,
        backups::list,
        native::health,
        native::ready,
        native::metrics,
        native::instances,
        native::backups,
        native::tasks,
        native::create,
        native::task,
        native::report,
        native::report_page,
        native::cancel,
    )
)]
struct Description;

/// The description as JSON.
pub(crate) fn text() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

/// The description, rendered once for all who read it.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| text().into());

/// Answers with the description.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.clone()).into_response()
}
