//! The scan beside other readers of the same files: `cargo run --release -p benches -- table`.
//!
//! One rule holds for every contender: it reads the file once per round in its own process, and all
//! contenders take turns in every round. The first round fills the page cache and does not count. A
//! cell is the median of the other rounds, with the lowest and the highest. CPU time is that of the
//! whole process, user and system, with its start, the map and page faults.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing tables is what this program is for")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded to three digits")]

mod contenders;
mod floor;
mod generate;
mod giants;
mod hostile;
#[allow(unreachable_pub, reason = "also a part of the tests of `bigkeys`")]
mod hostile_files;
mod instructions;
mod lzf;
mod model;
mod runs;
mod table;
mod threads;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Measures the scan.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Times the scan and other readers on the same files, in turns.
    Table {
        #[command(flatten)]
        inputs: Inputs,

        /// Rounds that count.
        #[arg(long, default_value_t = 5)]
        rounds: usize,

        /// Only contenders whose name contains this.
        #[arg(long)]
        only: Option<String>,
    },
    /// Times the scan on two threads beside one, and two processes beside one after the other.
    Threads {
        /// Length of the files that it writes, as a multiple of 200 MB.
        #[arg(long, default_value_t = 1.0)]
        scale: f64,

        /// Rounds that count.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Predicts the scan of files on more threads than there are cores.
    Model {
        #[command(flatten)]
        inputs: Inputs,

        /// Scans of which the median counts.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Counts the instructions of the scan with callgrind, which are the same on every run.
    Instructions {
        /// Fail if a count is more than 3 % above that of this file, which `--save` wrote.
        #[arg(long, conflicts_with = "save")]
        check: Option<PathBuf>,

        /// Write the counts to this file.
        #[arg(long)]
        save: Option<PathBuf>,
    },
    /// Times hostile files, and prints the cost of a byte of each.
    Hostile {
        /// Fail if a byte costs more nanoseconds of CPU time than this.
        #[arg(long, value_name = "NS")]
        check: Option<f64>,
    },
    /// Times the LZF decoder and a plain byte loop on the compressed strings of files.
    Lzf {
        files: Vec<PathBuf>,

        /// Rounds that count.
        #[arg(long, default_value_t = 9)]
        rounds: usize,
    },
    /// One contender on one file; the other commands start this.
    #[command(hide = true)]
    Run { contender: String, file: PathBuf },
}

#[derive(Debug, Args)]
struct Inputs {
    /// RDB files. None: those that this program writes.
    files: Vec<PathBuf>,

    /// Length of the files that it writes, as a multiple of 200 MB.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
}

impl Inputs {
    /// The files, written if there are none.
    fn files(self) -> anyhow::Result<Vec<PathBuf>> {
        if self.files.is_empty() {
            return generate::all(&generate::inputs_dir(), self.scale);
        }
        Ok(self.files)
    }
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Table { inputs, rounds, only } => {
            inputs.files()?.iter().try_for_each(|file| table::print(file, rounds, only.as_deref()))
        }
        Command::Model { inputs, rounds } => {
            inputs.files()?.iter().try_for_each(|file| model::print(file, rounds))
        }
        Command::Threads { scale, rounds } => threads::print(scale, rounds),
        Command::Instructions { check, save } => instructions::run(check.as_deref(), save.as_deref()),
        Command::Hostile { check } => hostile::run(check),
        Command::Lzf { files, rounds } => files.iter().try_for_each(|file| lzf::print(file, rounds)),
        Command::Run { contender, file } => {
            println!("{}", runs::run_here(&contender, &file)?);
            Ok(())
        }
    }
}
