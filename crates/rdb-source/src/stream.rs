//! Readers put together from the source up.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::decompress::{Compression, Decompress};
use crate::prefetch::{self, Prefetch};

/// A reader that is handed around.
pub(crate) type Reader = Box<dyn Read + Send>;

/// Undoes the compressions `layers`, outermost first, each on a thread of its own.
pub(crate) fn decompress(
    source: Reader,
    layers: &[Compression],
    stop: &Arc<AtomicBool>,
) -> io::Result<Reader> {
    layers.iter().try_fold(source, |source, &format| {
        Ok(Box::new(Prefetch::new(
            Decompress::new(format, source),
            prefetch::OF_A_DECOMPRESSOR,
            Arc::clone(stop),
        )?) as Reader)
    })
}

/// Reads `n` bytes and forgets them.
pub(crate) fn skip(reader: &mut Reader, n: u64) -> io::Result<()> {
    io::copy(&mut reader.take(n), &mut io::sink()).map(|_| ())
}

/// A reader that is opened when it is first read and closed at its end, so that thousands of inputs do
/// not take as many descriptors and threads.
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
