//! Reads texts through raw pointers.

#[cfg(unix)]
use std::ffi::OsStr;
use std::ffi::{CStr, c_char};
#[cfg(unix)]
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::slice;

use super::guard::is_null;
use crate::error::Error;

/// Most elements of an array of pointers, as no array is longer than `isize::MAX` bytes.
const MAX_POINTERS: usize = isize::MAX as usize / size_of::<*const c_char>();

/// The path in the argument `name`.
///
/// # Safety
///
/// `path` is NULL or a text that ends with NUL.
pub(super) unsafe fn path(path: *const c_char, name: &str) -> Result<PathBuf, Error> {
    // SAFETY: the caller keeps the same promise.
    path_of(unsafe { c_str(path, name) }?, name)
}

/// The `count` paths in the array of the argument `name`.
///
/// # Safety
///
/// `paths` is NULL or an array of `count` pointers, each of which is NULL or a text that ends with
/// NUL.
pub(super) unsafe fn paths(
    paths: *const *const c_char,
    count: usize,
    name: &str,
) -> Result<Vec<PathBuf>, Error> {
    if paths.is_null() {
        return Err(is_null(name));
    }
    if count == 0 || count > MAX_POINTERS {
        return Err(Error::invalid(&format!("the argument {name} has {count} paths")));
    }
    // SAFETY: the caller promises an array of `count` pointers. It is not NULL and not longer than
    // `isize::MAX` bytes, as checked above.
    let paths = unsafe { slice::from_raw_parts(paths, count) };
    let element = |(index, &path): (usize, &*const c_char)| {
        // SAFETY: the caller promises that each element is NULL or a text that ends with NUL.
        unsafe { self::path(path, &format!("{name}[{index}]")) }
    };
    paths.iter().enumerate().map(element).collect()
}

/// The UTF-8 text in the argument `name`.
///
/// # Safety
///
/// `text` is NULL or a text that ends with NUL.
pub(super) unsafe fn utf8(text: *const c_char, name: &str) -> Result<String, Error> {
    // SAFETY: the caller keeps the same promise.
    utf8_of(unsafe { c_str(text, name) }?, name).map(str::to_owned)
}

/// Borrows the text in the argument `name`. The lifetime is that of the caller's memory.
///
/// # Safety
///
/// `text` is NULL or a text that ends with NUL, and that lives and stays unchanged as long as the
/// result.
unsafe fn c_str<'a>(text: *const c_char, name: &str) -> Result<&'a CStr, Error> {
    if text.is_null() {
        return Err(is_null(name));
    }
    // SAFETY: it is not NULL, and the caller promises the rest.
    Ok(unsafe { CStr::from_ptr(text) })
}

fn utf8_of<'a>(text: &'a CStr, name: &str) -> Result<&'a str, Error> {
    text.to_str().map_err(|_| Error::invalid(&format!("the argument {name} is not UTF-8")))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere, a path must be UTF-8")]
fn path_of(path: &CStr, _name: &str) -> Result<PathBuf, Error> {
    Ok(OsStr::from_bytes(path.to_bytes()).into())
}

#[cfg(not(unix))]
fn path_of(path: &CStr, name: &str) -> Result<PathBuf, Error> {
    utf8_of(path, name).map(PathBuf::from)
}
