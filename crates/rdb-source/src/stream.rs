//! Chains of readers: source, read-ahead threads and decompression.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::decompress::{Compression, Decompress};
use crate::prefetch::Prefetch;

/// A boxed reader that can move to another thread.
pub(crate) type Reader = Box<dyn Read + Send>;

/// Decompresses `layers`, outermost first, each on its own thread.
///
/// `ready_bytes` counts the bytes that the innermost layer has ready.
pub(crate) fn decompress(
    source: Reader,
    layers: &[Compression],
    stop: &Arc<AtomicBool>,
    ready_bytes: &Arc<AtomicU64>,
) -> io::Result<Reader> {
    layers.iter().enumerate().try_fold(source, |source, (i, &format)| {
        let is_last = i + 1 == layers.len();
        let ready_bytes = if is_last { Arc::clone(ready_bytes) } else { Arc::default() };
        let ahead = Prefetch::new(Decompress::new(format, source), Arc::clone(stop), ready_bytes)?;
        Ok(Box::new(ahead) as Reader)
    })
}

/// Skips `n` bytes.
pub(crate) fn skip(reader: &mut Reader, n: u64) -> io::Result<()> {
    io::copy(&mut reader.take(n), &mut io::sink()).map(|_| ())
}

/// A reader that is opened when it is first read and closed at its end, so that thousands of inputs
/// do not take as many descriptors and threads.
pub(crate) enum Lazy {
    Closed(Box<dyn FnOnce() -> io::Result<Reader> + Send>),
    Open(Reader),
    Ended,
}

impl Read for Lazy {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Self::Closed(_) = self
            && let Self::Closed(open) = std::mem::replace(self, Self::Ended)
        {
            *self = Self::Open(open()?);
        }
        let Self::Open(reader) = self else { return Ok(0) };
        let outcome = reader.read(out);
        if matches!(outcome, Ok(0)) && !out.is_empty() {
            *self = Self::Ended;
        }
        outcome
    }
}
