//! Notification of a scan's progress.

use rdb_analysis::Progress;

use crate::error::ScanError;

/// Receives the progress of a scan, for example to draw a progress bar. Called from several
/// threads.
///
/// [`Progress::advance`] receives bytes and keys. The methods of this trait are no-ops by default.
pub trait Monitor: Progress {
    /// An input was opened. `listed` is its length in the file system, `opened` the length of its
    /// content, in bytes, where these lengths are known. They differ for a compressed file.
    fn opened(&self, listed: Option<u64>, opened: Option<u64>) {
        let _ = (listed, opened);
    }

    /// An input could not be opened. The scan continues with the next input.
    fn not_opened(&self, error: &ScanError) {
        let _ = error;
    }
}

/// Ignores all notifications.
impl Monitor for () {}
