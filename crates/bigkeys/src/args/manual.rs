//! The arguments of `bigkeys completions` and `bigkeys man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub(super) const COMPLETIONS_EXAMPLES: &str = "Examples:
  bigkeys completions bash > ~/.local/share/bash-completion/completions/bigkeys
  bigkeys completions zsh > ~/.zfunc/_bigkeys
  bigkeys completions fish > ~/.config/fish/completions/bigkeys.fish";

pub(super) const MAN_EXAMPLES: &str = "Examples:
  bigkeys man ~/.local/share/man/man1
  man bigkeys-scan";

/// A shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub(crate) shell: Shell,
}

/// Where pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Directory for the pages, made if it is not there
    #[arg(value_name = "DIRECTORY")]
    pub(crate) directory: PathBuf,
}
