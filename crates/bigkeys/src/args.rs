//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use bigkeys::{Preset, Redactor};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use rdb_analysis::json::{KeysAs, NumbersAs};
use rdb_analysis::{MAX_GROUP_DEPTH, Rank};
use rdb_parser::escape::Escaped;
use rdb_parser::format::{KNOWN_REDIS_VERSIONS, KNOWN_VALKEY_VERSIONS};
use rdb_source::IoMode;
use regex::bytes::Regex;

use crate::filter_args::FilterArgs;
use crate::memory_args::MemoryArgs;
use crate::render::json::JsonStyle;
use crate::render::{DiffFormat, GroupsFormat, KeysFormat, LintFormat, ScanFormat};

/// Finds what is big in backups (RDB files) of Redis and Valkey, without touching a server.
#[derive(Debug, Parser)]
#[command(version, long_version = LONG_VERSION.as_str(), max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  bigkeys scan dump.rdb                    totals, groups, the biggest keys
  bigkeys scan --by elements *.rdb         the files of a cluster in one report
  bigkeys keys dump.rdb | jq .key          every key as JSON
  bigkeys diff old.rdb new.rdb             what grew, key by key
  bigkeys check dump.rdb                   everything that is wrong with a file
  zcat dump.rdb.gz | bigkeys scan -        a pipe

bigkeys COMMAND -h shows the options of a command, --help all of them.";

const SCAN_EXAMPLES: &str = "Examples:
  bigkeys scan -n 5 --by elements backups/
  bigkeys scan --format json s3://bucket/dump.rdb.gz";

const KEYS_EXAMPLES: &str = "Examples:
  bigkeys keys dump.rdb | jq -c 'select(.elements > 5000)'
  bigkeys keys --fail --ttl none --match 'cache:*' dump.rdb
  bigkeys keys --export parquet=keys.parquet dump.rdb";

const GROUPS_EXAMPLES: &str = "Examples:
  bigkeys groups dump.rdb                                which names take the memory
  bigkeys groups -s : -s . --depth 2 dump.rdb            two separators, two segments
  bigkeys groups --group 'carts=^(cart|basket):' dump.rdb
  bigkeys groups --format csv *.rdb > groups.csv";

const DIFF_EXAMPLES: &str = "Examples:
  bigkeys diff tuesday.rdb friday.rdb
  bigkeys diff --match 'cart:*' --format json old/ new/";

const STATS_EXAMPLES: &str = "Examples:
  bigkeys stats dump.rdb
  bigkeys stats --match 'cache:*' --now 2026-12-01T00:00:00Z --format json dump.rdb";

const REPORT_EXAMPLES: &str = "Examples:
  bigkeys scan --save a.report a.rdb
  bigkeys report --all a.report b.report
  bigkeys report --save week.report monday.report tuesday.report";

const CLUSTER_EXAMPLES: &str = "Examples:
  bigkeys cluster --shard 10.0.0.1:6379=a.rdb --shard 10.0.0.2:6379=b.rdb
  redis-cli -c CLUSTER NODES > nodes.txt; bigkeys cluster --map nodes.txt backups/";

const LINT_EXAMPLES: &str = "Examples:
  bigkeys lint --preset dcs dump.rdb
  bigkeys lint --rules rules.toml --format junit dump.rdb > junit.xml
  bigkeys lint --write-baseline accepted.json dump.rdb
  bigkeys lint --baseline accepted.json --fail-level error dump.rdb";

const CHECK_EXAMPLES: &str = "Examples:
  bigkeys check dump.rdb
  bigkeys check --format jsonl backups/*.rdb";

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
        Self::try_parse().unwrap_or_else(|error| {
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
    #[command(after_help = SCAN_EXAMPLES, disable_help_flag = true)]
    Scan(ScanArgs),
    /// Print every key with its type, encoding, counts and sizes, in file order
    ///
    /// Exit status: as for scan, where 1 means that --fail is set, a key was printed, and nothing was
    /// wrong with an input.
    #[command(after_help = KEYS_EXAMPLES, disable_help_flag = true)]
    Keys(KeysArgs),
    /// Sum up keys by the beginnings and patterns of their names
    ///
    /// Every group is exactly the sum of the groups below it, and the last line is the sum of all.
    /// Numbers, dates, UUIDs, hexadecimal numbers, tokens, e-mail addresses and hash tags in names
    /// have placeholders, so that user:8231:session is in the group user:{int}:session.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = GROUPS_EXAMPLES, disable_help_flag = true)]
    Groups(GroupsArgs),
    /// Compare two backups key by key: what grew, what is new, what is gone
    ///
    /// Each side is a file, a directory, a pattern or a URL, so that it may be all files of a
    /// cluster. Keys are held in temporary files without names, in TMPDIR, and memory does not
    /// depend on their number. Bytes are those in memory, or in the file with --no-memory.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = DIFF_EXAMPLES, disable_help_flag = true)]
    Diff(DiffArgs),
    /// Show how sizes, elements, accesses and expiries are distributed
    ///
    /// Percentiles are exact or at most 25 % too high. The time to live counts from when a file was
    /// written, or from --now.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = STATS_EXAMPLES, disable_help_flag = true)]
    Stats(StatsArgs),
    /// Show reports that scan --save wrote, several as one
    ///
    /// Exit status: as for scan without --fail-on; 2 a file is no saved report.
    #[command(after_help = REPORT_EXAMPLES, disable_help_flag = true)]
    Report(ReportArgs),
    /// Sum up keys by the shards, slots and hash tags of a cluster
    ///
    /// The slot of a key follows from its name. Skew is the largest part divided by the mean, and the
    /// Gini coefficient.
    ///
    /// Exit status: as for scan without --fail-on.
    #[command(after_help = CLUSTER_EXAMPLES, disable_help_flag = true)]
    Cluster(ClusterArgs),
    /// Check keys against rules: big-key definitions, limits of Redis, rules of your own
    ///
    /// A rule says which keys must not be there, or what all keys of a kind may add up to, and why it
    /// hurts. Without --rules and --preset, all presets are checked. docs/rules.md describes the file
    /// of rules.
    ///
    /// Exit status: as for scan, where 1 means that a rule of at least the level of --fail-level is
    /// broken and nothing was wrong with an input.
    #[command(after_help = LINT_EXAMPLES, disable_help_flag = true)]
    Lint(LintArgs),
    /// Look for everything that is wrong with files
    ///
    /// Compares checksums, walks every encoding entry by entry, compares counts with headers and
    /// with the announced sizes of databases, and prints one line for each thing that is wrong.
    /// Memory does not depend on the file.
    ///
    /// Exit status: 0 nothing but warnings was found; 2 an input could not be opened or is no RDB
    /// file; 3 an error was found; 129, 130, 143 stopped by SIGHUP, SIGINT or SIGTERM.
    #[command(after_help = CHECK_EXAMPLES, disable_help_flag = true)]
    Check(CheckArgs),
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

#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    /// Configuration file; it is read again at SIGHUP
    #[arg(long, value_name = "FILE", env = "BIGKEYS_CONFIG")]
    pub(crate) config: PathBuf,

    /// Database of tasks, `postgres://USER:PASSWORD@HOST/DATABASE`, instead of the configured one
    #[arg(long, value_name = "URL", env = "BIGKEYS_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// The log on standard error.
#[cfg(feature = "server")]
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// How the log on standard error is written
    #[arg(long = "log", value_enum, default_value_t = LogFormat::Text)]
    pub(crate) format: LogFormat,

    /// What is logged: warn, info, debug, or such a level for each part of the program
    #[arg(long = "log-level", value_name = "FILTER", default_value = "info", env = "BIGKEYS_LOG")]
    pub(crate) level: String,
}

#[cfg(feature = "server")]
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct ServeArgs {
    /// Configuration file; it is read again at SIGHUP
    #[arg(long, value_name = "FILE", group = "what", env = "BIGKEYS_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Without any configuration: serve every RDB file below DIR to everybody on this machine
    #[arg(long, value_name = "DIR", group = "what")]
    pub(crate) backups: Option<PathBuf>,

    /// Write a commented example of a configuration file and end
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "bigkeys.toml", group = "what")]
    pub(crate) init: Option<PathBuf>,

    /// Address to listen on, instead of the configured one; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", env = "BIGKEYS_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Database of tasks, instead of the configured one: a file, or
    /// `postgres://USER:PASSWORD@HOST/DATABASE` for several machines
    #[arg(long, value_name = "FILE|URL", env = "BIGKEYS_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,

    #[command(flatten)]
    pub(crate) log: LogArgs,
}

#[cfg(feature = "server")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people
    Text,
    /// An object a line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Number of prefixes of names to list; 0 does not sum up names
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Report", hide_short_help = true)]
    pub(crate) prefixes: usize,

    /// Character that ends a prefix
    #[arg(short, long, value_name = "CHAR", default_value = ":", value_parser = parse_separator, help_heading = "Report", hide_short_help = true)]
    pub(crate) separator: u8,

    /// Measure by which keys rank [default: `memory_bytes`]
    ///
    /// MEASURE is `elements`, `value_bytes`, `rdb_bytes`, `memory_bytes` or
    /// `largest_element_bytes`. The default is `rdb_bytes` with --no-memory, and for --format dcs
    /// the bytes of strings and the elements of all other types. `value_bytes` and
    /// `largest_element_bytes` imply --deep.
    #[arg(long, value_name = "MEASURE", help_heading = "Report", hide_possible_values = true)]
    pub(crate) by: Option<By>,

    /// Exit with status 1 if a key meets a CEL expression, such as 'memory_bytes > 50MB'
    ///
    /// For cron and CI, beside the report. The language is that of --where.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, value_name = "EXPR", help_heading = "Report", hide_short_help = true)]
    pub(crate) fail_on: Option<String>,

    /// Also save the report, so that the command report shows it or merges it with others
    ///
    /// Sources are then scanned one after the other, and conditions on keys are refused.
    #[arg(long, value_name = "FILE", help_heading = "Report", hide_short_help = true, conflicts_with_all = ["fail_on", "redact"])]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// Id of the instance in the output of --format dcs
    #[arg(
        long,
        value_name = "ID",
        default_value = "00000000-0000-0000-0000-000000000000",
        help_heading = "Report",
        hide_short_help = true
    )]
    pub(crate) instance_id: String,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How a report is shown.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Show all groups and lists in tables
    #[arg(long, help_heading = "Report")]
    pub(crate) all: bool,

    /// Number of keys to list for each type [default: 20]
    ///
    /// Without --all, a table lists the biggest keys of all types, 5 by default.
    #[arg(short = 'n', long, value_name = "N", help_heading = "Report")]
    pub(crate) top: Option<usize>,

    /// Output format: table, json, jsonl, csv, prometheus or dcs
    #[arg(long, value_enum, default_value_t = ScanFormat::Table, help_heading = "Report", hide_possible_values = true)]
    pub(crate) format: ScanFormat,

    /// Also write the report to a file, as json, jsonl, csv or prometheus
    ///
    /// May be given several times, for several files of one scan. The file appears under its name
    /// when it is complete.
    #[arg(long = "export", value_name = "FORMAT=FILE", value_parser = parse_scan_export, help_heading = "Report", hide_short_help = true)]
    pub(crate) exports: Vec<Export<ScanFormat>>,

    /// Show each of several files by itself in tables
    #[arg(long, help_heading = "Report", hide_short_help = true)]
    pub(crate) per_file: bool,
}

/// Saved reports.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Files that scan --save or report --save wrote
    #[arg(value_name = "FILE", required = true, help_heading = None::<&str>)]
    pub(crate) files: Vec<PathBuf>,

    /// Also save the merged report
    #[arg(long, value_name = "FILE", help_heading = "Report", conflicts_with = "redact")]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How names are replaced by hashes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RedactArgs {
    /// Replace the segments of names by hashes, to give the result to others
    ///
    /// The same segment has the same hash everywhere. The hashes are keyed with BIGKEYS_REDACT_KEY
    /// from the environment, or with a random number, so that another run gives others. Paths of
    /// files, shards and the conditions of the command line are left as they are.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, hide_short_help = true)]
    pub(crate) redact: bool,

    /// A beginning of names that --redact keeps
    #[arg(long, value_name = "PREFIX", hide_short_help = true, requires = "redact")]
    pub(crate) redact_keep: Vec<String>,
}

impl RedactArgs {
    /// What replaces names. `None`: names are left as they are.
    pub(crate) fn redactor(&self) -> Option<Redactor> {
        if !self.redact {
            return None;
        }
        let secret = std::env::var_os("BIGKEYS_REDACT_KEY").map(|key| key.as_encoded_bytes().to_vec());
        let random = || [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
        let redactor = Redactor::new(&secret.unwrap_or_else(random));
        Some(self.redact_keep.iter().fold(redactor, |redactor, prefix| redactor.keep(prefix)))
    }
}

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
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// A file that gets the result, and its format.
#[derive(Clone, Debug)]
pub(crate) struct Export<F> {
    pub(crate) format: F,
    pub(crate) path: PathBuf,
}

/// A table is for terminals, and the object of the contract ranks keys by a measure of its own.
fn parse_scan_export(text: &str) -> Result<Export<ScanFormat>, String> {
    parse_export(text, |format| !matches!(format, ScanFormat::Table | ScanFormat::Dcs))
}

fn parse_keys_export(text: &str) -> Result<Export<KeysFormat>, String> {
    parse_export(text, |format| format != KeysFormat::Table)
}

/// `FORMAT=FILE`, where `is_for_files` holds for the format.
fn parse_export<F: ValueEnum + Copy>(
    text: &str,
    is_for_files: impl Fn(F) -> bool,
) -> Result<Export<F>, String> {
    let (format, path) =
        text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("give FORMAT=FILE")?;
    if let Some(format) = F::from_str(format, false).ok().filter(|&format| is_for_files(format)) {
        return Ok(Export { format, path: PathBuf::from(path) });
    }
    let known = F::value_variants().iter().filter(|&&format| is_for_files(format));
    let known: Vec<_> =
        known.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned())).collect();
    Err(format!("formats are {}", known.join(", ")))
}

#[derive(Debug, Args)]
pub(crate) struct GroupsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) segments: SegmentArgs,

    /// Take names literally, without placeholders
    ///
    /// The last segment of a name is then left out.
    #[arg(long, help_heading = "Groups")]
    pub(crate) literal: bool,

    /// Fold groups below this share of all bytes, in percent [default: 1 in tables, or else 0]
    #[arg(long, value_name = "PERCENT", help_heading = "Groups", hide_short_help = true)]
    pub(crate) min_share: Option<f64>,

    /// A group of its own for keys that match; the first match counts
    #[arg(long = "group", value_name = "NAME=REGEX", value_parser = parse_group, help_heading = "Groups")]
    pub(crate) groups: Vec<(String, Regex)>,

    /// Groups of the deepest level that are held, of about 300 bytes each
    ///
    /// If there are more, or if their names are too long, names are grouped by fewer segments.
    #[arg(long, value_name = "N", default_value_t = 1 << 18, help_heading = "Groups", hide_short_help = true)]
    pub(crate) max_groups: usize,

    /// Output format
    #[arg(long, value_enum, default_value_t = GroupsFormat::Table, help_heading = "Output")]
    pub(crate) format: GroupsFormat,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// How names are split into segments.
#[derive(Debug, Args)]
pub(crate) struct SegmentArgs {
    /// Characters that end a segment of a name
    #[arg(short, long = "separator", value_name = "CHAR", default_value = ":", value_parser = parse_separator, help_heading = "Groups")]
    pub(crate) separators: Vec<u8>,

    /// Segments of a name that form groups
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = parse_depth, help_heading = "Groups")]
    pub(crate) depth: usize,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The earlier backup
    #[arg(value_name = "OLD", help_heading = None::<&str>)]
    pub(crate) old: PathBuf,

    /// The later backup
    #[arg(value_name = "NEW", help_heading = None::<&str>)]
    pub(crate) new: PathBuf,

    /// Number of keys, groups and slots to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, help_heading = "Report")]
    pub(crate) top: usize,

    #[command(flatten)]
    pub(crate) segments: SegmentArgs,

    /// Output format
    #[arg(long, value_enum, default_value_t = DiffFormat::Table, help_heading = "Report")]
    pub(crate) format: DiffFormat,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

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
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Output format
    #[arg(long, value_enum, default_value_t = StatsFormat::Table, help_heading = "Report")]
    pub(crate) format: StatsFormat,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The formats of `bigkeys stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
}

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

    /// Number of slots and hash tags to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, help_heading = "Report")]
    pub(crate) top: usize,

    /// Output format
    #[arg(long, value_enum, default_value_t = ClusterFormat::Table, help_heading = "Report")]
    pub(crate) format: ClusterFormat,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) redact: RedactArgs,

    #[command(flatten)]
    pub(crate) memory: MemoryArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// The formats of `bigkeys cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClusterFormat {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// Which broken rules give exit status 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailLevel {
    Note,
    Warning,
    Error,
    Never,
}

fn parse_separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err("a separator is one ASCII character".to_owned()),
    }
}

fn parse_depth(text: &str) -> Result<usize, String> {
    let depth = text.parse().ok().filter(|depth| (1..=MAX_GROUP_DEPTH).contains(depth));
    depth.ok_or_else(|| format!("give a number from 1 to {MAX_GROUP_DEPTH}"))
}

fn parse_group(text: &str) -> Result<(String, Regex), String> {
    let (name, regex) = text.split_once('=').ok_or("give NAME=REGEX")?;
    let regex = Regex::new(regex).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), regex))
}

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

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Files, directories, patterns or URLs; - is standard input
    ///
    /// Compressed data (gzip, zstd, lz4) and captures of a full resynchronisation are recognised by
    /// their content. A directory stands for the RDB files in it, and a pattern such as
    /// 'backup/*.rdb' for the files that it matches. The RDB part of an append-only file is read. A
    /// file that is named twice, also through links, counts once.
    #[arg(value_name = "INPUT", required_unless_present = "shards", help_heading = None::<&str>)]
    pub(crate) inputs: Vec<PathBuf>,

    /// A file and the node that wrote it
    ///
    /// FILE need not be given as INPUT again.
    #[arg(long = "shard", id = "shards", value_name = "IP:PORT=FILE", value_parser = parse_shard)]
    pub(crate) shards: Vec<Shard>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// How inputs are found and read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct ReadArgs {
    /// Search directories below a named directory, too
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// How to read files: auto maps regular files and reads everything else
    ///
    /// The pages of a mapped file count as resident memory of the process (RES in top), although
    /// the kernel takes them back when memory is short. `read` keeps them out of that figure.
    #[arg(long, value_enum, default_value_t = Io::Auto, hide_short_help = true)]
    pub(crate) io: Io,

    /// A setting of the object store of s3://, gs://, az:// or http(s):// inputs
    ///
    /// NAME is the name of an environment variable, which the setting overrides, such as
    /// AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SKIP_SIGNATURE or
    /// AWS_VIRTUAL_HOSTED_STYLE_REQUEST. Other users of the machine can see arguments, so keep
    /// secrets in the environment.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long = "store-option", value_name = "NAME=VALUE", value_parser = parse_store_option, hide_short_help = true)]
    pub(crate) store_options: Vec<(String, String)>,

    /// Decode packed values to know their payload
    ///
    /// `value_bytes` and `largest_element_bytes` are then known for all collections except streams.
    #[arg(long, hide_short_help = true)]
    pub(crate) deep: bool,

    /// Do not compare the checksums of files
    #[arg(long, hide_short_help = true)]
    pub(crate) no_checksum: bool,

    /// Number of threads [default: one per core]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How key names are written: auto writes names that are UTF-8 as text
    #[arg(long, value_enum, default_value_t = Names::Auto, hide_short_help = true)]
    pub(crate) keys_as: Names,

    /// How integers are written in JSON
    ///
    /// Strings are for readers that round numbers above 2^53, such as JavaScript and jq. Tables,
    /// CSV and the DCS task object are the same with both.
    #[arg(long, value_enum, default_value_t = Numbers::Number, hide_short_help = true)]
    pub(crate) numbers_as: Numbers,

    /// Show no progress bar
    #[arg(long, hide_short_help = true)]
    pub(crate) no_progress: bool,

    /// Write only errors to standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print help; --help shows more options
    #[arg(short, long, action = clap::ArgAction::Help)]
    pub(crate) help: Option<bool>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, hide_short_help = true)]
    pub(crate) color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum By {
    Elements,
    ValueBytes,
    RdbBytes,
    MemoryBytes,
    LargestElementBytes,
}

impl By {
    pub(crate) fn rank(self) -> Rank {
        match self {
            Self::Elements => Rank::Elements,
            Self::ValueBytes => Rank::ValueBytes,
            Self::RdbBytes => Rank::RdbBytes,
            Self::MemoryBytes => Rank::MemoryBytes,
            Self::LargestElementBytes => Rank::LargestElementBytes,
        }
    }
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Names {
    Auto,
    Base64,
}

impl Names {
    pub(crate) fn keys_as(self) -> KeysAs {
        match self {
            Self::Auto => KeysAs::Auto,
            Self::Base64 => KeysAs::Base64,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Numbers {
    Number,
    String,
}

impl OutputArgs {
    pub(crate) fn json_style(&self) -> JsonStyle {
        let numbers_as = match self.numbers_as {
            Numbers::Number => NumbersAs::Number,
            Numbers::String => NumbersAs::String,
        };
        JsonStyle { keys_as: self.keys_as.keys_as(), numbers_as }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Io {
    Auto,
    Mmap,
    Read,
}

impl Io {
    pub(crate) fn mode(self) -> IoMode {
        match self {
            Self::Auto => IoMode::Auto,
            Self::Mmap => IoMode::Mmap,
            Self::Read => IoMode::Read,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn choice(self) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }
}

/// A node and the file it wrote.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) node: SocketAddr,
    pub(crate) path: PathBuf,
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let (node, path) = text.split_once('=').ok_or("expected IP:PORT=FILE")?;
    let node = node.parse().map_err(|_| format!("{node:?} is not IP:PORT, such as 10.0.0.1:6379"))?;
    if path.is_empty() {
        return Err("the file is missing after =".to_owned());
    }
    Ok(Shard { node, path: PathBuf::from(path) })
}

fn parse_store_option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_shard_is_an_address_and_a_file() {
        let shard = parse_shard("[::1]:6379=a=b.rdb").expect("valid");
        assert_eq!((shard.node.port(), shard.path), (6379, PathBuf::from("a=b.rdb")));
        for wrong in ["", "a.rdb", "localhost:6379=a", "10.0.0.1=a", "10.0.0.1:6379="] {
            assert!(parse_shard(wrong).is_err(), "{wrong}");
        }
    }
}
