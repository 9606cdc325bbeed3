//! Looks for everything that is wrong with a file.

mod finding;
mod hint;
mod ledger;
mod walk;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_parser::{Checksum, Entry, Error, Event, Input, Parser, SliceInput, Window};

pub use finding::{Checked, Finding, Severity};

use crate::scan::{
    Context, Guard, Origin, Progress, ProgressMark, ScanOptions, Source, SourceData, SourceError, Trailing,
    is_lost,
};
use hint::Hint;
use ledger::Ledger;
use walk::Walk;

/// Reads all of `source` and gives everything that is wrong to `report`, in file order.
///
/// Walks every encoding that the parser can walk entry by entry, and compares the checksum, the
/// numbers that headers and hints announce, and the members of each key. Holds one packed value at
/// a time, and the hashes of up to 65,536 members or fields of one key. Of `options`,
/// [`deep`](ScanOptions::deep) is taken as set.
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
    let Source { path, data, origin, .. } = source;
    let start = origin.prefix_bytes;
    let context =
        Context { options, progress, stop, guard: origin.guard.as_deref(), ready_bytes: None, sharing: None };
    let checked = match data {
        SourceData::Bytes(bytes) => {
            check_input(SliceInput::starting_at(bytes, start), &origin, &context, report)
        }
        SourceData::Reader { reader, length, .. } => {
            check_input(Window::starting_at(reader, start, length), &origin, &context, report)
        }
    };
    checked.map_err(|error| SourceError { path, error })
}

fn check_input(
    input: impl Input,
    origin: &Origin<'_>,
    context: &Context<'_>,
    report: impl FnMut(&Finding),
) -> Result<Checked, Error> {
    let mut parser = Parser::new(input, context.options.parser())?;
    let mut check = Check {
        context,
        ledger: Ledger::new(parser.header().dialect, report),
        hint: Hint::default(),
        db: 0,
        reported: ProgressMark::at(parser.position()),
        guarded_page: None,
    };
    check.read(&mut parser);
    if check.ledger.checked.checksum.is_some() {
        check.read_trailing(&mut parser, origin);
    }
    Ok(check.finish(parser.position()))
}

/// A check under way.
struct Check<'a, F> {
    context: &'a Context<'a>,
    ledger: Ledger<F>,
    /// Of the current database.
    hint: Hint,
    db: u64,
    reported: ProgressMark,
    guarded_page: Option<u64>,
}

impl<F: FnMut(&Finding)> Check<'_, F> {
    /// Reads all records, up to the end, damage that ends the reading, or a stop.
    fn read(&mut self, parser: &mut Parser<impl Input>) {
        let mut walk = Walk::default();
        loop {
            let goes_on = match parser.next_event_with(&mut walk) {
                Ok(Some(Event::Entry(entry))) => self.key(&entry, walk.has_duplicate),
                Ok(Some(Event::End { checksum })) => {
                    let end = parser.position();
                    self.hint.settle(self.db, end, &mut self.ledger);
                    self.ledger.checksum(checksum, end);
                    ControlFlow::Break(())
                }
                Ok(Some(Event::SelectDb { db })) => {
                    self.hint.settle(self.db, parser.position(), &mut self.ledger);
                    self.db = db;
                    ControlFlow::Continue(())
                }
                Ok(Some(event)) => {
                    self.record(&event);
                    ControlFlow::Continue(())
                }
                Ok(None) => ControlFlow::Break(()),
                Err(error) => self.error(&error),
            };
            if goes_on.is_break() {
                return;
            }
        }
    }

    fn key(&mut self, entry: &Entry<'_>, has_duplicate: bool) -> ControlFlow<()> {
        if let Some(guard) = self.context.guard
            && is_lost(guard, guard.alarm(), &mut self.guarded_page, entry)
        {
            return ControlFlow::Break(());
        }
        self.hint.add_key(entry.meta.expires_at_ms.is_some());
        self.ledger.checked.keys += 1;
        self.ledger.key(entry, has_duplicate);
        self.reported.report_if_due(self.context.progress, entry.span.end, self.ledger.checked.keys);
        self.ledger.checked.interrupted = self.context.stop.load(Ordering::Relaxed);
        if self.ledger.checked.interrupted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A record that is neither a key nor a `SELECTDB` opcode nor the end.
    fn record(&mut self, event: &Event<'_>) {
        match *event {
            Event::Warning { warning, offset } => self.ledger.warning(warning, offset),
            Event::ResizeDb { keys, expires } => self.hint.announce(keys, expires),
            _ => {}
        }
    }

    fn error(&mut self, error: &Error) -> ControlFlow<()> {
        if error.is_contained() {
            self.hint.add_damaged_key();
        } else if self.context.stop.load(Ordering::Relaxed) {
            self.ledger.checked.interrupted = true;
            return ControlFlow::Break(());
        }
        // After an error that is not contained, the parser gives no more events.
        self.ledger.damage(error, self.db);
        ControlFlow::Continue(())
    }

    /// Reads the bytes after the end of the RDB data.
    fn read_trailing(&mut self, parser: &mut Parser<impl Input>, origin: &Origin<'_>) {
        let end = parser.position();
        let mut trailing = Trailing::default();
        match parser.show_trailing(|bytes| trailing.show(bytes)) {
            Ok(bytes) => self.ledger.end(origin, end, bytes, &trailing),
            Err(error) => self.ledger.damage(&error, self.db),
        }
    }

    /// Sums up after reading to `position`.
    fn finish(mut self, position: u64) -> Checked {
        if let Some(loss) = self.context.guard.and_then(Guard::loss)
            && self.ledger.checked.checksum != Some(Checksum::Verified)
        {
            self.ledger.loss(loss, position);
        }
        self.reported.report(self.context.progress, position, self.ledger.checked.keys);
        self.ledger.checked.bytes = position;
        self.ledger.checked
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
