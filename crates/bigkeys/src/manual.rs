//! `bigkeys completions` and `bigkeys man`.

use std::fs;
use std::io::Write as _;

use anstream::ColorChoice;
use anyhow::Context as _;
use clap::CommandFactory as _;
use rdb_source::display_name;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::ending::Ending;
use crate::render::Target;

/// Prints the completions of a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Ending> {
    // The generator panics if its writer fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bigkeys", &mut script);
    let mut out = Target::stdout(ColorChoice::Never);
    out.write_all(&script)?;
    out.finish()?;
    Ok(Ending::Clean)
}

/// Writes a page for the program, and one for each command.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<Ending> {
    let directory = &args.directory;
    let describe = || format!("cannot write to {}", display_name(directory));
    fs::create_dir_all(directory).with_context(describe)?;
    clap_mangen::generate_to(Cli::command(), directory).with_context(describe)?;
    Ok(Ending::Clean)
}
