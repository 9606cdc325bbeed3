//! The arguments of `bigkeys groups` and `bigkeys diff`, which split names.

use std::path::PathBuf;

use clap::Args;
use rdb_analysis::MAX_GROUP_DEPTH;
use regex::bytes::Regex;

use super::common::CommonArgs;
use super::input::{InputArgs, ReadArgs};
use crate::render::{GroupsFormat, TableOrJson};

pub(super) const GROUPS_EXAMPLES: &str = "Examples:
  bigkeys groups dump.rdb                                which names take the memory
  bigkeys groups -s : -s . --depth 2 dump.rdb            two separators, two segments
  bigkeys groups --group 'carts=^(cart|basket):' dump.rdb
  bigkeys groups --format csv *.rdb > groups.csv";

pub(super) const DIFF_EXAMPLES: &str = "Examples:
  bigkeys diff tuesday.rdb friday.rdb
  bigkeys diff --match 'cart:*' --format json old/ new/
  bigkeys diff tuesday.report friday.report";

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
    pub(crate) common: CommonArgs,
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
    /// The earlier backup or saved report
    #[arg(value_name = "OLD", help_heading = None::<&str>)]
    pub(crate) old: PathBuf,

    /// The later backup or saved report
    #[arg(value_name = "NEW", help_heading = None::<&str>)]
    pub(crate) new: PathBuf,

    /// Number of keys, groups and slots to list
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, help_heading = "Report")]
    pub(crate) top: usize,

    #[command(flatten)]
    pub(crate) segments: SegmentArgs,

    /// Output format
    #[arg(long, value_enum, default_value_t = TableOrJson::Table, help_heading = "Report")]
    pub(crate) format: TableOrJson,

    /// Write an HTML page to FILE: NEW, and what changed
    ///
    /// NEW is then read twice.
    #[arg(
        short = 'o',
        long = "page",
        value_name = "FILE",
        help_heading = "Report",
        conflicts_with = "format"
    )]
    pub(crate) page: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// The long names of the options that were given.
    #[arg(skip)]
    pub(crate) given: Vec<String>,
}

pub(super) fn parse_separator(text: &str) -> Result<u8, String> {
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
