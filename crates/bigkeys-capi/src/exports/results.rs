//! Handles of errors and of JSON.

use std::ffi::{CStr, c_char};
use std::ptr;

use super::guard::guard_value;
use crate::code::Code;
use crate::error::Error;
use crate::json::Json;

/// The version of the library, such as "0.1.0". Ends with NUL, and is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("the version has a NUL inside"),
        };
    VERSION.as_ptr()
}

/// The code of an error, which is the code that the failed function returned.
/// `BIGKEYS_CODE_INVALID_ARGUMENT` if `error` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_error_code(error: Option<&Error>) -> Code {
    error.map_or(Code::InvalidArgument, Error::code)
}

/// The message of an error: one line of UTF-8 without control characters. Ends with NUL, and lives
/// as long as the error. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_error_message(error: Option<&Error>) -> *const c_char {
    error.map_or(c"the argument error is NULL", Error::message).as_ptr()
}

/// The path or URL of the input that an error is about, as its message shows it. Ends with NUL, and
/// lives as long as the error. NULL if the error is about no input.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_error_path(error: Option<&Error>) -> *const c_char {
    error.and_then(Error::path).map_or(ptr::null(), CStr::as_ptr)
}

/// The offset in the file, in bytes, at which reading failed or ended. `BIGKEYS_UNKNOWN` if there is
/// none.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_error_offset(error: Option<&Error>) -> i64 {
    error.and_then(Error::offset).and_then(|offset| i64::try_from(offset).ok()).unwrap_or(-1)
}

/// Frees an error. `error` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_error_free(error: Option<Box<Error>>) {
    guard_value(|| drop(error));
}

/// The bytes of a JSON text: UTF-8 that ends with NUL, and that lives as long as the handle. NULL if
/// `json` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_json_data(json: Option<&Json>) -> *const c_char {
    json.map_or(ptr::null(), |json| json.text().as_ptr())
}

/// Length of a JSON text in bytes, without the NUL. 0 if `json` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_json_len(json: Option<&Json>) -> usize {
    json.map_or(0, |json| json.text().count_bytes())
}

/// Frees a JSON text. `json` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn bigkeys_json_free(json: Option<Box<Json>>) {
    guard_value(|| drop(json));
}
