//! Prints the largest keys of each type in backups: `cargo run --example largest_keys --
//! dump.rdb.gz backups/`
//!
//! Inputs may be files, directories, patterns and URLs, plain or compressed.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use bigkeys::Scan;
use bigkeys::parser::escape::Escaped;

fn main() -> Result<(), bigkeys::ScanError> {
    let report = Scan::inputs(std::env::args_os().skip(1)).top(5).run()?;
    for (data_type, keys) in &report.top {
        println!("{data_type}");
        for key in keys {
            let memory = key.measure.memory_bytes.unwrap_or_default();
            // Key names come from the file and may hold control characters.
            println!("  {memory:>12} bytes  {}", Escaped::for_terminal(&key.key));
        }
    }
    if !report.is_clean() {
        println!("an input is damaged, the report covers what is readable");
    }
    Ok(())
}
