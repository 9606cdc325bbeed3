//! The error object of the contract, and every error that the service returns.
//!
//! Source: the service's table of error codes. Codes of the gateway that stands before the real
//! service are written in the nine characters that the object's definition allows (`APIG.0301`).

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

/// Maximum number of characters in an error's text.
const MAX_MESSAGE_CHARS: usize = 1024;

/// The body of every error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// Code, at most nine characters.
    #[schema(max_length = 9)]
    pub error_code: String,
    /// Text, at most 1024 characters.
    #[schema(max_length = 1024)]
    pub error_msg: String,
}

/// An error response. Contains no path, no SQL and no cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $status:ident $code:literal $message:literal;)*) => {
        impl ApiError {
            $($(#[$doc])* pub(crate) const $name: Self = Self {
                status: StatusCode::$status, code: $code, message: Cow::Borrowed($message),
            };)*
        }

        #[cfg(test)]
        const ALL: &[ApiError] = &[$(ApiError::$name),*];
    };
}

errors! {
    PROJECT_ID = BAD_REQUEST "DCS.4002" "Invalid project ID format.";
    EMPTY_BODY = BAD_REQUEST "DCS.4004" "Empty request body.";
    BODY = BAD_REQUEST "DCS.4005" "The message body contains invalid characters or is not in JSON format.";
    INSTANCE_ID = BAD_REQUEST "DCS.4061" "Invalid instance ID format.";
    TASK_ID = BAD_REQUEST "DCS.4070" "Invalid task ID format.";
    BIGKEYS_RUNNING = BAD_REQUEST "DCS.4918" "Instance bigkey analyze is running.";
    UNSUPPORTED = BAD_REQUEST "DCS.4919" "Does not support bigkey analyze.";
    NO_BIGKEYS_TASK = BAD_REQUEST "DCS.4942" "The bigkey id does not exist.";
    TASK_STATE = BAD_REQUEST "DCS.4957" "This operation is not allowed when the task is in the current state.";
    OFFLINE_UNSUPPORTED = BAD_REQUEST "DCS.4230" "Does not support offline key analysis.";
    OFFLINE_RUNNING = BAD_REQUEST "DCS.4231" "Instance offline key analysis is running.";
    NO_OFFLINE_TASK = BAD_REQUEST "DCS.4232" "The offline key analysis task does not exist.";
    TOKEN = UNAUTHORIZED "DCS.1001" "Invalid token.";
    TOKEN_EXPIRED = UNAUTHORIZED "DCS.1002" "Token expired.";
    NO_TOKEN = UNAUTHORIZED "DCS.1003" "No token in the request.";
    PROJECT = UNAUTHORIZED "DCS.1004" "Project ID does not match the token.";
    SIGNATURE = UNAUTHORIZED "APIG.0301" "Incorrect IAM authentication information: verify aksk signature fail";
    SIGNATURE_DATE = UNAUTHORIZED "APIG.0301"
        "Incorrect IAM authentication information: x-sdk-date is missing, not signed, malformed or more than 15 minutes off";
    SIGNATURE_SCHEME = UNAUTHORIZED "APIG.0301"
        "Incorrect IAM authentication information: unsupported algorithm, SDK-HMAC-SHA256 is served";
    FORBIDDEN = FORBIDDEN "DCS.2003" "This role does not have the permission to perform this operation.";
    READ_ONLY = FORBIDDEN "DCS.3002" "This tenant has read permission only and cannot perform this operation.";
    NO_INSTANCE = NOT_FOUND "DCS.3022" "This DCS instance does not exist.";
    URL = NOT_FOUND "DCS.4001" "The requested URL does not exist.";
    METHOD = METHOD_NOT_ALLOWED "DCS.5001" "This request method is not allowed.";
    TIMEOUT = REQUEST_TIMEOUT "APIG.0201" "The request was not received in time.";
    TOO_LARGE = PAYLOAD_TOO_LARGE "APIG.0201" "Request entity too large.";
    MALFORMED = BAD_REQUEST "APIG.0201" "The request is not valid HTTP.";
    NO_HOST = BAD_REQUEST "APIG.0201" "The request has no Host header.";
    HEAD_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE "APIG.0201" "The head of the request is too large.";
    TOO_MANY = TOO_MANY_REQUESTS "APIG.0308" "The throttling threshold has been reached.";
    BUSY = SERVICE_UNAVAILABLE "APIG.0308" "Too many requests are being worked on.";
    INTERNAL = INTERNAL_SERVER_ERROR "DCS.5000" "Internal service error.";
}

impl ApiError {
    /// The parameter `name` of the query or the body has an invalid value.
    pub(crate) fn parameter(name: &str) -> Self {
        let message = format!("Invalid {name} parameter in the request.");
        Self { status: StatusCode::BAD_REQUEST, code: "DCS.4062", message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let message = match self.message.char_indices().nth(MAX_MESSAGE_CHARS) {
            Some((end, _)) => self.message.get(..end).unwrap_or_default().to_owned(),
            None => self.message.into_owned(),
        };
        let body = ErrorBody { error_code: self.code.to_owned(), error_msg: message };
        (self.status, Json(body)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_fits_the_limits_of_the_error_object() {
        for error in ALL {
            assert!(error.code.len() <= 9, "{error:?}");
            assert!(error.message.chars().count() <= MAX_MESSAGE_CHARS, "{error:?}");
            assert!(error.status.is_client_error() || error.status.is_server_error());
        }
    }

    #[tokio::test]
    async fn a_text_is_truncated_at_the_limit_and_not_inside_a_character() {
        let response = ApiError::parameter(&"é".repeat(5000)).into_response();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        let body: ErrorBody = serde_json::from_slice(&bytes).expect("an error object");
        assert_eq!(body.error_msg.chars().count(), 1024);
    }
}
