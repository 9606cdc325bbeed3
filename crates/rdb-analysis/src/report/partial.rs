//! What one source comes to, to be joined with others: here, or on another machine.

use std::sync::atomic::AtomicBool;

use super::contents::{Report, SourceReport};
use crate::analyze::{Options, summarize};
use crate::collect::Summary;
use crate::scan::SourceFacts;
use crate::scan::{Progress, Source, SourceError};

/// The analysis of one source.
///
/// Partial analyses [join](Self::join) to the [`Report`] that [`analyze()`](crate::analyze()) gives for all
/// sources at once, wherever they were made: [`to_json`](Self::to_json) and [`from_json`](Self::from_json)
/// carry them.
#[derive(Debug)]
pub struct Partial {
    pub(crate) report: SourceReport,
    pub(crate) summary: Summary,
}

impl Partial {
    /// Scans a source on the threads of the current rayon pool. When `stop` is set, it covers what was read
    /// up to then and says so.
    ///
    /// # Errors
    ///
    /// If the source does not begin as an RDB file.
    pub fn scan(
        source: Source<'_>,
        options: &Options,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<Self, SourceError> {
        let (report, summary) = summarize(source, 1, options, progress, stop)?;
        Ok(Self { report, summary })
    }

    /// What was learned of the source besides its keys.
    pub fn facts(&self) -> &SourceFacts {
        &self.report.facts
    }

    /// The report over several sources, in the given order. All were scanned with `options`.
    pub fn join(partials: impl IntoIterator<Item = Self>, options: &Options) -> Report {
        let mut sources = Vec::new();
        let mut total = Summary::new(options);
        for mut partial in partials {
            let source = sources.len();
            partial.summary.change_sources(|_| source);
            total.merge(partial.summary);
            sources.push(partial.report);
        }
        Report::new(sources, options.rank, total)
    }
}
