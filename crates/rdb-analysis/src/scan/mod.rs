//! One pass over one source.

mod facts;
mod lost;
mod options;
mod pass;
mod progress;
mod sharing;
mod source;
mod trailing;
mod warnings;

pub(crate) use facts::Counts;
pub use facts::{Coverage, SourceFacts};
pub use options::ScanOptions;
pub(crate) use pass::{Carried, Context, EachKey, FileRecord, Halt, LongValues, Pass, Sink, scan_source};
pub(crate) use progress::ProgressMark;
pub(crate) use sharing::Sharing;
pub use source::{Guard, Loss, Note, OpenSource, Origin, Piece, Progress, Source, SourceData, SourceError};
pub use trailing::TrailingKind;
pub use warnings::{WarningExample, WarningGroup, WarningLog};
