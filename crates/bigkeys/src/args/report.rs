//! The arguments of `bigkeys report`, and how reports are shown.

use std::path::PathBuf;

use clap::Args;

use super::common::CommonArgs;
use super::export::{Export, parse_scan_export};
use super::input::InputArgs;
use super::names::SegmentArgs;
use crate::render::ScanFormat;

pub(super) const EXAMPLES: &str = "Examples:
  bigkeys report dump.rdb -o report.html
  bigkeys scan --save a.report a.rdb
  bigkeys report --all a.report b.report
  bigkeys report --save week.report monday.report tuesday.report";

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

/// Backups for a page, or saved reports.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Write an HTML page to FILE
    ///
    /// The page needs no network. It has totals, a treemap of groups by name, the biggest keys,
    /// histograms, what expires, shards and slots, broken rules and the memory model. A page of saved
    /// reports has totals, prefixes and keys only.
    #[arg(short = 'o', long = "page", value_name = "FILE", help_heading = "Report", conflicts_with_all = ["all", "format", "exports", "per_file"])]
    pub(crate) page: Option<PathBuf>,

    /// Also save the merged report
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Report",
        conflicts_with = "redact",
        hide_short_help = true
    )]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) show: ShowArgs,

    #[command(flatten)]
    pub(crate) segments: SegmentArgs,

    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// The long names of the options that were given.
    #[arg(skip)]
    pub(crate) given: Vec<String>,
}
