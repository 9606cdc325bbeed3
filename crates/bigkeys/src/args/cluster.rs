//! The arguments of `bigkeys cluster`.

use std::path::PathBuf;

use clap::Args;

use super::common::CommonArgs;
use super::input::InputArgs;
use crate::render::TableOrJson;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys cluster --shard 10.0.0.1:6379=a.rdb --shard 10.0.0.2:6379=b.rdb
  redis-cli -c CLUSTER NODES > nodes.txt; bigkeys cluster --map nodes.txt backups/
  bigkeys cluster --shared-keys a.rdb b.rdb              keys that both have";

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Which shard has which slots: CLUSTER NODES, CLUSTER SHARDS or TOML
    ///
    /// A file with the answer of one of these commands, as redis-cli prints it, or with lines such as
    /// "10.0.0.1:6379" = "0-5460". Without it, each --shard or file is a shard.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, value_name = "FILE", help_heading = "Report")]
    pub(crate) map: Option<PathBuf>,

    /// Also list the keys that more than one shard has; reads the inputs twice
    ///
    /// Keys of slots that several shards have are held in temporary files without names, in TMPDIR.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, help_heading = "Report")]
    pub(crate) shared_keys: bool,

    /// Number of slots, hash tags and shared keys to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, help_heading = "Report")]
    pub(crate) top: usize,

    /// Output format
    #[arg(long, value_enum, default_value_t = TableOrJson::Table, help_heading = "Report")]
    pub(crate) format: TableOrJson,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}
