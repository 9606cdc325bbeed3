//! What was read, and what it adds up to.

use jiff::Timestamp;
use rdb_analysis::{ExpiryBucket, Group, Report, SourceReport};
use serde::Serialize;

use crate::text::{bytes, count, counted, plain, share};
use crate::words::in_memory;

/// Sources that have a row each. Sources that are not complete come first.
const MAX_SOURCES: usize = 200;

/// The head of the page.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    title: String,
    /// The whole path, if the title is its end.
    path: Option<String>,
    /// How much was read.
    verdict: String,
    is_clean: bool,
    /// Why the analysis failed.
    failure: Option<String>,
    /// Which keys are looked at. `None`: all.
    filter: Option<String>,
    cards: Vec<Card>,
    sources: Vec<Source>,
    /// Sources without a row.
    more_sources: u64,
}

/// A number that people look for first.
#[derive(Debug, Serialize)]
struct Card {
    label: &'static str,
    value: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct Source {
    path: String,
    shard: Option<String>,
    server: String,
    written: Option<String>,
    bytes: String,
    keys: String,
    checksum: &'static str,
    is_clean: bool,
    remarks: Vec<String>,
}

impl Overview {
    pub(super) fn new(report: &Report, failure: Option<&str>) -> Self {
        let sources = &report.sources;
        let mut ordered: Vec<&SourceReport> = sources.iter().collect();
        ordered.sort_by_key(|source| source.facts.is_clean());
        let damaged = sources.iter().filter(|source| !source.facts.is_clean()).count() as u64;
        let (title, path) = match &sources[..] {
            [only] => {
                let path = plain(&only.path);
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                if name.is_empty() || name == path { (path, None) } else { (name, Some(path)) }
            }
            several => (counted(several.len() as u64, "file"), None),
        };
        Self {
            title,
            path,
            verdict: match (damaged, sources.len()) {
                (0, _) => "complete".to_owned(),
                (_, 1) => "partial: not read to the end, or damaged".to_owned(),
                _ => format!("partial: {} not read to the end, or damaged", counted(damaged, "file")),
            },
            is_clean: damaged == 0,
            failure: failure.map(plain),
            filter: report.filter.as_deref().map(|filter| {
                let all = sources.iter().map(|source| source.facts.keys).sum();
                format!("{} of {}: {}", count(report.totals.keys), counted(all, "key"), plain(filter))
            }),
            cards: cards(report),
            sources: ordered.into_iter().take(MAX_SOURCES).map(Source::new).collect(),
            more_sources: sources.len().saturating_sub(MAX_SOURCES) as u64,
        }
    }
}

fn cards(report: &Report) -> Vec<Card> {
    let totals = &report.totals;
    let mut cards =
        vec![Card { label: "keys", value: count(totals.keys), note: counted(totals.elements, "element") }];
    if let Some(memory) = in_memory(totals) {
        let note = if totals.memory_not_modelled_keys > 0 { "a lower bound" } else { "after loading" };
        cards.push(Card { label: "in memory", value: memory, note: note.to_owned() });
    }
    let files = report.sources.iter().map(|source| source.facts.bytes).fold(0, u64::saturating_add);
    cards.push(Card {
        label: "in the file",
        value: bytes(totals.rdb_bytes),
        note: format!("of {}", bytes(files)),
    });
    for (bucket, label) in [(ExpiryBucket::Never, "never expires"), (ExpiryBucket::Expired, "had expired")] {
        let group = report.expiry.iter().find(|row| row.bucket == bucket).map(|row| row.group);
        if let Some(group) = group.filter(|group| group.keys > 0) {
            cards.push(Card {
                label,
                value: share(weight(&group, report), weight(totals, report)),
                note: counted(group.keys, "key"),
            });
        }
    }
    cards
}

/// The bytes that shares are of: in memory where that is modelled, or else in the file.
pub(super) fn weight(group: &Group, report: &Report) -> u64 {
    match report.totals.memory_bytes {
        Some(_) => group.memory_bytes.unwrap_or(0),
        None => group.rdb_bytes,
    }
}

impl Source {
    fn new(source: &SourceReport) -> Self {
        let facts = &source.facts;
        let version = facts.server_version.as_deref().unwrap_or("of unknown version");
        let mut remarks: Vec<String> = facts.coverage.reason.iter().map(|reason| plain(reason)).collect();
        if let Some(kind) = facts.trailing_kind {
            remarks.push(format!("followed by {}: {}", bytes(facts.trailing_bytes), kind.describe()));
        }
        remarks.extend(facts.notes.iter().map(|note| plain(&note.text)));
        // One line for each kind, already escaped.
        remarks.extend(facts.warnings.to_string().lines().map(|line| format!("irregular: {line}")));
        Self {
            path: plain(&source.path),
            shard: source.shard.as_deref().map(plain),
            server: format!("{} {}, RDB {}", facts.flavour.name(), plain(version), facts.header.version),
            written: facts
                .created_at_s
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .map(|time| time.to_string()),
            bytes: bytes(facts.bytes),
            keys: count(facts.keys),
            checksum: facts.checksum_name(),
            is_clean: facts.is_clean(),
            remarks,
        }
    }
}
