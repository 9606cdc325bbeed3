//! Prints the totals of each input: `cargo run -p bigkeys-scan --example totals -- dump.rdb`.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use bigkeys_scan::Scan;

fn main() -> Result<(), bigkeys_scan::ScanError> {
    let report = Scan::inputs(std::env::args_os().skip(1)).run()?;
    for source in &report.sources {
        println!("{}: {} bytes", source.path, source.facts.bytes);
    }
    println!("{} keys, {} elements", report.totals.keys, report.totals.elements);
    Ok(())
}
