//! The checksum of RDB files.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// CRC-64 as RDB files use it, fed a piece at a time.
///
/// Polynomial `0xad93d23594c935a9`, reflected, initial value and final mask 0 (`crc64.c` of Redis).
///
/// ```
/// use rdb_parser::Crc64;
/// let (mut whole, mut first, mut second) = (Crc64::new(), Crc64::new(), Crc64::new());
/// whole.update(b"123456789");
/// first.update(b"12345");
/// second.update(b"6789");
/// assert_eq!(whole.value(), 0xe9c6_d914_c4b8_d9ca);
/// first.append(&second);
/// assert_eq!(first.value(), whole.value());
/// ```
#[derive(Clone)]
pub struct Crc64(Digest);

impl Crc64 {
    /// The checksum of no bytes.
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds the bytes that `other` was fed, without seeing them.
    pub fn append(&mut self, other: &Self) {
        self.0.combine(&other.0);
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc64({:016x})", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_two_parts_is_that_of_the_whole() {
        let data: Vec<u8> = (0..5000u32).map(|i| (i * 7 % 251) as u8).collect();
        let sum = |bytes: &[u8]| {
            let mut crc = Crc64::new();
            crc.update(bytes);
            crc
        };
        for cut in [0, 1, 9, 64, 1000, 4999, 5000] {
            let (a, b) = data.split_at(cut);
            let mut joined = sum(a);
            joined.append(&sum(b));
            assert_eq!(joined.value(), sum(&data).value(), "{cut}");
            // And goes on from there.
            joined.update(b"more");
            assert_eq!(joined.value(), sum(&[&data[..], b"more"].concat()).value(), "{cut}");
        }
    }
}
