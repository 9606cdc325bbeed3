//! Contenders as processes: what one costs, from its start to its end.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use wait4::Wait4 as _;

use crate::contenders::{self, Contender, Way};

/// Time between two looks at the memory of a run.
const LOOK: Duration = Duration::from_millis(5);

/// What a run cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    /// Seconds of all threads, user and system.
    pub(crate) cpu: f64,
    pub(crate) wall: f64,
    /// The most anonymous memory seen, in KiB. `None` for other programs.
    pub(crate) anonymous_kib: Option<u64>,
    /// `None` where nothing counts them.
    pub(crate) keys: Option<u64>,
}

/// Runs `contender` on a file in a process of its own. `None`: it cannot read this file, or is not
/// here.
///
/// # Errors
///
/// If the process cannot be started.
pub(crate) fn run(contender: &Contender, path: &Path) -> anyhow::Result<Option<Cost>> {
    Ok(run_together(contender, &[path])?.and_then(|costs| costs.first().copied()))
}

/// Runs `contender` on each of some files, in a process for each, all at the same time. `None`: it
/// cannot read one of them, or is not here.
///
/// # Errors
///
/// If a process cannot be started.
pub(crate) fn run_together(contender: &Contender, paths: &[&Path]) -> anyhow::Result<Option<Vec<Cost>>> {
    let mut started = Vec::new();
    for path in paths {
        match start(contender, path)? {
            Some(child) => started.push((child, Instant::now())),
            None => return Ok(None),
        }
    }
    started.into_iter().map(|(child, start)| finish(contender, child, start)).collect()
}

/// Starts `contender` on a file. `None`: it is not here.
fn start(contender: &Contender, path: &Path) -> anyhow::Result<Option<Child>> {
    let mut command = match contender.way {
        Way::Ours(_) => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["run", contender.name]);
            command
        }
        Way::Program(program) => Command::new(program),
    };
    command.arg(path).stdout(Stdio::piped()).stderr(Stdio::null());
    match command.spawn() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        spawned => Ok(Some(spawned?)),
    }
}

/// Waits for the end of a process. `None`: it failed.
fn finish(contender: &Contender, mut child: Child, start: Instant) -> anyhow::Result<Option<Cost>> {
    let said = std::io::read_to_string(child.stdout.take().context("no output")?)?;
    let ended = child.wait4()?;
    let wall = start.elapsed().as_secs_f64();
    if !ended.status.success() {
        return Ok(None);
    }
    let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
    let numbers: Vec<Option<u64>> = match contender.way {
        Way::Ours(_) => said.split_whitespace().map(|number| number.parse().ok()).collect(),
        Way::Program(_) => Vec::new(),
    };
    let number = |index| numbers.get(index).copied().flatten();
    Ok(Some(Cost { cpu, wall, anonymous_kib: number(0), keys: number(1) }))
}

/// The process that [`run`] starts: runs one of our contenders and prints its memory and keys.
///
/// # Errors
///
/// If there is no such contender or it fails.
pub(crate) fn run_here(name: &str, path: &Path) -> anyhow::Result<String> {
    let contender = contenders::ALL.iter().find(|contender| contender.name == name);
    let Some(Contender { way: Way::Ours(run), .. }) = contender else { anyhow::bail!("no contender {name}") };
    let ended = AtomicBool::new(false);
    let peak = AtomicU64::new(0);
    let keys = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                peak.fetch_max(anonymous_kib().unwrap_or(0), Ordering::Relaxed);
                std::thread::park_timeout(LOOK);
            }
        });
        let keys = run(path);
        peak.fetch_max(anonymous_kib().unwrap_or(0), Ordering::Relaxed);
        ended.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        keys
    })?;
    Ok(format!("{} {}", peak.into_inner(), keys.map_or("-".to_owned(), |keys| keys.to_string())))
}

fn anonymous_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Instructions that a run of one of our contenders takes, as callgrind counts them, and the keys
/// it counts.
///
/// # Errors
///
/// If valgrind is not installed or the run fails.
pub(crate) fn instructions(name: &str, path: &Path) -> anyhow::Result<(u64, Option<u64>)> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["run", name])
        .arg(path)
        .output()
        .context("valgrind")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed under valgrind: {stderr}");
    let collected = stderr.lines().find_map(|line| line.split_once("Collected : ")).context("no count")?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let keys = stdout.split_whitespace().nth(1).and_then(|keys| keys.parse().ok());
    Ok((collected.1.trim().parse()?, keys))
}
