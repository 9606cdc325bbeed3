//! Reports that are saved, and joined later.

use std::collections::BTreeSet;
use std::io::{self, Write};

use rdb_analysis::{
    Allocator, Assumptions, Limits, Partial, Rank, Report, ReportCollector, ScanOptions, WireError,
};
use serde::{Deserialize, Serialize};

use crate::diff::{ReportDiff, ReportLists};
use crate::error::ScanError;

/// How the first line with settings begins.
const BEGINNING: &str = "{\"bigkeys_saved_report\"";

/// Version of the lines with settings. The lines with analyses have a version of their own.
const VERSION: u32 = 1;

/// Analyses of sources, from which a report is made later or on another machine.
///
/// Saved reports [merge](Self::merge), and give the report that one scan of all their sources would
/// have given. [`Scan::save`](crate::Scan::save) makes one.
///
/// ```
/// use bigkeys_scan::{SavedReport, Scan};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("dump.rdb");
/// # std::fs::write(&path, b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff")?;
/// let scan = Scan::open(path)?;
/// let mut text = Vec::new();
/// for input in scan.list(|_| {})? {
///     scan.save(&mut scan.open_input(input)?)?.write(&mut text)?;
/// }
/// let report = SavedReport::read(&String::from_utf8(text)?)?.report();
/// assert_eq!(report.totals.keys, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SavedReport {
    analyses: Vec<(Settings, Partial)>,
    /// What the analyses have in common.
    collector: ReportCollector,
}

/// A saved report that cannot be read or merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The text is no saved report.
    #[error("this is no report that scan --save wrote")]
    Format,
    /// An analysis cannot be read.
    #[error(transparent)]
    Analysis(#[from] WireError),
    /// Another version of the program wrote it.
    #[error("the saved report has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// A source cannot be scanned into a report that is saved.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// The report cannot be written.
    #[error("the report cannot be saved: {0}")]
    Io(#[from] io::Error),
    /// The reports were made with other options.
    #[error("the saved reports differ in their {0}, so they cannot be merged or compared")]
    Differs(&'static str),
}

/// The options of a scan on which its analyses depend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    bigkeys_saved_report: u32,
    rank: Rank,
    top: usize,
    max_db: u64,
    prefixes: usize,
    separator: u8,
    /// As [`ServerVersion`](rdb_analysis::ServerVersion) is parsed and shown.
    server: Option<String>,
    allocator: String,
    limits: Limits,
}

impl Settings {
    fn new(collector: &ReportCollector, options: &ScanOptions) -> Self {
        let Assumptions { server, allocator, limits, .. } = &options.assumptions;
        Self {
            bigkeys_saved_report: VERSION,
            rank: collector.rank,
            top: collector.top,
            max_db: collector.max_db,
            prefixes: collector.prefixes,
            separator: collector.separator,
            server: server.as_ref().map(ToString::to_string),
            allocator: allocator.to_string(),
            limits: *limits,
        }
    }

    fn collector(&self) -> ReportCollector {
        let collector = ReportCollector::default().rank(self.rank).top(self.top).max_db(self.max_db);
        collector.prefixes(self.prefixes).separator(self.separator)
    }

    fn options(&self) -> Option<ScanOptions> {
        let mut assumptions = Assumptions::default();
        if let Some(server) = &self.server {
            assumptions.server = Some(server.parse().ok()?);
        }
        assumptions.allocator = self.allocator.parse::<Allocator>().ok()?;
        assumptions.limits = self.limits;
        let mut options = ScanOptions::default();
        options.assumptions = assumptions;
        Some(options)
    }
}

impl SavedReport {
    pub(crate) fn new(partials: Vec<Partial>, collector: &ReportCollector, options: &ScanOptions) -> Self {
        let settings = Settings::new(collector, options);
        let analyses = partials.into_iter().map(|partial| (settings.clone(), partial)).collect();
        Self { analyses, collector: collector.clone() }
    }

    /// Whether `bytes` are the beginning of a saved report.
    pub fn is_beginning(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGINNING.as_bytes())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// The text is no saved report, or it is one of another version.
    pub fn read(text: &str) -> Result<Self, SavedError> {
        let mut merged: Option<Self> = None;
        let mut settings: Option<(Settings, ReportCollector, ScanOptions)> = None;
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with(BEGINNING) {
                settings = Some(read_settings(line)?);
                continue;
            }
            let (settings, collector, options) = settings.as_ref().ok_or(SavedError::Format)?;
            let partial = Partial::from_json(line, collector, options)?;
            let one = Self { analyses: vec![(settings.clone(), partial)], collector: collector.clone() };
            merged = Some(match merged {
                Some(merged) => merged.merge(one)?,
                None => one,
            });
        }
        merged.ok_or(SavedError::Format)
    }

    /// Writes lines of JSON. Lines of several saved reports may follow each other.
    ///
    /// # Errors
    ///
    /// `out` cannot be written to.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut before = None;
        for (settings, partial) in &self.analyses {
            if before != Some(settings) {
                writeln!(out, "{}", serde_json::to_string(settings)?)?;
                before = Some(settings);
            }
            writeln!(out, "{}", partial.to_json().map_err(io::Error::other)?)?;
        }
        Ok(())
    }

    /// Adds the sources of another saved report. The lists become as long as the shorter of both.
    ///
    /// # Errors
    ///
    /// The reports rank keys by other measures, end prefixes with other characters, or list keys of
    /// other databases.
    pub fn merge(mut self, other: Self) -> Result<Self, SavedError> {
        self.expect_alike(&other)?;
        let (mine, theirs) = (&mut self.collector, &other.collector);
        mine.top = mine.top.min(theirs.top);
        mine.prefixes = mine.prefixes.min(theirs.prefixes);
        self.analyses.extend(other.analyses);
        Ok(self)
    }

    /// Checks that two reports can be merged or compared.
    fn expect_alike(&self, other: &Self) -> Result<(), SavedError> {
        let (mine, theirs) = (&self.collector, &other.collector);
        if mine.rank != theirs.rank {
            return Err(SavedError::Differs("measure of rank"));
        }
        if mine.separator != theirs.separator {
            return Err(SavedError::Differs("separator"));
        }
        if mine.max_db != theirs.max_db {
            return Err(SavedError::Differs("highest database"));
        }
        Ok(())
    }

    /// How a later report differs from this one, and both reports. All prefixes that the reports
    /// have sums of are compared, and all keys that they list; the `top` biggest changes of each are
    /// in the result. Bytes are those in memory if `memory` is set and both reports model it, or else
    /// in the file.
    ///
    /// # Errors
    ///
    /// The reports rank keys by other measures, end prefixes with other characters, or list keys of
    /// other databases.
    pub fn diff(
        self,
        new: Self,
        memory: bool,
        top: usize,
    ) -> Result<(ReportDiff, Report, Report), SavedError> {
        self.expect_alike(&new)?;
        let (old_top, new_top) = (self.collector.top, new.collector.top);
        let (old_assumptions, new_assumptions) = (self.assumptions(), new.assumptions());
        let (old, new) = (self.whole_report(), new.whole_report());
        let old_lists = ReportLists { report: &old, top: old_top, assumptions: &old_assumptions };
        let new_lists = ReportLists { report: &new, top: new_top, assumptions: &new_assumptions };
        Ok((ReportDiff::new(old_lists, new_lists, memory, top), old, new))
    }

    /// What the memory model assumes, for each of the sources that differ in it.
    fn assumptions(&self) -> BTreeSet<String> {
        let text = |settings: &Settings| {
            let Settings { server, allocator, limits, .. } = settings;
            format!("{server:?} {allocator} {limits:?}")
        };
        self.analyses.iter().map(|(settings, _)| text(settings)).collect()
    }

    /// The report with all prefixes, if it has any.
    fn whole_report(mut self) -> Report {
        if self.collector.prefixes > 0 {
            self.collector.prefixes = usize::MAX;
        }
        self.report()
    }

    /// Number of sources.
    pub fn sources(&self) -> usize {
        self.analyses.len()
    }

    /// The report over all sources, in their order.
    pub fn report(self) -> Report {
        let partials = self.analyses.into_iter().map(|(_, partial)| partial);
        Partial::join(partials, &self.collector)
    }
}

fn read_settings(line: &str) -> Result<(Settings, ReportCollector, ScanOptions), SavedError> {
    #[derive(Deserialize)]
    struct Versioned {
        bigkeys_saved_report: u32,
    }
    let version = serde_json::from_str::<Versioned>(line).map_err(|_| SavedError::Format)?;
    if version.bigkeys_saved_report != VERSION {
        return Err(SavedError::Version(version.bigkeys_saved_report));
    }
    let settings: Settings = serde_json::from_str(line).map_err(|_| SavedError::Format)?;
    let (collector, options) = (settings.collector(), settings.options().ok_or(SavedError::Format)?);
    Ok((settings, collector, options))
}
