//! Opening what the user named.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{Guard, Loss, Origin, Source, SourceData};
use rdb_source::{Data, Found, Mapping, OpenOptions, Opened};

use crate::args::InputArgs;
use crate::messages;

/// An opened input.
pub(crate) struct Input {
    path: String,
    shard: Option<String>,
    notes: Vec<String>,
    opened: Opened,
}

/// Opens every input. One that cannot be opened is reported and counted, and does not hide the others.
pub(crate) fn open_all(args: &InputArgs, stop: &Arc<AtomicBool>) -> (Vec<Input>, usize) {
    let mut named: Vec<(&Path, Option<String>)> =
        args.inputs.iter().map(|path| (path.as_path(), None)).collect();
    for shard in &args.shards {
        let node = shard.node.to_string();
        match named.iter_mut().find(|(path, _)| *path == shard.path) {
            Some((_, known)) => *known = Some(node),
            None => named.push((&shard.path, Some(node))),
        }
    }
    let mut options = OpenOptions::default();
    options.mode = args.io.mode();
    options.store.clone_from(&args.store_options);
    let mut inputs = Vec::new();
    let mut failures = 0;
    for (path, shard) in named {
        let found = match rdb_source::expand(path, args.recursive) {
            Ok(found) => found,
            Err(error) => {
                messages::error(&error);
                failures += 1;
                continue;
            }
        };
        for found in found {
            match rdb_source::open_with(&found.path, &options, stop) {
                Ok(opened) => inputs.push(Input::new(&found, shard.clone(), opened)),
                Err(_) if stop.load(Ordering::Relaxed) => return (inputs, failures + 1),
                Err(error) => {
                    messages::error(&error);
                    failures += 1;
                }
            }
        }
    }
    (inputs, failures)
}

impl Input {
    fn new(found: &Found, shard: Option<String>, opened: Opened) -> Self {
        let mut notes = Vec::new();
        if !opened.compression.is_empty() {
            let names: Vec<_> = opened.compression.iter().map(|format| format.name()).collect();
            let names = names.join(", in it ");
            notes.push(format!("decompressed ({names}); offsets are those in the decompressed data"));
        }
        if let Some(increments) = found.increments.filter(|increments| increments.files > 0) {
            notes.push(format!(
                "this is the base of an append-only file; {} incremental files of {} bytes were not read, so \
                 what was written since its last rewrite is missing",
                increments.files, increments.bytes
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
