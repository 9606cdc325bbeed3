//! A part of a file in memory.

/// Bytes of a file and their offset in the file.
#[derive(Clone, Copy, Debug)]
pub struct FileSlice<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Offset of the first byte in the file.
    pub offset: u64,
}

impl<'a> FileSlice<'a> {
    /// Offset of the byte after the last.
    pub fn end(self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// The bytes from one offset in the file to another. `None` if some are outside the slice.
    #[inline]
    pub fn get(self, from: u64, to: u64) -> Option<&'a [u8]> {
        self.bytes.get(self.index(from)?..self.index(to)?)
    }

    /// The bytes from an offset in the file to the end of the slice.
    #[inline]
    pub fn from(self, offset: u64) -> Option<&'a [u8]> {
        self.bytes.get(self.index(offset)?..)
    }

    #[inline]
    fn index(self, offset: u64) -> Option<usize> {
        usize::try_from(offset.checked_sub(self.offset)?).ok()
    }
}
