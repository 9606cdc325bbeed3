//! The checksum of the bytes that an input consumes.

use std::collections::VecDeque;

use crate::crc64::Crc64;
use crate::file_slice::FileSlice;

/// Bytes consumed before they are added to the checksum. The wide loop of the checksum needs many
/// bytes, and this many are still in the second-level cache.
const STEP_BYTES: u64 = 128 << 10;

/// The checksum of a part of a file, which was computed elsewhere.
#[derive(Clone, Debug)]
pub struct KnownSum {
    /// Offset of the first byte.
    pub from: u64,
    /// Offset after the last byte.
    pub to: u64,
    /// The checksum of the bytes between.
    pub sum: Crc64,
}

/// The checksum of all bytes up to an offset, and those of parts that follow.
#[derive(Debug, Default)]
pub(crate) struct RunningSum {
    /// `None`: checksums are not compared.
    sum: Option<Crc64>,
    /// Offset of the first byte that is not in the checksum.
    summed: u64,
    /// Checksums of parts behind that offset, in file order.
    known: VecDeque<KnownSum>,
}

impl RunningSum {
    /// Starts the checksum at an offset.
    pub(crate) fn start(&mut self, at: u64) {
        *self = Self { sum: Some(Crc64::new()), summed: at, known: VecDeque::new() };
    }

    /// The offset at which to [add](Self::add) bytes next.
    pub(crate) fn due(&self) -> u64 {
        match (&self.sum, self.known.front()) {
            (None, _) => u64::MAX,
            (Some(_), Some(next)) if next.from == self.summed => next.to,
            (Some(_), _) => self.summed.saturating_add(STEP_BYTES),
        }
    }

    /// Takes the checksum of a part that follows those that are known already.
    pub(crate) fn know(&mut self, part: KnownSum) {
        if self.sum.is_some() && part.from < part.to {
            self.known.push_back(part);
        }
    }

    /// Adds the bytes up to the offset `to`. `slice` holds those that are not summed. Bytes in a
    /// part whose checksum is known, and that ends behind `to`, are added only if `now`.
    pub(crate) fn add(&mut self, to: u64, slice: FileSlice<'_>, now: bool) {
        let Some(sum) = &mut self.sum else { return };
        while self.summed < to {
            let Some(part) = self.known.front_mut().filter(|part| part.from < to) else {
                sum.update(slice.get(self.summed, to).unwrap_or_default());
                self.summed = to;
                return;
            };
            if part.from > self.summed {
                sum.update(slice.get(self.summed, part.from).unwrap_or_default());
                self.summed = part.from;
            }
            // Sums again what lies before, if that is the smaller part.
            let is_early =
                part.from < self.summed && self.summed - part.from < part.to.saturating_sub(self.summed);
            if let Some(bytes) = slice.get(part.from, self.summed).filter(|_| is_early) {
                let mut prefix = Crc64::new();
                prefix.update(bytes);
                part.sum = part.sum.without_prefix(&prefix);
                part.from = self.summed;
            }
            if part.from == self.summed {
                if part.to <= to {
                    sum.append(&part.sum);
                    self.summed = part.to;
                } else if !now {
                    return;
                }
            }
            // It is added, or cannot be used.
            self.known.pop_front();
        }
    }

    pub(crate) fn value(&self) -> Option<u64> {
        self.sum.as_ref().map(Crc64::value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_that_are_known_change_no_checksum(
            cuts in proptest::collection::vec(0u64..1000, 0..8),
            steps in proptest::collection::vec((0u64..1000, any::<bool>()), 0..8),
        ) {
            let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 7 % 251) as u8).collect();
            let slice = FileSlice { bytes: &bytes, offset: 0 };
            let of = |from: u64, to: u64| {
                let mut sum = Crc64::new();
                sum.update(slice.get(from, to).expect("inside"));
                sum
            };
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut running = RunningSum::default();
            running.start(0);
            for pair in cuts.chunks_exact(2) {
                running.know(KnownSum { from: pair[0], to: pair[1], sum: of(pair[0], pair[1]) });
            }
            let mut at = 0;
            for (step, now) in steps {
                at = step.max(at);
                running.add(at, slice, now);
            }
            running.add(1000, slice, true);
            prop_assert_eq!(running.value(), Some(of(0, 1000).value()));
        }
    }
}
