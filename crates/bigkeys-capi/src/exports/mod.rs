//! Functions that C calls.
//!
//! An argument that may be NULL is an `Option` of a reference or of a box. Both are pointers in C,
//! so most functions need no unsafe code. The comments of the functions are those of the header.

mod guard;
mod options;
mod pointer;
mod results;
mod runs;

pub use options::{
    bigkeys_options_free, bigkeys_options_new, bigkeys_options_set_deep, bigkeys_options_set_map_files,
    bigkeys_options_set_memory, bigkeys_options_set_prefixes, bigkeys_options_set_recursive,
    bigkeys_options_set_separator, bigkeys_options_set_stop_flag, bigkeys_options_set_store_option,
    bigkeys_options_set_threads, bigkeys_options_set_top, bigkeys_options_set_verify_checksum,
    bigkeys_stop_flag_free, bigkeys_stop_flag_new, bigkeys_stop_flag_set,
};
pub use results::{
    bigkeys_error_code, bigkeys_error_free, bigkeys_error_message, bigkeys_error_offset, bigkeys_error_path,
    bigkeys_json_data, bigkeys_json_free, bigkeys_json_len, bigkeys_version,
};
pub use runs::{KeyCallback, bigkeys_scan_json, bigkeys_walk_keys};
