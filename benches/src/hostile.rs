//! The cost of hostile files: CPU time for each byte, on one thread and on all cores.

use std::path::Path;

use anyhow::{Context as _, ensure};
use comfy_table::{Table, presets};

use crate::contenders::{Contender, ON_ALL_CORES, ON_ONE_THREAD};
use crate::generate::inputs_dir;
use crate::hostile_files::ALL;
use crate::{contenders, runs};

/// Runs of which the cheapest counts.
const ROUNDS: usize = 3;

/// Times all hostile files and prints what a byte of each costs.
///
/// # Errors
///
/// If a file cannot be written or scanned, or a byte costs more than `limit_ns` nanoseconds on
/// either number of threads.
pub(crate) fn run(limit_ns: Option<f64>) -> anyhow::Result<()> {
    let directory = inputs_dir().join("hostile");
    std::fs::create_dir_all(&directory)?;
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "",
        "MB",
        "ns per byte, 1 thread",
        "all cores",
        "CPU time, all cores to 1 thread",
        "wall time, all cores to 1 thread",
    ]);
    let mut worst = 0.0f64;
    for (i, file) in ALL.iter().enumerate() {
        let path = directory.join(format!("{i}.rdb"));
        let content = (file.make)(file.bytes);
        std::fs::write(&path, &content)?;
        let bytes = content.len() as f64;
        drop(content);
        let (one, all) = (cheapest(ON_ONE_THREAD, &path)?, cheapest(ON_ALL_CORES, &path)?);
        let per_byte = |cost: runs::Cost| cost.cpu * 1e9 / bytes;
        worst = worst.max(per_byte(one)).max(per_byte(all));
        table.add_row([
            file.name.to_owned(),
            format!("{:.1}", bytes / 1e6),
            format!("{:.2}", per_byte(one)),
            format!("{:.2}", per_byte(all)),
            format!("{:.2}", all.cpu / one.cpu),
            format!("{:.2}", all.wall / one.wall),
        ]);
    }
    println!("{table}\n\nThe worst: {worst:.0} ns of CPU time per byte.");
    if let Some(limit) = limit_ns {
        ensure!(worst <= limit, "a byte of a hostile file costs {worst:.0} ns, more than {limit:.0}");
    }
    Ok(())
}

fn cheapest(name: &str, path: &Path) -> anyhow::Result<runs::Cost> {
    let contender: &Contender =
        contenders::ALL.iter().find(|contender| contender.name == name).context("no such contender")?;
    let mut cheapest: Option<runs::Cost> = None;
    for _ in 0..ROUNDS {
        let cost =
            runs::run(contender, path)?.with_context(|| format!("{name} failed on {}", path.display()))?;
        if cheapest.is_none_or(|known| cost.cpu < known.cpu) {
            cheapest = Some(cost);
        }
    }
    cheapest.context("no round")
}
