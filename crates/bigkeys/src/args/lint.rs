//! The arguments of `bigkeys lint`.

use std::path::PathBuf;

use bigkeys::Preset;
use clap::{Args, ValueEnum};

use super::common::CommonArgs;
use super::input::InputArgs;
use crate::render::LintFormat;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys lint --preset dcs dump.rdb
  bigkeys lint --rules rules.toml --format junit dump.rdb > junit.xml
  bigkeys lint --write-baseline accepted.json dump.rdb
  bigkeys lint --baseline accepted.json --fail-level error dump.rdb";

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// A file of rules in TOML
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub(crate) rules: Vec<PathBuf>,

    /// Rules that come with the program: dcs or redis
    ///
    /// dcs is the definition of a big key by Huawei Cloud DCS. redis is what the documentation of
    /// Redis and its default configuration warn of.
    #[arg(long = "preset", value_name = "NAME", help_heading = "Rules")]
    pub(crate) presets: Vec<Preset>,

    /// A file of findings that are accepted
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub(crate) baseline: Option<PathBuf>,

    /// Write all findings to a file, to accept them with --baseline
    #[arg(long, value_name = "FILE", help_heading = "Rules", conflicts_with_all = ["baseline", "redact"])]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Severity from which on a broken rule gives exit status 1: note, warning, error or never
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = FailLevel::Warning, help_heading = "Rules", hide_possible_values = true)]
    pub(crate) fail_level: FailLevel,

    /// Number of keys of each type to list for a rule in tables
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, help_heading = "Report")]
    pub(crate) top: usize,

    /// Output format
    #[arg(long, value_enum, default_value_t = LintFormat::Table, help_heading = "Report")]
    pub(crate) format: LintFormat,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Which broken rules give exit status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailLevel {
    Note,
    Warning,
    Error,
    Never,
}
