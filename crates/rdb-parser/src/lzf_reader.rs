//! Decompresses LZF data in parts, for values that are too long to decompress in memory.

use std::io::{self, Read};

use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::lzf;
use crate::read::StringHeader;

/// Largest distance of a token's copy.
const HISTORY_BYTES: usize = 8192;

/// Bytes decompressed at a time.
const STEP_BYTES: usize = 64 << 10;

/// Longest token, and most bytes that one token gives.
const MAX_TOKEN_BYTES: usize = 33;
const MAX_COPY_BYTES: usize = 264;

/// Decompresses the LZF data at the cursor of an input, and holds only the output that later tokens
/// may refer to.
pub(crate) struct LzfReader<'i, I> {
    input: &'i mut I,
    compressed_left: u64,
    decoded_left: u64,
    /// Output: `buffer[..given]` is history, `buffer[given..filled]` is to be given.
    buffer: Vec<u8>,
    given: usize,
    filled: usize,
    /// The error of a failed read, which [`Read`] cannot return.
    failure: Option<Error>,
}

impl<'i, I: Input> LzfReader<'i, I> {
    /// A reader of the payload that follows `header`.
    pub(crate) fn new(input: &'i mut I, header: StringHeader) -> Self {
        Self {
            input,
            compressed_left: header.payload_len,
            decoded_left: header.decoded_len,
            buffer: vec![0; HISTORY_BYTES + STEP_BYTES + MAX_COPY_BYTES],
            given: 0,
            filled: 0,
            failure: None,
        }
    }

    /// Ends the reading after all output was read.
    ///
    /// # Errors
    ///
    /// The error of a failed read, or data after the last byte of output.
    pub(crate) fn finish(self) -> Result<()> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.decoded_left == 0 && self.compressed_left > 0 => {
                Err(Error::new(ErrorKind::BadLzf("longer than its header says"), self.input.position()))
            }
            None => Ok(()),
        }
    }

    /// Decompresses the next part.
    fn step(&mut self) -> Result<()> {
        let kept = self.filled.min(HISTORY_BYTES);
        self.buffer.copy_within(self.filled - kept..self.filled, 0);
        self.given = kept;
        self.filled = kept;
        while self.filled < HISTORY_BYTES + STEP_BYTES && self.decoded_left > 0 {
            let shown = self.input.peek(MAX_TOKEN_BYTES)?;
            let within = usize::try_from(self.compressed_left).map_or(shown.len(), |n| n.min(shown.len()));
            let ends_early = within < MAX_TOKEN_BYTES && (within as u64) < self.compressed_left;
            let shown = shown.get(..within).unwrap_or_default();
            let Some(len) = lzf::token_bytes(shown) else {
                return Err(if ends_early {
                    Error::truncated("a compressed blob", self.input.data_end())
                } else {
                    self.bad(if within == 0 {
                        "shorter than its header says"
                    } else {
                        "a token is truncated"
                    })
                });
            };
            let expanded =
                lzf::expand_from(shown.get(..len).unwrap_or_default(), &mut self.buffer, self.filled);
            let filled = match expanded {
                Ok((_, filled)) => filled,
                Err(kind) => return Err(Error::new(kind, self.input.position())),
            };
            let expanded = (filled - self.filled) as u64;
            if expanded > self.decoded_left {
                return Err(self.bad("longer than its header says"));
            }
            self.input.consume(len);
            self.compressed_left -= len as u64;
            self.decoded_left -= expanded;
            self.filled = filled;
        }
        self.input.checkpoint();
        Ok(())
    }

    fn bad(&self, detail: &'static str) -> Error {
        Error::new(ErrorKind::BadLzf(detail), self.input.position())
    }
}

impl<I: Input> Read for LzfReader<'_, I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.filled
            && self.decoded_left > 0
            && let Err(error) = self.step()
        {
            self.failure = Some(error);
            return Err(io::Error::other("invalid LZF data"));
        }
        let fresh = self.buffer.get(self.given..self.filled).unwrap_or_default();
        let n = fresh.len().min(out.len());
        let (now, _) = fresh.split_at(n);
        if let Some(target) = out.get_mut(..n) {
            target.copy_from_slice(now);
        }
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceInput;
    use crate::lzf::tests::compress;
    use crate::read::StringForm;
    use proptest::prelude::*;

    fn expand(compressed: &[u8], decoded_len: usize) -> Result<Vec<u8>> {
        let mut input = SliceInput::new(compressed);
        let header = StringHeader {
            form: StringForm::Lzf,
            header_len: 0,
            payload_len: compressed.len() as u64,
            decoded_len: decoded_len as u64,
        };
        let mut reader = LzfReader::new(&mut input, header);
        let mut out = Vec::new();
        // `finish` returns the error of a failed read.
        let _ = reader.read_to_end(&mut out);
        reader.finish()?;
        Ok(out)
    }

    #[test]
    fn references_reach_across_the_pieces() {
        let data: Vec<u8> = (0..300_000u32).map(|i| u8::try_from(i / 7 % 251).expect("small")).collect();
        assert_eq!(expand(&compress(&data), data.len()).expect("valid"), data);
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        let compressed = [0x00, 0x61, 0xE0, 0x06, 0x00];
        assert_eq!(expand(&compressed, 16).expect("valid"), [b'a'; 16]);
        for wrong in [1, 15, 17, 20] {
            assert!(expand(&compressed, wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_one_in_memory(
            data in proptest::collection::vec(any::<u8>(), 1..100),
            len in 1usize..3000,
        ) {
            let mut whole = Vec::new();
            match lzf::decompress(&data, len, &mut whole) {
                Ok(()) => prop_assert_eq!(expand(&data, len).expect("valid"), whole),
                Err(_) => prop_assert!(expand(&data, len).is_err()),
            }
        }
    }
}
