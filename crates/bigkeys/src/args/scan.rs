//! The arguments of `bigkeys scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rdb_analysis::Rank;

use super::common::CommonArgs;
use super::input::InputArgs;
use super::names::parse_separator;
use super::report::ShowArgs;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys scan -n 5 --by elements backups/
  bigkeys scan --format json s3://bucket/dump.rdb.gz";

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Number of prefixes of names to list; 0 does not sum up names
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Report", hide_short_help = true)]
    pub(crate) prefixes: usize,

    /// Character that ends a prefix
    #[arg(short, long, value_name = "CHAR", default_value = ":", value_parser = parse_separator, help_heading = "Report", hide_short_help = true)]
    pub(crate) separator: u8,

    /// Measure by which keys rank [default: `memory_bytes`]
    ///
    /// MEASURE is `elements`, `value_bytes`, `rdb_bytes`, `memory_bytes` or
    /// `largest_element_bytes`. The default is `rdb_bytes` with --no-memory, and for --format dcs
    /// the bytes of strings and the elements of all other types. `value_bytes` and
    /// `largest_element_bytes` imply --deep, and `largest_element_bytes` also names the element.
    #[arg(long, value_name = "MEASURE", help_heading = "Report", hide_possible_values = true)]
    pub(crate) by: Option<By>,

    /// Exit with status 1 if a key meets a CEL expression, such as 'memory_bytes > 50MB'
    ///
    /// For cron and CI, beside the report. The language is that of --where.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, value_name = "EXPR", help_heading = "Report", hide_short_help = true)]
    pub(crate) fail_on: Option<String>,

    /// Also save the report, so that the command report shows it or merges it with others
    ///
    /// Sources are then scanned one after the other, and conditions on keys are refused.
    #[arg(long, value_name = "FILE", help_heading = "Report", hide_short_help = true, conflicts_with_all = ["fail_on", "redact"])]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    /// Id of the instance in the output of --format dcs
    #[arg(
        long,
        value_name = "ID",
        default_value = "00000000-0000-0000-0000-000000000000",
        help_heading = "Report",
        hide_short_help = true
    )]
    pub(crate) instance_id: String,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum By {
    Elements,
    ValueBytes,
    RdbBytes,
    MemoryBytes,
    LargestElementBytes,
}

impl By {
    pub(crate) fn rank(self) -> Rank {
        match self {
            Self::Elements => Rank::Elements,
            Self::ValueBytes => Rank::ValueBytes,
            Self::RdbBytes => Rank::RdbBytes,
            Self::MemoryBytes => Rank::MemoryBytes,
            Self::LargestElementBytes => Rank::LargestElementBytes,
        }
    }
}
