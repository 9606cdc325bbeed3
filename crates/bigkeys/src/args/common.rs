//! What all commands on keys take.

use clap::Args;

use super::filter::FilterArgs;
use super::memory::MemoryArgs;
use super::output::{OutputArgs, RedactArgs};

/// What all commands on keys take, besides their inputs and what is their own.
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
