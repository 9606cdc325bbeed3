//! `cargo run --release -p benches -- FILE...`: the scan beside other readers of the same files.
//!
//! Every contender reads a file once per round, all contenders take turns in every round, and a cell is
//! the median of the rounds with the lowest and the highest. CPU time is that of the process (user and
//! system, all threads); opening, mapping and page faults are in it.

#![allow(clippy::print_stdout, reason = "printing a table is what this program is for")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded to three digits")]

mod contenders;
mod floor;

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use comfy_table::{Cell, CellAlignment, Table, presets};
use cpu_time::ProcessTime;

use contenders::Contender;

/// Times the scan and other readers of RDB files on the same files, in turns.
#[derive(Debug, Parser)]
struct Args {
    /// RDB files; they should be in the page cache.
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// Rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Only contenders whose name contains this.
    #[arg(long)]
    only: Option<String>,
}

/// Seconds of one run.
#[derive(Clone, Copy)]
struct Seconds {
    cpu: f64,
    wall: f64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for path in &args.files {
        let contenders: Vec<&Contender> = contenders::ALL
            .iter()
            .filter(|contender| args.only.as_ref().is_none_or(|part| contender.name.contains(part.as_str())))
            .collect();
        let mut runs = vec![Vec::new(); contenders.len()];
        let mut keys = vec![None; contenders.len()];
        // The first round fills the cache and is not counted.
        for round in 0..=args.rounds {
            for (i, contender) in contenders.iter().enumerate() {
                let (cpu, wall) = (ProcessTime::now(), Instant::now());
                keys[i] = (contender.run)(path)?;
                let seconds =
                    Seconds { cpu: cpu.elapsed().as_secs_f64(), wall: wall.elapsed().as_secs_f64() };
                if round > 0 {
                    runs[i].push(seconds);
                }
            }
        }
        print(path, &contenders, &keys, &runs)?;
    }
    Ok(())
}

fn print(
    path: &PathBuf,
    contenders: &[&Contender],
    keys: &[Option<u64>],
    runs: &[Vec<Seconds>],
) -> anyhow::Result<()> {
    let bytes = std::fs::metadata(path)?.len() as f64;
    println!("\n{} ({:.2} GB)", path.display(), bytes / 1e9);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "CPU s", "lowest–highest", "wall s", "GB/s", "M keys/s", "× the first row"]);
    let first = runs.first().map_or(f64::NAN, |runs| median(runs, |run| run.cpu));
    for ((contender, keys), runs) in contenders.iter().zip(keys).zip(runs) {
        let cpu = median(runs, |run| run.cpu);
        let mut sorted: Vec<f64> = runs.iter().map(|run| run.cpu).collect();
        sorted.sort_by(f64::total_cmp);
        let range =
            format!("{:.2}–{:.2}", sorted.first().unwrap_or(&f64::NAN), sorted.last().unwrap_or(&f64::NAN));
        let per_second = keys.map_or("-".to_owned(), |keys| format!("{:.2}", keys as f64 / 1e6 / cpu));
        let mut row = vec![Cell::new(contender.name)];
        let wall = median(runs, |run| run.wall);
        let numbers = [
            format!("{cpu:.2}"),
            range,
            format!("{wall:.2}"),
            format!("{:.2}", bytes / 1e9 / cpu),
            per_second,
            format!("{:.2}", cpu / first),
        ];
        row.extend(numbers.map(|number| Cell::new(number).set_alignment(CellAlignment::Right)));
        table.add_row(row);
    }
    println!("{table}");
    Ok(())
}

fn median(runs: &[Seconds], figure: impl Fn(&Seconds) -> f64) -> f64 {
    let mut sorted: Vec<f64> = runs.iter().map(figure).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
