//! Result codes.

/// The result of a function. A number never changes its meaning; later versions may add numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Code {
    /// The function did all its work.
    Ok = 0,
    /// A callback or a stop flag ended the work early.
    Stopped = 1,
    /// The file is damaged: a part of it could not be read, or its checksum is wrong. A walk has
    /// visited all readable keys.
    Damaged = 2,
    /// An argument is NULL, out of range, or of the wrong form.
    InvalidArgument = 3,
    /// A file does not exist.
    NotFound = 4,
    /// An input cannot be opened or read, or an object does not exist.
    Unreadable = 5,
    /// An input is empty, or not an RDB file.
    NotRdb = 6,
    /// This build of the library does not support the input.
    Unsupported = 7,
    /// The threads of a scan cannot be started.
    Threads = 8,
    /// The library has a bug.
    Internal = 9,
}
