//! Opening what the user named.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rdb_analysis::{Source, SourceData};
use rdb_source::{Data, Opened};

use crate::args::InputArgs;
use crate::messages;

/// An opened input.
pub(crate) struct Input {
    path: String,
    shard: Option<String>,
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
    let mut inputs = Vec::new();
    let mut failures = 0;
    for (path, shard) in named {
        match rdb_source::open(path, args.io.mode(), stop) {
            Ok(opened) => inputs.push(Input { path: path.to_string_lossy().into_owned(), shard, opened }),
            Err(error) => {
                messages::error(&error);
                failures += 1;
            }
        }
    }
    (inputs, failures)
}

impl Input {
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

    /// The input as the analysis wants it. A stream can be read once only.
    pub(crate) fn source(&mut self) -> Source<'_> {
        let now_ms = || jiff::Timestamp::now().as_millisecond();
        Source {
            path: self.path.clone(),
            shard: self.shard.clone(),
            fallback_time_ms: self.opened.modified_ms.unwrap_or_else(now_ms),
            data: match &mut self.opened.data {
                Data::Mapped(mapping) => SourceData::Bytes(mapping),
                Data::Stream { reader, length } => {
                    let reader: &mut (dyn Read + Send) = reader.as_mut();
                    SourceData::Reader { reader: Box::new(reader), length: *length }
                }
            },
        }
    }
}
