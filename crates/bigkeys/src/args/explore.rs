//! The arguments of `bigkeys explore`.

use clap::Args;

use super::filter::FilterArgs;
use super::input::InputArgs;
use super::memory::MemoryArgs;
use super::names::SegmentArgs;
use super::output::Color;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys explore dump.rdb
  bigkeys explore --type hash backups/
  bigkeys explore s3://backups/dump.rdb.gz";

#[derive(Debug, Args)]
pub(crate) struct ExploreArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) segments: SegmentArgs,

    /// Take names literally, without placeholders
    ///
    /// The last segment of a name is then left out.
    #[arg(long, help_heading = "Groups")]
    pub(crate) literal: bool,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, help_heading = "Output")]
    pub(crate) color: Color,

    /// Print help; --help shows more options
    #[arg(short, long, action = clap::ArgAction::Help, help_heading = "Output")]
    pub(crate) help: Option<bool>,
}
