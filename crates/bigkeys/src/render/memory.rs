//! The memory model in tables: what it assumes, how far it may be off, and the account of the
//! memory.

use std::io::{self, Write};

use indicatif::BinaryBytes;
use rdb_analysis::{Expected, ExpectedError, Group, Measure, MemoryModel, RaisedLimit, Report, SourceMemory};
use rdb_parser::escape::Escaped;

use super::layout::{Table, cell, numbers};
use super::style::{TableStyle, heading};
use crate::messages::count;

/// Bytes in memory. Marked as a lower bound where they are only the bytes in the file.
pub(super) fn of_key(measure: &Measure) -> Option<String> {
    marked(measure.memory_bytes, !measure.memory_is_modelled)
}

/// Bytes of a group in memory. Marked where a key of the group is not modelled.
pub(super) fn of_group(group: &Group) -> Option<String> {
    marked(group.memory_bytes, group.memory_not_modelled_keys > 0)
}

fn marked(bytes: Option<u64>, is_lower_bound: bool) -> Option<String> {
    let mark = if is_lower_bound { "> " } else { "" };
    bytes.map(|bytes| format!("{mark}{}", BinaryBytes(bytes)))
}

/// The account of the memory of each source with `per_file`, or else of all sources with the same
/// model.
pub(super) fn accounts(out: &mut dyn Write, report: &Report, style: TableStyle) -> io::Result<()> {
    let memories = report.sources.iter().filter_map(|source| Some((source, source.memory.as_ref()?)));
    if style.per_file || report.sources.len() == 1 {
        for (source, memory) in memories {
            let path = Escaped::for_terminal(source.path.as_bytes()).to_string();
            account(out, &Account::of(memory, &source.raised_limits), &path, style)?;
        }
        return Ok(());
    }
    let mut accounts: Vec<(Account, u64)> = Vec::new();
    for (source, memory) in memories {
        let account = Account::of(memory, &source.raised_limits);
        match accounts.iter_mut().find(|(known, _)| known.model == account.model) {
            Some((known, files)) => {
                known.add(account);
                *files += 1;
            }
            None => accounts.push((account, 1)),
        }
    }
    accounts.iter().try_for_each(|(sum, files)| account(out, sum, &count(*files, "file"), style))
}

/// The sums of a [`SourceMemory`], or of several with one model.
struct Account {
    model: MemoryModel,
    not_modelled: u64,
    keys: u64,
    key_tables: u64,
    expiry_tables: u64,
    not_in_keys: Option<i128>,
    used: Option<u64>,
    /// One for each type and encoding.
    errors: Vec<ExpectedError>,
    /// One for each directive: the highest.
    raised_limits: Vec<RaisedLimit>,
}

impl Account {
    fn of(memory: &SourceMemory, raised_limits: &[RaisedLimit]) -> Self {
        Self {
            model: memory.model,
            not_modelled: memory.keys_not_modelled,
            keys: memory.keys_bytes,
            key_tables: memory.key_tables_bytes,
            expiry_tables: memory.expiry_tables_bytes,
            not_in_keys: memory.not_in_keys_bytes().map(i128::from),
            used: memory.used_memory_bytes,
            errors: memory.expected_error.clone(),
            raised_limits: raised_limits.to_vec(),
        }
    }

    fn add(&mut self, other: Self) {
        self.not_modelled += other.not_modelled;
        self.keys = self.keys.saturating_add(other.keys);
        self.key_tables = self.key_tables.saturating_add(other.key_tables);
        self.expiry_tables = self.expiry_tables.saturating_add(other.expiry_tables);
        self.not_in_keys = self.not_in_keys.zip(other.not_in_keys).map(|(a, b)| a + b);
        self.used = self.used.zip(other.used).map(|(a, b)| a.saturating_add(b));
        for error in other.errors {
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
        for limit in other.raised_limits {
            match self.raised_limits.iter_mut().find(|known| known.directive == limit.directive) {
                Some(known) if known.at_least >= limit.at_least => {}
                Some(known) => *known = limit,
                None => self.raised_limits.push(limit),
            }
        }
    }
}

fn account(out: &mut dyn Write, account: &Account, of: &str, style: TableStyle) -> io::Result<()> {
    heading(out, &format!("Memory of {of}, after loading"), style)?;
    let mut table = Table::new(vec![numbers("bytes", 0)], "part");
    let mut row = |bytes: Option<String>, part| table.push(vec![cell(bytes)], part);
    let binary = |bytes| Some(BinaryBytes(bytes).to_string());
    row(binary(account.keys), "keys and values");
    row(binary(account.key_tables), "tables of keys");
    row(binary(account.expiry_tables), "tables of expiries");
    let rest = account.not_in_keys.map(|rest| {
        let sign = if rest < 0 { "-" } else { "" };
        let bytes = u64::try_from(rest.unsigned_abs()).unwrap_or(u64::MAX);
        format!("{sign}{}", BinaryBytes(bytes))
    });
    row(rest, "not in keys: buffers, fragmentation, live slack");
    row(account.used.map(|used| BinaryBytes(used).to_string()), "used-mem, as the file states it");
    table.write(out, style.width, |part, columns| part.chars().take(columns).collect::<String>())?;
    let MemoryModel { name, allocator, note, .. } = account.model;
    let mut line = |text: &str| style.width.paragraph(out, &format!("  {text}"), "    ");
    line(&format!("model of {name}, allocator {allocator} assumed"))?;
    if let Some(note) = note {
        line(&format!("note: {note}"))?;
    }
    if account.not_modelled > 0 {
        let keys = count(account.not_modelled, "key");
        line(&format!("note: not modelled, but counted with bytes in the file: {keys} of module types"))?;
    }
    for RaisedLimit { directive, at_least, db, key, .. } in &account.raised_limits {
        let key = Escaped::for_terminal(key);
        line(&format!(
            "assumed {directive} of at least {at_least}, as packed key {key} in database {db} shows"
        ))?;
    }
    error_lines(&account.errors).iter().try_for_each(|error| line(error))
}

/// Lines that tell how far the model may be off: first what is exact, then each bound.
fn error_lines(errors: &[ExpectedError]) -> Vec<String> {
    let mut exact = Vec::new();
    let mut with_remainders = Vec::new();
    let mut extrapolated = Vec::new();
    let mut lines = Vec::new();
    for row in errors {
        let name = name_of(row);
        match row.expected {
            Expected::Exact => exact.push(name),
            Expected::Almost { one_in, max_percent } => lines.push(format!(
                "{name}: to the byte but for one key in {one_in}, which is within {max_percent} %"
            )),
            Expected::Random { percent_at_100_elements } => lines.push(format!(
                "{name}: standard error {percent_at_100_elements} % at 100 elements, a tenth of that at 10,000"
            )),
            Expected::Remainders { .. } => with_remainders.push(name),
            Expected::Extrapolated => extrapolated.push(name),
            Expected::LowerBound => {
                lines.push(format!("{name}: a lower bound, without a share of the template's field names"));
            }
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
    if !extrapolated.is_empty() {
        let names = extrapolated.join(", ");
        lines.push(format!("extrapolated, not compared with such a server: {names}"));
    }
    lines
}

fn name_of(row: &ExpectedError) -> String {
    let data_type = row.data_type.to_string();
    if data_type == row.encoding.name() { data_type } else { format!("{data_type} {}", row.encoding) }
}
