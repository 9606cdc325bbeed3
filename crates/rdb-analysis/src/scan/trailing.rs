//! Detects the kind of data after the end of RDB data.

/// Bytes kept of the beginning.
const HEAD_BYTES: usize = 64;

/// What bytes behind RDB data look like. Servers ignore them all but the first two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrailingKind {
    /// The commands of an append-only file whose preamble the RDB data is.
    AofCommands,
    /// The end mark that the sender of a full resynchronisation announced.
    EndMark,
    /// 40 hexadecimal digits: an end mark whose announcement is missing.
    Hex40,
    /// Another RDB file.
    Rdb,
    /// Zeros.
    ZeroPadding,
    /// Anything else.
    Unknown,
}

impl TrailingKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::AofCommands => "aof_commands",
            Self::EndMark => "end_mark",
            Self::Hex40 => "hex_40",
            Self::Rdb => "rdb",
            Self::ZeroPadding => "zero_padding",
            Self::Unknown => "unknown",
        }
    }

    /// What it is, in words for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::AofCommands => "commands of an append-only file, which were not read",
            Self::EndMark => "the end mark of a full resynchronisation",
            Self::Hex40 => "40 hexadecimal digits, as a full resynchronisation ends with",
            Self::Rdb => "what looks like another RDB file, which was not read",
            Self::ZeroPadding => "zeros",
            Self::Unknown => "something unknown",
        }
    }

    /// Whether a part of the data may be in it, which the report then lacks.
    pub fn may_hold_data(self) -> bool {
        matches!(self, Self::AofCommands | Self::Rdb | Self::Unknown)
    }
}

/// Looks at trailing bytes as they pass by.
#[derive(Debug)]
pub(crate) struct Trailing {
    head: Vec<u8>,
    bytes: u64,
    all_zero: bool,
}

impl Default for Trailing {
    fn default() -> Self {
        Self { head: Vec::new(), bytes: 0, all_zero: true }
    }
}

impl Trailing {
    pub(crate) fn show(&mut self, piece: &[u8]) {
        let wanted = HEAD_BYTES - self.head.len();
        self.head.extend_from_slice(piece.get(..wanted).unwrap_or(piece));
        self.bytes += piece.len() as u64;
        self.all_zero = self.all_zero && piece.iter().all(|&byte| byte == 0);
    }

    /// `end_mark` is the one that was announced.
    pub(crate) fn kind(&self, end_mark: Option<&[u8; 40]>) -> Option<TrailingKind> {
        let head = self.head.as_slice();
        let is_mark_long = self.bytes == 40;
        Some(if self.bytes == 0 {
            return None;
        } else if end_mark.is_some_and(|mark| head.starts_with(mark)) {
            TrailingKind::EndMark
        } else if is_mark_long && head.iter().all(u8::is_ascii_hexdigit) {
            TrailingKind::Hex40
        } else if head.starts_with(b"REDIS") || head.starts_with(b"VALKEY") {
            TrailingKind::Rdb
        } else if is_command(head) || head.starts_with(b"#TS:") {
            TrailingKind::AofCommands
        } else if self.all_zero {
            TrailingKind::ZeroPadding
        } else {
            TrailingKind::Unknown
        })
    }
}

/// Whether `bytes` begin as a command does: `*`, a number, a line end.
fn is_command(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"*") else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits..).is_some_and(|rest| rest.starts_with(b"\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8], mark: Option<&[u8; 40]>) -> Option<TrailingKind> {
        let whole = {
            let mut trailing = Trailing::default();
            trailing.show(bytes);
            trailing.kind(mark)
        };
        let mut trailing = Trailing::default();
        bytes.chunks(7).for_each(|piece| trailing.show(piece));
        assert_eq!(trailing.kind(mark), whole, "however it is cut");
        whole
    }

    #[test]
    fn trailing_bytes_are_named_for_what_they_look_like() {
        let hex = *b"0123456789abcdef0123456789abcdef01234567";
        let mark = *b"the mark that a sender has announced....";
        for (bytes, expected) in [
            (&b""[..], None),
            (b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n", Some(TrailingKind::AofCommands)),
            (b"#TS:1700000000\r\n*1\r\n", Some(TrailingKind::AofCommands)),
            (b"*x", Some(TrailingKind::Unknown)),
            (&hex, Some(TrailingKind::Hex40)),
            (&hex[..39], Some(TrailingKind::Unknown)),
            (&mark, Some(TrailingKind::EndMark)),
            (b"REDIS0011", Some(TrailingKind::Rdb)),
            (b"VALKEY080", Some(TrailingKind::Rdb)),
            (&[0; 5000], Some(TrailingKind::ZeroPadding)),
            (b"\0\0x", Some(TrailingKind::Unknown)),
        ] {
            assert_eq!(kind(bytes, Some(&mark)), expected, "{bytes:?}");
        }
        assert_eq!(kind(&mark, None), Some(TrailingKind::Unknown));
        // The stream of a replica goes on behind the mark.
        assert_eq!(
            kind(&[&mark[..], b"*1\r\n$4\r\nPING\r\n"].concat(), Some(&mark)),
            Some(TrailingKind::EndMark)
        );
    }
}
