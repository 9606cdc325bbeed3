//! The strings of records that are not keys.

use crate::error::{Error, Result};
use crate::input::Input;
use crate::limits::MAX_META_STRING_BYTES;
use crate::read::ReadExt as _;
use crate::string::{PinnedString, RdbString};

/// Copies of up to two strings, because an input pins one string at a time.
#[derive(Debug, Default)]
pub(super) struct MetaStrings {
    first: MetaString,
    second: MetaString,
}

#[derive(Debug, Default)]
struct MetaString {
    decoded: Vec<u8>,
    /// Length of a string that is too long to copy.
    skipped: Option<u64>,
}

impl MetaStrings {
    /// Reads the only string of a record, or its first.
    pub(super) fn read_first<I: Input>(
        &mut self,
        input: &mut I,
        scratch: &mut Vec<u8>,
        what: &'static str,
    ) -> Result<()> {
        self.first.read(input, scratch, what)
    }

    pub(super) fn read_second<I: Input>(
        &mut self,
        input: &mut I,
        scratch: &mut Vec<u8>,
        what: &'static str,
    ) -> Result<()> {
        self.second.read(input, scratch, what)
    }

    pub(super) fn first(&self) -> RdbString<'_> {
        self.first.view()
    }

    pub(super) fn second(&self) -> RdbString<'_> {
        self.second.view()
    }

    /// Both strings, empty where they are too long to copy.
    pub(super) fn decoded(&self) -> (&[u8], &[u8]) {
        (&self.first.decoded, &self.second.decoded)
    }
}

impl MetaString {
    fn read<I: Input>(&mut self, input: &mut I, scratch: &mut Vec<u8>, what: &'static str) -> Result<()> {
        let header = input.read_string_header(what)?;
        self.decoded.clear();
        self.skipped = None;
        if header.payload_len > MAX_META_STRING_BYTES {
            input.skip(header.payload_len, what)?;
            self.skipped = Some(header.decoded_len);
            return Ok(());
        }
        let at = input.position();
        let string = PinnedString::read(input, header, what)?;
        match string.view(input).decode(scratch) {
            Ok(decoded) => self.decoded.extend_from_slice(decoded),
            Err(kind) => return Err(Error::new(kind, at)),
        }
        Ok(())
    }

    fn view(&self) -> RdbString<'_> {
        match self.skipped {
            Some(decoded_len) => RdbString::Skipped { decoded_len },
            None => RdbString::Raw(&self.decoded),
        }
    }
}
