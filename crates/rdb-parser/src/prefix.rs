//! The prefix of a key: the opcodes before its value type, which say when it expires and was used.

use crate::error::Result;
use crate::event::KeyMeta;
use crate::format::opcode;
use crate::input::Input;
use crate::read::ReadExt as _;
use crate::warning::Warnings;

/// The bit of Dragonfly's key flags that announces four bytes of memcached flags.
const HAS_MEMCACHED_FLAGS: u32 = 2;

/// What was read of the next key before its value type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix {
    pub(crate) meta: KeyMeta,
    /// Offset of the first opcode. `None`: none was read.
    pub(crate) start: Option<u64>,
    pub(crate) bytes: u64,
    pub(crate) warnings: Warnings,
}

impl Prefix {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start.is_none()
    }

    /// Adds the opcode from `start` to `end`, whose content was read.
    #[inline(always)]
    pub(crate) fn add_opcode(&mut self, start: u64, end: u64) {
        self.start.get_or_insert(start);
        self.bytes += end - start;
    }

    /// The prefix of the key that was reached. The next key begins without one.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Self {
        let prefix = *self;
        if prefix.start.is_some() {
            *self = Self::default();
        }
        prefix
    }
}

/// Reads what follows an opcode that Redis and Dragonfly share, except the expiry in seconds of old
/// files. Returns whether `byte` is such an opcode.
pub(crate) fn read_meta<I: Input>(byte: u8, input: &mut I, meta: &mut KeyMeta) -> Result<bool> {
    match byte {
        opcode::EXPIRE_TIME_MS => {
            meta.expires_at_ms = Some(i64::from_le_bytes(input.read_array("an expiry")?));
        }
        opcode::IDLE => meta.idle_seconds = Some(input.read_length("an idle time")?),
        opcode::FREQ => meta.freq = Some(input.read_u8("an access frequency")?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Skips Dragonfly's flags of a key, whose opcode was read.
pub(crate) fn skip_key_flags<I: Input>(input: &mut I) -> Result<()> {
    let flags = u32::from_le_bytes(input.read_array("a key's flags")?);
    if flags & HAS_MEMCACHED_FLAGS != 0 {
        input.skip(4, "a key's flags")?;
    }
    Ok(())
}
