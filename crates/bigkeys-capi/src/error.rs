//! Errors as C programs see them.

use std::any::Any;
use std::ffi::{CStr, CString};
use std::io;

use bigkeys_scan::{ErrorKind, OpenError, ScanError};
use rdb_parser::escape::Escaped;

use crate::code::Code;

/// The reason why a function did not do all its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: CString,
    path: Option<CString>,
    offset: Option<u64>,
}

impl Error {
    /// An error about no particular input.
    pub(crate) fn new(code: Code, message: &str) -> Self {
        Self { code, message: c_text(message), path: None, offset: None }
    }

    /// An error about the input `path`, whose name is not in `message`.
    pub(crate) fn about(code: Code, path: &str, message: &str) -> Self {
        Self { path: Some(c_text(path)), ..Self::new(code, &format!("{path}: {message}")) }
    }

    /// An argument that the function does not take.
    pub(crate) fn invalid(message: &str) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A panic, with the message that it carries.
    pub(crate) fn internal(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Self::new(Code::Internal, &format!("the library has a bug: {text}"))
    }

    pub(crate) fn at(mut self, offset: Option<u64>) -> Self {
        self.offset = offset;
        self
    }

    /// The code that the function returned.
    pub fn code(&self) -> Code {
        self.code
    }

    /// One line without control characters: what failed, on what, and why.
    pub fn message(&self) -> &CStr {
        &self.message
    }

    /// The input, as the message names it.
    pub fn path(&self) -> Option<&CStr> {
        self.path.as_deref()
    }

    /// Offset in the file, in bytes, of the damage or of the end of the work.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        let (code, path, offset) = match &error {
            ScanError::Open(input) => (code_of_open(input.open_error()), Some(input.name()), None),
            ScanError::NotRdb(source) => {
                let code = match source.error.kind() {
                    ErrorKind::Io(_) => Code::Unreadable,
                    _ => Code::NotRdb,
                };
                (code, Some(source.path.as_str()), Some(source.error.offset()))
            }
            ScanError::Threads(_) => (Code::Threads, None, None),
            _ => (Code::InvalidArgument, None, None),
        };
        Self { path: path.map(c_text), offset, ..Self::new(code, &error.to_string()) }
    }
}

fn code_of_open(error: &OpenError) -> Code {
    match error {
        OpenError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound => Code::NotFound,
        OpenError::Nothing { .. } => Code::NotFound,
        OpenError::Empty(_) | OpenError::NotRdb { .. } => Code::NotRdb,
        OpenError::NoRemote(_) => Code::Unsupported,
        _ => Code::Unreadable,
    }
}

/// A text that is harmless on a terminal and has no NUL inside.
fn c_text(text: &str) -> CString {
    // Escaping removes NUL, so the default is never taken.
    CString::new(Escaped::for_message(text).to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_no_control_characters() {
        let error = Error::about(Code::NotRdb, "a\0\u{1b}b.rdb", "not an RDB file");
        assert_eq!(error.message(), c"a\\x00\\x1bb.rdb: not an RDB file");
        assert_eq!(error.path(), Some(c"a\\x00\\x1bb.rdb"));
    }

    #[test]
    fn a_panic_keeps_its_message() {
        for (panic, message) in [
            (Box::new("literal") as Box<dyn Any + Send>, c"the library has a bug: literal"),
            (Box::new(String::from("formatted")), c"the library has a bug: formatted"),
            (Box::new(7), c"the library has a bug: no message"),
        ] {
            let error = Error::internal(&*panic);
            assert_eq!((error.code(), error.message()), (Code::Internal, message));
        }
    }
}
