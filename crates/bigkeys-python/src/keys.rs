//! Keys as an Arrow stream.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use bigkeys_scan::arrow::{BatchOrder, key_schema};
use bigkeys_scan::{Input, Scan, ScanError, ScannedInput};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use rdb_parser::escape::Escaped;

use crate::errors::{exception, option_error};
use crate::options::{Options, list};
use crate::worker::Worker;

/// Batches that wait for the reader.
const WAITING_BATCHES: usize = 2;

/// Path, shard, keys, whether it is whole, why not, and damaged keys of a source that was read.
type SourceTuple = (String, Option<String>, u64, bool, Option<String>, u64);

/// The sources that a scan has read, once it has ended.
type Ended = Arc<Mutex<Option<Vec<SourceTuple>>>>;

/// A stream of keys that can be read once.
#[pyclass(frozen, module = "bigkeys._native")]
pub(crate) struct BatchReader {
    stream: Mutex<Option<Batches>>,
    /// Set when the stream was read to its end.
    sources: Ended,
}

#[pymethods]
impl BatchReader {
    /// The stream as the capsule that Arrow's interface for Python describes.
    fn stream_capsule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream =
            stream.ok_or_else(|| exception(py, "Error", "the stream was read already", None, None))?;
        let stream = FFI_ArrowArrayStream::new(Box::new(stream));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// The sources, once the stream has ended.
    fn sources(&self) -> Option<Vec<SourceTuple>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The schema of keys as a capsule.
#[pyfunction]
pub(crate) fn key_schema_capsule(py: Python<'_>) -> PyResult<Bound<'_, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(key_schema().as_ref());
    let schema = schema.map_err(|error| exception(py, "Error", error, None, None))?;
    PyCapsule::new_with_value(py, schema, c"arrow_schema")
}

/// Begins to read the keys of all inputs.
#[pyfunction]
pub(crate) fn read_keys(
    py: Python<'_>,
    options: Options,
    in_any_order: bool,
    strict: bool,
) -> PyResult<BatchReader> {
    let stop = Arc::<AtomicBool>::default();
    let scan = options.scan(py, &stop)?;
    let inputs = list(py, &options, &scan, &stop)?;
    let order = if in_any_order { BatchOrder::Any } else { BatchOrder::File };
    let sources = Ended::default();
    let stream = Batches::start(scan, inputs, order, strict, stop, Arc::clone(&sources))
        .map_err(|error| option_error(py, format!("the thread of a scan cannot be started: {error}")))?;
    Ok(BatchReader { stream: Mutex::new(Some(stream)), sources })
}

/// Batches of a scan that runs on a thread of its own. The scan stops when the reader is dropped.
struct Batches {
    schema: SchemaRef,
    scan: Worker<Result<RecordBatch, ArrowError>>,
    /// What the scan has read, and where it is copied at the end of the stream.
    ended: Ended,
    sources: Ended,
}

impl Batches {
    fn start(
        scan: Scan<'static>,
        inputs: Vec<Input>,
        order: BatchOrder,
        strict: bool,
        stop: Arc<AtomicBool>,
        sources: Ended,
    ) -> std::io::Result<Self> {
        let ended = Ended::default();
        let scan_ended = Arc::clone(&ended);
        let work = move |sender: &SyncSender<Result<RecordBatch, ArrowError>>| {
            let emit = |batch| match sender.send(batch) {
                Ok(()) => ControlFlow::Continue(()),
                // The reader is gone.
                Err(_) => ControlFlow::Break(()),
            };
            let failure = match scan.key_batches(inputs, order, emit) {
                Err(error) => Some(external(error)),
                Ok(outcome) => {
                    let damage = strict.then(|| damage(&outcome.output)).flatten();
                    let sources = outcome.output.into_iter().map(source).collect();
                    *scan_ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(sources);
                    let unopened = outcome.unopened.into_iter().map(external);
                    let failures = outcome.failures.into_iter().map(|error| external(ScanError::from(error)));
                    unopened.chain(failures).next().or(damage)
                }
            };
            if let Some(error) = failure {
                // A reader that is gone needs no error.
                let _ = sender.send(Err(error));
            }
        };
        let scan = Worker::start("bigkeys keys", WAITING_BATCHES, stop, work)?;
        Ok(Self { schema: key_schema(), scan, ended, sources })
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.scan.is_in_fork() {
            let message = "a stream cannot be read in a fork of its process";
            return Some(Err(ArrowError::ExternalError(message.into())));
        }
        if let Ok(batch) = self.scan.receiver()?.recv() {
            return Some(batch);
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if ended.is_some() {
            *self.sources.lock().unwrap_or_else(PoisonError::into_inner) = ended;
        }
        let has_panicked = self.scan.end().is_err();
        has_panicked.then(|| Err(ArrowError::ExternalError("the scan has panicked".into())))
    }
}

impl RecordBatchReader for Batches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// The error of the stream. Readers raise `OSError` for an input that cannot be opened.
fn external(error: ScanError) -> ArrowError {
    match error {
        ScanError::Open(error) => {
            let message = shown(&error);
            ArrowError::IoError(message.clone(), std::io::Error::other(message))
        }
        other => ArrowError::ExternalError(shown(&other).into()),
    }
}

/// An error that says which source is damaged, if one is.
fn damage(sources: &[ScannedInput]) -> Option<ArrowError> {
    let damaged = sources.iter().find(|source| !source.facts.is_clean())?;
    let reason = damaged.facts.coverage.reason.as_deref().unwrap_or("its content is damaged");
    let message = format!("{}: the keys are not all: {reason}", damaged.name);
    Some(ArrowError::ExternalError(shown(&message).into()))
}

/// A message without control characters: readers put it into exceptions, and those into logs.
fn shown(message: &impl fmt::Display) -> String {
    Escaped::for_message(&message.to_string()).to_string()
}

fn source(source: ScannedInput) -> SourceTuple {
    let ScannedInput { name, shard, facts, .. } = source;
    let is_clean = facts.is_clean();
    let coverage = facts.coverage;
    (name, shard, facts.keys, is_clean, coverage.reason, coverage.damaged_keys)
}
