//! Looks for everything that is wrong with a file.

mod finding;
mod hint;
mod ledger;
mod sound;
mod walk;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_parser::{Checksum, Error, ErrorKind, Header};

pub use finding::{Checked, Finding, Severity};

use crate::measure::KeyView;
use crate::parallel::{Absorbed, Place, RangePlan, RangeSink, scan_seen_by};
use crate::scan::{FileRecord, Guard, Progress, ScanOptions, Sink, Source, SourceError};
use hint::Hint;
use ledger::Ledger;
use sound::SoundKeys;
use walk::Walk;

/// Reads all of `source` on the [current threads](crate::Threads::run) and gives everything that is
/// wrong to `report`, in file order.
///
/// Walks every encoding that the parser can walk entry by entry, and compares the checksum, the
/// numbers that headers and hints announce, and the members of each key. Each thread holds one
/// packed value at a time, and the hashes of up to 65,536 members or fields of one key. Of
/// `options`, [`deep`](ScanOptions::deep) is taken as set.
///
/// # Errors
///
/// If the source does not begin as an RDB file.
pub fn check(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    report: impl FnMut(&Finding),
) -> Result<Checked, SourceError> {
    let path = source.path.clone();
    let options = options.clone().deep(true);
    let plan = RangePlan::for_source(&source.data, options.range_bytes, 1);
    let mut check = Check { ledger: Ledger::new(report), hint: Hint::default(), db: 0, end: None, stop };
    let scanned = scan_seen_by::<Walk>(source, &options, plan, None, progress, stop, &mut check);
    let (facts, origin) = scanned.map_err(|error| SourceError { path, error })?;
    let Check { mut ledger, end, .. } = check;
    if let Some(end) = end {
        ledger.end(&origin, end, facts.trailing_bytes, facts.trailing_kind);
    }
    if let Some(loss) = origin.guard.as_deref().and_then(Guard::loss)
        && facts.checksum != Some(Checksum::Verified)
    {
        let position = ledger.checked.bytes;
        ledger.loss(loss, position);
    }
    ledger.checked.interrupted = facts.coverage.interrupted;
    Ok(ledger.checked)
}

/// A check under way.
struct Check<'a, F> {
    ledger: Ledger<F>,
    /// Of the current database.
    hint: Hint,
    db: u64,
    /// Where the RDB data ends. `None`: not reached, or what follows is damaged.
    end: Option<u64>,
    stop: &'a AtomicBool,
}

impl<F: FnMut(&Finding)> Check<'_, F> {
    fn any_key(&mut self, key: &KeyView<'_>) {
        self.hint.add_keys(1, u64::from(key.measure.expires_at_ms.is_some()));
        self.ledger.checked.keys += 1;
        self.ledger.key(key);
    }
}

impl<F: FnMut(&Finding)> Sink for Check<'_, F> {
    fn begin(&mut self, header: Header) {
        self.ledger.dialect = header.dialect;
    }

    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        self.any_key(key);
        ControlFlow::Continue(Ok(()))
    }

    fn skipped_key(&mut self, key: &KeyView<'_>) -> ControlFlow<()> {
        self.any_key(key);
        ControlFlow::Continue(())
    }

    fn record(&mut self, record: FileRecord, end: u64) {
        match record {
            FileRecord::Warning { warning, offset } => self.ledger.warning(warning, offset),
            FileRecord::ResizeDb { keys, expires } => self.hint.announce(keys, expires),
            FileRecord::SelectDb(db) => {
                self.hint.settle(self.db, end, &mut self.ledger);
                self.db = db;
            }
            FileRecord::End { checksum } => {
                self.hint.settle(self.db, end, &mut self.ledger);
                self.ledger.checksum(checksum, end);
                self.end = Some(end);
            }
        }
    }

    fn damage(&mut self, error: &Error) {
        if error.is_contained() {
            self.hint.add_damaged_key();
        } else if self.stop.load(Ordering::Relaxed) {
            // A source that is stopped may fail.
            return;
        }
        self.end = None;
        self.ledger.damage(error, self.db);
    }

    fn end(&mut self, position: u64) {
        self.ledger.checked.bytes = position;
    }
}

impl<F: FnMut(&Finding)> RangeSink for Check<'_, F> {
    type Part = SoundKeys;

    fn new_part(&self, _: Place) -> SoundKeys {
        SoundKeys::default()
    }

    fn absorb(&mut self, part: SoundKeys, _: Place) -> Absorbed {
        let SoundKeys { keys, expires, .. } = part;
        self.hint.add_keys(keys, expires);
        self.ledger.checked.keys += keys;
        Absorbed::Merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(file: &[u8]) -> (Checked, Vec<Finding>) {
        let source = Source::from_bytes("test", file);
        let mut all = Vec::new();
        let report = |finding: &Finding| all.push(finding.clone());
        let checked = check(source, &ScanOptions::default(), &(), &false.into(), report)
            .expect("begins as an RDB file");
        (checked, all)
    }

    fn codes(file: &[u8]) -> Vec<(&'static str, u64)> {
        findings(file).1.iter().map(|finding| (finding.code, finding.offset)).collect()
    }

    #[test]
    fn nothing_is_found_in_a_sound_file() {
        let file = b"REDIS0009\xfe\x00\xfb\x01\x00\x02\x01s\x02\x01a\xc0\x07\xff\0\0\0\0\0\0\0\0";
        let (checked, all) = findings(file);
        assert_eq!((all, checked.keys, checked.bytes), (vec![], 1, file.len() as u64));
    }

    #[test]
    fn damage_inside_a_key_is_named_with_the_key_and_the_rest_is_read() {
        // An intset that says two entries and has one; then a listpack with a wrong count; then a
        // string.
        let intset = b"\x0b\x01i\x0a\x02\0\0\0\x02\0\0\0\x01\0";
        let listpack = b"\x14\x01l\x0a\x0a\0\0\0\x05\0\x01\x01\xff\xff";
        let file = [b"REDIS0003\xfe\x03", &intset[..], &listpack[..], b"\x00\x01k\x01v\xff"].concat();
        let (checked, all) = findings(&file);
        assert_eq!((checked.keys, checked.errors), (1, 2), "{all:?}");
        let keys: Vec<_> = all.iter().map(|finding| (finding.db, finding.key.as_deref())).collect();
        assert_eq!(keys, [(Some(3), Some(&b"i"[..])), (Some(3), Some(b"l"))]);
    }

    #[test]
    fn hints_are_compared_database_by_database() {
        let file = b"REDIS0003\xfe\x00\xfb\x02\x00\x00\x01k\x01v\xfe\x01\xfb\x01\x01\x00\x01k\x01v\xff";
        let (checked, all) = findings(file);
        let about: Vec<_> = all.iter().map(|finding| (finding.code, finding.db)).collect();
        assert_eq!(about, [("resizedb", Some(0)), ("resizedb", Some(1))], "{all:?}");
        assert_eq!((checked.errors, checked.warnings), (0, 2));
    }

    #[test]
    fn the_end_is_looked_at() {
        assert_eq!(codes(b"REDIS0009\xff12345678"), [("checksum", 18)]);
        assert_eq!(codes(b"REDIS0003"), [("truncated", 9)]);
        assert_eq!(codes(b"REDIS0003\xff*1\r\n"), [("trailing", 10)]);
        assert_eq!(codes(b"REDIS0003\xff\0\0\0"), []);
    }

    #[test]
    fn what_servers_refuse_is_an_error() {
        // A sorted set as a listpack of "a" and "b".
        let zset = b"\x11\x01z\x0d\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff";
        let file = [b"REDIS0003", &zset[..], b"\xff"].concat();
        assert_eq!(codes(&file), [("unreadable_score", 9)]);
        assert_eq!(findings(&file).0.errors, 1);
    }

    #[test]
    fn a_member_or_field_that_is_there_twice_is_found() {
        let set = b"\x02\x01s\x03\x01a\x01b\x01a";
        let hash = b"\x04\x01h\x02\x01f\x01v\xc0\x07\x01v";
        let again = b"\x04\x01g\x02\xc0\x07\x01v\x017\x01v";
        let file = [b"REDIS0003", &set[..], hash, again, b"\xff"].concat();
        assert_eq!(codes(&file), [("duplicate", 9), ("duplicate", 31)]);
    }

    #[test]
    fn strings_that_cannot_be_expanded_are_found() {
        // A copy from before the start, as a value, as a member, and in a file that has it in the
        // middle of nothing.
        let lzf = b"\xc3\x04\x05\x00a\x60\x10";
        let value = [&b"\x00\x01k"[..], lzf].concat();
        let member = [&b"\x02\x01s\x02\x01a"[..], lzf].concat();
        let file = [b"REDIS0003", &value[..], &member, b"\x00\x01e\x01v\xff"].concat();
        let (checked, all) = findings(&file);
        assert_eq!((checked.keys, checked.errors), (1, 2), "{all:?}");
        assert!(all.iter().all(|finding| finding.code == "lzf"), "{all:?}");
    }
}
