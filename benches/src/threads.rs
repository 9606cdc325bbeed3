//! The scan on two threads beside one, and beside what the machine can give.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use comfy_table::{Cell, CellAlignment, Table, presets};

use crate::contenders::{self, Contender};
use crate::generate::{self, SHAPES, Shape};
use crate::giants::GIANTS;
use crate::runs::{self, Cost};
use crate::table::median;

/// Files of the last row, and the shapes of which they are.
const FILES: u64 = 16;
const SHAPES_OF_FILES: [&str; 2] = ["mixed", "collections"];

/// The shapes of the files that two threads scan.
fn shapes() -> impl Iterator<Item = Shape> {
    let names = ["small-strings", "mixed", "big-values", "collections"];
    SHAPES.into_iter().filter(move |shape| names.contains(&shape.name)).chain([GIANTS])
}

/// What is read in a row: a file or a directory, and two files of half its length.
struct Input {
    name: String,
    whole: PathBuf,
    halves: [PathBuf; 2],
}

/// The costs of one round.
struct Round {
    floor: Option<Cost>,
    one: Cost,
    two: Cost,
    /// Half of the input each: one process after the other, and both at the same time.
    in_turns: [Cost; 2],
    together: [Cost; 2],
}

/// Times the inputs that this program writes, and prints the table.
///
/// # Errors
///
/// If an input cannot be written or a process cannot be started.
pub(crate) fn print(scale: f64, rounds: usize) -> anyhow::Result<()> {
    let dir = generate::inputs_dir();
    let mut inputs = Vec::new();
    for shape in shapes() {
        let half = |seed| generate::write(&shape, &dir, scale / 2.0, seed);
        inputs.push(Input {
            name: shape.name.to_owned(),
            whole: generate::write(&shape, &dir, scale, 1)?,
            halves: [half(2)?, half(3)?],
        });
    }
    inputs.push(many_files(&dir, scale)?);
    let mut rows: Vec<Vec<Round>> = inputs.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        for (input, row) in inputs.iter().zip(&mut rows) {
            let costs = read(input)?;
            if round > 0 {
                row.push(costs);
            }
        }
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "",
        "floor, CPU s",
        "1 thread, CPU s",
        "× the floor",
        "2 threads, wall s",
        "times faster",
        "2 processes",
        "of what they gain",
        "CPU on 2 threads to 1",
    ]);
    for (input, rounds) in inputs.iter().zip(&rows) {
        let mut row = vec![Cell::new(&input.name)];
        row.extend(cells(rounds).map(|cell| Cell::new(cell).set_alignment(CellAlignment::Right)));
        table.add_row(row);
    }
    println!("{table}");
    Ok(())
}

/// Sixteen files in a directory, and eight in each of two others.
fn many_files(dir: &Path, scale: f64) -> anyhow::Result<Input> {
    let shapes: Vec<Shape> = shapes().filter(|shape| SHAPES_OF_FILES.contains(&shape.name)).collect();
    let directory = |name: &str, seeds: std::ops::Range<u64>| {
        let dir = dir.join(format!("{name}-{scale}"));
        for (seed, shape) in seeds.zip(shapes.iter().cycle()) {
            generate::write(shape, &dir, scale / 10.0, seed)?;
        }
        anyhow::Ok(dir)
    };
    Ok(Input {
        name: format!("{FILES} files"),
        whole: directory("files", 10..10 + FILES)?,
        halves: [
            directory("files-a", 10..10 + FILES / 2)?,
            directory("files-b", 10 + FILES / 2..10 + FILES)?,
        ],
    })
}

fn read(input: &Input) -> anyhow::Result<Round> {
    let contender = |name: &str| {
        contenders::ALL.iter().find(|contender| contender.name == name).context("no such contender")
    };
    let must = |contender: &Contender, path: &Path| runs::run(contender, path)?.context("a scan failed");
    let (one, two) = (contender(contenders::ON_ONE_THREAD)?, contender(contenders::ON_TWO_THREADS)?);
    let [a, b] = &input.halves;
    Ok(Round {
        floor: if fs::metadata(&input.whole)?.is_dir() {
            None
        } else {
            runs::run(contender(contenders::FLOOR)?, &input.whole)?
        },
        one: must(one, &input.whole)?,
        two: must(two, &input.whole)?,
        in_turns: [must(one, a)?, must(one, b)?],
        together: {
            let costs = runs::run_together(one, &[a, b])?.context("a scan failed")?;
            costs.try_into().ok().context("two costs")?
        },
    })
}

fn cells(rounds: &[Round]) -> [String; 8] {
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds, figure).unwrap_or(f64::NAN);
    let floors: Option<Vec<f64>> = rounds.iter().map(|round| Some(round.floor?.cpu)).collect();
    let floor = floors.and_then(|floors| median(&floors, |&cpu| cpu));
    let (one, two) = (of(&|round| round.one.cpu), of(&|round| round.two.wall));
    let gain = of(&|round| round.one.wall) / two;
    let in_turns = of(&|round| round.in_turns.iter().map(|cost| cost.wall).sum());
    let processes = in_turns / of(&|round| round.together.iter().map(|cost| cost.wall).fold(0.0, f64::max));
    let none = || "-".to_owned();
    [
        floor.map_or_else(none, |floor| format!("{floor:.3}")),
        format!("{one:.3}"),
        floor.map_or_else(none, |floor| format!("{:.2}", one / floor)),
        format!("{two:.3}"),
        format!("{gain:.2}"),
        format!("{processes:.2}"),
        format!("{:.2}", gain / processes),
        format!("{:.2}", of(&|round| round.two.cpu) / one),
    ]
}
