//! Errors of opening.

use std::io;
use std::path::PathBuf;

/// The reason why an input could not be opened. Each message is one line and starts with the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system reported an error.
    #[error("{}: {error}", path.display())]
    Io {
        /// The input.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// A directory.
    #[error("{}: is a directory, not an RDB file", .0.display())]
    Directory(PathBuf),
    /// A directory without an RDB file, or a pattern that matches none.
    #[error("{}: {what}", path.display())]
    Nothing {
        /// The directory or pattern.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A file without bytes, or without bytes after decompression.
    #[error("{}: is empty", .0.display())]
    Empty(PathBuf),
    /// Data of another format, recognised by its first bytes.
    #[error("{}: not RDB data: it is {what}", path.display())]
    NotRdb {
        /// The input.
        path: PathBuf,
        /// The other format.
        what: String,
    },
    /// An input that cannot be mapped, although mapping was requested: it is compressed or not a
    /// regular file.
    #[error("{}: only regular files that are not compressed can be mapped (use --io auto or read)", .0.display())]
    NotMappable(PathBuf),
    /// A URL of an object store, in a program without the feature `remote`.
    #[error("{}: this program was built without support for object stores", .0.display())]
    NoRemote(PathBuf),
}
