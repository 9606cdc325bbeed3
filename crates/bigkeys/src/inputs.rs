//! Opening what the user named.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{Guard, Loss, Origin, Source, SourceData};
use rdb_source::{Data, Found, Mapping, OpenOptions, Opened};

use crate::args::InputArgs;
use crate::listing::{Listing, NamedInput, list};
use crate::messages::{self, Messages, count};

/// Beginning of the note of a compressed input.
const COMPRESSION_NOTE: &str = "decompressed (";

/// Whether a note of a source is about something wrong. That a file is compressed is in the report only.
pub(crate) fn is_warning(note: &str) -> bool {
    !note.starts_with(COMPRESSION_NOTE)
}

/// An opened input.
pub(crate) struct Input {
    path: String,
    shard: Option<String>,
    notes: Vec<String>,
    opened: Opened,
}

/// Opens every input. One that cannot be opened is reported and counted, and does not hide the others.
///
/// # Errors
///
/// The arguments contradict each other.
pub(crate) fn open_all(
    args: &InputArgs,
    stop: &Arc<AtomicBool>,
    messages: &Messages,
) -> anyhow::Result<(Vec<Input>, usize)> {
    let Listing { inputs: listed, mut failures } = list(args, stop, messages)?;
    let mut options = OpenOptions::default();
    options.mode = args.io.mode();
    options.store.clone_from(&args.store_options);
    let mut inputs = Vec::new();
    for NamedInput { found, shard, .. } in listed {
        match rdb_source::open_with(&found.path, &options, stop) {
            Ok(opened) => inputs.push(Input::new(&found, shard, opened)),
            Err(error) if stop.load(Ordering::Relaxed) => {
                messages.warning(&format_args!("{error}; it is not in the result"));
                return Ok((inputs, failures + 1));
            }
            Err(error) => {
                messages::error(&error);
                failures += 1;
            }
        }
    }
    Ok((inputs, failures))
}

impl Input {
    fn new(found: &Found, shard: Option<String>, opened: Opened) -> Self {
        let mut notes = Vec::new();
        if !opened.compression.is_empty() {
            let names: Vec<_> = opened.compression.iter().map(|format| format.name()).collect();
            let names = names.join(", in it ");
            notes.push(format!("{COMPRESSION_NOTE}{names}); offsets are those in the decompressed data"));
        }
        if let Some(increments) = found.increments.filter(|increments| increments.files > 0) {
            notes.push(format!(
                "this is the base of an append-only file; {} of {} not read, so what was written since the last \
                 rewrite is missing",
                count(increments.files, "incremental file"),
                count(increments.bytes, "byte")
            ));
        }
        Self { path: rdb_source::display_name(&found.path).into_owned(), shard, notes, opened }
    }

    /// Length in bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match &self.opened.data {
            Data::Mapped(mapping) => Some(mapping.len() as u64),
            Data::Stream { length, .. } => *length,
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn shard(&self) -> Option<&str> {
        self.shard.as_deref()
    }

    /// The input as the analysis wants it. A stream can be read once only, and is closed when the
    /// analysis is done with it.
    pub(crate) fn source(&mut self) -> Source<'_> {
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
        Source {
            path: self.path.clone(),
            shard: self.shard.clone(),
            fallback_time_ms: self.opened.modified_ms.unwrap_or_else(now_ms),
            data,
            origin,
        }
    }
}

/// Watches over a mapped file.
struct MappedGuard<'a>(&'a Mapping);

impl Guard for MappedGuard<'_> {
    fn alarm(&self) -> &AtomicBool {
        self.0.alarm()
    }

    fn loss(&self) -> Option<Loss> {
        self.0.loss().map(|loss| Loss { offset: loss.offset, reason: loss.reason })
    }
}
