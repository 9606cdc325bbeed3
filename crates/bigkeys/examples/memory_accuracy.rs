//! Prints the accuracy of the memory model as a table in Markdown: over the fixtures, or over
//! datasets in running servers.
//!
//! `cargo run --release -p bigkeys --example memory_accuracy` compares the fixtures.
//! `scripts/measure-memory` gets the servers that packages have, and compares the answers of each
//! in every configuration.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a program that prints ratios")]

#[path = "../tests/it/common/configuration.rs"]
mod configuration;
#[path = "../tests/it/common/live_memory.rs"]
mod live_memory;
#[path = "../tests/it/common/memory.rs"]
mod memory_support;
#[path = "../tests/it/common/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use configuration::Configuration;
use memory_support::{Accuracy, Compared, Fixture, by_encoding, compare};

#[derive(Clone, Debug, Parser)]
struct Options {
    /// Program of a server to fill and to ask; repeatable [default: compare the fixtures]
    #[arg(long, value_name = "PROGRAM")]
    server: Vec<PathBuf>,

    /// Seed of a dataset; repeatable
    #[arg(long, default_values_t = [1])]
    seed: Vec<u64>,

    /// Measure this configuration only; repeatable
    #[arg(long, value_name = "NAME", value_parser = configuration)]
    configuration: Vec<Configuration>,

    /// Print one row for each server and configuration
    #[arg(long)]
    summary: bool,

    /// List the keys that are off
    #[arg(long)]
    keys: bool,
}

fn configuration(name: &str) -> Result<Configuration, String> {
    let found = Configuration::ALL.into_iter().find(|configuration| configuration.name() == name);
    found.ok_or_else(|| format!("expected one of {}", Configuration::ALL.map(Configuration::name).join(", ")))
}

fn main() {
    let options = Options::parse();
    if options.summary {
        println!("| server, allocator, configuration | keys | exact % | p99 % | sum % | worst encoding |");
        println!("|---|---|---|---|---|---|");
    } else {
        println!("| server, allocator | encodings | keys | exact % | median % | p99 % | max % | sum % |");
        println!("|---|---|---|---|---|---|---|---|");
    }
    if options.server.is_empty() {
        for fixture in Fixture::all() {
            let (_, compared) = fixture.compare();
            print_rows(&format!("{}, {}", fixture.name, fixture.allocator), &compared, &options);
        }
    }
    let configurations = match &options.configuration[..] {
        [] => &Configuration::ALL[..],
        chosen => chosen,
    };
    for program in &options.server {
        let mut server = String::new();
        let mut of_server = Vec::new();
        for &configuration in configurations {
            // The keys of all datasets together: rare encodings have more keys then.
            let mut compared = Vec::new();
            for &seed in &options.seed {
                let live = live_memory::measure(program, configuration, seed);
                server = format!("{}, {}", live.version, live.allocator);
                compared.extend(compare(&live.dump, live.assumptions(), &live.truths).1);
            }
            print_rows(&format!("{server}, {}", configuration.name()), &compared, &options);
            of_server.extend(compared);
        }
        if configurations.len() > 1 {
            let options = Options { keys: false, ..options.clone() };
            print_rows(&format!("**{server}**"), &of_server, &options);
        }
    }
}

/// A row for all encodings that are right to the byte, one for each other, and one for all; or one
/// row in all.
fn print_rows(server: &str, compared: &[Compared], options: &Options) {
    let groups = by_encoding(compared);
    let accuracies: BTreeMap<&str, Accuracy> = groups
        .iter()
        .map(|(encoding, keys)| (encoding.as_str(), Accuracy::of(keys.iter().copied())))
        .collect();
    let all = Accuracy::of(compared.iter().filter(|key| key.is_modelled));
    if options.summary {
        let worst = accuracies.iter().max_by(|(_, a), (_, b)| a.p99_percent.total_cmp(&b.p99_percent));
        let worst = match worst {
            Some((encoding, worst)) if worst.p99_percent > 0.0 => {
                format!("{encoding}: median {:.2}, p99 {:.2}", worst.median_percent, worst.p99_percent)
            }
            _ => String::new(),
        };
        let (keys, exact) = (all.keys, all.exact_percent);
        println!(
            "| {server} | {keys} | {exact:.2} | {:.2} | {:+.4} | {worst} |",
            all.p99_percent, all.sum_percent
        );
    } else {
        let is_exact = |key: &Compared| accuracies.get(&*key.answered).is_some_and(|a| a.max_percent == 0.0);
        let exact: Vec<&str> =
            accuracies.iter().filter(|(_, a)| a.max_percent == 0.0).map(|(encoding, _)| *encoding).collect();
        if !exact.is_empty() {
            let keys = compared.iter().filter(|key| key.is_modelled && is_exact(key));
            print_row(server, &exact.join(", "), Accuracy::of(keys));
        }
        for (encoding, accuracy) in &accuracies {
            if accuracy.max_percent > 0.0 {
                print_row(server, encoding, *accuracy);
            }
        }
        print_row(server, "**all**", all);
    }
    let wrong = compared.iter().filter(|key| key.answered != key.predicted);
    for key in wrong {
        println!("predicted to be {}: {}", key.predicted, key.line());
    }
    if options.keys {
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
