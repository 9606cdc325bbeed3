//! The C interface of bigkeys: walks the keys of a backup, and scans backups to JSON.
//!
//! C programs use the shared or the static library and the header `include/bigkeys.h`, which is
//! generated from this crate. `docs/c-interface.md` is their guide. Rust programs use
//! `bigkeys-scan`.
//!
//! # Conventions
//!
//! * Handles are opaque. Each has a function that frees it, and that accepts NULL.
//! * A function that can fail returns a [`Code`], and an [`Error`] by its last parameter.
//! * No panic leaves a function: it becomes [`Code::Internal`].
//!
//! # Safety
//!
//! The caller of any function of this crate keeps these promises, which Rust cannot check:
//!
//! * A pointer is NULL, or points to a value of its type that lives during the call.
//! * A handle comes from this library, and was not freed.
//! * No other thread changes or frees an argument during the call. A [`StopFlag`] may be set by
//!   other threads.
//! * Text ends with a NUL byte.
//! * A callback returns normally: it does not throw, and does not jump out with `longjmp`.

mod code;
mod error;
#[expect(unsafe_code, reason = "C calls these functions by their names, and gives them raw pointers")]
#[allow(clippy::missing_safety_doc, reason = "all share the promises above, and their comments are for C")]
mod exports;
mod json;
mod key;
mod options;
mod run;

pub use code::Code;
pub use error::Error;
pub use exports::{
    KeyCallback, bigkeys_error_code, bigkeys_error_free, bigkeys_error_message, bigkeys_error_offset,
    bigkeys_error_path, bigkeys_json_data, bigkeys_json_free, bigkeys_json_len, bigkeys_options_free,
    bigkeys_options_new, bigkeys_options_set_deep, bigkeys_options_set_map_files, bigkeys_options_set_memory,
    bigkeys_options_set_prefixes, bigkeys_options_set_recursive, bigkeys_options_set_separator,
    bigkeys_options_set_stop_flag, bigkeys_options_set_store_option, bigkeys_options_set_threads,
    bigkeys_options_set_top, bigkeys_options_set_verify_checksum, bigkeys_scan_json, bigkeys_stop_flag_free,
    bigkeys_stop_flag_new, bigkeys_stop_flag_set, bigkeys_version, bigkeys_walk_keys,
};
pub use json::Json;
pub use key::{BIGKEYS_NO_EXPIRY, BIGKEYS_UNKNOWN, Key};
pub use options::{Options, StopFlag};
