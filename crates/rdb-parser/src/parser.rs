//! The parser, and the events it gives.

use crate::container::MetaString;
use crate::crc64::Crc64;
use crate::dragonfly::BlobLimits;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Checksum, Event, Flavour, Header, KeyMeta};
use crate::format::{
    Dialect, FIRST_VALKEY_VERSION, HEADER_BYTES, ModuleId, VALKEY_ENVELOPE_MAGIC, is_known_version,
};
use crate::input::{Ahead, FileSlice, Input, SliceInput};
use crate::keys::Found;
use crate::rare::Rare;
use crate::visitor::Visitor;
use crate::warning::{Warning, Warnings};
use crate::window::Window;

/// What an [`Error`] says of a file in an envelope.
const IN_ENVELOPE: &str = "an RDB file in the compressed envelope of Valkey 9.2 (VCS): decompress the frame behind its 7 bytes first";

/// Slots of a cluster.
pub(crate) const SLOTS: u64 = 16_384;

/// How a [`Parser`] works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Whether to compare the file's checksum with its content. On by default.
    pub verify_checksum: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { verify_checksum: true }
    }
}

/// A pull parser: each call of [`next_event`](Self::next_event) gives one record.
///
/// A value is *outlined*: passed over by its length prefixes, and measured by what that shows. To see
/// the strings inside, pass a [`Visitor`].
///
/// ```
/// use rdb_parser::{Event, Parser};
///
/// let file = b"REDIS0003\xfe\x02\x00\x03key\x05value\xff";
/// let mut parser = Parser::from_slice(file)?;
/// let mut scratch = Vec::new();
/// while let Some(event) = parser.next_event()? {
///     if let Event::Entry(entry) = event {
///         assert_eq!(entry.db, 2);
///         assert_eq!(entry.key.decode(&mut scratch)?, b"key");
///         assert_eq!(entry.outline.value_bytes, Some(5));
///         assert_eq!(entry.span, 11..22);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Parser<I> {
    pub(crate) input: I,
    pub(crate) header: Header,
    /// Whose numbers count: the header's, or Dragonfly's.
    pub(crate) dialect: Dialect,
    pub(crate) flavour: Flavour,
    pub(crate) db: u64,
    pub(crate) slot: Option<u16>,
    pub(crate) prefix: Prefix,
    pub(crate) finished: bool,
    /// Whether something has to be reported before the next record is read.
    pub(crate) detour: bool,
    pub(crate) container_bytes: u64,
    /// Expanded blobs.
    pub(crate) scratch: Vec<u8>,
    pub(crate) meta: [MetaString; 2],
    pub(crate) rare: Rare,
}

/// What was read of the next key before its value type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix {
    pub(crate) meta: KeyMeta,
    /// Offset of its first opcode.
    pub(crate) start: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) warnings: Warnings,
}

/// A record that was read, without borrowing from the parser.
#[derive(Clone, Copy)]
pub(crate) enum Record {
    Prefix,
    /// Nothing to report of itself, but there is now something before the next record.
    Detour,
    Other {
        opcode: u8,
    },
    /// A value that came in pieces; it is in [`Rare`].
    Chunked,
    Aux,
    SelectDb,
    ResizeDb {
        keys: u64,
        expires: u64,
    },
    SlotInfo {
        slot: u16,
        keys: u64,
        expires: u64,
    },
    Function,
    ModuleAux(ModuleId),
    /// A key.
    Key(Found),
    End(Checksum),
}

/// What a parser knows between two records of a file, so that another can [go on](Parser::resume) there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParserState {
    /// Magic and version of the file.
    pub header: Header,
    /// Which server's opcode and type numbering applies: that of the header, or Dragonfly's.
    pub dialect: Dialect,
    /// The kind of server, as far as it is known.
    pub flavour: Flavour,
    /// The logical database.
    pub db: u64,
    /// The slot, if the file has said one.
    pub slot: Option<u16>,
}

impl<'a> Parser<SliceInput<'a>> {
    /// A parser that starts in the middle of a file, at `offset`, where a record begins, knowing `state`. It
    /// reads what `slice` has of the file, and compares no checksum.
    pub fn resume(slice: FileSlice<'a>, offset: u64, state: ParserState) -> Self {
        let mut parser = Self::with_state(SliceInput::in_file(slice, offset), state);
        parser.rare.blob_limits = BlobLimits::RESUMED;
        parser
    }

    /// A parser of a file in memory or mapped, with default options.
    ///
    /// # Errors
    ///
    /// As [`Parser::new`].
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self> {
        Self::new(SliceInput::new(bytes), Options::default())
    }
}

impl<R: std::io::Read> Parser<Window<R>> {
    /// A parser of what `reader` gives, in bounded memory, with default options.
    ///
    /// # Errors
    ///
    /// As [`Parser::new`].
    pub fn from_reader(reader: R) -> Result<Self> {
        Self::new(Window::new(reader, None), Options::default())
    }
}

impl<I: Ahead> Parser<I> {
    /// The next `n` bytes of the file, fewer if it ends or cannot be read behind them; all of them if it is in
    /// memory. For others, to [go on](Parser::resume) in them.
    pub fn ahead(&mut self, n: usize) -> FileSlice<'_> {
        let offset = self.input.position();
        FileSlice { bytes: self.input.ahead(n), offset }
    }

    /// Goes on at `offset` instead, which [`ahead`](Self::ahead) has shown and where a record begins, knowing that
    /// the records up to there lead to `db` and `slot` and that the bytes up to there have the checksum `sum`.
    ///
    /// Only between keys, see [`is_between_keys`](Self::is_between_keys).
    pub fn jump(&mut self, offset: u64, db: u64, slot: Option<u16>, sum: Option<Crc64>) {
        self.input.jump(offset, sum);
        self.db = db;
        self.slot = slot;
    }

    /// The checksum of all bytes up to here. `None` if checksums are not compared.
    pub fn running_checksum(&mut self) -> Option<Crc64> {
        self.input.running_checksum()
    }
}

impl<I: Input> Parser<I> {
    /// Reads the header at the start of `input`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadMagic`], [`ErrorKind::BadVersion`], [`ErrorKind::Truncated`] if this is not
    /// the beginning of an RDB file; [`ErrorKind::Io`].
    #[allow(clippy::needless_pass_by_value, reason = "options may come to own something")]
    pub fn new(mut input: I, options: Options) -> Result<Self> {
        if options.verify_checksum {
            input.start_checksum();
        }
        let header = read_header(&mut input)?;
        let mut parser = Self::after_header(input, header);
        if !is_known_version(header.dialect, header.version) {
            parser.note(Warning::UnknownVersion, 0);
        }
        Ok(parser)
    }

    /// A parser of records with the header of another file or none.
    pub(crate) fn after_header(input: I, header: Header) -> Self {
        let flavour = match header.dialect {
            Dialect::Redis => Flavour::Redis,
            Dialect::Valkey => Flavour::Valkey,
            Dialect::Dragonfly => Flavour::Dragonfly,
        };
        // Whatever stands before the header belongs to no key either.
        let container_bytes = input.position();
        let state = ParserState { header, dialect: header.dialect, flavour, db: 0, slot: None };
        Self { container_bytes, ..Self::with_state(input, state) }
    }

    fn with_state(input: I, state: ParserState) -> Self {
        let ParserState { header, dialect, flavour, db, slot } = state;
        Self {
            container_bytes: 0,
            input,
            header,
            dialect,
            flavour,
            db,
            slot,
            prefix: Prefix::default(),
            finished: false,
            detour: false,
            scratch: Vec::new(),
            meta: Default::default(),
            rare: Rare::default(),
        }
    }

    /// What is known at this point of the file.
    pub fn state(&self) -> ParserState {
        let Self { header, dialect, flavour, db, slot, .. } = *self;
        ParserState { header, dialect, flavour, db, slot }
    }

    /// Whether another parser can [go on](Parser::resume) here: the [state](Self::state) says all that
    /// matters for the records to come, no prefix opcode of the next key was read, every event
    /// of what was read was given, and the file has not ended.
    pub fn is_between_keys(&self) -> bool {
        // Every field, so that a new one is either part of the state or looked at here.
        let Self {
            input: _,
            header: _,
            dialect: _,
            flavour: _,
            db: _,
            slot: _,
            prefix,
            finished,
            // Says that `rare` is to be looked at, which is done here.
            detour: _,
            container_bytes: _,
            scratch: _,
            meta: _,
            rare,
        } = self;
        prefix.start.is_none() && !finished && !rare.has_pending_events() && rare.is_irrelevant()
    }

    /// Whether the [state](Self::state) says all that matters for how later records are read: there is no hash
    /// template, no chunked value that is not complete, and no compressed blob that is being read.
    pub fn is_described_by_state(&self) -> bool {
        self.rare.is_irrelevant()
    }

    /// Whether a chunked value (Dragonfly) was begun and is not complete. It keeps the database in which it began.
    pub fn has_open_chunks(&self) -> bool {
        self.rare.has_open_chunks()
    }

    /// The magic and version of the file.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The kind of server that wrote the file, as far as the AUX fields read so far tell.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Absolute offset up to which the file was read, in bytes.
    pub fn position(&self) -> u64 {
        self.input.position()
    }

    /// Bytes read so far that belong to no key: header, AUX fields, database and slot marks,
    /// functions, the end with its checksum, damaged keys and blobs, pieces of values that were dropped. With the `rdb_bytes` of all entries they make up
    /// [`position`](Self::position).
    pub fn container_bytes(&self) -> u64 {
        self.container_bytes
    }

    /// Passes over whatever follows the end of the RDB data; returns its length in bytes. Servers
    /// ignore it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`].
    pub fn skip_trailing(&mut self) -> Result<u64> {
        self.show_trailing(|_| {})
    }

    /// As [`skip_trailing`](Self::skip_trailing), giving every piece to `show`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`].
    pub fn show_trailing(&mut self, mut show: impl FnMut(&[u8])) -> Result<u64> {
        let mut bytes = 0;
        loop {
            let held = self.input.peek(1)?;
            let n = held.len();
            if n == 0 {
                return Ok(bytes);
            }
            show(held);
            self.input.consume(n);
            bytes += n as u64;
        }
    }

    /// The next record; `None` after the [end](Event::End) or an error that ended the reading.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the record. After an error that [is contained](Error::is_contained)
    /// in one key the next call goes on behind it.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        self.next_event_with(&mut ())
    }

    /// As [`next_event`](Self::next_event), showing the strings of a value to `visitor`.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    #[inline]
    pub fn next_event_with<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Event<'_>>> {
        if self.finished | self.detour {
            return self.next_on_detour(visitor);
        }
        match self.next_record(visitor)? {
            Record::Detour => self.next_on_detour(visitor),
            record => Ok(Some(self.event(record))),
        }
    }

    /// The event that a record is.
    #[inline]
    pub(crate) fn event(&mut self, record: Record) -> Event<'_> {
        match record {
            Record::Key(found) => Event::Entry(self.entry(found)),
            Record::Aux => {
                let [name, value] = &self.meta;
                Event::Aux { name: name.view(), value: value.view() }
            }
            Record::SelectDb => Event::SelectDb { db: self.db },
            Record::ResizeDb { keys, expires } => Event::ResizeDb { keys, expires },
            Record::SlotInfo { slot, keys, expires } => Event::SlotInfo { slot, keys, expires },
            Record::Function => Event::Function { source: self.meta[0].view() },
            Record::ModuleAux(module) => Event::ModuleAux { module },
            Record::Other { opcode } => Event::Other { opcode },
            Record::Chunked => Event::Entry(self.rare.chunks.finished_entry()),
            Record::End(checksum) => {
                self.finished = true;
                Event::End { checksum }
            }
            // Never passed on.
            Record::Prefix | Record::Detour => Event::Other { opcode: 0 },
        }
    }

    #[inline]
    pub(crate) fn prefix_opcode(&mut self, start: u64) -> Record {
        self.prefix.start.get_or_insert(start);
        self.prefix.bytes += self.input.position() - start;
        Record::Prefix
    }
}

/// Reads `REDIS` and four digits, or `VALKEY` and three.
fn read_header<I: Input>(input: &mut I) -> Result<Header> {
    let start = input.position();
    let shown = input.peek(HEADER_BYTES)?;
    let (dialect, digits) =
        if let Some(digits) = shown.get(..HEADER_BYTES).and_then(|h| h.strip_prefix(b"REDIS")) {
            (Dialect::Redis, digits)
        } else if let Some(digits) = shown.get(..HEADER_BYTES).and_then(|h| h.strip_prefix(b"VALKEY")) {
            (Dialect::Valkey, digits)
        } else if shown.len() < HEADER_BYTES
            && (b"REDIS".starts_with(shown)
                || shown.starts_with(b"REDIS")
                || b"VALKEY".starts_with(shown)
                || shown.starts_with(b"VALKEY"))
        {
            return Err(Error::truncated("the header", start + shown.len() as u64));
        } else if shown.starts_with(VALKEY_ENVELOPE_MAGIC) {
            return Err(Error::new(ErrorKind::Unsupported(IN_ENVELOPE), start));
        } else {
            return Err(Error::new(ErrorKind::BadMagic, start));
        };
    let lowest = match dialect {
        Dialect::Redis | Dialect::Dragonfly => 1,
        Dialect::Valkey => FIRST_VALKEY_VERSION,
    };
    let version = digits
        .iter()
        .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| 10 * sum + u32::from(digit - b'0')));
    match version {
        Some(version) if version >= lowest => {
            input.consume(HEADER_BYTES);
            Ok(Header { dialect, version })
        }
        _ => Err(Error::new(ErrorKind::BadVersion, start + (HEADER_BYTES - digits.len()) as u64)),
    }
}
