//! What more threads would give: the pieces of a scan's work, replayed on virtual threads.
//!
//! A scan with N threads records the CPU time of each of its pieces: of the ranges that workers
//! read, and of the merges, which one thread does in file order. A merge waits for its range and
//! for the merge before it, and a range is not begun before there is room for it. The replay gives
//! the pieces to N virtual threads by these rules. So it predicts N threads on a machine with fewer
//! cores, as far as the cores do not slow each other down.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use comfy_table::{Cell as TableCell, CellAlignment, Table, presets};
use rdb_analysis::{Piece, Progress, Rank, ReportCollector, ScanOptions, Source, analyze};
use rdb_source::{Data, IoMode};
use rustix::time::{ClockId, clock_gettime};

use crate::table::median;

/// Numbers of threads that are predicted.
const THREADS: [usize; 4] = [2, 8, 16, 64];

/// Ranges for each thread that are read ahead of the merge.
const RANGES_AHEAD: usize = 6;

/// Recorded pieces: the CPU time of each.
#[derive(Default)]
struct Recorder {
    /// By the offset at which the range begins. A range may be read twice.
    ranges: Mutex<HashMap<u64, Duration>>,
    /// In file order.
    merges: Mutex<Vec<(u64, Duration)>>,
}

thread_local! {
    /// CPU time of this thread when the current piece began.
    static BEGUN: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn cpu_time(clock: ClockId) -> Duration {
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

impl Progress for Recorder {
    fn advance(&self, _: u64, _: u64) {}

    fn begin(&self, _: Piece) {
        BEGUN.set(cpu_time(ClockId::ThreadCPUTime));
    }

    fn end(&self, piece: Piece) {
        let took = cpu_time(ClockId::ThreadCPUTime).saturating_sub(BEGUN.get());
        match piece {
            Piece::Range(start) => {
                if let Ok(mut ranges) = self.ranges.lock() {
                    *ranges.entry(start).or_default() += took;
                }
            }
            Piece::Merge(start) => {
                if let Ok(mut merges) = self.merges.lock() {
                    merges.push((start, took));
                }
            }
            _ => {}
        }
    }
}

/// What one scan took.
struct Recorded {
    wall: f64,
    cpu: f64,
    /// CPU seconds of reading and of merging each range, in file order.
    pieces: Vec<(f64, f64)>,
}

/// Predicts the scan of a file on more threads, and prints a table.
///
/// # Errors
///
/// If the file cannot be scanned.
pub(crate) fn print(path: &Path, rounds: usize) -> anyhow::Result<()> {
    let opened = rdb_source::open(path, IoMode::Auto, &std::sync::Arc::default())?;
    let Data::Mapped(bytes) = &opened.data else { anyhow::bail!("not a regular file") };
    println!("\n{}\n", path.display());
    // The first fills the page cache and maps the pages.
    scan(bytes, 1)?;
    let one: Vec<Recorded> = (0..rounds).map(|_| scan(bytes, 1)).collect::<anyhow::Result<_>>()?;
    let one = median(&one, |scan| scan.wall).context("no round")?;
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "threads",
        "predicted, wall s",
        "times faster than 1",
        "in sequence, % of CPU",
        "measured",
    ]);
    for threads in THREADS {
        let scans: Vec<Recorded> =
            (0..rounds).map(|_| scan(bytes, threads)).collect::<anyhow::Result<_>>()?;
        let predicted = median(&scans, |scan| scan.replay(threads)).context("no round")?;
        let sequential = median(&scans, |scan| scan.sequential() / scan.cpu).context("no round")?;
        let measured = (threads <= std::thread::available_parallelism()?.get())
            .then(|| median(&scans, |scan| scan.wall))
            .flatten();
        let measured = measured.map_or("-".to_owned(), |wall| format!("{wall:.3} ({:.2})", wall / predicted));
        let row = [
            threads.to_string(),
            format!("{predicted:.4}"),
            format!("{:.2}", one / predicted),
            format!("{:.2}", 100.0 * sequential),
            measured,
        ];
        table.add_row(row.map(|cell| TableCell::new(cell).set_alignment(CellAlignment::Right)));
    }
    println!("One thread: {one:.3} s.\n\n{table}");
    Ok(())
}

fn scan(bytes: &[u8], threads: usize) -> anyhow::Result<Recorded> {
    let recorder = Recorder::default();
    let options = ScanOptions::default().threads(Some(threads));
    let (start, cpu) = (Instant::now(), cpu_time(ClockId::ProcessCPUTime));
    let sources = vec![Source::from_bytes("file", bytes)];
    let collector = ReportCollector::default().rank(Rank::MemoryBytes);
    let outcome = analyze(sources, collector, &options, &recorder, &false.into())?;
    let (wall, cpu) = (start.elapsed(), cpu_time(ClockId::ProcessCPUTime).saturating_sub(cpu));
    ensure!(outcome.damaged_sources == 0 && outcome.failures.is_empty(), "the file is damaged");
    let ranges = recorder.ranges.into_inner().unwrap_or_default();
    let merges = recorder.merges.into_inner().unwrap_or_default();
    let of_range = |start| ranges.get(&start).map_or(0.0, Duration::as_secs_f64);
    let pieces = merges.iter().map(|&(start, merge)| (of_range(start), merge.as_secs_f64())).collect();
    Ok(Recorded { wall: wall.as_secs_f64(), cpu: cpu.as_secs_f64(), pieces })
}

impl Recorded {
    /// CPU seconds of what one thread does alone: the merges, and all that is no piece.
    fn sequential(&self) -> f64 {
        self.cpu - self.pieces.iter().map(|&(read, _)| read).sum::<f64>()
    }

    /// Seconds that the scan takes on `threads` virtual threads.
    fn replay(&self, threads: usize) -> f64 {
        let merges: f64 = self.pieces.iter().map(|&(_, merge)| merge).sum();
        // What is no piece comes first: the beginning of the file is read before it is split.
        let before = self.sequential() - merges;
        let mut free_at = vec![before; threads];
        let mut merged_at: Vec<f64> = Vec::with_capacity(self.pieces.len());
        let mut read_at: Vec<f64> = Vec::with_capacity(self.pieces.len());
        for (index, &(_, merge)) in self.pieces.iter().enumerate() {
            // Begins all ranges for which there is room until this one is merged.
            while let Some(&(read, _)) = self.pieces.get(read_at.len()) {
                if read_at.len() >= index + RANGES_AHEAD * threads {
                    break;
                }
                let room_at = read_at.len().checked_sub(RANGES_AHEAD * threads);
                let room_at = room_at.and_then(|range| merged_at.get(range)).copied().unwrap_or(before);
                let thread = first(&free_at);
                if let Some(free) = free_at.get_mut(thread) {
                    *free = free.max(room_at) + read;
                    read_at.push(*free);
                }
            }
            // One of the threads merges, as soon as the range is read.
            let earliest =
                merged_at.last().copied().unwrap_or(before).max(read_at.get(index).copied().unwrap_or(0.0));
            let thread = first(&free_at);
            if let Some(free) = free_at.get_mut(thread) {
                // A thread that reads ranges ahead would have merged in between.
                *free = free.max(earliest) + merge;
            }
            merged_at.push(earliest + merge);
        }
        free_at.into_iter().chain(merged_at).fold(0.0, f64::max)
    }
}

/// The thread that is free first.
fn first(free_at: &[f64]) -> usize {
    let earliest = free_at.iter().enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b));
    earliest.map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ranges_are_read_side_by_side_and_merged_in_turn() {
        let pieces = vec![(1.0, 0.0); 8];
        let recorded = |pieces: Vec<(f64, f64)>, rest: f64| {
            let cpu = rest + pieces.iter().map(|(read, merge)| read + merge).sum::<f64>();
            Recorded { wall: 0.0, cpu, pieces }
        };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        close(recorded(pieces.clone(), 0.0).replay(1), 8.0);
        close(recorded(pieces.clone(), 0.0).replay(2), 4.0);
        close(recorded(pieces.clone(), 0.5).replay(8), 1.5);
        close(recorded(pieces, 0.5).sequential(), 0.5);
        // Merges that take all the time leave nothing to gain.
        let merges = recorded(vec![(0.0, 1.0); 4], 0.0);
        close(merges.sequential(), 4.0);
        close(merges.replay(4), 4.0);
    }
}
