//! One pass over one source.

mod facts;
mod pass;
mod source;
mod trailing;
mod warnings;

pub(crate) use facts::Counts;
pub use facts::{Coverage, SourceFacts};
pub use pass::ScanOptions;
pub(crate) use pass::{Carried, Context, EachKey, Halt, Pass, Reported, Sink, is_lost, scan_source};
pub use source::{Guard, Loss, Note, OpenSource, Origin, Progress, Source, SourceData, SourceError};
pub(crate) use trailing::Trailing;
pub use trailing::TrailingKind;
pub use warnings::{WarningExample, WarningGroup, WarningLog};
