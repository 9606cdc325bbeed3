//! Opens what the user named.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{Guard, Loss, Note, OpenSource, Origin, Source, SourceData};
use rdb_source::{Data, Found, Mapping, OpenOptions, Opened};

use crate::args::InputArgs;
use crate::listing::{Listing, NamedInput, list};
use crate::messages::{self, Messages, count};
use crate::progress::Bar;

/// The inputs that the arguments name. None is open.
pub(crate) struct Inputs<'m> {
    listing: Listing,
    opener: Opener<'m>,
}

/// What opening an input takes.
#[derive(Clone)]
struct Opener<'m> {
    options: OpenOptions,
    stop: Arc<AtomicBool>,
    messages: &'m Messages,
}

impl<'m> Inputs<'m> {
    /// Lists the inputs.
    ///
    /// # Errors
    ///
    /// The arguments contradict each other.
    pub(crate) fn list(
        args: &InputArgs,
        stop: &Arc<AtomicBool>,
        messages: &'m Messages,
    ) -> anyhow::Result<Self> {
        let listing = list(args, stop, messages)?;
        let mut options = OpenOptions::default();
        options.mode = args.io.mode();
        options.store.clone_from(&args.store_options);
        Ok(Self { listing, opener: Opener { options, stop: Arc::clone(stop), messages } })
    }

    /// Number of names and entries of directories that cannot be read. They are reported already.
    pub(crate) fn failures(&self) -> usize {
        self.listing.failures
    }

    /// Length of each in bytes, where the file system tells it.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = Option<u64>> {
        self.listing.inputs.iter().map(|input| input.length)
    }

    /// The inputs, to be opened one after the other. `bar` learns how long they are.
    pub(crate) fn unopened<'b>(self, bar: &'b Bar) -> Vec<Unopened<'b>>
    where
        'm: 'b,
    {
        let Self { listing, opener } = self;
        let unopened = |named| Unopened { named, opener: opener.clone(), bar };
        listing.inputs.into_iter().map(unopened).collect()
    }
}

/// An input that is opened when it is its turn.
pub(crate) struct Unopened<'b> {
    named: NamedInput,
    opener: Opener<'b>,
    bar: &'b Bar,
}

/// An input was not opened, and the user was told why.
#[derive(Debug)]
pub(crate) struct NotOpened;

impl Unopened<'_> {
    /// Opens the input. Reports an error.
    pub(crate) fn open_input(self) -> Result<Input, NotOpened> {
        let Opener { options, stop, messages } = &self.opener;
        match rdb_source::open_with(&self.named.found.path, options, stop) {
            Ok(opened) => {
                let input = Input::new(&self.named.found, self.named.shard, opened);
                self.bar.opened(self.named.length, input.length());
                Ok(input)
            }
            Err(error) => {
                self.bar.suspend(|| {
                    if stop.load(Ordering::Relaxed) {
                        messages.warning(&format_args!("{error}; it is not in the result"));
                    } else {
                        messages::error(&error);
                    }
                });
                Err(NotOpened)
            }
        }
    }
}

impl OpenSource for Unopened<'_> {
    type Error = NotOpened;

    fn open<T>(self, scan: impl FnOnce(Source<'_>) -> T) -> Result<T, NotOpened> {
        Ok(scan(self.open_input()?.source()))
    }
}

/// An opened input.
pub(crate) struct Input {
    path: String,
    shard: Option<String>,
    notes: Vec<Note>,
    opened: Opened,
}

impl Input {
    fn new(found: &Found, shard: Option<String>, opened: Opened) -> Self {
        let mut notes = Vec::new();
        if !opened.compression.is_empty() {
            let names: Vec<_> = opened.compression.iter().map(|format| format.name()).collect();
            let names = names.join(", in it ");
            notes.push(Note::remark(format!(
                "decompressed ({names}); offsets are those in the decompressed data"
            )));
        }
        if let Some(increments) = found.increments.filter(|increments| increments.files > 0) {
            notes.push(Note::warning(format!(
                "this is the base of an append-only file; {} of {} not read, so what was written since the last \
                 rewrite is missing",
                count(increments.files, "incremental file"),
                count(increments.bytes, "byte")
            )));
        }
        Self { path: rdb_source::display_name(&found.path).into_owned(), shard, notes, opened }
    }

    /// Length in bytes, if it is known.
    fn length(&self) -> Option<u64> {
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
        Source::new(self.path.clone(), data)
            .shard(self.shard.clone())
            .fallback_time_ms(self.opened.modified_ms.unwrap_or_else(now_ms))
            .origin(origin)
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
