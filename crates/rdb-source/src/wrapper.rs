//! Replication framing around RDB data.

/// Length of the mark that a diskless full resynchronisation ends with (`RDB_EOF_MARK_SIZE` in
/// `rdb.h` of Redis).
pub const EOF_MARK_BYTES: usize = 40;

/// What precedes the mark, and a length.
const MARK_PREFIX: &[u8] = b"$EOF:";
const LENGTH_PREFIX: &[u8] = b"$";

/// Longest status line of a replication stream that is skipped, such as `+FULLRESYNC`, an id of 40
/// digits and an offset.
const MAX_STATUS_LINE_BYTES: usize = 128;

/// Replication framing in front of RDB data, and how the data ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapper {
    /// Length of the framing in front of the RDB data, in bytes.
    pub prefix_bytes: u64,
    /// Mark that ends the RDB data of a diskless full resynchronisation.
    pub mark: Option<[u8; EOF_MARK_BYTES]>,
    /// Announced length of the RDB data of a full resynchronisation from disk, in bytes.
    pub announced_bytes: Option<u64>,
}

impl Wrapper {
    /// The wrapper at the start of `bytes`.
    ///
    /// A capture of a replication stream has, in this order: status lines (`+FULLRESYNC ...`) if
    /// the capture started early enough, line feeds that kept the connection alive while the server
    /// was saving, and `$EOF:`, 40 bytes and a line end, or `$`, the decimal length and a line end.
    /// Source: `readSyncBulkPayload` and `syncWithMaster` in `replication.c` of Redis.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self::try_of(bytes).unwrap_or_default()
    }

    fn try_of(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        loop {
            rest = match rest.first()? {
                b'\n' => rest.get(1..)?,
                b'+' => {
                    let line = rest.get(..MAX_STATUS_LINE_BYTES).unwrap_or(rest);
                    rest.get(line_end(line)? + 2..)?
                }
                _ => break,
            };
        }
        let mut wrapper = Self::default();
        if let Some(after) = rest.strip_prefix(MARK_PREFIX) {
            let (mark, after) = after.split_first_chunk::<EOF_MARK_BYTES>()?;
            wrapper.mark = Some(*mark);
            rest = after.strip_prefix(b"\r\n")?;
        } else if let Some(after) = rest.strip_prefix(LENGTH_PREFIX) {
            let end = line_end(after.get(..24).unwrap_or(after))?;
            let digits = std::str::from_utf8(after.get(..end)?).ok()?;
            wrapper.announced_bytes = Some(digits.parse().ok()?);
            rest = after.get(end + 2..)?;
        }
        wrapper.prefix_bytes = (bytes.len() - rest.len()) as u64;
        Some(wrapper)
    }
}

/// Returns the offset of the first `\r\n`.
fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_of_replication_are_recognised() {
        let mark = *b"0123456789abcdef0123456789abcdef01234567";
        for before in ["", "\n\n\n", "+FULLRESYNC 0123456789012345678901234567890123456789 14\r\n\n"] {
            let diskless = [before.as_bytes(), b"$EOF:", &mark, b"\r\nREDIS0011"].concat();
            let wrapper = Wrapper::of(&diskless);
            assert_eq!((wrapper.mark, wrapper.announced_bytes), (Some(mark), None));
            assert_eq!(wrapper.prefix_bytes, diskless.len() as u64 - 9);
            let from_disk = [before.as_bytes(), b"$1234\r\nREDIS0011"].concat();
            let wrapper = Wrapper::of(&from_disk);
            assert_eq!((wrapper.mark, wrapper.announced_bytes), (None, Some(1234)));
            assert_eq!(wrapper.prefix_bytes, from_disk.len() as u64 - 9);
        }
        assert_eq!(Wrapper::of(b"\n\nREDIS0011").prefix_bytes, 2);
    }

    #[test]
    fn anything_else_has_no_wrapper() {
        for bytes in [
            &b"REDIS0011"[..],
            b"",
            b"\n",
            b"$",
            b"$EOF:0123",
            b"$EOF:0123456789abcdef0123456789abcdef01234567REDIS",
            b"$12x\r\nREDIS",
            b"$\r\nREDIS",
            b"$99999999999999999999999999\r\nREDIS",
            b"+OK",
        ] {
            assert_eq!(Wrapper::of(bytes), Wrapper::default(), "{bytes:?}");
        }
    }
}
