//! The arguments of `bigkeys keys`.

use clap::Args;

use super::common::CommonArgs;
use super::export::{Export, parse_keys_export};
use super::input::InputArgs;
use crate::render::KeysFormat;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys keys dump.rdb | jq -c 'select(.elements > 5000)'
  bigkeys keys --fail --ttl none --match 'cache:*' dump.rdb
  bigkeys keys --export parquet=keys.parquet dump.rdb";

#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Output format [default: jsonl, or nothing with --export]
    #[arg(long, value_enum, help_heading = "Output")]
    pub(crate) format: Option<KeysFormat>,

    /// Write the keys to a file, in one of the formats except table
    ///
    /// May be given several times, for several files of one scan. The file appears under its name
    /// when it is complete.
    #[arg(long = "export", value_name = "FORMAT=FILE", value_parser = parse_keys_export, help_heading = "Output")]
    pub(crate) exports: Vec<Export<KeysFormat>>,

    /// Exit with status 1 if a key is printed
    ///
    /// For cron and CI: a condition such as --min-memory 50MB states what must not be there.
    #[arg(long, help_heading = "Output")]
    pub(crate) fail: bool,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
