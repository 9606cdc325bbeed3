//! The description of the API, generated from the handlers.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use utoipa::OpenApi;

use super::{bigkeys, native, offline};

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
        native::health,
        native::ready,
        native::metrics,
        native::instances,
        native::tasks,
        native::create,
        native::task,
        native::report,
        native::cancel,
    )
)]
struct Description;

/// The description as JSON.
pub(crate) fn text() -> String {
    Description::openapi().to_pretty_json().unwrap_or_default()
}

/// Answers with the description.
pub(crate) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text()).into_response()
}
