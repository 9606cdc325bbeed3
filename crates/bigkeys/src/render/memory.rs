//! What tables say of the server's memory.

use std::io::{self, Write};

use comfy_table::Cell;
use indicatif::BinaryBytes;
use rdb_analysis::{Encoding, Expected, Group, Measure, Report, SourceMemory};
use rdb_parser::escape::Escaped;

use super::table::{HEADING, number, table};
use crate::messages::count;

/// Bytes in memory, marked where they are only those in the file.
pub(super) fn of_key(measure: &Measure) -> Option<String> {
    marked(measure.memory_bytes, !measure.memory_is_modelled)
}

/// The same of a group.
pub(super) fn of_group(group: &Group) -> Option<String> {
    marked(group.memory_bytes, group.memory_not_modelled_keys > 0)
}

fn marked(bytes: Option<u64>, is_lower_bound: bool) -> Option<String> {
    let mark = if is_lower_bound { "> " } else { "" };
    bytes.map(|bytes| format!("{mark}{}", BinaryBytes(bytes)))
}

/// The account of each source's memory.
pub(super) fn accounts(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for source in &report.sources {
        let Some(memory) = &source.memory else { continue };
        let model = &memory.model;
        let path = Escaped::for_terminal(source.path.as_bytes());
        writeln!(
            out,
            "\n{HEADING}Memory of {path}{HEADING:#}, after loading: model of {}, allocator {} assumed",
            model.name, model.allocator
        )?;
        if let Some(note) = model.note {
            writeln!(out, "  note: {note}")?;
        }
        if memory.keys_not_modelled > 0 {
            writeln!(
                out,
                "  note: not modelled, but counted with bytes in the file: {} of module types",
                count(memory.keys_not_modelled, "key")
            )?;
        }
        for line in expected_errors(memory) {
            writeln!(out, "  {line}")?;
        }
        writeln!(out, "{}", account(memory))?;
    }
    Ok(())
}

fn account(memory: &SourceMemory) -> comfy_table::Table {
    let mut table = table(&["bytes", "part"]);
    let mut row = |bytes: Option<String>, part: &str| {
        table.add_row([number(bytes), Cell::new(part)]);
    };
    let binary = |bytes| Some(BinaryBytes(bytes).to_string());
    row(binary(memory.keys_bytes), "keys and values");
    row(binary(memory.key_tables_bytes), "tables of keys");
    row(binary(memory.expiry_tables_bytes), "tables of expiries");
    let rest = memory.not_in_keys_bytes().map(|rest| {
        let sign = if rest < 0 { "-" } else { "" };
        format!("{sign}{}", BinaryBytes(rest.unsigned_abs()))
    });
    row(rest, "not in keys: buffers, fragmentation, live slack");
    row(
        memory.used_memory_bytes.map(|used| BinaryBytes(used).to_string()),
        "used-mem, as the file states it",
    );
    table
}

/// Lines that tell how far off the model may be: first what is exact, then each bound.
fn expected_errors(memory: &SourceMemory) -> Vec<String> {
    let mut exact = Vec::new();
    let mut with_remainders = Vec::new();
    let mut lines = Vec::new();
    for row in &memory.expected_error {
        let name = name_of(&row.data_type.to_string(), row.encoding);
        match row.expected {
            Expected::Exact => exact.push(name),
            Expected::Almost { one_in, max_percent } => lines.push(format!(
                "{name}: to the byte but for one key in {one_in}, which is within {max_percent} %"
            )),
            Expected::Random { percent_at_100_elements } => lines.push(format!(
                "{name}: standard error {percent_at_100_elements} % at 100 elements, a tenth of that at 10,000"
            )),
            Expected::Remainders { .. } => with_remainders.push(name),
            _ => {}
        }
    }
    if !with_remainders.is_empty() {
        let names = with_remainders.join(", ");
        lines.insert(0, format!("but for 16 bytes with one allocation in about 100: {names}"));
    }
    if !exact.is_empty() {
        lines.insert(0, format!("to the byte: {}", exact.join(", ")));
    }
    lines
}

fn name_of(data_type: &str, encoding: Encoding) -> String {
    if data_type == encoding.name() { data_type.to_owned() } else { format!("{data_type} {encoding}") }
}
