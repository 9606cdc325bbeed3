//! Arguments of all commands on keys.

use clap::Args;

use super::filter::FilterArgs;
use super::memory::MemoryArgs;
use super::output::{OutputArgs, RedactArgs};

/// Arguments of all commands on keys, besides inputs.
#[derive(Debug, Args)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
