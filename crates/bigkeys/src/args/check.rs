//! The arguments of `bigkeys check`.

use clap::{Args, ValueEnum};

use super::input::InputArgs;
use super::output::OutputArgs;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys check dump.rdb
  bigkeys check --format jsonl backups/*.rdb";

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Output format
    #[arg(long, value_enum, default_value_t = CheckFormat::Table, help_heading = "Output")]
    pub(crate) format: CheckFormat,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Table,
    /// One JSON array of findings, and a summary of each input
    Json,
    /// The same, one JSON object a line
    Jsonl,
}
