//! Calls of the functions that take raw pointers, and what they return as Rust values.
#![allow(unsafe_code, reason = "the tests call the functions as C does")]

use std::ffi::{CStr, CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use bigkeys_capi::{
    Code, Error, Json, Key, Options, bigkeys_error_code, bigkeys_error_free, bigkeys_error_message,
    bigkeys_error_offset, bigkeys_error_path, bigkeys_json_data, bigkeys_json_free, bigkeys_json_len,
    bigkeys_scan_json, bigkeys_walk_keys,
};

/// The dumps of the workspace.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fixtures");
    let entries = directory.read_dir().expect("a directory");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// One of the dumps.
pub(crate) fn fixture() -> PathBuf {
    fixtures().into_iter().find(|path| path.ends_with("redis-8.2.3.rdb")).expect("a dump")
}

/// An error as a program sees it through the functions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SeenError {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) path: Option<String>,
    pub(crate) offset: i64,
}

impl SeenError {
    /// Takes the error that `code` comes with, and frees it.
    fn take(code: Code, error: MaybeUninit<*mut Error>) -> Option<Self> {
        // SAFETY: the functions write to their last argument in every case: NULL, or a pointer that
        // they made from a box and that nobody has freed.
        let error = unsafe { error.assume_init() };
        if error.is_null() {
            assert_eq!(code, Code::Ok);
            return None;
        }
        // SAFETY: as above.
        let error = unsafe { Box::from_raw(error) };
        let path = bigkeys_error_path(Some(&error));
        // SAFETY: the texts end with NUL and live as long as the error.
        let (message, path) = unsafe {
            let path = (!path.is_null()).then(|| CStr::from_ptr(path));
            (CStr::from_ptr(bigkeys_error_message(Some(&error))), path)
        };
        let text = |text: &CStr| text.to_str().expect("UTF-8").to_owned();
        let seen = Self {
            code: bigkeys_error_code(Some(&error)),
            message: text(message),
            path: path.map(text),
            offset: bigkeys_error_offset(Some(&error)),
        };
        assert_eq!(seen.code, code);
        bigkeys_error_free(Some(error));
        Some(seen)
    }
}

/// Scans paths. Returns the JSON and the error.
pub(crate) fn scan(options: &Options, paths: &[impl AsRef<Path>]) -> (Option<String>, Option<SeenError>) {
    let paths: Vec<_> = paths.iter().map(|path| c_path(path.as_ref())).collect();
    let pointers: Vec<_> = paths.iter().map(|path| path.as_ptr()).collect();
    let mut json = MaybeUninit::new(ptr::dangling_mut());
    let mut error = MaybeUninit::new(ptr::dangling_mut());
    // SAFETY: the array has as many texts as the length says, and they live during the call.
    let code = unsafe {
        bigkeys_scan_json(Some(options), pointers.as_ptr(), pointers.len(), Some(&mut json), Some(&mut error))
    };
    (take_json(json), SeenError::take(code, error))
}

fn take_json(json: MaybeUninit<*mut Json>) -> Option<String> {
    // SAFETY: the function writes to the argument in every case: NULL, or a pointer that it made
    // from a box and that nobody has freed.
    let json = unsafe { json.assume_init().as_mut().map(|json| Box::from_raw(json)) }?;
    let data = bigkeys_json_data(Some(&json));
    // SAFETY: the text ends with NUL and lives as long as the handle.
    let text = unsafe { CStr::from_ptr(data) }.to_str().expect("UTF-8").to_owned();
    assert_eq!(text.len(), bigkeys_json_len(Some(&json)));
    bigkeys_json_free(Some(json));
    Some(text)
}

/// Walks the keys of `path` with a closure as the callback. Returns the error.
pub(crate) fn walk(
    options: &Options,
    path: impl AsRef<Path>,
    mut visit: impl FnMut(&Key) -> c_int,
) -> Option<SeenError> {
    extern "C" fn call(context: *mut c_void, key: &Key) -> c_int {
        // SAFETY: the context is the one below, which lives during the walk and is used here only.
        let visit = unsafe { &mut *context.cast::<&mut dyn FnMut(&Key) -> c_int>() };
        visit(key)
    }
    let mut visit: &mut dyn FnMut(&Key) -> c_int = &mut visit;
    let path = c_path(path.as_ref());
    let mut error = MaybeUninit::new(ptr::dangling_mut());
    // SAFETY: the path ends with NUL and lives during the call.
    let code = unsafe {
        bigkeys_walk_keys(Some(options), path.as_ptr(), Some(call), (&raw mut visit).cast(), Some(&mut error))
    };
    SeenError::take(code, error)
}

/// The name of a key, and the names of its type and encoding.
pub(crate) fn texts(key: &Key) -> (&[u8], &str, &str) {
    // SAFETY: a callback receives a key whose pointers are valid until it returns.
    let (name, data_type, encoding) = unsafe {
        let name = std::slice::from_raw_parts(key.name, key.name_len);
        (name, CStr::from_ptr(key.data_type), CStr::from_ptr(key.encoding))
    };
    (name, data_type.to_str().expect("ASCII"), encoding.to_str().expect("ASCII"))
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL")
}
