//! Filters and sketches of Dragonfly.
//!
//! Source: `rdb_save.cc` and `rdb_load.cc` of Dragonfly, mid 2026. No file of a server was
//! available.

use super::walker::Walker;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::ReadExt as _;
use crate::visitor::Visitor;

/// Progress in the filters of a value whose data is chunked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilterSums {
    /// Filters that were not begun.
    filters_left: u64,
    /// Bytes left of the current filter.
    bytes_left: u64,
    /// Whether a filter begins with the number of its hash functions.
    has_hashes: bool,
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Types 33 to 37.
    pub(super) fn sketch(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        match value_type {
            ValueType::BloomChunked | ValueType::Cuckoo => {
                let mut sums = self.filter_header(value_type)?;
                while !self.filter_step(&mut sums)? {
                    self.input.checkpoint();
                }
            }
            ValueType::CountMin => self.count_min()?,
            ValueType::TopK => self.top_k()?,
            _ => {
                for _ in 0..self.bloom_header()? {
                    self.input.read_length("a number of hash functions")?;
                    self.input.skip_string("a Bloom filter")?;
                    self.input.checkpoint();
                }
            }
        }
        Ok(Outline::opaque(None, Layout::Opaque))
    }

    /// Skips the header before the first filter of a chunked value.
    pub(crate) fn filter_header(&mut self, value_type: ValueType) -> Result<FilterSums> {
        let has_hashes = value_type == ValueType::BloomChunked;
        let filters_left = if has_hashes { self.bloom_header()? } else { self.cuckoo_header()? };
        Ok(FilterSums { filters_left, bytes_left: 0, has_hashes })
    }

    /// Skips the next part, or the header of the next filter. Returns whether the value is
    /// complete.
    pub(crate) fn filter_step(&mut self, sums: &mut FilterSums) -> Result<bool> {
        if sums.bytes_left > 0 {
            let at = self.input.position();
            let piece = self.input.read_length("a piece of a filter")?;
            if piece == 0 || piece > sums.bytes_left {
                return Err(Error::corrupt("filter", "its pieces do not make up its length", at));
            }
            self.input.skip(piece, "a piece of a filter")?;
            sums.bytes_left -= piece;
        } else if sums.filters_left > 0 {
            if sums.has_hashes {
                self.input.read_length("a number of hash functions")?;
            }
            sums.bytes_left = self.input.read_length("the length of a filter")?;
            sums.filters_left -= 1;
        }
        Ok(sums.bytes_left == 0 && sums.filters_left == 0)
    }

    /// Skips options, growth factor, error rate and three sizes, and returns the number of filters.
    fn bloom_header(&mut self) -> Result<u64> {
        self.expect_length(0, "Bloom filter")?;
        self.input.skip(16, "a Bloom filter")?;
        for _ in 0..3 {
            self.input.read_length("a Bloom filter")?;
        }
        // Not compared with the bytes that are left, which may be one chunk of the value.
        self.input.read_length("a number of filters")
    }

    /// Skips six parameters, and returns the number of filters.
    fn cuckoo_header(&mut self) -> Result<u64> {
        for _ in 0..6 {
            self.input.read_length("a cuckoo filter")?;
        }
        let at = self.input.position();
        match self.input.read_length("a number of filters")? {
            0 => Err(Error::corrupt("cuckoo filter", "it has no filters", at)),
            filters => Ok(filters),
        }
    }

    /// Skips width, depth, total and the counters.
    fn count_min(&mut self) -> Result<()> {
        let at = self.input.position();
        let width = self.input.read_length("a sketch's width")?;
        let depth = self.input.read_length("a sketch's depth")?;
        self.input.read_length("a sketch's total")?;
        let bytes = width.checked_mul(depth).and_then(|counters| counters.checked_mul(8));
        let bytes = bytes.ok_or_else(|| Error::new(ErrorKind::BadLength("a sketch"), at))?;
        self.input.skip(bytes, "a sketch's counters")
    }

    /// Skips options, the number of items to keep, width, depth, decay, the kept items and the
    /// counters.
    fn top_k(&mut self) -> Result<()> {
        self.expect_length(0, "top-k sketch")?;
        let at = self.input.position();
        self.input.read_length("a number of items to keep")?;
        let width = self.input.read_length("a sketch's width")?;
        let depth = self.input.read_length("a sketch's depth")?;
        self.input.skip(8, "a sketch's decay")?;
        for _ in 0..self.input.read_count(2, "items kept")? {
            self.input.skip_string("an item kept")?;
            self.input.read_length("an item's count")?;
            self.input.checkpoint();
        }
        let counters = self.input.read_string_header("a sketch's counters")?;
        self.input.skip(counters.payload_len, "a sketch's counters")?;
        let expected = width.checked_mul(depth).and_then(|counters| counters.checked_mul(4));
        if expected != Some(counters.decoded_len) {
            self.contain(Error::corrupt("top-k sketch", "width and depth do not give its length", at))?;
        }
        Ok(())
    }
}
