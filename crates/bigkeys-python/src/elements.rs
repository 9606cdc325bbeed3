//! The elements of one value.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use bigkeys_scan::{Input, KeyRecord, Outcome, RecordError, STDIN, Scan, ScanError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use rdb_parser::contents::{Element, Text};
use rdb_parser::escape::Escaped;

use crate::errors::{exception, record_error, scan_error, source_error};
use crate::options::{Options, list};
use crate::run::{Counter, INTERVAL, run};
use crate::worker::Worker;

/// Elements, and bytes of elements, that travel together.
const ELEMENTS_OF_BLOCK: usize = 1024;
const BYTES_OF_BLOCK: usize = 1 << 20;

/// Blocks that wait for the reader.
const WAITING_BLOCKS: usize = 2;

/// An element that outlives the scan.
#[derive(Debug)]
enum OwnedElement {
    Value(Vec<u8>),
    Item(Vec<u8>),
    Member(Vec<u8>, Option<u64>),
    Scored(Vec<u8>, Option<f64>),
    Field(Vec<u8>, Vec<u8>, Option<u64>),
    Cell(u64, Vec<u8>),
    Entry((u64, u64), Pairs),
    Group(Vec<u8>),
    Consumer(Vec<u8>),
}

/// Fields and values of an entry.
type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// Why the elements end early.
#[derive(Debug)]
enum Failure {
    Open(ScanError),
    Read(std::io::Error),
    Record(RecordError),
    /// A string of this length cannot be read.
    Skipped(u64),
    /// The parser has an element that this package does not know.
    Unknown,
}

type Block = Result<Vec<OwnedElement>, Failure>;

/// Iterates over the elements of one value.
#[pyclass(frozen, module = "bigkeys._native")]
pub(crate) struct ElementReader {
    state: Mutex<State>,
    /// The process that reads. A fork may have the state locked for ever.
    process: u32,
    path: String,
    offset: u64,
    /// Name of the data type.
    #[pyo3(get)]
    data_type: String,
    /// Elements of the value, if the scan knows them.
    #[pyo3(get)]
    elements: Option<u64>,
    /// When the key expires, in milliseconds since 1970.
    #[pyo3(get)]
    expires_at_ms: Option<i64>,
}

/// What there is to read.
struct State {
    block: std::vec::IntoIter<OwnedElement>,
    blocks: Worker<Block>,
}

/// Finds a key and begins to read its elements.
#[pyfunction]
pub(crate) fn elements(py: Python<'_>, options: Options, key: &[u8], db: u64) -> PyResult<ElementReader> {
    let stop = Arc::<AtomicBool>::default();
    let scan = options.scan(py, &stop)?;
    let inputs = list(py, &options, &scan, &stop)?;
    refuse_pipes(py, &inputs)?;
    let found = run(py, &stop, &Counter::default(), None, || scan.find(inputs.clone(), key, Some(db)))?;
    let Outcome { output, unopened, failures, damaged_sources, .. } =
        found.map_err(|error| scan_error(py, &error))?;
    let Some(record) = output.into_iter().next() else {
        // The key may be in an input that cannot be read.
        if let Some(error) = unopened.first() {
            return Err(scan_error(py, error));
        }
        if let Some(error) = failures.first() {
            return Err(source_error(py, error));
        }
        let name = Escaped::for_terminal(key);
        let message = match damaged_sources {
            0 => format!("there is no key {name} in database {db}"),
            _ => format!("there is no key {name} in database {db} in what can be read; an input is damaged"),
        };
        return Err(exception(py, "KeyNotFoundError", message, None, None));
    };
    let input = inputs.into_iter().nth(record.source);
    let input = input.ok_or_else(|| exception(py, "Error", "the input is gone", None, None))?;
    let path = input.name().to_owned();
    let (data_type, measure) = (record.measure.data_type.to_string(), record.measure);
    let ends = Arc::clone(&stop);
    let work = move |sender: &SyncSender<Block>| read(&scan, input, &record, &ends, sender);
    let blocks = Worker::start("bigkeys elements", WAITING_BLOCKS, stop, work)?;
    let state = State { block: Vec::new().into_iter(), blocks };
    Ok(ElementReader {
        state: Mutex::new(state),
        process: std::process::id(),
        path,
        offset: measure.offset,
        data_type,
        elements: measure.elements,
        expires_at_ms: measure.expires_at_ms,
    })
}

/// Refuses inputs that can be read only once: they are read for the key, and again for its elements.
fn refuse_pipes(py: Python<'_>, inputs: &[Input]) -> PyResult<()> {
    let is_pipe = |input: &&Input| {
        input.path().as_os_str() == STDIN
            || std::fs::metadata(input.path()).is_ok_and(|metadata| !metadata.is_file())
    };
    match inputs.iter().find(is_pipe) {
        None => Ok(()),
        Some(input) => {
            let message = format!("{}: a pipe can be read once, and elements are read twice", input.name());
            Err(exception(py, "InputError", message, Some(input.name()), None))
        }
    }
}

/// Reads the elements of a record and sends them in blocks.
fn read(scan: &Scan<'_>, input: Input, key: &KeyRecord, stop: &AtomicBool, sender: &SyncSender<Block>) {
    let mut block = Vec::new();
    let mut entry = OpenEntry::default();
    let mut bytes = 0;
    let mut failure = None;
    let send = |block: Block| {
        if sender.send(block).is_err() {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let outcome = scan.open_input(input).map_err(Failure::Open).and_then(|mut opened| {
        let record = opened.record(key, u64::MAX).map_err(Failure::Read)?;
        let outcome = record.for_each_element_until(stop, |element| {
            if failure.is_some() || stop.load(Ordering::Relaxed) {
                return;
            }
            match entry.owned(element) {
                Ok(Some(element)) => {
                    bytes += bytes_of(&element);
                    block.push(element);
                }
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
            if block.len() >= ELEMENTS_OF_BLOCK || bytes >= BYTES_OF_BLOCK {
                bytes = 0;
                send(Ok(std::mem::take(&mut block)));
            }
        });
        outcome.map_err(Failure::Record)
    });
    if !block.is_empty() {
        send(Ok(block));
    }
    if let Some(error) = failure.or(outcome.err()) {
        send(Err(error));
    }
}

/// The entry of a stream whose fields are being read.
#[derive(Default)]
struct OpenEntry {
    id: (u64, u64),
    pairs: Pairs,
}

impl OpenEntry {
    /// The element that outlives the scan. `None`: a field of an entry that has not ended.
    fn owned(&mut self, element: Element<'_>) -> Result<Option<OwnedElement>, Failure> {
        let whole = |text: Text<'_>| match text {
            Text::Whole(bytes) => Ok(bytes.to_vec()),
            Text::Skipped { bytes } => Err(Failure::Skipped(bytes)),
        };
        Ok(Some(match element {
            Element::Whole(value) => OwnedElement::Value(whole(value)?),
            Element::Item(item) => OwnedElement::Item(whole(item)?),
            Element::Member { member, expires_at_ms } => OwnedElement::Member(whole(member)?, expires_at_ms),
            Element::Scored { member, score } => OwnedElement::Scored(whole(member)?, score),
            Element::Field { field, value, expires_at_ms } => {
                OwnedElement::Field(whole(field)?, whole(value)?, expires_at_ms)
            }
            Element::Cell { index, value } => OwnedElement::Cell(index, whole(value)?),
            Element::EntryStart { id } => {
                *self = Self { id, pairs: Pairs::new() };
                return Ok(None);
            }
            Element::EntryField { field, value } => {
                self.pairs.push((whole(field)?, whole(value)?));
                return Ok(None);
            }
            Element::EntryEnd => OwnedElement::Entry(self.id, std::mem::take(&mut self.pairs)),
            Element::Group { name } => OwnedElement::Group(whole(name)?),
            Element::Consumer { name } => OwnedElement::Consumer(whole(name)?),
            _ => return Err(Failure::Unknown),
        }))
    }
}

fn bytes_of(element: &OwnedElement) -> usize {
    match element {
        OwnedElement::Value(text)
        | OwnedElement::Item(text)
        | OwnedElement::Member(text, _)
        | OwnedElement::Scored(text, _)
        | OwnedElement::Cell(_, text)
        | OwnedElement::Group(text)
        | OwnedElement::Consumer(text) => text.len(),
        OwnedElement::Field(field, value, _) => field.len() + value.len(),
        OwnedElement::Entry(_, pairs) => pairs.iter().map(|(field, value)| field.len() + value.len()).sum(),
    }
}

impl ElementReader {
    fn failure(&self, py: Python<'_>, failure: &Failure) -> PyErr {
        let raise = |message: String| {
            let message = format!("{}: {message}", self.path);
            exception(py, "ElementsError", message, Some(&self.path), Some(self.offset))
        };
        match failure {
            Failure::Open(error) => scan_error(py, error),
            Failure::Read(error) => raise(error.to_string()),
            Failure::Record(error) => record_error(py, error, &self.path, self.offset),
            Failure::Skipped(bytes) => raise(format!("a string of {bytes} bytes cannot be read")),
            Failure::Unknown => raise("it has elements of an unknown kind".to_owned()),
        }
    }

    /// The next element, read without the GIL. Looks at signals while it waits.
    fn next_owned(&self, py: Python<'_>) -> PyResult<Option<OwnedElement>> {
        loop {
            let next = py.detach(|| {
                if self.process != std::process::id() {
                    return Next::Fork;
                }
                self.state.lock().unwrap_or_else(PoisonError::into_inner).next()
            });
            match next {
                Next::Element(element) => return Ok(Some(element)),
                Next::End => return Ok(None),
                Next::Failure(failure) => return Err(self.failure(py, &failure)),
                Next::Fork => {
                    let message = "elements cannot be read in a fork of their process";
                    return Err(exception(py, "Error", message, None, None));
                }
                Next::Waiting => py.check_signals()?,
            }
        }
    }
}

/// What a reader gets.
enum Next {
    Element(OwnedElement),
    End,
    Failure(Failure),
    /// There is nothing yet.
    Waiting,
    /// The process is a fork of the one that reads.
    Fork,
}

impl State {
    fn next(&mut self) -> Next {
        loop {
            if let Some(element) = self.block.next() {
                return Next::Element(element);
            }
            let Some(blocks) = self.blocks.receiver() else { return Next::End };
            match blocks.recv_timeout(INTERVAL) {
                Ok(Ok(block)) => self.block = block.into_iter(),
                Ok(Err(failure)) => {
                    // The failure is the last that is sent.
                    let _ = self.blocks.end();
                    return Next::Failure(failure);
                }
                Err(RecvTimeoutError::Timeout) => return Next::Waiting,
                Err(RecvTimeoutError::Disconnected) => {
                    if let Err(panic) = self.blocks.end() {
                        std::panic::resume_unwind(panic);
                    }
                    return Next::End;
                }
            }
        }
    }
}

#[pymethods]
impl ElementReader {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    /// The next element: the name of its kind, and its parts.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<(&'static str, Bound<'py, PyAny>)>> {
        let Some(element) = self.next_owned(py)? else { return Ok(None) };
        let bytes = |text: &[u8]| PyBytes::new(py, text);
        let (kind, parts) = match &element {
            OwnedElement::Value(value) => ("value", (bytes(value),).into_pyobject(py)?),
            OwnedElement::Item(item) => ("item", (bytes(item),).into_pyobject(py)?),
            OwnedElement::Member(member, at) => ("member", (bytes(member), *at).into_pyobject(py)?),
            OwnedElement::Scored(member, score) => ("scored", (bytes(member), *score).into_pyobject(py)?),
            OwnedElement::Field(field, value, at) => {
                ("field", (bytes(field), bytes(value), *at).into_pyobject(py)?)
            }
            OwnedElement::Cell(index, value) => ("cell", (*index, bytes(value)).into_pyobject(py)?),
            OwnedElement::Entry((ms, sequence), pairs) => {
                let pairs = pairs.iter().map(|(field, value)| (bytes(field), bytes(value)));
                let pairs = PyList::new(py, pairs.collect::<Vec<_>>())?;
                ("entry", (format!("{ms}-{sequence}"), pairs).into_pyobject(py)?)
            }
            OwnedElement::Group(name) => ("group", (bytes(name),).into_pyobject(py)?),
            OwnedElement::Consumer(name) => ("consumer", (bytes(name),).into_pyobject(py)?),
        };
        Ok(Some((kind, parts.into_any())))
    }
}
