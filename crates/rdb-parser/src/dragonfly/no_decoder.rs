//! Stands for the decoders where the feature `dragonfly` is off: no frame can be opened.

use std::io;

use crate::error::ErrorKind;

/// Length of the flags and the block size of an LZ4 frame.
pub(super) const LZ4_KIND_BYTES: usize = 2;

pub(super) fn damaged() -> io::Error {
    io::Error::other("damaged frame")
}

/// Cannot exist.
pub(super) enum Lz4 {}

/// Cannot exist.
pub(super) enum Decoder {}

impl Decoder {
    pub(super) fn open_zstd(_: Vec<u8>, _: u64) -> Result<Self, ErrorKind> {
        Err(ErrorKind::Unsupported(
            "a compressed blob of Dragonfly: this program was built without the feature `dragonfly`",
        ))
    }

    pub(super) fn open_lz4(
        payload: Vec<u8>,
        _: [u8; LZ4_KIND_BYTES],
        _: Option<Lz4>,
    ) -> Result<Self, ErrorKind> {
        Self::open_zstd(payload, 0)
    }

    pub(super) fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn into_parts(self, _: bool) -> (Vec<u8>, Option<Lz4>) {
        match self {}
    }

    pub(super) fn check_end(&mut self) -> io::Result<()> {
        match *self {}
    }
}
