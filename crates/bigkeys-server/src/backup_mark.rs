//! What identifies a backup, so that a scan on another machine reads the same file.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::auth::signature::hex;

/// Number of first and of last bytes that are compared.
const END_BYTES: u64 = 4096;

/// What identifies a backup: name, length, modification time, first and last bytes.
///
/// Another file passes for it only if somebody sets its time and keeps both ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BackupMark {
    /// The last part of the path under which the configuration finds it.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Milliseconds since 1970, which is what every file system and network has.
    pub(crate) modified_ms: i64,
    /// SHA-256 of the first and the last 4 KiB in hexadecimal digits.
    ends_sha256: String,
}

impl BackupMark {
    /// Reads the ends of an open file, whose position is its start before and after.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or became shorter.
    pub(crate) fn read(name: &str, mut file: &File, metadata: &Metadata) -> io::Result<Self> {
        let bytes = metadata.len();
        let end = usize::try_from(bytes.min(END_BYTES)).unwrap_or_default();
        let mut ends = vec![0; 2 * end];
        let (first, last) = ends.split_at_mut(end);
        file.read_exact(first)?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(END_BYTES)))?;
        file.read_exact(last)?;
        file.rewind()?;
        Ok(Self {
            name: name.to_owned(),
            bytes,
            modified_ms: milliseconds(metadata.modified()?),
            ends_sha256: hex(&Sha256::digest(&ends)),
        })
    }
}

/// A time in milliseconds since 1970.
pub(crate) fn milliseconds(time: SystemTime) -> i64 {
    Timestamp::try_from(time).map_or(0, Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn mark(path: &Path) -> BackupMark {
        let file = File::open(path).expect("opens");
        let metadata = file.metadata().expect("has some");
        let mark = BackupMark::read("a.rdb", &file, &metadata).expect("reads");
        assert_eq!((&file).stream_position().expect("a file"), 0);
        mark
    }

    #[test]
    fn a_change_of_length_time_or_ends_is_another_backup() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.rdb");
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        let write = |content: &[u8], time: SystemTime| {
            fs::write(&path, content).expect("written");
            File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("set");
            mark(&path)
        };
        let content = vec![7; 20_000];
        let first = write(&content, time);
        assert_eq!(write(&content, time), first);
        assert_eq!((first.name.as_str(), first.bytes, first.modified_ms), ("a.rdb", 20_000, 1_000_000));
        assert_ne!(write(&content, time + std::time::Duration::from_secs(1)), first);
        assert_ne!(write(&content[1..], time), first);
        for at in [0, 4095, 20_000 - 4096, 19_999] {
            let mut changed = content.clone();
            changed[at] = 8;
            assert_ne!(write(&changed, time), first, "{at}");
        }
        for length in [0, 1, 4096, 4097] {
            assert_eq!(write(&content[..length], time).bytes, length as u64);
        }
    }
}
