//! The record of one key, read again: its bytes, and the elements of its value.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{KeyRecord, SourceData};
use rdb_parser::contents::{Contents, Element};
use rdb_parser::{Error, Event, Parser, RdbString, Visitor};

use crate::input::OpenInput;

/// Length of the header of an RDB file: `REDIS0011`.
const HEADER_BYTES: usize = 9;

/// Bytes of a file in which the AUX fields are looked for.
const MAX_HEAD_BYTES: u64 = 64 << 10;

/// An AUX field of Dragonfly.
const DRAGONFLY_AUX: &[u8] = b"\xfa\x06df-ver\x01x";

/// The record of a key, which can be parsed alone.
///
/// ```
/// use bigkeys_scan::{DataType, Scan};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("dump.rdb");
/// # std::fs::write(&path, b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff")?;
/// let scan = Scan::open(path)?;
/// let report = scan.run()?;
/// let key = &report.top[&DataType::Set][0];
/// let mut input = scan.open_input(scan.list(|_| {})?.remove(key.source))?;
/// let record = input.record(key, u64::MAX)?;
/// let mut elements = 0;
/// record.for_each_element(|_| elements += 1)?;
/// assert_eq!(elements, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Record<'a> {
    /// The header of the file, and the AUX field by which Dragonfly is recognised.
    head: Vec<u8>,
    bytes: Cow<'a, [u8]>,
    /// The first bytes of the key's name.
    name: Vec<u8>,
    /// Number of elements that the scan has counted.
    elements: Option<u64>,
}

/// Why the elements of a record cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The key has no record of its own, as in a compressed blob of Dragonfly.
    #[error("the value needs the record of another key, as in a compressed blob of Dragonfly")]
    NotAlone,
    /// The value of a module or a vector set, whose bytes only the module understands.
    #[error("its elements are known to its module only")]
    Opaque,
    /// The record is damaged, or needs another one, as a hash with a template does.
    #[error("its elements cannot be read: {0}")]
    Unreadable(Error),
}

impl OpenInput {
    /// Reads the record of a key that a scan of this input has listed, at most its first `max_bytes`. The
    /// record of a mapped file is not copied. For any other input, the call reads the input up to the end of
    /// the record and holds the record in memory. Open the input again for a second record.
    ///
    /// # Errors
    ///
    /// The input cannot be read.
    pub fn record(&mut self, key: &KeyRecord, max_bytes: u64) -> io::Result<Record<'_>> {
        let source = self.source();
        let start = source.origin.prefix_bytes;
        // Offsets count the bytes before the RDB data.
        let offset = key.measure.offset.saturating_sub(start);
        let bytes = key.measure.rdb_bytes.min(max_bytes);
        let (name, elements) = (key.key.clone(), key.measure.elements);
        match source.data {
            SourceData::Bytes(all) => {
                let part = |from: u64, len: u64| {
                    let from =
                        usize::try_from(from).ok().and_then(|from| all.get(from..)).unwrap_or_default();
                    from.get(..usize::try_from(len).unwrap_or(usize::MAX)).unwrap_or(from)
                };
                let head = head_of(part(start, offset.min(MAX_HEAD_BYTES)));
                Ok(Record { head, bytes: Cow::Borrowed(part(key.measure.offset, bytes)), name, elements })
            }
            SourceData::Reader { mut reader, .. } => {
                let mut beginning = Vec::new();
                reader.by_ref().take(offset.min(MAX_HEAD_BYTES)).read_to_end(&mut beginning)?;
                let skipped = offset.saturating_sub(beginning.len() as u64);
                io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
                let mut record = Vec::new();
                reader.take(bytes).read_to_end(&mut record)?;
                Ok(Record { head: head_of(&beginning), bytes: Cow::Owned(record), name, elements })
            }
        }
    }
}

impl Record<'_> {
    /// The bytes that were read, from the first opcode of the key.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the elements of the value to `see`, in file order. After an error, `see` has the elements
    /// before the damage.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn for_each_element(&self, see: impl FnMut(Element<'_>)) -> Result<(), RecordError> {
        self.for_each_element_until(&AtomicBool::new(false), see)
    }

    /// As [`for_each_element`](Self::for_each_element). Stops when `stop` is set, and then returns the error
    /// of a truncated record.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn for_each_element_until(
        &self,
        stop: &AtomicBool,
        mut see: impl FnMut(Element<'_>),
    ) -> Result<(), RecordError> {
        // A blob has several keys, whose elements come before their names.
        // The elements before damage are shown.
        if matches!(self.parse(&mut (), stop), Ok(false)) {
            return Err(RecordError::NotAlone);
        }
        let mut is_empty = true;
        let mut contents = Contents::new(|element: Element<'_>| {
            is_empty = false;
            see(element);
        });
        let outcome = self.parse(&mut contents, stop);
        contents.end_value();
        outcome.map_err(RecordError::Unreadable)?;
        if is_empty && self.elements != Some(0) { Err(RecordError::Opaque) } else { Ok(()) }
    }

    /// Parses the record as the only one of a file. Returns whether the first key is the key.
    fn parse(&self, visitor: &mut impl Visitor, stop: &AtomicBool) -> Result<bool, Error> {
        let mut parser = Parser::from_reader(Stoppable { bytes: self.head.chain(&self.bytes[..]), stop })?;
        while let Some(event) = parser.next_event_with(visitor)? {
            if let Event::Entry(entry) = event {
                let mut scratch = Vec::new();
                let found = entry.key.decode_prefix(self.name.len(), &mut scratch);
                return Ok(found.is_ok_and(|found| found.starts_with(&self.name)));
            }
        }
        Ok(false)
    }
}

/// Bytes that end when a flag is set.
struct Stoppable<'a, R> {
    bytes: R,
    stop: &'a AtomicBool,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Ok(0);
        }
        self.bytes.read(out)
    }
}

/// What has to come before a record of a file that begins like this.
fn head_of(beginning: &[u8]) -> Vec<u8> {
    let mut head = beginning.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    if is_of_dragonfly(beginning) {
        head.extend(DRAGONFLY_AUX);
    }
    head
}

/// Whether an AUX field names Dragonfly, which has numbers of its own for types.
fn is_of_dragonfly(beginning: &[u8]) -> bool {
    let Ok(mut parser) = Parser::from_slice(beginning) else { return false };
    while let Ok(Some(event)) = parser.next_event() {
        match event {
            Event::Aux { name: RdbString::Raw(b"df-ver"), .. } => return true,
            Event::Entry(_) => return false,
            _ => {}
        }
    }
    false
}
