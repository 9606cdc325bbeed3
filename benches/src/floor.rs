//! The floor: skips every length prefix, and sums every byte.
//!
//! Reads only the records of the benchmark files, and checks and measures nothing.

use std::path::Path;

use anyhow::{Context as _, bail};
use crc_fast::{CrcAlgorithm, Digest};
use rdb_source::{Data, IoMode};

/// Bytes walked before they are summed, while they are still in the cache.
const STEP_BYTES: usize = 128 << 10;

/// Walks a file; returns the number of keys.
pub(crate) fn walk(path: &Path) -> anyhow::Result<u64> {
    let opened = rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default())?;
    let Data::Mapped(mapping) = &opened.data else { bail!("not a regular file") };
    let mut walk = Walk { bytes: mapping, at: 9, summed: 0, digest: Digest::new(CrcAlgorithm::Crc64Redis) };
    let mut keys = 0;
    while walk.record(&mut keys).context("the floor does not know this file")? {}
    let end = walk.at;
    walk.sum(end);
    let stored = walk.bytes.get(end..).and_then(<[u8]>::first_chunk).map(|bytes| u64::from_le_bytes(*bytes));
    if stored.is_some_and(|stored| stored != 0 && stored != walk.digest.finalize()) {
        bail!("checksum mismatch");
    }
    Ok(keys)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    summed: usize,
    digest: Digest,
}

impl Walk<'_> {
    fn sum(&mut self, to: usize) {
        if let Some(bytes) = self.bytes.get(self.summed..to) {
            self.digest.update(bytes);
            self.summed = to;
        }
    }

    /// One record; false at the end.
    #[inline]
    fn record(&mut self, keys: &mut u64) -> Option<bool> {
        if self.at - self.summed > STEP_BYTES {
            self.sum(self.at);
        }
        let opcode = *self.bytes.get(self.at)?;
        self.at += 1;
        match opcode {
            255 => return Some(false),
            248 | 254 => drop(self.length()?),
            252 => self.at += 8,
            251 => {
                self.length()?;
                self.length()?;
            }
            250 => {
                self.string()?;
                self.string()?;
            }
            249 => self.at += 1,
            0 | 9..=13 | 16 | 17 | 20 => {
                *keys += 1;
                self.string()?;
                self.string()?;
            }
            1 | 2 | 4 | 5 | 14 | 18 | 19 => {
                *keys += 1;
                self.string()?;
                let count = self.length()?;
                match opcode {
                    1 | 2 | 14 => self.strings(count)?,
                    4 => self.strings(2 * count)?,
                    // Nodes, then numbers: of entries, of the last ID, the first and the largest
                    // deleted one, of entries ever added, and of groups, of which there are none.
                    19 => {
                        self.strings(2 * count)?;
                        for _ in 0..9 {
                            self.length()?;
                        }
                    }
                    5 => {
                        for _ in 0..count {
                            self.string()?;
                            self.at += 8;
                        }
                    }
                    _ => {
                        for _ in 0..count {
                            self.length()?;
                            self.string()?;
                        }
                    }
                }
            }
            _ => return None,
        }
        Some(true)
    }

    #[inline]
    fn strings(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            self.string()?;
        }
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        let first = *self.bytes.get(self.at)?;
        let payload = match first {
            0xc0..=0xc2 => {
                self.at += 1;
                1 << (first & 3)
            }
            0xc3 => {
                self.at += 1;
                let compressed = self.length()?;
                self.length()?;
                compressed
            }
            _ => self.length()?,
        };
        self.at += usize::try_from(payload).ok()?;
        Some(())
    }

    #[inline]
    fn length(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..)?;
        let first = *rest.first()?;
        let (value, len) = match first >> 6 {
            0 => (u64::from(first), 1),
            1 => (u64::from(first & 63) << 8 | u64::from(*rest.get(1)?), 2),
            _ if first == 0x80 => (u64::from(u32::from_be_bytes(*rest.get(1..)?.first_chunk()?)), 5),
            _ if first == 0x81 => (u64::from_be_bytes(*rest.get(1..)?.first_chunk()?), 9),
            _ => return None,
        };
        self.at += len;
        Some(value)
    }
}
