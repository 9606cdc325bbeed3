//! Finds the start of a range in the middle of a file, by guessing.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rdb_parser::keys::{KeyRun, KeySink};
use rdb_parser::resume::{guess_blob, guess_key, may_end_with_prefix};
use rdb_parser::{Dialect, Entry, Event, Parser, RdbString};

use super::context::{RangeContext, RangeSum};
use super::range_scan::{Broken, RangeScan, SEARCH_BYTES, is_followed};
use super::sink::RangePart;
use crate::measure::Estimator;

/// Keys that must follow each other without damage before a start is believed.
pub(super) const CHAIN_KEYS: usize = 8;

/// The part of a range in which its start is looked for, and the bytes at least and at most.
const SEARCHED_PART: u64 = 8;
const MIN_SEARCH_BYTES: u64 = 64 << 10;
const MAX_SEARCH_BYTES: u64 = 1 << 20;

/// Cost of a search, at most: as what a scan of this many times the bytes costs.
const SEARCH_COST: u64 = 4;

/// Bytes behind the beginning of a chain in which its later keys are the start of the range.
const NEAR_BYTES: u64 = 16 << 10;

/// Fixed cost of one attempt at a start, as the number of bytes that a scan reads in the same time.
/// Each attempt makes a parser, and for a compressed blob a decompressor, which fills its window.
const ATTEMPT_BYTES: u64 = 512;
const BLOB_ATTEMPT_BYTES: u64 = 256 << 10;

/// Fixed cost of starting the scan of a range, in the same unit. Each scan makes a measurer and
/// aggregates.
const SCAN_BYTES: u64 = 32 << 10;

impl<M: Estimator> RangeContext<'_, M> {
    /// Finds a start at or behind `from`, and scans from there to the first record boundary at or
    /// behind `to`.
    ///
    /// The search costs at most what scanning [some times](SEARCH_COST) as many bytes costs.
    pub(super) fn find_and_scan<P: RangePart>(
        &self,
        from: u64,
        to: u64,
        part: &mut P,
        sum: &mut RangeSum<'_>,
    ) -> Option<RangeScan<()>> {
        let search_bytes = ((to - from) / SEARCHED_PART).clamp(MIN_SEARCH_BYTES, MAX_SEARCH_BYTES);
        let limit = to.min(from.saturating_add(search_bytes));
        let budget = SEARCH_COST * (limit - from);
        let mut spent = 0;
        for at in from..limit {
            if !self.may_begin_at(at) {
                continue;
            }
            if let Some(start) = self.start_of_chain(at, to, &mut spent) {
                match self.scan_from(start, to, part, sum) {
                    Ok(scan) => return Some(scan),
                    Err(Broken { bytes }) => spent += SCAN_BYTES + bytes,
                }
                part.clear();
            }
            if spent > budget || self.context.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
        None
    }

    /// Whether a record seems to begin at `at`.
    #[inline(always)]
    pub(super) fn may_begin_at(&self, at: u64) -> bool {
        let Some(rest) = self.slice.from(at) else { return false };
        let header = self.carried.parser.header;
        // Most bytes of a Dragonfly file are in blobs, and only blobs can be recognised.
        if self.carried.parser.dialect == Dialect::Dragonfly {
            return guess_blob(rest, header);
        }
        guess_key(rest, header).is_some_and(|name| self.names.fits(name))
    }

    /// The start of a range, if a chain of records begins at `at`. The start is the end of one of
    /// the first keys, because the first may be a part of a value. If they are long, it is `at`, or
    /// the end of the first key if bytes before `at` may be prefix opcodes of that key.
    ///
    /// Reads the records with a parser only, and adds the cost of the attempt to `spent`.
    #[cold]
    pub(super) fn start_of_chain(&self, at: u64, to: u64, spent: &mut u64) -> Option<u64> {
        let mut parser = Parser::resume(self.slice, at, self.carried.parser);
        let is_blob = self.carried.parser.dialect == Dialect::Dragonfly;
        // A key of a blob ends inside the blob.
        let near = if is_blob { at } else { at.saturating_add(NEAR_BYTES).min(to) };
        let mut chain = Chain {
            keys: 0,
            names: [0; CHAIN_KEYS],
            repeats_name: false,
            near,
            first_end: None,
            start: None,
            visitor: (),
        };
        let is_chain = loop {
            match parser.read_keys(to, &mut chain) {
                Ok(KeyRun::Broken(())) => break !chain.repeats_name,
                Ok(KeyRun::Event(Event::Entry(entry))) => {
                    if chain.key(&entry).is_break() {
                        break !chain.repeats_name;
                    }
                }
                Ok(KeyRun::Bound) => {}
                Ok(KeyRun::Event(event)) if is_followed(&event) => {}
                // A short chain may end with the bytes that are split.
                _ => break parser.position() == self.slice.end(),
            }
            if parser.position() >= to {
                // A false length can be any number, so a chain that ends far behind the range is
                // none.
                break parser.position() <= to.saturating_add(SEARCH_BYTES);
            }
        };
        *spent += if is_blob { BLOB_ATTEMPT_BYTES } else { ATTEMPT_BYTES } + (parser.position() - at);
        if is_chain {
            return chain.start.or(if self.may_follow_prefix(at) { chain.first_end } else { Some(at) });
        }
        None
    }

    /// Whether bytes before `at` may be prefix opcodes of a key there.
    fn may_follow_prefix(&self, at: u64) -> bool {
        let before = self.slice.get(at.saturating_sub(9).max(self.slice.offset), at);
        before.is_some_and(may_end_with_prefix)
    }
}

/// Counts the keys of a possible chain, until there are enough or two have the same name.
///
/// A database has each name once. A repetitive value, such as zeros, parses as keys with equal
/// names.
struct Chain {
    keys: usize,
    /// Hashes of their names.
    names: [u64; CHAIN_KEYS],
    repeats_name: bool,
    /// The end of the first key.
    first_end: Option<u64>,
    /// The last end of a key before `near`.
    start: Option<u64>,
    near: u64,
    visitor: (),
}

impl KeySink for Chain {
    type Visitor = ();
    type Break = ();

    fn visitor(&mut self) -> &mut () {
        &mut self.visitor
    }

    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        self.first_end.get_or_insert(entry.span.end);
        if entry.span.end < self.near {
            self.start = Some(entry.span.end);
        }
        let name = match entry.key {
            RdbString::Raw(name) => hash(name),
            RdbString::Int(number) => hash(&number.to_le_bytes()),
            // The stored bytes are enough to tell names apart.
            RdbString::Lzf { compressed, .. } => hash(compressed),
            other => hash(&other.decoded_len().to_le_bytes()),
        };
        self.repeats_name = self.names.iter().take(self.keys).any(|&earlier| earlier == name);
        if let Some(place) = self.names.get_mut(self.keys) {
            *place = name;
        }
        self.keys += 1;
        if self.repeats_name || self.keys == CHAIN_KEYS {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}
