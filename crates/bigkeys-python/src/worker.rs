//! A thread that reads for Python.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// A thread that sends what it reads. The drop of the worker stops the thread and waits for its end.
pub(crate) struct Worker<T> {
    stop: Arc<AtomicBool>,
    /// `None` once nothing more comes.
    receiver: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
    /// The process that started the thread.
    process: u32,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts a thread that runs `work`. At most `waiting` items wait for the receiver. The drop of the
    /// worker sets `stop`.
    pub(crate) fn start(
        name: &str,
        waiting: usize,
        stop: Arc<AtomicBool>,
        work: impl FnOnce(&SyncSender<T>) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(waiting);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || work(&sender))?;
        Ok(Self { stop, receiver: Some(receiver), thread: Some(thread), process: std::process::id() })
    }
}

impl<T> Worker<T> {
    /// Whether this process is a fork of the one that started the thread. A fork has no such thread.
    pub(crate) fn is_in_fork(&self) -> bool {
        self.process != std::process::id()
    }

    /// Where items come from. `None` after [`end`](Self::end).
    pub(crate) fn receiver(&self) -> Option<&Receiver<T>> {
        self.receiver.as_ref()
    }

    /// Waits for the end of the thread, which has sent its last item or is told to stop. Returns the panic of
    /// the thread, if it has panicked. Not for a fork.
    pub(crate) fn end(&mut self) -> thread::Result<()> {
        // A thread that waits to send goes on without its receiver.
        self.receiver = None;
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        if self.is_in_fork() {
            // A thread that does not exist in the fork may hold the locks of the channel.
            std::mem::forget((self.receiver.take(), self.thread.take()));
            return;
        }
        self.stop.store(true, Ordering::Relaxed);
        // A panic is ignored, because nobody reads the items any more.
        let _ = self.end();
    }
}
