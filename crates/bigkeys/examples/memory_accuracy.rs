//! Prints the accuracy of the memory model as a table in Markdown: over the fixtures, and with
//! `--live` also over a dataset that the `redis-server` on the PATH is filled with. `--keys` lists
//! the keys that are off.
//!
//! `cargo run --release -p bigkeys --example memory_accuracy -- --live`

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a program that prints ratios")]

#[path = "../tests/it/common/memory.rs"]
mod memory_support;

#[path = "../tests/it/common/live_memory.rs"]
mod live_memory;
#[path = "../tests/it/common/server.rs"]
mod server;

use std::collections::BTreeMap;

use memory_support::{Accuracy, Compared, Fixture, by_encoding, compare};

/// Seeds of the datasets that a live server is filled with.
const SEEDS: [u64; 2] = [1, 2];

fn main() {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let lists_keys = has("--keys");
    println!("| server, allocator | encodings | keys | exact % | median % | p99 % | max % | sum % |");
    println!("|---|---|---|---|---|---|---|---|");
    for fixture in Fixture::all() {
        let (_, compared) = fixture.compare();
        print_rows(&format!("{}, {}", fixture.name, fixture.allocator), &compared, lists_keys);
    }
    if has("--live") {
        for seed in SEEDS {
            let live = live_memory::measure(seed);
            let (_, compared) = compare(&live.dump, live.allocator, &live.truths);
            let server = format!("live {}, seed {seed}, {}", live.version, live.allocator);
            print_rows(&server, &compared, lists_keys);
        }
    }
}

/// A row for all encodings that are right to the byte, one for each other, and one for all.
fn print_rows(server: &str, compared: &[Compared], lists_keys: bool) {
    let groups = by_encoding(compared);
    let accuracies: BTreeMap<&str, Accuracy> = groups
        .iter()
        .map(|(encoding, keys)| (encoding.as_str(), Accuracy::of(keys.iter().copied())))
        .collect();
    let exact: Vec<&str> = accuracies
        .iter()
        .filter(|(_, accuracy)| accuracy.max_percent == 0.0)
        .map(|(encoding, _)| *encoding)
        .collect();
    let of_exact = compared.iter().filter(|key| key.is_modelled && exact.contains(&key.answered.as_str()));
    if !exact.is_empty() {
        print_row(server, &exact.join(", "), Accuracy::of(of_exact));
    }
    for (encoding, accuracy) in &accuracies {
        if accuracy.max_percent > 0.0 {
            print_row(server, encoding, *accuracy);
        }
    }
    print_row(server, "**all**", Accuracy::of(compared.iter().filter(|key| key.is_modelled)));
    if lists_keys {
        for key in compared.iter().filter(|key| key.memory_bytes != key.memory_usage) {
            println!("{}", key.line());
        }
    }
}

fn print_row(server: &str, encodings: &str, a: Accuracy) {
    println!(
        "| {server} | {encodings} | {} | {:.2} | {:.3} | {:.2} | {:.2} | {:+.4} |",
        a.keys, a.exact_percent, a.median_percent, a.p99_percent, a.max_percent, a.sum_percent
    );
}
