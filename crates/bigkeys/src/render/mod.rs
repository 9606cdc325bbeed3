//! Writes results: one file per format.
//!
//! A new format of keys is a file with a [`RowFormat`], a variant of [`KeysFormat`] and
//! [`ScanFormat`], and an arm in their methods here.

pub(crate) mod cluster;
pub(crate) mod contents;
pub(crate) mod csv;
pub(crate) mod diff;
pub(crate) mod groups;
pub(crate) mod json;
mod layout;
mod lines;
pub(crate) mod lint;
mod memory;
mod names;
mod parquet;
pub(crate) mod prometheus;
pub(crate) mod report_diff;
mod rows;
mod sources;
pub(crate) mod stats;
pub(crate) mod style;
pub(crate) mod table;
mod target;

pub(crate) use layout::Width;
pub(crate) use lines::Lines;
pub(crate) use rows::{RowFormat, RowWriter, append_to_all, top_keys, write_to_all};
pub(crate) use target::Target;

use clap::ValueEnum;
use json::JsonStyle;
use rdb_analysis::Rank;

/// The formats of `bigkeys scan`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// For people
    Table,
    /// The whole report as one JSON object
    Json,
    /// The listed keys, one JSON object a line
    Jsonl,
    /// The listed keys as CSV with a header
    Csv,
    /// Metrics by type and by file, for the textfile collector of `node_exporter`
    Prometheus,
    /// The task object of Huawei Cloud DCS
    Dcs,
}

impl ScanFormat {
    /// The format of the listed keys. `None` if the whole report is written.
    pub(crate) fn rows(self, style: JsonStyle, rank: Rank) -> Option<Box<dyn RowFormat>> {
        match self {
            Self::Table | Self::Json | Self::Prometheus | Self::Dcs => None,
            Self::Jsonl => Some(Box::new(json::Lines(style))),
            Self::Csv => {
                let names_largest = rank == Rank::LargestElementBytes;
                Some(Box::new(csv::Rows { keys_as: style.keys_as, names_largest }))
            }
        }
    }
}

/// The formats of `bigkeys keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysFormat {
    /// For people
    Table,
    /// One JSON array
    Json,
    /// One JSON object a line
    Jsonl,
    /// CSV with a header
    Csv,
    /// A Parquet file, for `DuckDB`, pandas and Spark
    Parquet,
}

/// The formats of `bigkeys groups`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupsFormat {
    /// For people
    Table,
    /// The tree as one JSON object
    Json,
    /// A row for each group, with a header
    Csv,
    /// Folded stacks of bytes, for flame graphs
    Folded,
}

/// The formats of `bigkeys diff`, `stats` and `cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableOrJson {
    /// For people
    Table,
    /// The whole result as one JSON object
    Json,
}

/// The formats of `bigkeys lint`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LintFormat {
    /// For people
    Table,
    /// The results of all rules as one JSON object
    Json,
    /// A test for each rule, for CI systems
    Junit,
    /// Alerts, for code hosts
    Sarif,
}

impl KeysFormat {
    /// The format of the keys. `has_memory`: whether the memory is modelled.
    pub(crate) fn rows(self, style: JsonStyle, has_memory: bool) -> Box<dyn RowFormat> {
        match self {
            Self::Table => Box::new(Lines { keys_as: style.keys_as, width: Width::of_stdout(), has_memory }),
            Self::Json => Box::new(json::Array(style)),
            Self::Jsonl => Box::new(json::Lines(style)),
            Self::Csv => Box::new(csv::Rows { keys_as: style.keys_as, names_largest: false }),
            Self::Parquet => Box::new(parquet::Records(style.keys_as)),
        }
    }
}
