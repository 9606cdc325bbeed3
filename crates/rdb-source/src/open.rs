//! Opens one input.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::blocking;
use crate::decompress::Compression;
use crate::error::OpenError;
use crate::map::{self, Mapping};
use crate::name::{STDIN, display_name, is_remote};
use crate::prefetch::Prefetch;
#[cfg(feature = "remote")]
use crate::remote;
use crate::sniff::{Content, Nature};
use crate::stream::{self, Lazy, Reader};
use crate::wrapper::Wrapper;

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoMode {
    /// Map regular files, read everything else.
    #[default]
    Auto,
    /// Map. An input that cannot be mapped is an error.
    Mmap,
    /// Read in bounded memory.
    Read,
}

/// An opened input.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The bytes.
    pub data: Data,
    /// Time of the last modification in milliseconds since 1970, of a file or an object.
    pub modified_ms: Option<i64>,
    /// The compression formats, the outermost first.
    pub compression: Vec<Compression>,
    /// What surrounds the RDB data after decompression.
    pub wrapper: Wrapper,
}

/// The bytes of an opened input.
pub enum Data {
    /// A whole mapped file. The RDB data begins after the [wrapper](Opened::wrapper).
    Mapped(Mapping),
    /// A stream that begins with the RDB data.
    Stream {
        /// Reads the bytes.
        reader: Box<dyn Read + Send>,
        /// Number of bytes, with those of the [wrapper](Opened::wrapper), if it is known.
        length: Option<u64>,
        /// Bytes that can be read now without waiting, if another thread reads ahead.
        ready_bytes: Option<Arc<AtomicU64>>,
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

/// How to open an input.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// How to read files.
    pub mode: IoMode,
    /// Settings of object stores, by the names of the environment variables that they override, in
    /// lower case: `aws_endpoint`, `aws_access_key_id`, `azure_storage_account_name`, ...
    pub store: Vec<(String, String)>,
}

/// Opens a file, standard input for [`STDIN`], or an object for a URL (`s3:`, `gs:`, `az:`,
/// `http:`, `https:`).
///
/// Opening, reading a pipe, decompressing and downloading run on other threads, and end with an
/// error soon after `stop` is set. So an interrupted program does not wait for a FIFO without a
/// writer or for a mount whose server is gone. A regular file of length 0 that has content, as in
/// `/proc`, is read as a pipe. Truncated or damaged compressed data is an error of the reader at
/// the damage.
///
/// # Errors
///
/// [`OpenError`], if the input cannot be opened or is recognised as another format.
pub fn open(path: &Path, mode: IoMode, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    open_with(path, &OpenOptions { mode, ..OpenOptions::default() }, stop)
}

/// As [`open`], with options.
///
/// # Errors
///
/// As [`open`].
pub fn open_with(path: &Path, options: &OpenOptions, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    if is_remote(path) {
        return open_remote(path, options, stop);
    }
    let (owned, mode, its_stop) = (path.to_owned(), options.mode, Arc::clone(stop));
    blocking::unless_stopped(stop, move || open_local(&owned, mode, &its_stop))
        .unwrap_or_else(|error| Err(OpenError::Io { path: path.to_owned(), error }))
}

/// As [`open`], for a file that the caller has opened. `path` is for messages: the file is read
/// through this handle only, so that no other file can take its place.
///
/// # Errors
///
/// As [`open`].
pub fn open_file(file: File, path: &Path, mode: IoMode, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    let (owned, its_stop) = (path.to_owned(), Arc::clone(stop));
    blocking::unless_stopped(stop, move || opened(file, &owned, mode, &its_stop))
        .unwrap_or_else(|error| Err(OpenError::Io { path: path.to_owned(), error }))
}

/// Opens a file or standard input. Blocks until a FIFO has a writer.
fn open_local(path: &Path, mode: IoMode, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    if path == Path::new(STDIN) {
        return open_stream(path, mode, stop, io::stdin(), None);
    }
    opened(File::open(path).map_err(failed)?, path, mode, stop)
}

/// Finds out what an open file is. `path` is for messages.
fn opened(mut file: File, path: &Path, mode: IoMode, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(OpenError::Directory(path.to_owned()));
    }
    let modified_ms = metadata.modified().ok().and_then(milliseconds);
    if !metadata.is_file() {
        return open_stream(path, mode, stop, file, modified_ms);
    }
    if metadata.len() == 0 {
        // The file is empty, or its content is made during the read, as in `/proc`. Such a read may
        // block and cannot be repeated.
        return match open_stream(path, IoMode::Auto, stop, file, modified_ms) {
            Ok(_) if mode == IoMode::Mmap => Err(OpenError::NotMappable(path.to_owned())),
            opened => opened,
        };
    }
    let sniffed = file.try_clone().and_then(|file| Nature::of(Box::new(file), |layer| Ok(Box::new(layer))));
    let (nature, _) = sniffed.map_err(failed)?;
    let wrapper = nature.wrapper(path)?;
    let compression = nature.layers;
    file.rewind().map_err(failed)?;
    let data = if !compression.is_empty() {
        if mode == IoMode::Mmap {
            return Err(OpenError::NotMappable(path.to_owned()));
        }
        lazy(move || Ok(Box::new(file)), compression.clone(), wrapper, stop, None)
    } else if mode == IoMode::Read {
        lazy(move || Ok(Box::new(file)), Vec::new(), wrapper, stop, Some(metadata.len()))
    } else {
        let unmapped = file.try_clone().map_err(failed)?;
        match map::map(file).map_err(failed)? {
            Some(mapping) => Data::Mapped(mapping),
            None if mode == IoMode::Mmap => {
                return Err(failed(io::Error::other("too many files are mapped already")));
            }
            None => lazy(move || Ok(Box::new(unmapped)), Vec::new(), wrapper, stop, Some(metadata.len())),
        }
    };
    Ok(Opened { data, modified_ms, compression, wrapper })
}

#[cfg(feature = "remote")]
fn open_remote(path: &Path, options: &OpenOptions, stop: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    let shown = PathBuf::from(display_name(path).into_owned());
    let failed = |error| OpenError::Io { path: shown.clone(), error };
    if options.mode == IoMode::Mmap {
        return Err(OpenError::NotMappable(shown));
    }
    let url = path.to_str().unwrap_or_default();
    let object = remote::open(url, &options.store, stop).map_err(failed)?;
    let look = |head| Nature::of(head, |layer| Ok(Box::new(layer))).map(|(nature, _)| nature);
    let mut nature = look(object.head());
    // A block of compressed data can be longer than the head that was read.
    let tells_nothing = nature.as_ref().map_or(true, |nature| {
        !nature.layers.is_empty() && matches!(nature.content, Content::Empty | Content::Unknown)
    });
    if tells_nothing && let Some(head) = object.longer_head().map_err(failed)? {
        nature = look(head);
    }
    let nature = nature.map_err(failed)?;
    let wrapper = nature.wrapper(&shown)?;
    let length = object.length.filter(|_| nature.layers.is_empty());
    let modified_ms = object.modified_ms;
    let source = move || object.reader();
    let data = lazy(source, nature.layers.clone(), wrapper, stop, length);
    Ok(Opened { data, modified_ms, compression: nature.layers, wrapper })
}

#[cfg(not(feature = "remote"))]
fn open_remote(path: &Path, _: &OpenOptions, _: &Arc<AtomicBool>) -> Result<Opened, OpenError> {
    Err(OpenError::NoRemote(PathBuf::from(display_name(path).into_owned())))
}

/// Opens a source that can be read only once.
fn open_stream(
    path: &Path,
    mode: IoMode,
    stop: &Arc<AtomicBool>,
    source: impl Read + Send + 'static,
    modified_ms: Option<i64>,
) -> Result<Opened, OpenError> {
    let failed = |error| OpenError::Io { path: path.to_owned(), error };
    if mode == IoMode::Mmap {
        return Err(OpenError::NotMappable(path.to_owned()));
    }
    // The bytes that are ready after the last layer.
    let ready_bytes = RefCell::new(Arc::default());
    let ahead = |layer: Reader| {
        let ready = Arc::default();
        ready_bytes.replace(Arc::clone(&ready));
        Ok(Box::new(Prefetch::new(layer, Arc::clone(stop), ready)?) as Reader)
    };
    let source = ahead(Box::new(source)).map_err(failed)?;
    let (nature, head) = Nature::of(source, |layer| ahead(Box::new(layer))).map_err(failed)?;
    let wrapper = nature.wrapper(path)?;
    let mut reader: Reader = Box::new(head);
    stream::skip(&mut reader, wrapper.prefix_bytes).map_err(failed)?;
    Ok(Opened {
        data: Data::Stream { reader, length: None, ready_bytes: Some(ready_bytes.into_inner()) },
        modified_ms,
        compression: nature.layers,
        wrapper,
    })
}

/// The content of `source` without its `layers` of compression and its wrapper. `source` is opened
/// when it is read.
fn lazy(
    source: impl FnOnce() -> io::Result<Reader> + Send + 'static,
    layers: Vec<Compression>,
    wrapper: Wrapper,
    stop: &Arc<AtomicBool>,
    length: Option<u64>,
) -> Data {
    let ready_bytes = Arc::default();
    let (ready, stop) = (Arc::clone(&ready_bytes), Arc::clone(stop));
    let is_read_ahead = !layers.is_empty();
    let reader = Lazy::Closed(Box::new(move || {
        let mut reader = stream::decompress(source()?, &layers, &stop, &ready)?;
        stream::skip(&mut reader, wrapper.prefix_bytes)?;
        Ok(reader)
    }));
    Data::Stream { reader: Box::new(reader), length, ready_bytes: is_read_ahead.then_some(ready_bytes) }
}

impl Nature {
    /// What surrounds the RDB data, if there is RDB data.
    fn wrapper(&self, path: &Path) -> Result<Wrapper, OpenError> {
        match &self.content {
            Content::Rdb(wrapper) => Ok(*wrapper),
            // The parser has the best error message for unknown data.
            Content::Unknown => Ok(Wrapper::default()),
            Content::Empty => Err(OpenError::Empty(path.to_owned())),
            Content::Foreign(what) => {
                let layers = self
                    .layers
                    .iter()
                    .fold(String::new(), |layers, format| format!("{layers}, inside {}", format.name()));
                Err(OpenError::NotRdb { path: path.to_owned(), what: format!("{what}{layers}") })
            }
        }
    }
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
            Data::Stream { mut reader, length, .. } => {
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
        for mode in [IoMode::Auto, IoMode::Read, IoMode::Mmap] {
            assert!(matches!(open_now(&empty, mode), Err(OpenError::Empty(_))));
        }
        assert!(matches!(open_now(Path::new(STDIN), IoMode::Mmap), Err(OpenError::NotMappable(_))));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_length_0_that_has_content_is_read_as_a_stream() {
        let path = Path::new("/proc/self/status");
        assert_eq!(std::fs::metadata(path).expect("there").len(), 0);
        for mode in [IoMode::Auto, IoMode::Read] {
            let Data::Stream { mut reader, length, .. } = open_now(path, mode).expect("opens").data else {
                panic!("mapped");
            };
            let mut content = String::new();
            reader.read_to_string(&mut content).expect("reads");
            assert!(content.starts_with("Name:") && length.is_none(), "{content}");
        }
        assert!(matches!(open_now(path, IoMode::Mmap), Err(OpenError::NotMappable(_))));
    }

    #[test]
    fn an_open_file_is_read_though_another_takes_its_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        for mode in [IoMode::Auto, IoMode::Read] {
            std::fs::write(&path, b"content").expect("written");
            let file = File::open(&path).expect("opens");
            std::fs::remove_file(&path).expect("removed");
            std::fs::write(&path, b"another").expect("written");
            let mut content = Vec::new();
            match open_file(file, &path, mode, &Arc::default()).expect("opens").data {
                Data::Mapped(mapping) => content.extend_from_slice(&mapping),
                Data::Stream { mut reader, .. } => drop(reader.read_to_end(&mut content).expect("reads")),
            }
            assert_eq!(content, b"content", "{mode:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn opening_a_fifo_without_a_writer_ends_soon_after_a_stop() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
        let stop = Arc::new(AtomicBool::new(false));
        let setter = Arc::clone(&stop);
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            setter.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let error = open(&fifo, IoMode::Auto, &stop).expect_err("nobody writes");
        assert!(error.to_string().contains("interrupted"), "{error}");
    }
}
