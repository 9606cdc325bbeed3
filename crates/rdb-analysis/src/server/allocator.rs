//! The size classes of allocators.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Bytes of the smallest chunk of glibc (`MINSIZE`).
const MIN_GLIBC_CHUNK: u64 = 32;

/// Requests from which glibc maps pages of their own. The threshold moves at run time; this is
/// where it starts.
const GLIBC_MMAP_BYTES: u64 = 128 << 10;

/// The largest request. It keeps the arithmetic below from overflowing, whatever a file says.
const MAX_REQUEST_BYTES: u64 = 1 << 60;

/// The allocator of the server, which a file does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allocator {
    /// jemalloc with a quantum of 8 bytes, as Redis and Valkey bundle it: official images, source
    /// builds.
    #[default]
    JemallocQ8,
    /// jemalloc with a quantum of 16 bytes, which Linux distributions ship.
    JemallocQ16,
    /// `malloc` of the GNU C library.
    Glibc,
}

impl Allocator {
    /// All allocators.
    pub const ALL: [Self; 3] = [Self::JemallocQ8, Self::JemallocQ16, Self::Glibc];

    /// Name in options and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::JemallocQ8 => "jemalloc-q8",
            Self::JemallocQ16 => "jemalloc-q16",
            Self::Glibc => "glibc",
        }
    }

    /// Usable bytes of an allocation of `request` bytes, as `zmalloc_size` returns them.
    ///
    /// jemalloc 5 has four classes to a doubling, never closer than its quantum. glibc adds eight
    /// bytes and rounds to 16. About one chunk in a hundred keeps a remainder of 16 more bytes,
    /// which no file shows.
    pub(crate) fn usable(self, request: u64) -> u64 {
        let request = request.clamp(1, MAX_REQUEST_BYTES);
        match self {
            Self::JemallocQ8 => jemalloc(request, 8),
            Self::JemallocQ16 => jemalloc(request, 16),
            Self::Glibc if request >= GLIBC_MMAP_BYTES => round_up(request + 16, 4096) - 16,
            Self::Glibc => (round_up(request + 8, 16) - 8).max(24),
        }
    }

    /// The usable size of an allocation of `from` bytes that was shrunk to `to`. glibc gives nothing back
    /// that is less than its smallest chunk.
    pub(crate) fn shrunk(self, from: u64, to: u64) -> u64 {
        let (before, after) = (self.usable(from), self.usable(to));
        match self {
            Self::Glibc if (1..MIN_GLIBC_CHUNK).contains(&before.saturating_sub(after)) => before,
            _ => after,
        }
    }
}

/// Rounds a request up to its size class. Source: `sz_s2u_compute` in `sz.h` of jemalloc 5.
fn jemalloc(request: u64, quantum: u64) -> u64 {
    if request <= 8 {
        return 8;
    }
    let doubling = (request - 1).ilog2();
    let step = quantum.max((1 << doubling) >> 2);
    round_up(request, step)
}

/// Rounds up to a multiple of `step`, a power of two.
fn round_up(bytes: u64, step: u64) -> u64 {
    (bytes + (step - 1)) & !(step - 1)
}

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Allocator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for Allocator {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|allocator| allocator.name() == text);
        named.ok_or("expected jemalloc-q8, jemalloc-q16 or glibc")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn jemalloc_rounds_up_to_size_classes() {
        let q8 =
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640];
        for pair in q8.windows(2) {
            assert_eq!(Allocator::JemallocQ8.usable(pair[0] + 1), pair[1]);
            assert_eq!(Allocator::JemallocQ8.usable(pair[1]), pair[1]);
        }
        for (request, usable) in [(1, 8), (8, 8), (9, 16), (17, 32), (33, 48), (49, 64), (65, 80), (536, 640)]
        {
            assert_eq!(Allocator::JemallocQ16.usable(request), usable, "{request}");
        }
        assert_eq!(Allocator::JemallocQ8.usable(3 << 20 | 1), 7 << 19);
    }

    #[test]
    fn glibc_keeps_what_is_less_than_a_chunk() {
        assert_eq!(Allocator::Glibc.shrunk(120, 105), 120);
        assert_eq!(Allocator::Glibc.shrunk(120, 104), 120);
        assert_eq!(Allocator::Glibc.shrunk(120, 88), 88);
        assert_eq!(Allocator::Glibc.shrunk(100, 200), 200);
        assert_eq!(Allocator::JemallocQ8.shrunk(120, 105), 112);
    }

    #[test]
    fn glibc_rounds_up_to_chunks() {
        for (request, usable) in [(1, 24), (24, 24), (25, 40), (40, 40), (41, 56), (131_072, 135_152)] {
            assert_eq!(Allocator::Glibc.usable(request), usable, "{request}");
        }
    }

    proptest! {
        #[test]
        fn an_allocation_is_at_least_the_request_and_less_than_twice_the_request(request in 64u64..1 << 40) {
            for allocator in Allocator::ALL {
                let usable = allocator.usable(request);
                prop_assert!(usable >= request && usable < 2 * request);
                prop_assert_eq!(allocator.usable(u64::MAX), allocator.usable(MAX_REQUEST_BYTES));
            }
        }
    }
}
