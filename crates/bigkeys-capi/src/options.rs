//! Options of a scan, and the flag that stops it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bigkeys_scan::{IoMode, Rank, Scan};

use crate::error::Error;

/// Most threads of a scan, as in the program.
const MAX_THREADS: usize = 1024;

/// Options of scans and walks.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    threads: Option<usize>,
    pub(crate) top: Option<usize>,
    pub(crate) prefixes: Option<usize>,
    pub(crate) separator: Option<u8>,
    pub(crate) deep: bool,
    pub(crate) memory: bool,
    pub(crate) verify_checksum: bool,
    pub(crate) recursive: bool,
    pub(crate) map_files: bool,
    pub(crate) store: Vec<(String, String)>,
    stop: Arc<AtomicBool>,
}

/// A flag that stops scans and walks. Any thread may set it.
#[derive(Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: None,
            top: None,
            prefixes: None,
            separator: None,
            deep: false,
            memory: true,
            verify_checksum: true,
            recursive: false,
            map_files: true,
            store: Vec::new(),
            stop: Arc::default(),
        }
    }
}

impl Options {
    /// Sets the number of threads. 0: one per core.
    pub(crate) fn set_threads(&mut self, threads: usize) -> Result<(), Error> {
        if threads > MAX_THREADS {
            return Err(Error::invalid(&format!("{threads} threads: the limit is {MAX_THREADS}")));
        }
        self.threads = (threads > 0).then_some(threads);
        Ok(())
    }

    pub(crate) fn set_stop_flag(&mut self, flag: &StopFlag) {
        self.stop = Arc::clone(&flag.0);
    }

    /// Whether the stop flag is set.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A scan of `paths` with these options.
    pub(crate) fn scan(&self, paths: Vec<PathBuf>) -> Scan<'static> {
        // As in the program: without the memory model, keys rank by their bytes in the file.
        let rank = if self.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
        let mode = if self.map_files { IoMode::Auto } else { IoMode::Read };
        let mut scan = Scan::inputs(paths)
            .threads(self.threads)
            .deep(self.deep)
            .memory(self.memory)
            .rank(rank)
            .verify_checksum(self.verify_checksum)
            .recursive(self.recursive)
            .io(mode)
            .stop(Arc::clone(&self.stop));
        if let Some(top) = self.top {
            scan = scan.top(top);
        }
        if let Some(prefixes) = self.prefixes {
            scan = scan.prefixes(prefixes);
        }
        if let Some(separator) = self.separator {
            scan = scan.separator(separator);
        }
        for (name, value) in &self.store {
            scan = scan.store_option(name, value);
        }
        scan
    }
}

impl StopFlag {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
