//! Writes groups or keys to a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bigkeys_scan::{KeyRecord, NameGroup};
use rdb_analysis::json::{KeysAs, NumbersAs};
use rdb_analysis::{GroupKind, KeyRow, append_key_record};
use rdb_parser::escape::Escaped;
use serde::Serialize;

use crate::tree::label;

/// What is written to a file.
pub(crate) enum Export<'a> {
    Groups(Vec<&'a NameGroup>),
    Keys(Vec<&'a KeyRecord>),
}

/// A group in a file.
#[derive(Serialize)]
struct GroupRow {
    group: String,
    keys: u64,
    elements: u64,
    rdb_bytes: u64,
    memory_bytes: Option<u64>,
}

impl Export<'_> {
    /// The file that is proposed.
    pub(crate) fn proposed_name(&self) -> &'static str {
        match self {
            Self::Groups(_) => "groups.csv",
            Self::Keys(_) => "keys.jsonl",
        }
    }

    /// Writes a new file: groups as CSV or lines of JSON, by the ending of its name, and keys as lines of
    /// JSON. Returns the number of rows.
    ///
    /// # Errors
    ///
    /// The file exists, or cannot be written.
    pub(crate) fn write(&self, path: &Path) -> io::Result<usize> {
        let mut out = io::BufWriter::new(File::create_new(path)?);
        let rows = match self {
            Self::Groups(groups) => {
                let is_csv = path.extension().is_some_and(|extension| extension == "csv");
                let rows = groups.iter().map(|group| GroupRow {
                    group: group_name(group, is_csv),
                    keys: group.group.keys,
                    elements: group.group.elements,
                    rdb_bytes: group.group.rdb_bytes,
                    memory_bytes: group.group.memory_bytes,
                });
                if is_csv {
                    write_csv(rows, &mut out)?;
                } else {
                    for row in rows {
                        serde_json::to_writer(&mut out, &row)?;
                        out.write_all(b"\n")?;
                    }
                }
                groups.len()
            }
            Self::Keys(keys) => {
                let mut line = Vec::new();
                for key in keys {
                    line.clear();
                    let row = KeyRow {
                        name: &key.key,
                        key_bytes: key.key_bytes,
                        measure: &key.measure,
                        largest_element: key.largest_element.as_ref(),
                        shard: key.shard.as_deref(),
                    };
                    append_key_record(&mut line, row, (KeysAs::Auto, NumbersAs::Number))?;
                    line.push(b'\n');
                    out.write_all(&line)?;
                }
                keys.len()
            }
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(rows)
    }
}

fn write_csv(rows: impl Iterator<Item = GroupRow>, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()
}

/// The whole path of a group, escaped.
fn group_name(group: &NameGroup, is_csv: bool) -> String {
    match group.kind {
        GroupKind::NoSeparator => label(group.kind, &group.path),
        // A spreadsheet must not run it.
        _ if is_csv => Escaped::for_cell(&group.path).to_string(),
        _ => Escaped::for_text(&group.path).to_string(),
    }
}
