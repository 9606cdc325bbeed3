//! Reads ahead on a separate thread.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Bytes read at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// Blocks read ahead. LZ4 gives 4 MiB at once and then nothing for as long as it takes to
/// decompress as many; less would leave the reader idle in between. What is ready can be read on
/// several threads at once.
const BLOCKS: usize = (5 << 20) / BLOCK_BYTES;

/// Interval at which the stop flag is checked while the source sends nothing.
const PATIENCE: Duration = Duration::from_millis(50);

/// A reader whose source a thread reads ahead. It ends after `stop` is set, even while
/// the source says nothing.
pub(crate) struct Prefetch {
    filled: Receiver<io::Result<Block>>,
    emptied: Sender<Block>,
    block: Block,
    consumed: usize,
    ended: bool,
    stop: Arc<AtomicBool>,
    ready_bytes: Arc<AtomicU64>,
}

/// A buffer and the number of bytes in it. The buffer keeps its length, because to clear it for
/// each of a million short reads takes longer than to read.
#[derive(Default)]
struct Block {
    buffer: Vec<u8>,
    len: usize,
}

impl Block {
    /// Reads once, into a buffer of [`BLOCK_BYTES`].
    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        self.buffer.resize(BLOCK_BYTES, 0);
        self.len = source.read(&mut self.buffer)?.min(BLOCK_BYTES);
        Ok(())
    }

    /// The bytes from `start` on.
    fn rest(&self, start: usize) -> &[u8] {
        self.buffer.get(start..self.len).unwrap_or_default()
    }
}

impl Prefetch {
    /// Reads ahead of `source`, keeping in `ready_bytes` how many bytes can be had without waiting.
    pub(crate) fn new(
        source: impl Read + Send + 'static,
        stop: Arc<AtomicBool>,
        ready_bytes: Arc<AtomicU64>,
    ) -> io::Result<Self> {
        let (filled_tx, filled) = sync_channel(BLOCKS);
        let (emptied, emptied_rx) = channel();
        let ready = Arc::clone(&ready_bytes);
        std::thread::Builder::new()
            .name("read-ahead".to_owned())
            .spawn(move || read_ahead(source, &filled_tx, &emptied_rx, &ready))?;
        Ok(Self { filled, emptied, block: Block::default(), consumed: 0, ended: false, stop, ready_bytes })
    }
}

/// Sends blocks until the source ends or the receiver is dropped.
fn read_ahead(
    mut source: impl Read,
    filled: &SyncSender<io::Result<Block>>,
    emptied: &Receiver<Block>,
    ready_bytes: &AtomicU64,
) {
    loop {
        let mut block = emptied.try_recv().unwrap_or_default();
        let outcome = match block.fill(&mut source) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
            Ok(()) => {
                ready_bytes.fetch_add(block.len as u64, Ordering::Relaxed);
                Ok(block)
            }
        };
        let last = !matches!(&outcome, Ok(block) if block.len > 0);
        if filled.send(outcome).is_err() || last {
            return;
        }
    }
}

impl Read for Prefetch {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        while self.consumed == self.block.len {
            match self.filled.recv_timeout(PATIENCE) {
                Ok(next) => {
                    let spent = std::mem::replace(&mut self.block, next?);
                    self.consumed = 0;
                    // The thread may be gone; then nobody needs the block.
                    let _ = self.emptied.send(spent);
                    if self.block.len == 0 {
                        self.ended = true;
                        return Ok(0);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the thread that reads ahead has died"));
                }
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => {
                    return Err(io::Error::other("stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let rest = self.block.rest(self.consumed);
        let n = rest.len().min(out.len());
        if let (Some(from), Some(to)) = (rest.get(..n), out.get_mut(..n)) {
            to.copy_from_slice(from);
        }
        self.consumed += n;
        self.ready_bytes.fetch_sub(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_arrives_in_order() {
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
        let source = io::Cursor::new(data.clone());
        let ready_bytes = Arc::new(AtomicU64::new(0));
        let mut reader = Prefetch::new(source, Arc::default(), Arc::clone(&ready_bytes)).expect("a thread");
        while ready_bytes.load(Ordering::Relaxed) < 3_000_000 {
            std::thread::yield_now();
        }
        let mut read = vec![0; 1_000_000];
        reader.read_exact(&mut read).expect("reads");
        assert_eq!(ready_bytes.load(Ordering::Relaxed), 2_000_000);
        reader.read_to_end(&mut read).expect("reads");
        assert!(read == data);
        assert_eq!(ready_bytes.load(Ordering::Relaxed), 0);
        assert_eq!(reader.read(&mut [0]).expect("still at the end"), 0);
    }

    #[test]
    fn a_source_that_panics_is_not_at_its_end() {
        struct Panics(u8);
        impl Read for Panics {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                assert!(self.0 < 3, "as decoders do at times");
                Ok(10)
            }
        }
        let mut reader = Prefetch::new(Panics(0), Arc::default(), Arc::default()).expect("a thread");
        let mut read = Vec::new();
        assert!(reader.read_to_end(&mut read).is_err());
        assert_eq!(read.len(), 20);
    }

    #[test]
    fn a_silent_source_does_not_hold_up_a_stop() {
        let (silent, _writer) = io::pipe().expect("a pipe");
        let stop = Arc::new(AtomicBool::new(true));
        let mut reader = Prefetch::new(silent, stop, Arc::default()).expect("a thread");
        assert!(reader.read(&mut [0]).is_err());
    }
}
