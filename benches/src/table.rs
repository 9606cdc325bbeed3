//! One file, all contenders.

use std::path::Path;

use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::contenders::{self, Contender};
use crate::runs::{self, Cost};

/// Times contenders on a file and prints what they took.
///
/// # Errors
///
/// If a process cannot be started.
pub(crate) fn print(path: &Path, rounds: usize, only: Option<&str>) -> anyhow::Result<()> {
    let contenders: Vec<&Contender> = contenders::ALL
        .iter()
        .filter(|contender| only.is_none_or(|part| contender.name.contains(part)))
        .collect();
    let mut costs = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, costs) in contenders.iter().zip(&mut costs) {
            if let Some(cost) = runs::run(contender, path)?
                && round > 0
            {
                costs.push(cost);
            }
        }
    }
    let bytes = std::fs::metadata(path)?.len() as f64;
    let keys = costs.iter().flatten().find_map(|cost| cost.keys);
    let keys_text = keys.map_or(String::new(), |keys| format!(", {keys} keys"));
    println!("\n{} ({:.2} GB{keys_text})\n", path.display(), bytes / 1e9);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "",
        "CPU s",
        "lowest–highest",
        "× the floor",
        "wall s",
        "GB/s",
        "M keys/s",
        "anon. MiB",
    ]);
    let floor = contenders.iter().zip(&costs).find(|(contender, _)| contender.name == contenders::FLOOR);
    let floor = floor.and_then(|(_, costs)| median(costs, |cost| cost.cpu));
    for (contender, costs) in contenders.iter().zip(&costs) {
        let mut row = vec![Cell::new(contender.name)];
        row.extend(
            cells(costs, bytes, keys, floor).map(|cell| Cell::new(cell).set_alignment(CellAlignment::Right)),
        );
        table.add_row(row);
    }
    println!("{table}");
    Ok(())
}

fn cells(costs: &[Cost], bytes: f64, keys: Option<u64>, floor: Option<f64>) -> [String; 7] {
    let none = || "-".to_owned();
    let (Some(cpu), Some(wall)) = (median(costs, |cost| cost.cpu), median(costs, |cost| cost.wall)) else {
        return std::array::from_fn(|_| none());
    };
    let lowest = costs.iter().map(|cost| cost.cpu).fold(f64::INFINITY, f64::min);
    let highest = costs.iter().map(|cost| cost.cpu).fold(0.0, f64::max);
    let anonymous = costs.iter().filter_map(|cost| cost.anonymous_kib).max();
    [
        format!("{cpu:.3}"),
        format!("{lowest:.3}–{highest:.3}"),
        floor.map_or_else(none, |floor| format!("{:.2}", cpu / floor)),
        format!("{wall:.3}"),
        format!("{:.2}", bytes / 1e9 / wall),
        keys.map_or_else(none, |keys| format!("{:.2}", keys as f64 / 1e6 / wall)),
        anonymous.map_or_else(none, |kib| format!("{:.1}", kib as f64 / 1024.0)),
    ]
}

/// The median of a figure of all items. `None` if there are none.
pub(crate) fn median<T>(items: &[T], figure: impl Fn(&T) -> f64) -> Option<f64> {
    let mut sorted: Vec<f64> = items.iter().map(figure).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
