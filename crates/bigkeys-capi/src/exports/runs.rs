//! Scans and walks.

use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::ptr;

use super::guard::{guard, required};
use super::pointer;
use crate::code::Code;
use crate::error::Error;
use crate::json::Json;
use crate::key::Key;
use crate::options::Options;
use crate::run;

/// Receives a key of a walk. Returns 0 to continue, and any other number to end the walk.
///
/// `context` is the argument of `bigkeys_walk_keys`. `key` and its pointers are valid only until
/// the callback returns. The callback must return: it must not throw an exception, and not call
/// `longjmp`. It may call any function of this library, and must not change or free the options of
/// the walk.
pub type KeyCallback = Option<extern "C" fn(context: *mut c_void, key: &Key) -> c_int>;

/// Scans inputs into one report, the JSON that `bigkeys scan --format json` prints.
///
/// `paths` has `path_count` paths, at least one. A path is that of a file or a directory, a pattern
/// such as "dump-*.rdb", "-" for standard input, or a URL (`s3`, `gs`, `az`, `http`, `https`).
///
/// `*json` receives the report, or NULL. Free it with `bigkeys_json_free`. `error` may be NULL.
/// Otherwise `*error` receives the error, or NULL after `BIGKEYS_CODE_OK`. Free it with
/// `bigkeys_error_free`. The old values of `*json` and `*error` are not read.
///
/// `BIGKEYS_CODE_OK`: there is a report. Damage in a file is no error; the report says so.
/// `BIGKEYS_CODE_STOPPED`: the stop flag was set; there is a report over what was read. Any other
/// code: there is no report, because an input cannot be opened or is not an RDB file, an argument is
/// invalid, or the threads cannot be started.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bigkeys_scan_json(
    options: Option<&Options>,
    paths: *const *const c_char,
    path_count: usize,
    json: Option<&mut MaybeUninit<*mut Json>>,
    error: Option<&mut MaybeUninit<*mut Error>>,
) -> Code {
    guard(error, || {
        let json = required(json, "json")?;
        json.write(ptr::null_mut());
        let options = required(options, "options")?;
        // SAFETY: the caller promises an array of texts that end with NUL.
        let paths = unsafe { pointer::paths(paths, path_count, "paths") }?;
        let (report, ending) = run::scan_json(options, paths)?;
        json.write(Box::into_raw(Box::new(report)));
        ending
    })
}

/// Calls `callback` for every key of one input, in file order, on this thread.
///
/// `path` is a path as for `bigkeys_scan_json` that stands for one file. `context` is passed to
/// `callback`, and may be NULL. `error` may be NULL. Otherwise `*error` receives the error, or NULL
/// after `BIGKEYS_CODE_OK`. Free it with `bigkeys_error_free`. The old value of `*error` is not
/// read.
///
/// `BIGKEYS_CODE_OK`: the file is clean, and all keys were visited. `BIGKEYS_CODE_DAMAGED`: all
/// readable keys were visited; the error says what is wrong, and at which offset reading ended.
/// `BIGKEYS_CODE_STOPPED`: the callback or the stop flag ended the walk. Any other code except
/// `BIGKEYS_CODE_INTERNAL`: no key was visited.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bigkeys_walk_keys(
    options: Option<&Options>,
    path: *const c_char,
    callback: KeyCallback,
    context: *mut c_void,
    error: Option<&mut MaybeUninit<*mut Error>>,
) -> Code {
    guard(error, || {
        let options = required(options, "options")?;
        // SAFETY: the caller promises a text that ends with NUL.
        let path = unsafe { pointer::path(path, "path") }?;
        let callback = required(callback, "callback")?;
        run::walk_keys(options, path, |key| match callback(context, key) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        })
    })
}
