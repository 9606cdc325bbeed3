//! The checksum of RDB files.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// The CRC-64 of RDB files, computed slice by slice.
///
/// Polynomial `0xad93d23594c935a9`, reflected, initial value and final mask 0 (`crc64.c` of Redis).
///
/// ```
/// use rdb_parser::resume::Crc64;
/// let (mut whole, mut first, mut second) = (Crc64::new(), Crc64::new(), Crc64::new());
/// whole.update(b"123456789");
/// first.update(b"12345");
/// second.update(b"6789");
/// assert_eq!(whole.value(), 0xe9c6_d914_c4b8_d9ca);
/// first.append(&second);
/// assert_eq!(first.value(), whole.value());
/// ```
#[derive(Clone)]
pub struct Crc64 {
    digest: Digest,
    /// Number of bytes.
    bytes: u64,
}

impl Crc64 {
    /// The checksum of no bytes.
    pub fn new() -> Self {
        Self { digest: Digest::new(CrcAlgorithm::Crc64Redis), bytes: 0 }
    }

    /// Adds `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Appends the bytes of `other`, without seeing them. Takes 1 µs, while the digest's own
    /// combination takes 100 µs.
    pub fn append(&mut self, other: &Self) {
        // Zeros after the bytes multiply their checksum by a power of x.
        let moved = multiply(self.value(), power_of_x_of_bytes(other.bytes));
        self.digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, moved ^ other.value());
        self.bytes += other.bytes;
    }

    /// The checksum of the bytes without the first, of which `prefix` is the checksum.
    pub(crate) fn without_prefix(&self, prefix: &Self) -> Self {
        let bytes = self.bytes.saturating_sub(prefix.bytes);
        let moved = multiply(prefix.value(), power_of_x_of_bytes(bytes));
        Self { digest: Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, self.value() ^ moved), bytes }
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u64 {
        self.digest.finalize()
    }
}

/// The polynomial without its highest power. Here and below, the highest bit is the lowest power.
const POLYNOMIAL: u64 = 0xad93_d235_94c9_35a9_u64.reverse_bits();

/// x to the power of 2 to the power of the index.
#[expect(clippy::indexing_slicing, reason = "the compiler does it, and would refuse to")]
const POWERS: [u64; 64] = {
    let mut powers = [1 << 62; 64];
    let mut i = 1;
    while i < 64 {
        powers[i] = multiply(powers[i - 1], powers[i - 1]);
        i += 1;
    }
    powers
};

/// The product of two polynomials over GF(2), modulo that of the checksum.
const fn multiply(a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    let mut power = 0;
    while power < 64 {
        if a << power >> 63 == 1 {
            product ^= b;
        }
        b = if b & 1 == 1 { b >> 1 ^ POLYNOMIAL } else { b >> 1 };
        power += 1;
    }
    product
}

/// x to the power of the number of bits in `bytes` bytes.
fn power_of_x_of_bytes(bytes: u64) -> u64 {
    let one = 1 << 63;
    // Bits are 2 to the power of 3 in a byte. A file has less than 2 to the power of 61 bytes.
    let factors = POWERS.iter().skip(3).enumerate().filter(|&(bit, _)| bytes >> bit & 1 == 1);
    factors.fold(one, |product, (_, &factor)| multiply(product, factor))
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

    #[test]
    fn parts_are_as_long_as_files() {
        let zeros = vec![0; 1 << 20];
        let (mut doubled, mut whole) = (Crc64::new(), Crc64::new());
        doubled.update(b"something");
        whole.update(b"something");
        let mut part = Crc64::new();
        part.update(&zeros);
        for _ in 0..6 {
            part.append(&part.clone());
        }
        doubled.append(&part);
        (0..64).for_each(|_| whole.update(&zeros));
        assert_eq!(doubled.value(), whole.value());
        assert_eq!(doubled.bytes, whole.bytes);
    }
}
