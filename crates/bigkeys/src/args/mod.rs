//! The command line: one file for the arguments of each command, and for those that commands share.

mod check;
mod cluster;
mod common;
mod dump;
#[cfg(feature = "explore")]
mod explore;
mod export;
mod filter;
mod input;
mod keys;
mod lint;
mod manual;
mod memory;
mod names;
mod output;
mod report;
mod scan;
#[cfg(feature = "server")]
mod serve;
mod stats;

pub(crate) use check::{CheckArgs, CheckFormat};
pub(crate) use cluster::ClusterArgs;
pub(crate) use common::CommonArgs;
pub(crate) use dump::{DumpArgs, DumpFormat};
#[cfg(feature = "explore")]
pub(crate) use explore::ExploreArgs;
pub(crate) use export::Export;
pub(crate) use input::InputArgs;
pub(crate) use keys::KeysArgs;
pub(crate) use lint::{FailLevel, LintArgs};
pub(crate) use manual::{CompletionsArgs, ManArgs};
pub(crate) use names::{DiffArgs, GroupsArgs, SegmentArgs};
pub(crate) use output::OutputArgs;
pub(crate) use report::{ReportArgs, ShowArgs};
pub(crate) use scan::{By, ScanArgs};
#[cfg(feature = "server")]
pub(crate) use serve::{LogArgs, LogFormat, ServeArgs, WorkerArgs};
pub(crate) use stats::StatsArgs;

use std::sync::LazyLock;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use rdb_parser::escape::Escaped;
use rdb_parser::format::{KNOWN_REDIS_VERSIONS, KNOWN_VALKEY_VERSIONS};

/// Finds what is big in backups (RDB files) of Redis and Valkey, without touching a server.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION.as_str(), max_term_width = 100, after_help = EXAMPLES, after_long_help = LONG_EXAMPLES.as_str())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  bigkeys scan dump.rdb                    totals, groups, the biggest keys
  bigkeys keys dump.rdb | jq .key          every key as JSON
  bigkeys diff old.rdb new.rdb             what grew, key by key
  bigkeys report dump.rdb -o report.html   a page with pictures

bigkeys COMMAND -h shows the options of a command, --help all of them.";

/// The same, and the commands that the list leaves out.
static LONG_EXAMPLES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{EXAMPLES}

  bigkeys explore dump.rdb                 a walk through names, keys and values
  bigkeys dump user:1 dump.rdb             one key with all its elements
  bigkeys scan --by elements *.rdb         the files of a cluster in one report
  zcat dump.rdb.gz | bigkeys scan -        a pipe

bigkeys completions SHELL prints completions, and bigkeys man DIRECTORY writes manual pages."
    )
});

/// The version of the program, and the versions of the format that it reads.
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let (redis, valkey) = (KNOWN_REDIS_VERSIONS, KNOWN_VALKEY_VERSIONS);
    format!(
        "{version}

Reads, and later versions with a warning:
  Redis, KeyDB   RDB {first} to {last}
  Valkey         RDB {first} to 11 (up to 8.1), RDB {first_valkey} to {last_valkey} (from 9.0)
  Dragonfly      .rdb, and .dfs with its summary, of RDB 9 and later",
        version = env!("CARGO_PKG_VERSION"),
        first = redis.start(),
        last = redis.end(),
        first_valkey = valkey.start(),
        last_valkey = valkey.end(),
    )
});

impl Cli {
    /// Parses the arguments of the process. Ends the process if they are wrong, with a hint if the
    /// command is missing before a file.
    pub(crate) fn from_arguments() -> Self {
        Self::try_from_arguments().unwrap_or_else(|error| {
            let path = match error.get(ContextKind::InvalidSubcommand) {
                Some(ContextValue::String(text)) if error.kind() == ErrorKind::InvalidSubcommand => text,
                _ => error.exit(),
            };
            if !is_input(path) {
                error.exit();
            }
            let message = format!("{path} is no command. To report on it, type: bigkeys scan {path}");
            Self::command().error(ErrorKind::InvalidSubcommand, Escaped::for_message(&message)).exit()
        })
    }

    fn try_from_arguments() -> Result<Self, clap::Error> {
        let mut definition = Self::command();
        let mut matches = definition.try_get_matches_from_mut(std::env::args_os())?;
        let given = given_options(&definition, &matches);
        let mut cli =
            Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))?;
        match &mut cli.command {
            Command::Diff(args) => args.given = given,
            Command::Report(args) => args.given = given,
            _ => {}
        }
        Ok(cli)
    }
}

/// The long names of the options that the user gave to a command.
fn given_options(definition: &clap::Command, matches: &ArgMatches) -> Vec<String> {
    let Some((name, matches)) = matches.subcommand() else { return Vec::new() };
    let arguments = definition.find_subcommand(name).into_iter().flat_map(clap::Command::get_arguments);
    arguments
        .filter(|argument| {
            matches.try_contains_id(argument.get_id().as_str()).is_ok()
                && matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
        })
        .filter_map(|argument| Some(argument.get_long()?.to_owned()))
        .collect()
}

/// Whether an argument looks like an input.
fn is_input(argument: &str) -> bool {
    argument == "-" || argument.contains(['.', '/', '*']) || std::path::Path::new(argument).exists()
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report totals, groups and the biggest keys of each type
    ///
    /// Exit status: 0 all was read; 1 a key meets the expression of --fail-on and nothing was wrong
    /// with an input; 2 an input could not be opened or is no RDB file; 3 an input is
    /// damaged, the report covers what was readable and says so; 129, 130, 143 stopped by SIGHUP,
    /// SIGINT or SIGTERM, likewise.
    #[command(after_help = scan::EXAMPLES, disable_help_flag = true)]
    Scan(ScanArgs),
    /// Print every key with its type, encoding, counts and sizes, in file order
    ///
    /// Exit status: as for scan, where 1 means that --fail is set, a key was printed, and nothing was
    /// wrong with an input.
    #[command(after_help = keys::EXAMPLES, disable_help_flag = true)]
    Keys(KeysArgs),
    /// Sum up keys by the beginnings and patterns of their names
    ///
    /// Every group is exactly the sum of the groups below it, and the last line is the sum of all.
    /// Numbers, dates, UUIDs, hexadecimal numbers, tokens, e-mail addresses and hash tags in names
    /// have placeholders, so that user:8231:session is in the group user:{int}:session.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = names::GROUPS_EXAMPLES, disable_help_flag = true)]
    Groups(GroupsArgs),
    /// Compare two backups key by key: what grew, what is new, what is gone
    ///
    /// Each side is a file, a directory, a pattern or a URL, so that it may be all files of a
    /// cluster. Keys are held in temporary files without names, in TMPDIR, and memory does not
    /// depend on their number. Bytes are those in memory, or in the file with --no-memory.
    ///
    /// Both sides may also be reports that scan --save wrote. Their sums, prefixes and listed keys
    /// are then compared.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = names::DIFF_EXAMPLES, disable_help_flag = true)]
    Diff(DiffArgs),
    /// Show how sizes, elements, accesses and expiries are distributed
    ///
    /// Percentiles are exact or at most 25 % too high. The time to live counts from when a file was
    /// written, or from --now.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = stats::EXAMPLES, disable_help_flag = true)]
    Stats(StatsArgs),
    /// Make an HTML page of backups, or show saved reports
    ///
    /// With -o, the result is one HTML file with pictures. The file needs no network. scan --save
    /// writes saved reports, and several of them are shown as one.
    ///
    /// Exit status: as for scan without --fail-on; 2 an input is neither a backup nor a saved report.
    #[command(after_help = report::EXAMPLES, disable_help_flag = true)]
    Report(ReportArgs),
    /// Walk through groups, keys and values in the terminal
    ///
    /// Groups by name appear while the scan still runs. The biggest keys of a group come from another
    /// scan, and a key shows its facts, its first elements and its bytes. Press ? for the keys.
    ///
    /// Exit status: 0 all was listed; 2 an input could not be listed, or there is no terminal; 129, 130,
    /// 143 stopped by SIGHUP, SIGINT or SIGTERM.
    #[cfg(feature = "explore")]
    #[command(after_help = explore::EXAMPLES, disable_help_flag = true)]
    Explore(ExploreArgs),
    /// Sum up keys by the shards, slots and hash tags of a cluster
    ///
    /// The slot of a key follows from its name. Skew is the largest part divided by the mean, and the
    /// Gini coefficient.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = cluster::EXAMPLES, disable_help_flag = true)]
    Cluster(ClusterArgs),
    /// Check keys against rules: big-key definitions, limits of Redis, rules of your own
    ///
    /// A rule says which keys must not be there, or what all keys of a kind may add up to, and why it
    /// hurts. Without --rules and --preset, all presets are checked. docs/rules.md describes the file
    /// of rules.
    ///
    /// Exit status: as for scan, where 1 means that a rule of at least the level of --fail-level is
    /// broken and nothing was wrong with an input.
    #[command(after_help = lint::EXAMPLES, disable_help_flag = true)]
    Lint(LintArgs),
    /// Look for everything that is wrong with files
    ///
    /// Compares checksums, walks every encoding entry by entry, compares counts with headers and
    /// with the announced sizes of databases, and prints one line for each thing that is wrong.
    /// Memory does not depend on the file.
    ///
    /// Exit status: 0 nothing but warnings was found; 2 an input could not be opened or is no RDB
    /// file; 3 an error was found; 129, 130, 143 stopped by SIGHUP, SIGINT or SIGTERM.
    #[command(after_help = check::EXAMPLES, disable_help_flag = true)]
    Check(CheckArgs),
    /// Print one key with all its elements
    ///
    /// As JSON, as commands that write the key to a server, or as the bytes of a string. Keys of the
    /// same name in several databases or inputs follow each other. Commands create the consumer groups
    /// of a stream, and leave out what was delivered to them.
    ///
    /// Exit status: as for scan, where 1 means that there is no such key.
    #[command(after_help = dump::EXAMPLES, disable_help_flag = true)]
    Dump(DumpArgs),
    /// Print the completions of a shell
    #[command(after_help = manual::COMPLETIONS_EXAMPLES, hide = true)]
    Completions(CompletionsArgs),
    /// Write manual pages to a directory: one for the program, and one for each command
    #[command(after_help = manual::MAN_EXAMPLES, hide = true)]
    Man(ManArgs),
    /// Serve the big-key API of Huawei Cloud DCS over backup files
    ///
    /// Ends with status 0 at SIGINT or SIGTERM; 2 if it cannot start.
    #[cfg(feature = "server")]
    Serve(ServeArgs),

    /// Scan shards for `bigkeys serve` on a database that both use
    ///
    /// Takes the same configuration; any number of workers may run, on machines that see the
    /// backups under the same paths. Ends with status 0 at SIGINT or SIGTERM, after giving back
    /// what it had begun.
    #[cfg(feature = "server")]
    Worker(WorkerArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
