//! Looking for everything that is wrong with a file.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_parser::{
    Checksum, Dialect, Entry, Error, ErrorKind, Event, Input, Parser, RdbString, Role, SliceInput, ValueType,
    Visitor, Warning, Window,
};

use crate::scan::Trailing;
use crate::scan::{Guard, Origin, Progress, Source, SourceData, SourceError};
use crate::scan::{ScanOptions, is_lost};

/// Bytes of a key's name that a finding shows.
const KEY_BYTES: usize = 128;

/// Members or fields of a key that are compared with each other.
const MAX_COMPARED: usize = 1 << 16;

/// Bytes between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A name for its kind, for programs.
    pub code: &'static str,
    /// Absolute offset at which it was found.
    pub offset: u64,
    /// Logical database, if it is about a key or a database.
    pub db: Option<u64>,
    /// First bytes of the name of the key that it is about.
    pub key: Option<Vec<u8>>,
    /// What is wrong, in one line.
    pub message: String,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Odd, and no reason to distrust the data.
    Warning,
    /// Data is lost, or not what was written.
    Error,
}

impl Severity {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What [`check`] comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Keys whose records are sound.
    pub keys: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Findings of severity [`Error`](Severity::Error).
    pub errors: u64,
    /// Findings of severity [`Warning`](Severity::Warning).
    pub warnings: u64,
    /// The comparison of the checksum. `None` if the end was not reached.
    pub checksum: Option<Checksum>,
    /// Whether reading ended because it was told to.
    pub interrupted: bool,
}

/// Reads all of `source`, walks every encoding the parser can walk entry by entry, compares the checksum
/// and what headers and hints announce, and gives everything that is wrong to `report`, in file order.
///
/// Holds one packed value at a time, and the hashes of up to 65,536 members or fields of one key, among which
/// duplicates are found. Of `options`, [`deep`](ScanOptions::deep) is taken as set.
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
    let checked = match data {
        SourceData::Bytes(bytes) => {
            check_input(SliceInput::starting_at(bytes, start), &origin, options, progress, stop, report)
        }
        SourceData::Reader { reader, length, .. } => {
            check_input(Window::starting_at(reader, start, length), &origin, options, progress, stop, report)
        }
    };
    checked.map_err(|error| SourceError { path, error })
}

fn check_input<I: Input>(
    input: I,
    origin: &Origin<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    report: impl FnMut(&Finding),
) -> Result<Checked, Error> {
    let mut parser_options = rdb_parser::Options::default();
    parser_options.verify_checksum = options.verify_checksum;
    let mut parser = Parser::new(input, parser_options)?;
    let mut ledger = Ledger { checked: Checked::default(), report, scratch: Vec::new() };
    let mut hint = Hint::default();
    let mut told = (parser.position(), 0);
    let mut db = 0;
    let mut walk = Walk::default();
    let dialect = parser.header().dialect;
    let mut guarded_page = None;

    loop {
        let event = match parser.next_event_with(&mut walk) {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(error) => {
                if error.is_contained() {
                    hint.damaged += 1;
                } else if stop.load(Ordering::Relaxed) {
                    ledger.checked.interrupted = true;
                    break;
                }
                ledger.damage(&error, db);
                continue;
            }
        };
        match event {
            Event::Entry(entry) => {
                if let Some(guard) = origin.guard.as_deref()
                    && is_lost(guard, guard.alarm(), &mut guarded_page, &entry)
                {
                    break;
                }
                hint.keys += 1;
                hint.expires += u64::from(entry.meta.expires_at_ms.is_some());
                ledger.checked.keys += 1;
                ledger.look_at_key(&entry, dialect, walk.has_duplicate);
                let end = entry.span.end;
                if end.saturating_sub(told.0) >= PROGRESS_BYTES {
                    progress.advance(end - told.0, ledger.checked.keys - told.1);
                    told = (end, ledger.checked.keys);
                }
                if stop.load(Ordering::Relaxed) {
                    ledger.checked.interrupted = true;
                    break;
                }
            }
            Event::SelectDb { db: next } => {
                hint.settle(db, parser.position(), &mut ledger);
                db = next;
            }
            Event::Warning { warning, offset } => {
                ledger.find(
                    severity(warning, dialect),
                    warning.name(),
                    offset,
                    None,
                    None,
                    warning.to_string(),
                );
            }
            Event::ResizeDb { keys, expires } => hint.announced = Some((keys, expires)),
            Event::End { checksum } => {
                let end = parser.position();
                hint.settle(db, end, &mut ledger);
                ledger.checked.checksum = Some(checksum);
                if let Checksum::Mismatch { stored, computed } = checksum {
                    let message =
                        format!("the file says checksum {stored:016x}, its content gives {computed:016x}");
                    ledger.error("checksum", end, None, None, message);
                }
                let mut trailing = Trailing::default();
                match parser.show_trailing(|piece| trailing.show(piece)) {
                    Ok(bytes) => ledger.look_at_end(origin, end, bytes, &trailing),
                    Err(error) => ledger.damage(&error, db),
                }
                break;
            }
            _ => {}
        }
    }

    if let Some(loss) = origin.guard.as_deref().and_then(Guard::loss)
        && ledger.checked.checksum != Some(Checksum::Verified)
    {
        ledger.error("lost", loss.offset.unwrap_or(parser.position()), None, None, loss.reason);
    }
    ledger.checked.bytes = parser.position();
    progress.advance(ledger.checked.bytes.saturating_sub(told.0), ledger.checked.keys - told.1);
    Ok(ledger.checked)
}

/// Counts findings and passes them on.
struct Ledger<F> {
    checked: Checked,
    report: F,
    scratch: Vec<u8>,
}

impl<F: FnMut(&Finding)> Ledger<F> {
    fn damage(&mut self, error: &Error, db: u64) {
        let key = error.key().map(<[u8]>::to_vec);
        let db = key.is_some().then_some(db);
        self.error(code(error.kind()), error.offset(), db, key, error.message());
    }

    /// Passes on what the parser finds odd about a key, and sees whether its name can be read.
    fn look_at_key(&mut self, entry: &Entry<'_>, dialect: Dialect, has_duplicate: bool) {
        let (offset, db) = (entry.span.start, Some(entry.db));
        match entry.key.decode(&mut self.scratch) {
            // A name that is too long to be held is no damage.
            Ok(_) | Err(ErrorKind::Limit(_)) => {}
            Err(kind) => {
                self.error(code(&kind), offset, db, None, format!("{kind}, in the name of a key"));
            }
        }
        if entry.warnings.is_empty() && !has_duplicate {
            return;
        }
        let key = entry.key.decode_prefix(KEY_BYTES, &mut self.scratch).ok().map(<[u8]>::to_vec);
        for warning in entry.warnings.iter() {
            let severity = severity(warning, dialect);
            self.find(severity, warning.name(), offset, db, key.clone(), warning.to_string());
        }
        if has_duplicate {
            self.error("duplicate", offset, db, key, "a member or field is there twice".to_owned());
        }
    }

    fn error(
        &mut self,
        code: &'static str,
        offset: u64,
        db: Option<u64>,
        key: Option<Vec<u8>>,
        message: String,
    ) {
        self.find(Severity::Error, code, offset, db, key, message);
    }

    fn warn(
        &mut self,
        code: &'static str,
        offset: u64,
        db: Option<u64>,
        key: Option<Vec<u8>>,
        message: impl Into<String>,
    ) {
        self.find(Severity::Warning, code, offset, db, key, message.into());
    }

    fn find(
        &mut self,
        severity: Severity,
        code: &'static str,
        offset: u64,
        db: Option<u64>,
        key: Option<Vec<u8>>,
        message: String,
    ) {
        match severity {
            Severity::Error => self.checked.errors += 1,
            Severity::Warning => self.checked.warnings += 1,
        }
        (self.report)(&Finding { severity, code, offset, db, key, message });
    }

    /// Compares the end of the RDB data with what its sender announced.
    fn look_at_end(&mut self, origin: &Origin<'_>, end: u64, trailing_bytes: u64, trailing: &Trailing) {
        let kind = trailing.kind(origin.end_mark.as_ref());
        for note in origin.broken_promises(end - origin.prefix_bytes, kind) {
            self.warn("announced", end, None, None, note.text);
        }
        if let Some(kind) = kind.filter(|kind| kind.may_hold_data()) {
            let message = format!("bytes after the RDB data: {trailing_bytes}, {}", kind.describe());
            self.warn("trailing", end, None, None, message);
        }
    }
}

/// A name for a kind of damage.
fn code(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Io(_) => "unreadable",
        ErrorKind::Truncated(_) => "truncated",
        ErrorKind::BadMagic | ErrorKind::BadVersion => "header",
        ErrorKind::UnknownOpcode(_) => "unknown_opcode",
        ErrorKind::Unskippable(_) => "unskippable",
        ErrorKind::BadLength(_) => "length",
        ErrorKind::BadString(_) => "string",
        ErrorKind::BadLzf(_) => "lzf",
        ErrorKind::Limit(_) => "limit",
        // What may come is damage inside a value, too.
        _ => "corrupt",
    }
}

/// What a database was announced to hold, and what was found of it.
#[derive(Default)]
struct Hint {
    announced: Option<(u64, u64)>,
    keys: u64,
    expires: u64,
    /// Keys that could not be read, and are no reason to doubt the announcement.
    damaged: u64,
}

impl Hint {
    /// Compares the two at the end of the database.
    fn settle<F: FnMut(&Finding)>(&mut self, db: u64, offset: u64, ledger: &mut Ledger<F>) {
        let Self { announced, keys, expires, damaged } = std::mem::take(self);
        let Some((announced_keys, announced_expires)) = announced else { return };
        if announced_keys != keys + damaged {
            let message = format!("database {db}: keys announced: {announced_keys}, found: {keys}");
            ledger.warn("resizedb", offset, Some(db), None, message);
        }
        if announced_expires != expires && damaged == 0 {
            let message = format!(
                "database {db}: keys with an expiry announced: {announced_expires}, found: {expires}"
            );
            ledger.warn("resizedb", offset, Some(db), None, message);
        }
    }
}

/// How bad it is: what servers refuse to load is an error. Those of Valkey 9 refuse more.
fn severity(warning: Warning, dialect: Dialect) -> Severity {
    match warning {
        Warning::NotANumber | Warning::UnreadableScore => Severity::Error,
        Warning::StreamLength | Warning::UnsortedIntset | Warning::OddEntryCount
            if dialect == Dialect::Valkey =>
        {
            Severity::Error
        }
        _ => Severity::Warning,
    }
}

/// Has every encoding walked and every string expanded, and looks for duplicates.
#[derive(Default)]
struct Walk {
    hasher: RandomState,
    /// Hashes of the members or fields so far.
    seen: HashSet<u64>,
    has_duplicate: bool,
    scratch: Vec<u8>,
}

impl Visitor for Walk {
    fn begin(&mut self, _: ValueType, _: Option<u64>) {
        self.seen.clear();
        self.has_duplicate = false;
    }

    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let is_unique = matches!(role, Role::Member | Role::Field);
        if is_unique
            && self.seen.len() < MAX_COMPARED
            && let Ok(string) = string.decode(&mut self.scratch)
        {
            self.has_duplicate |= !self.seen.insert(self.hasher.hash_one(string));
        }
    }

    fn wants_packed(&self) -> bool {
        true
    }

    fn wants_expanded(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(file: &[u8]) -> (Checked, Vec<Finding>) {
        let source = Source {
            path: "test".to_owned(),
            shard: None,
            fallback_time_ms: 0,
            data: SourceData::Bytes(file),
            origin: Origin::default(),
        };
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
        // An intset that says two entries and has one; then a listpack with a wrong count; then a string.
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
        // A copy from before the start, as a value, as a member, and in a file that has it in the middle of nothing.
        let lzf = b"\xc3\x04\x05\x00a\x60\x10";
        let value = [&b"\x00\x01k"[..], lzf].concat();
        let member = [&b"\x02\x01s\x02\x01a"[..], lzf].concat();
        let file = [b"REDIS0003", &value[..], &member, b"\x00\x01e\x01v\xff"].concat();
        let (checked, all) = findings(&file);
        assert_eq!((checked.keys, checked.errors), (1, 2), "{all:?}");
        assert!(all.iter().all(|finding| finding.code == "lzf"), "{all:?}");
    }
}
