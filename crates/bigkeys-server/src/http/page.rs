//! The web page at `/`. The page contains no data: its script sends requests with the token that the
//! user types.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bigkeys_report::policy;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

static PAGE: LazyLock<String> =
    LazyLock::new(|| TEMPLATE.replace("{style}", STYLE).replace("{script}", SCRIPT));

/// Content security policy: the styles and the scripts of the page and of the reports that it embeds,
/// by their hashes, and requests to this service only.
///
/// A report is embedded as a `blob:` document, which the policy of this page covers, too.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; style-src {} {}; script-src {} {}; connect-src 'self'; img-src data:; \
         frame-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        policy::of_content(STYLE),
        policy::style(),
        policy::of_content(SCRIPT),
        policy::script(),
    )
});

/// Answers with the page.
pub(crate) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
    ];
    (headers, PAGE.as_str()).into_response()
}
