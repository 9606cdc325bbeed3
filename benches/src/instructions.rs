//! Instructions of the scan, per key and byte: a figure almost without noise, so a small cost
//! shows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::contenders::COUNTED;
use crate::generate::inputs_dir;
use crate::{generate, runs};

/// Size of the inputs, as a multiple of those that are timed: callgrind is slow.
const SCALE: f64 = 0.05;

/// Growth above which a check fails, in percent of the saved count.
const ALLOWANCE_PERCENT: f64 = 3.0;

/// Instructions by which the start of the process varies with its environment. A count that grew by
/// less passes, whatever the percentage: on the smallest inputs, this is a third of the count.
const NOISE: u64 = 300_000;

/// Counts, and what they depend on besides the code.
#[derive(Debug, Deserialize, Serialize)]
struct Counts {
    /// What `rustc --version` says. Another compiler gives other counts.
    compiler: String,
    /// By input and contender.
    instructions: BTreeMap<String, u64>,
}

/// Counts, prints, and compares or saves.
///
/// # Errors
///
/// If valgrind is not installed, or a count has grown.
pub(crate) fn run(check: Option<&Path>, save: Option<&Path>) -> anyhow::Result<()> {
    let compiler = std::process::Command::new("rustc").arg("--version").output().context("rustc")?.stdout;
    let compiler = String::from_utf8(compiler)?.trim().to_owned();
    let known: Option<Counts> = match check {
        Some(path) => {
            Some(serde_json::from_slice(&std::fs::read(path)?).context("the counts to compare with")?)
        }
        None => None,
    };
    let mut counts = Counts { compiler, instructions: BTreeMap::new() };
    let mut grown = Vec::new();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "million instructions", "per key", "per byte", "change"]);
    for path in generate::all(&inputs_dir(), SCALE)? {
        let bytes = std::fs::metadata(&path)?.len() as f64;
        for contender in COUNTED {
            let (count, keys) = runs::instructions(contender, &path)?;
            let input = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{input}: {contender}");
            let before = known.as_ref().and_then(|known| known.instructions.get(&name));
            let change = before.map(|&before| count as f64 / before as f64);
            table.add_row([
                name.clone(),
                format!("{:.1}", count as f64 / 1e6),
                keys.map_or("-".to_owned(), |keys| format!("{:.0}", count as f64 / keys as f64)),
                format!("{:.2}", count as f64 / bytes),
                change.map_or("-".to_owned(), |change| format!("{:+.1} %", (change - 1.0) * 100.0)),
            ]);
            if before.is_some_and(|&before| has_grown(before, count)) {
                grown.push(name.clone());
            }
            counts.instructions.insert(name, count);
        }
    }
    println!("{table}");
    println!(
        "a count may grow by {ALLOWANCE_PERCENT} %, or by {NOISE} instructions, which the start of the process takes \
         more or less"
    );
    if let Some(path) = save {
        std::fs::write(path, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    if let Some(known) = known {
        if known.compiler != counts.compiler {
            warn_of_compiler(&known.compiler, &counts.compiler);
            return Ok(());
        }
        ensure!(grown.is_empty(), "more than {ALLOWANCE_PERCENT} % more instructions: {}", grown.join("; "));
        let missing =
            known.instructions.keys().filter(|name| !counts.instructions.contains_key(*name)).count();
        ensure!(missing == 0, "{missing} counts to compare with have no counterpart");
    }
    Ok(())
}

/// Whether a count has grown beyond the allowance.
fn has_grown(before: u64, count: u64) -> bool {
    count > before + NOISE && count as f64 > before as f64 * (1.0 + ALLOWANCE_PERCENT / 100.0)
}

/// Says that nothing was compared.
fn warn_of_compiler(saved: &str, here: &str) {
    let rule = "!".repeat(80);
    eprintln!("{rule}");
    eprintln!("WARNING: NOTHING WAS COMPARED, because the saved counts are of another compiler");
    eprintln!("  saved with: {saved}");
    eprintln!("  counted with: {here}");
    eprintln!("  to compare, use the saved compiler, or save new counts: scripts/check-instructions --save");
    eprintln!("{rule}");
}

#[cfg(test)]
mod tests {
    use super::{NOISE, has_grown};

    #[test]
    fn a_count_grows_beyond_the_allowance_and_the_noise() {
        assert!(!has_grown(100_000_000, 102_900_000));
        assert!(has_grown(100_000_000, 103_100_000));
        assert!(!has_grown(900_000, 900_000 + NOISE));
        assert!(has_grown(900_000, 900_001 + NOISE));
    }
}
