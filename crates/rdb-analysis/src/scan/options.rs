//! How sources are read.

use crate::server::Assumptions;

/// How sources are read.
///
/// ```
/// use rdb_analysis::ScanOptions;
///
/// let options = ScanOptions::default().deep(true).verify_checksum(false).threads(4);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct ScanOptions {
    /// Whether to walk packed values entry by entry, so that `value_bytes` and
    /// `largest_element_bytes` are known for them, too.
    pub deep: bool,
    /// Whether to name the largest element of each value. Makes the scan deep.
    pub names_largest_elements: bool,
    /// Whether to compare checksums.
    pub verify_checksum: bool,
    /// Length of the ranges into which a source is split, in bytes. `None`: as is best for the
    /// number of threads. The result is the same.
    pub range_bytes: Option<u64>,
    /// Whether to model the server's memory, so that `memory_bytes` is known.
    pub memory: bool,
    /// What is assumed of the server.
    pub assumptions: Assumptions,
    /// The time by which keys count as expired, in milliseconds since 1970. `None`: when the file
    /// was written.
    pub now_ms: Option<i64>,
    /// Threads that [`analyze()`](crate::analyze()) starts. `None`: one per core.
    pub threads: Option<usize>,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self {
            deep: false,
            names_largest_elements: false,
            verify_checksum: true,
            range_bytes: None,
            memory: true,
            assumptions: Assumptions::default(),
            now_ms: None,
            threads: None,
        }
    }
}

impl ScanOptions {
    /// Sets [`deep`](Self::deep).
    #[must_use]
    pub fn deep(self, deep: bool) -> Self {
        Self { deep, ..self }
    }

    /// Sets [`names_largest_elements`](Self::names_largest_elements).
    #[must_use]
    pub fn names_largest_elements(self, names_largest_elements: bool) -> Self {
        Self { names_largest_elements, ..self }
    }

    /// Sets [`verify_checksum`](Self::verify_checksum).
    #[must_use]
    pub fn verify_checksum(self, verify_checksum: bool) -> Self {
        Self { verify_checksum, ..self }
    }

    /// Sets [`range_bytes`](Self::range_bytes).
    #[must_use]
    pub fn range_bytes(self, range_bytes: impl Into<Option<u64>>) -> Self {
        Self { range_bytes: range_bytes.into(), ..self }
    }

    /// Sets [`memory`](Self::memory).
    #[must_use]
    pub fn memory(self, memory: bool) -> Self {
        Self { memory, ..self }
    }

    /// Sets [`assumptions`](Self::assumptions).
    #[must_use]
    pub fn assumptions(self, assumptions: Assumptions) -> Self {
        Self { assumptions, ..self }
    }

    /// Sets [`now_ms`](Self::now_ms).
    #[must_use]
    pub fn now_ms(self, now_ms: impl Into<Option<i64>>) -> Self {
        Self { now_ms: now_ms.into(), ..self }
    }

    /// Sets [`threads`](Self::threads).
    #[must_use]
    pub fn threads(self, threads: impl Into<Option<usize>>) -> Self {
        Self { threads: threads.into(), ..self }
    }

    /// The options of the parser.
    pub(crate) fn parser(&self) -> rdb_parser::Options {
        let mut options = rdb_parser::Options::default();
        options.verify_checksum = self.verify_checksum;
        options
    }
}
