//! The memory model against servers: a seeded dataset with tables of up to 200,000 elements,
//! compared after the server has loaded its dump.
//!
//! Needs a `redis-server`, see `scripts/test`. `scripts/measure-memory` compares more servers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::configuration::{Configuration, ProgramVersion};
use crate::live_memory::Live;
use crate::memory_support::{Accuracy, Compared, by_encoding, compare};
use rdb_analysis::Allocator;

const SEED: u64 = 20_261_124;

/// Bounds in percent. A table of a dozen elements in buckets differs by a bucket, 64 bytes, from one
/// hash seed to the next; so does the one beside a skiplist. Of the smallest of these tables, a bucket is
/// 10.7 %, and a few hundred keys have three such tables among them.
const MAX_MEDIAN: f64 = 0.8;
const MAX_P99: f64 = 4.5;
const MAX_P99_OF_BUCKETS: f64 = 12.0;
const MAX_SUM: f64 = 0.1;
const MAX_GLIBC_SUM: f64 = 0.5;

/// Bounds for a file of an older server, whose packed values become tables: glibc keeps remainders of
/// what they were, and a rehash may end a few elements earlier or later.
const MAX_FOREIGN_PERCENT: u64 = 10;
const MAX_FOREIGN_SUM: f64 = 1.0;

const FEW_KEYS: usize = 30;

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn the_model_says_what_servers_say() {
    check_servers(Configuration::Defaults);
}

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn the_model_says_what_servers_with_raised_limits_say() {
    check_servers(Configuration::RaisedLimits);
}

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn the_model_says_what_servers_that_compress_lists_say() {
    check_servers(Configuration::CompressedLists);
}

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn the_model_says_what_servers_make_of_files_of_older_servers() {
    let programs = programs();
    // By the version of the format: another server that writes it differs little.
    let mut dumps = BTreeMap::from([(6, crate::old_files::dump(SEED))]);
    for program in &programs {
        let dump = crate::live_memory::measure(program, Configuration::Defaults, SEED).dump;
        if let Some(digits) = dump.strip_prefix(b"REDIS") {
            let format = std::str::from_utf8(&digits[..4]).ok().and_then(|digits| digits.parse().ok());
            dumps.insert(format.expect("a version"), dump);
        }
    }
    for (format, dump) in dumps {
        for program in programs.iter().filter(|&program| format < ProgramVersion::of(program).redis_format())
        {
            check(&crate::live_memory::load(&dump, program), &format!("of format {format}"));
        }
    }
}

/// The server that all tests have, and those of other versions in `BIGKEYS_MEMORY_SERVERS`, one in a
/// line.
fn programs() -> Vec<PathBuf> {
    let more = std::env::var("BIGKEYS_MEMORY_SERVERS").unwrap_or_default();
    std::iter::once(crate::server::program()).chain(more.lines().map(PathBuf::from)).collect()
}

fn check_servers(configuration: Configuration) {
    for program in programs() {
        check(&crate::live_memory::measure(&program, configuration, SEED), &format!("{configuration:?}"));
    }
}

fn check(live: &Live, what: &str) {
    let (facts, compared) = compare(&live.dump, live.assumptions(), &live.truths);
    assert_eq!(compared.len(), live.truths.len());
    let model = facts.memory_model.expect("the model is on");
    // What is made by chance depends on the server.
    let is_bucketed = model.name.starts_with("Valkey 8.1") || model.name.starts_with("Valkey 9");
    let has_random_sets = is_bucketed || model.name.starts_with("Valkey 8.0");
    let mut failures = Vec::new();
    for key in compared.iter().filter(|key| key.answered != key.predicted) {
        failures.push(format!("predicted to be {}: {}", key.predicted, key.line()));
    }
    let groups = by_encoding(&compared);
    for (encoding, keys) in &groups {
        let accuracy = Accuracy::of(keys.iter().copied());
        let off: Vec<&Compared> =
            keys.iter().copied().filter(|key| key.memory_bytes != key.memory_usage).collect();
        let is_random = match encoding.as_str() {
            "zset skiplist" => true,
            "set hashtable" => has_random_sets,
            "hash hashtable" => is_bucketed,
            _ => false,
        };
        let fits = if encoding.starts_with("hash template") {
            // The server adds a share of the template.
            keys.iter().all(|key| key.memory_bytes < key.memory_usage) && accuracy.max_percent < 25.0
        } else if is_random {
            let max_p99 = if has_random_sets && encoding != "zset skiplist" || is_bucketed {
                MAX_P99_OF_BUCKETS
            } else {
                MAX_P99
            };
            // The median of a few keys is as random as one of them.
            let max_median = if keys.len() < FEW_KEYS { max_p99 } else { MAX_MEDIAN };
            accuracy.median_percent <= max_median && accuracy.p99_percent <= max_p99
        } else if live.is_foreign && (live.allocator == Allocator::Glibc || encoding.ends_with("hashtable")) {
            // A remainder, or an array of a few slots, is much of a small value.
            let is_near = |key: &&Compared| {
                let off = key.memory_usage.abs_diff(key.memory_bytes);
                off <= 64 || off * 100 <= key.memory_usage * MAX_FOREIGN_PERCENT
            };
            off.iter().all(is_near) && accuracy.sum_percent.abs() <= MAX_FOREIGN_SUM
        } else if live.allocator == Allocator::Glibc {
            // A chunk may keep a remainder of 16 bytes; nothing else may differ. Streams and lists have
            // many chunks. The sum of the elements is rounded, so a byte may be missing.
            let are_remainders = off.iter().all(|key| {
                key.memory_usage > key.memory_bytes && (key.memory_usage - key.memory_bytes + 1) % 16 <= 2
            });
            let has_many_chunks = matches!(encoding.as_str(), "stream stream" | "list quicklist");
            let are_few = off.len() <= 3 || accuracy.sum_percent.abs() <= MAX_GLIBC_SUM;
            are_remainders && are_few && (has_many_chunks || off.len() <= keys.len() / 10 + 3)
        } else if encoding.ends_with("hashtable") {
            // A rehash that may or may not have finished, of which the dataset has many on purpose:
            // an array of 8 bytes a slot. The sum of the elements is rounded, so a byte may be missing.
            let is_array = |bytes: u64| {
                let slots = (bytes + 1) / 8;
                slots.is_power_of_two() && bytes.abs_diff(8 * slots) <= 1
            };
            off.iter().all(|key| is_array(key.memory_usage.abs_diff(key.memory_bytes)))
                && off.len() <= keys.len() / 10
                && accuracy.sum_percent.abs() <= MAX_SUM
        } else {
            off.is_empty()
        };
        if !fits {
            failures.push(format!("{encoding}: {accuracy:?}"));
            failures.extend(off.iter().take(8).map(|key| key.line()));
        }
    }
    let all = Accuracy::of(compared.iter());
    if all.sum_percent.abs() > if live.is_foreign { MAX_FOREIGN_SUM } else { MAX_SUM } {
        failures.push(format!("all keys: {all:?}"));
    }
    assert!(groups.len() >= live.least_encodings(), "the dataset reaches them: {:?}", groups.keys());
    assert!(failures.is_empty(), "{} {} {what}:\n{}", live.version, live.allocator, failures.join("\n"));
}
