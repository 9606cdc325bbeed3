//! Files that are made to cost more than their length justifies: the program keeps to its bounds of
//! memory and time.

#[path = "../../../../benches/src/hostile_files.rs"]
#[allow(unreachable_pub, reason = "also a part of the benches")]
mod hostile_files;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::common::{json, text};
use hostile_files::{ALL, Hostile};

/// What a scan may take, as docs/architecture.md says, in MiB.
const BUDGET_MIB: u64 = 64;
const BUDGET_PER_THREAD_MIB: u64 = 8;

/// Address space that the program takes before it has read anything: its code, and libraries, in
/// MiB.
const PROGRAM_MIB: u64 = 64;

/// Runs the program with limits of the shell, `-v` in KiB or `-n`.
fn limited(limit: &str, args: &[&str]) -> Output {
    Command::new("sh")
        .args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")])
        .arg(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .args(args)
        // The allocator reserves 64 MiB of addresses for each thread, most of which it never uses.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("starts")
}

fn write(directory: &Path, file: &Hostile) -> std::path::PathBuf {
    let path = directory.join("file.rdb");
    std::fs::write(&path, (file.make)(file.bytes)).expect("written");
    path
}

/// Whether the program has read the file to its end, also if there are damaged keys in it.
fn is_read_whole(output: &Output) -> bool {
    matches!(output.status.code(), Some(0 | 3))
}

#[test]
fn a_scan_keeps_to_its_budget_of_memory_whatever_the_file_and_the_number_of_threads() {
    let directory = tempfile::tempdir().expect("a directory");
    for file in ALL.iter().filter(|file| file.bytes <= 32 << 20) {
        let path = write(directory.path(), file);
        let file_mib = std::fs::metadata(&path).expect("there").len() >> 20;
        for threads in [1, 2, 16] {
            let budget = BUDGET_MIB + BUDGET_PER_THREAD_MIB * threads;
            let limit = format!("-v {}", (file_mib + PROGRAM_MIB + budget) << 10);
            let threads = threads.to_string();
            let others: &[_] = match threads.as_str() {
                "2" => &[
                    ["keys", "--format=parquet"],
                    ["stats", "--format=json"],
                    ["cluster", "--format=json"],
                    ["lint", "--fail-level=never"],
                ],
                _ => &[],
            };
            for args in [["scan", "--format=json"], ["keys", "--format=csv"]].iter().chain(others) {
                let output = limited(&limit, &[args[0], args[1], "-q", "-j", &threads, text(&path)]);
                assert!(
                    is_read_whole(&output),
                    "{} of {} on {threads} threads: {} {}",
                    args[0],
                    file.name,
                    output.status,
                    String::from_utf8_lossy(&output.stderr)
                );
            }
        }
    }
}

#[test]
fn no_file_takes_much_longer_on_two_threads_than_on_one() {
    /// What a busy machine may add.
    const SLACK: Duration = Duration::from_millis(1500);
    let directory = tempfile::tempdir().expect("a directory");
    for file in &ALL {
        let path = write(directory.path(), file);
        let timed = |threads| {
            let start = Instant::now();
            let output = limited("-c 0", &["scan", "--format=json", "-q", "-j", threads, text(&path)]);
            assert!(is_read_whole(&output), "{}: {}", file.name, output.status);
            let report = json(&String::from_utf8(output.stdout).expect("UTF-8"));
            (start.elapsed(), report["totals"].clone())
        };
        let (one, totals) = timed("1");
        let (two, same) = timed("2");
        assert_eq!(totals, same, "{}", file.name);
        assert!(two < 3 * one + SLACK, "{}: {one:?} on one thread, {two:?} on two", file.name);
    }
}

#[test]
fn thousands_of_files_are_read_with_few_descriptors_and_in_little_memory() {
    const FILES: u64 = 20_000;
    let directory = tempfile::tempdir().expect("a directory");
    let name = directory.path().join("first.rdb");
    std::fs::write(&name, b"REDIS0011\0\x03key\x05value\xff\0\0\0\0\0\0\0\0").expect("written");
    for i in 1..FILES {
        std::fs::copy(&name, directory.path().join(format!("{i}.rdb"))).expect("copied");
    }
    let budget_kib = (PROGRAM_MIB + BUDGET_MIB + 2 * BUDGET_PER_THREAD_MIB) << 10;
    for args in [["scan", "--format=dcs"], ["keys", "--format=csv"]] {
        let limits = format!("-n 64 && ulimit -v {budget_kib}");
        let output = limited(&limits, &[args[0], args[1], "-q", "-j", "2", text(directory.path())]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {} {stderr}", args[0], output.status);
        let keys =
            output.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"0,key,")).count();
        assert!(args[0] == "scan" || keys as u64 == FILES, "{keys} keys");
    }
}
