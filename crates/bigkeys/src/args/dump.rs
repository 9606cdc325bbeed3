//! The arguments of `bigkeys dump`.

use clap::{Args, ValueEnum};

use super::input::InputArgs;
use super::output::OutputArgs;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys dump user:17 dump.rdb
  bigkeys dump 'caf\\xe9' dump.rdb | jq .contents
  bigkeys dump cart:9 --format resp dump.rdb | redis-cli --pipe";

#[derive(Debug, Args)]
pub(crate) struct DumpArgs {
    /// The name of the key; \xHH stands for a byte that is not UTF-8
    #[arg(value_name = "KEY", help_heading = None::<&str>)]
    pub(crate) key: String,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Only the key of this database
    #[arg(long, value_name = "N", help_heading = "Keys")]
    pub(crate) db: Option<u64>,

    /// Output format
    #[arg(long, value_enum, default_value_t = DumpFormat::Json, help_heading = "Output")]
    pub(crate) format: DumpFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// One JSON object for each key of this name
    Json,
    /// Commands that write the key to a server, for `redis-cli --pipe`
    Resp,
    /// The bytes of a string
    Raw,
}
