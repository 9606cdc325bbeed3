//! The arguments of `bigkeys stats`.

use clap::Args;

use super::common::CommonArgs;
use super::input::InputArgs;
use crate::render::TableOrJson;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys stats dump.rdb
  bigkeys stats --match 'cache:*' --now 2026-12-01T00:00:00Z --format json dump.rdb";

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Output format
    #[arg(long, value_enum, default_value_t = TableOrJson::Table, help_heading = "Report")]
    pub(crate) format: TableOrJson,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
