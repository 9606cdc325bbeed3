//! NULL and other arguments that functions do not take.
#![allow(unsafe_code, reason = "the tests call the functions as C does")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use bigkeys_capi::{
    BIGKEYS_UNKNOWN, Code, Error, Key, Options, bigkeys_error_code, bigkeys_error_free,
    bigkeys_error_message, bigkeys_error_offset, bigkeys_error_path, bigkeys_json_data, bigkeys_json_free,
    bigkeys_json_len, bigkeys_options_free, bigkeys_options_new, bigkeys_options_set_deep,
    bigkeys_options_set_map_files, bigkeys_options_set_memory, bigkeys_options_set_prefixes,
    bigkeys_options_set_recursive, bigkeys_options_set_separator, bigkeys_options_set_stop_flag,
    bigkeys_options_set_store_option, bigkeys_options_set_threads, bigkeys_options_set_top,
    bigkeys_options_set_verify_checksum, bigkeys_scan_json, bigkeys_stop_flag_free, bigkeys_stop_flag_new,
    bigkeys_stop_flag_set, bigkeys_version, bigkeys_walk_keys,
};

extern "C" fn never(_: *mut c_void, _: &Key) -> c_int {
    panic!("no key is visited")
}

/// The message of an error of `code`, which is freed.
fn message(code: Code, error: MaybeUninit<*mut Error>) -> String {
    assert_eq!(code, Code::InvalidArgument);
    // SAFETY: a function that fails has written a pointer that it made from a box.
    let error = unsafe { Box::from_raw(error.assume_init()) };
    assert_eq!(bigkeys_error_code(Some(&error)), code);
    // SAFETY: the text ends with NUL and lives as long as the error.
    let text = unsafe { CStr::from_ptr(bigkeys_error_message(Some(&error))) };
    text.to_str().expect("UTF-8").to_owned()
}

fn scan(options: Option<&Options>, paths: *const *const c_char, count: usize) -> String {
    let (mut json, mut error) = (MaybeUninit::new(ptr::dangling_mut()), MaybeUninit::uninit());
    // SAFETY: the callers pass NULL, or an array of as many pointers.
    let code = unsafe { bigkeys_scan_json(options, paths, count, Some(&mut json), Some(&mut error)) };
    // SAFETY: the variable is initialized above.
    assert!(unsafe { json.assume_init() }.is_null());
    message(code, error)
}

#[test]
fn a_scan_refuses_null() {
    let options = Options::default();
    let paths = [c"dump.rdb".as_ptr(), ptr::null()];
    assert_eq!(scan(None, paths.as_ptr(), 1), "the argument options is NULL");
    assert_eq!(scan(Some(&options), ptr::null(), 1), "the argument paths is NULL");
    assert_eq!(scan(Some(&options), paths.as_ptr(), 0), "the argument paths has 0 paths");
    assert_eq!(scan(Some(&options), paths.as_ptr(), 2), "the argument paths[1] is NULL");
    let too_many = format!("the argument paths has {} paths", usize::MAX);
    assert_eq!(scan(Some(&options), paths.as_ptr(), usize::MAX), too_many);
    let mut error = MaybeUninit::uninit();
    // SAFETY: the array has one text.
    let code = unsafe { bigkeys_scan_json(Some(&options), paths.as_ptr(), 1, None, Some(&mut error)) };
    assert_eq!(message(code, error), "the argument json is NULL");
    // SAFETY: as above.
    let code = unsafe { bigkeys_scan_json(None, paths.as_ptr(), 1, None, None) };
    assert_eq!(code, Code::InvalidArgument);
}

#[test]
fn a_walk_refuses_null() {
    let options = Options::default();
    let path = c"dump.rdb".as_ptr();
    let walk = |options, path, callback| {
        let mut error = MaybeUninit::uninit();
        // SAFETY: the path is NULL or a text that ends with NUL.
        let code = unsafe { bigkeys_walk_keys(options, path, callback, ptr::null_mut(), Some(&mut error)) };
        message(code, error)
    };
    assert_eq!(walk(None, path, Some(never)), "the argument options is NULL");
    assert_eq!(walk(Some(&options), ptr::null(), Some(never)), "the argument path is NULL");
    assert_eq!(walk(Some(&options), path, None), "the argument callback is NULL");
    // SAFETY: NULL is an argument that the function takes.
    let code = unsafe { bigkeys_walk_keys(None, ptr::null(), None, ptr::null_mut(), None) };
    assert_eq!(code, Code::InvalidArgument);
}

#[test]
fn setters_refuse_null() {
    let mut options = Options::default();
    let flag = bigkeys_stop_flag_new().expect("a flag");
    let set_store = |options: Option<&mut Options>, name: Option<&CStr>, value: Option<&CStr>| {
        let pointer = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the texts are NULL or end with NUL.
        unsafe { bigkeys_options_set_store_option(options, pointer(name), pointer(value)) }
    };
    for code in [
        bigkeys_options_set_threads(None, 1),
        bigkeys_options_set_top(None, 1),
        bigkeys_options_set_prefixes(None, 1),
        bigkeys_options_set_separator(None, b':'),
        bigkeys_options_set_deep(None, 1),
        bigkeys_options_set_memory(None, 1),
        bigkeys_options_set_verify_checksum(None, 1),
        bigkeys_options_set_recursive(None, 1),
        bigkeys_options_set_map_files(None, 1),
        bigkeys_options_set_stop_flag(None, Some(&flag)),
        bigkeys_options_set_stop_flag(Some(&mut options), None),
        bigkeys_stop_flag_set(None),
        set_store(None, Some(c"AWS_REGION"), Some(c"eu-north-1")),
        set_store(Some(&mut options), None, Some(c"eu-north-1")),
        set_store(Some(&mut options), Some(c"AWS_REGION"), None),
        set_store(Some(&mut options), Some(c"AWS_REGION"), Some(c"\xff")),
        bigkeys_options_set_threads(Some(&mut options), 1025),
    ] {
        assert_eq!(code, Code::InvalidArgument);
    }
    assert_eq!(set_store(Some(&mut options), Some(c"AWS_REGION"), Some(c"eu-north-1")), Code::Ok);
    assert_eq!(bigkeys_options_set_threads(Some(&mut options), 1024), Code::Ok);
}

#[test]
fn getters_and_frees_take_null() {
    assert_eq!(bigkeys_error_code(None), Code::InvalidArgument);
    assert_eq!(bigkeys_error_offset(None), BIGKEYS_UNKNOWN);
    assert!(bigkeys_error_path(None).is_null());
    // SAFETY: the text ends with NUL and is static.
    let message = unsafe { CStr::from_ptr(bigkeys_error_message(None)) };
    assert_eq!(message, c"the argument error is NULL");
    assert!(bigkeys_json_data(None).is_null());
    assert_eq!(bigkeys_json_len(None), 0);
    bigkeys_error_free(None);
    bigkeys_json_free(None);
    bigkeys_options_free(None);
    bigkeys_stop_flag_free(None);
    bigkeys_options_free(bigkeys_options_new());
}

#[test]
fn the_version_is_that_of_the_package() {
    // SAFETY: the text ends with NUL and is static.
    let version = unsafe { CStr::from_ptr(bigkeys_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}
