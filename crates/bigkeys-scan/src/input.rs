//! An input before and after it is opened.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rdb_analysis::{Guard, Loss, Note, Origin, Source, SourceData};
use rdb_source::{Data, Found, Increments, Mapping, OpenError, OpenOptions, Opened, display_name};

use crate::error::{InputError, ScanError};

/// An input that is not open yet.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) shard: Option<String>,
    pub(crate) length: Option<u64>,
    pub(crate) increments: Option<Increments>,
}

impl Input {
    /// The file, object or stream at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = display_name(&path).into_owned();
        Self { path, name, shard: None, length: None, increments: None }
    }

    /// Sets the name that reports and error messages show, instead of the path.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the node that wrote the input, `ip:port`.
    #[must_use]
    pub fn with_shard(mut self, shard: impl Into<String>) -> Self {
        self.shard = Some(shard.into());
        self
    }

    pub(crate) fn from_listing(found: Found, shard: Option<String>, length: Option<u64>) -> Self {
        let (increments, length) = (found.increments, length.or(found.length));
        Self { shard, length, increments, ..Self::new(found.path) }
    }

    /// Sets what was written after the input, if it is the base of a multi-part append-only file.
    #[must_use]
    pub fn with_increments(mut self, increments: Option<Increments>) -> Self {
        self.increments = increments;
        self
    }

    /// What was written after the input, if it is the base of a multi-part append-only file. These files
    /// are not read.
    pub fn increments(&self) -> Option<Increments> {
        self.increments
    }

    /// The path or URL of the input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name that reports and error messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node that wrote the input, `ip:port`, if it was named.
    pub fn shard(&self) -> Option<&str> {
        self.shard.as_deref()
    }

    /// Length of the file in bytes, if the file system reports it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    pub(crate) fn open(self, options: &OpenOptions, stop: &Arc<AtomicBool>) -> Result<OpenInput, ScanError> {
        let opened = rdb_source::open_with(&self.path, options, stop);
        self.opened(opened)
    }
}

impl Input {
    /// The input whose file the caller has opened.
    pub(crate) fn open_file(
        self,
        file: File,
        options: &OpenOptions,
        stop: &Arc<AtomicBool>,
    ) -> Result<OpenInput, ScanError> {
        let opened = rdb_source::open_file(file, &self.path, options.mode, stop);
        self.opened(opened)
    }

    fn opened(self, opened: Result<Opened, OpenError>) -> Result<OpenInput, ScanError> {
        match opened {
            Ok(opened) => Ok(OpenInput::new(self, opened)),
            Err(error) => {
                let path = display_name(&self.path).into_owned();
                Err(InputError::new(path, self.name, error).into())
            }
        }
    }
}

/// An open input. Its data can be read once.
#[derive(Debug)]
pub struct OpenInput {
    name: String,
    shard: Option<String>,
    notes: Vec<Note>,
    opened: Opened,
}

impl OpenInput {
    fn new(input: Input, opened: Opened) -> Self {
        let mut notes = Vec::new();
        if !opened.compression.is_empty() {
            let names: Vec<_> = opened.compression.iter().map(|format| format.name()).collect();
            let names = names.join(", in it ");
            notes.push(Note::remark(format!(
                "decompressed ({names}); offsets are those in the decompressed data"
            )));
        }
        if let Some(increments) = input.increments.filter(|increments| increments.files > 0) {
            notes.push(Note::warning(format!(
                "this is the base of an append-only file; {} of {} not read, so what was written since the last \
                 rewrite is missing",
                count(increments.files, "incremental file"),
                count(increments.bytes, "byte")
            )));
        }
        Self { name: input.name, shard: input.shard, notes, opened }
    }

    /// The name that reports and error messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node that wrote the input, `ip:port`, if it was named.
    pub fn shard(&self) -> Option<&str> {
        self.shard.as_deref()
    }

    /// Length of the content in bytes, if it is known before the scan.
    pub fn length(&self) -> Option<u64> {
        match &self.opened.data {
            Data::Mapped(mapping) => Some(mapping.len() as u64),
            Data::Stream { length, .. } => *length,
        }
    }

    /// The input as `rdb-analysis` takes it. A stream is moved out, so that it is closed at the end
    /// of its scan; a second call gives an empty source.
    pub fn source(&mut self) -> Source<'_> {
        let now_ms = || jiff::Timestamp::now().as_millisecond();
        let wrapper = &self.opened.wrapper;
        let mut origin = Origin {
            prefix_bytes: wrapper.prefix_bytes,
            end_mark: wrapper.mark,
            announced_bytes: wrapper.announced_bytes,
            notes: self.notes.clone(),
            guard: None,
        };
        let data = match &mut self.opened.data {
            Data::Mapped(mapping) => {
                origin.guard = Some(Box::new(MappedGuard(mapping)));
                SourceData::Bytes(mapping)
            }
            Data::Stream { reader, length, ready_bytes } => {
                let nothing: Box<dyn Read + Send> = Box::new(io::empty());
                let reader = std::mem::replace(reader, nothing);
                SourceData::Reader { reader, length: *length, ready_bytes: ready_bytes.clone() }
            }
        };
        Source::new(self.name.clone(), data)
            .shard(self.shard.clone())
            .fallback_time_ms(self.opened.modified_ms.unwrap_or_else(now_ms))
            .origin(origin)
    }
}

/// Detects that a mapped file shrinks during its scan.
struct MappedGuard<'a>(&'a Mapping);

impl Guard for MappedGuard<'_> {
    fn alarm(&self) -> &AtomicBool {
        self.0.alarm()
    }

    fn loss(&self) -> Option<Loss> {
        self.0.loss().map(|loss| Loss { offset: loss.offset, reason: loss.reason })
    }
}

/// A number, its digits in groups of three, with the noun that it counts.
fn count(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let ending = if n == 1 { "" } else { "s" };
    format!("{text} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn digits_are_grouped_and_one_is_singular() {
        assert_eq!(
            [0, 1, 999, 1000, 12_345_678].map(|n| count(n, "byte")),
            ["0 bytes", "1 byte", "999 bytes", "1,000 bytes", "12,345,678 bytes"]
        );
    }
}
