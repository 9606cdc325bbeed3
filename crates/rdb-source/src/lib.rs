//! Opens what a user names: a regular file is mapped, anything else is read.
//!
//! [`open`] gives bytes or a reader, both of which `rdb-parser` takes. This crate holds the only
//! `unsafe` block of the workspace, in `map.rs`, and says there what it accepts.

mod map;
mod prefetch;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

pub use map::Mapping;

use prefetch::Prefetch;

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// Map regular files, read everything else.
    #[default]
    Auto,
    /// Map; refuse what cannot be mapped.
    Mmap,
    /// Read, in bounded memory.
    Read,
}

/// An opened input.
#[derive(Debug)]
pub struct Opened {
    /// Its bytes.
    pub data: Data,
    /// When it was last modified, in milliseconds since 1970, if it is a file.
    pub modified_ms: Option<i64>,
}

/// The bytes of an opened input.
pub enum Data {
    /// A mapped file.
    Mapped(Mapping),
    /// Bytes to be read in order.
    Stream {
        /// Gives them.
        reader: Box<dyn Read + Send>,
        /// How many there are, if that is known.
        length: Option<u64>,
    },
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mapped(mapping) => f.debug_tuple("Mapped").field(&mapping.len()).finish(),
            Self::Stream { length, .. } => {
                f.debug_struct("Stream").field("length", length).finish_non_exhaustive()
            }
        }
    }
}

/// Why an input could not be opened. Each message is one line and starts with the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A directory.
    #[error("{}: is a directory, not an RDB file", .0.display())]
    Directory(PathBuf),
    /// A file of no bytes.
    #[error("{}: is empty", .0.display())]
    Empty(PathBuf),
    /// Mapping was asked for, and this is no regular file.
    #[error("{}: is not a regular file and cannot be mapped (use --io auto or read)", .0.display())]
    NotMappable(PathBuf),
}

/// Opens `path`, or standard input for [`STDIN`].
///
/// Reading a pipe happens on a thread of its own and ends with an error soon after `stop` is set, so
/// that a writer that says nothing cannot hold up an interrupted program.
///
/// # Errors
///
/// [`OpenError`], if there is nothing there to read.
pub fn open(path: &Path, mode: IoMode, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    if path == Path::new(STDIN) {
        if mode == IoMode::Mmap {
            return Err(OpenError::NotMappable(path.to_owned()));
        }
        let reader = Prefetch::new(io::stdin(), Arc::clone(stop)).map_err(failed)?;
        return Ok(Opened {
            data: Data::Stream { reader: Box::new(reader), length: None },
            modified_ms: None,
        });
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(OpenError::Directory(path.to_owned()));
    }
    let modified_ms = metadata.modified().ok().and_then(milliseconds);
    if !metadata.is_file() {
        if mode == IoMode::Mmap {
            return Err(OpenError::NotMappable(path.to_owned()));
        }
        let reader = Prefetch::new(file, Arc::clone(stop)).map_err(failed)?;
        return Ok(Opened { data: Data::Stream { reader: Box::new(reader), length: None }, modified_ms });
    }
    if metadata.len() == 0 {
        return Err(OpenError::Empty(path.to_owned()));
    }
    let data = match mode {
        IoMode::Auto | IoMode::Mmap => Data::Mapped(map::map(&file).map_err(failed)?),
        IoMode::Read => Data::Stream { reader: Box::new(file), length: Some(metadata.len()) },
    };
    Ok(Opened { data, modified_ms })
}

fn milliseconds(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_now(path: &Path, mode: IoMode) -> Result<Opened, OpenError> {
        open(path, mode, &Arc::default())
    }

    #[test]
    fn a_file_is_mapped_or_read_as_asked() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        std::fs::write(&path, b"content").expect("written");
        for mode in [IoMode::Auto, IoMode::Mmap] {
            match open_now(&path, mode).expect("opens").data {
                Data::Mapped(mapping) => assert_eq!(&*mapping, b"content"),
                Data::Stream { .. } => panic!("not mapped"),
            }
        }
        match open_now(&path, IoMode::Read).expect("opens").data {
            Data::Mapped(_) => panic!("mapped"),
            Data::Stream { mut reader, length } => {
                let mut content = Vec::new();
                reader.read_to_end(&mut content).expect("reads");
                assert_eq!(content, b"content");
                assert_eq!(length, Some(7));
            }
        }
    }

    #[test]
    fn what_is_no_file_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(open_now(dir.path(), IoMode::Auto), Err(OpenError::Directory(_))));
        assert!(matches!(open_now(&dir.path().join("none"), IoMode::Auto), Err(OpenError::Io { .. })));
        let empty = dir.path().join("empty");
        std::fs::write(&empty, b"").expect("written");
        assert!(matches!(open_now(&empty, IoMode::Auto), Err(OpenError::Empty(_))));
        assert!(matches!(open_now(Path::new(STDIN), IoMode::Mmap), Err(OpenError::NotMappable(_))));
    }
}
