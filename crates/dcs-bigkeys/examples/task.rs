//! Prints the task object of a file as JSON: `cargo run -p dcs-bigkeys --example task -- dump.rdb`.

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;

use dcs_bigkeys::{DcsTime, MAX_DB, MAX_KEYS_PER_TYPE, Task, TaskInfo};
use rdb_analysis::{Rank, ReportCollector, ScanOptions, Source, analyze};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of an RDB file")?;
    let file = std::fs::read(&path)?;
    let collector = ReportCollector::default().top(MAX_KEYS_PER_TYPE).rank(Rank::Natural).max_db(MAX_DB);
    let sources = vec![Source::from_bytes(path, &file)];
    let report = analyze(sources, collector, &ScanOptions::default(), &(), &false.into())?.output;
    let now = DcsTime::now();
    let info = TaskInfo {
        id: "cf3f4a6c-1d2e-4d5e-8f3a-0d5c1a2b3c4d".to_owned(),
        instance_id: "5560df16-cebf-4473-95c4-d1b573c16e79".to_owned(),
        created_at: now,
        started_at: now,
        finished_at: now,
    };
    println!("{}", serde_json::to_string_pretty(&Task::finished(info, &report))?);
    Ok(())
}
