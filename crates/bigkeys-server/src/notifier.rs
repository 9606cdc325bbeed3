//! Runs the configured command when a task has ended.

use std::process::Stdio;
use std::time::Duration;

use dcs_bigkeys::Status;
use jiff::Timestamp;
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::mpsc;

use super::store::{Shutdown, TaskEnding, TaskRow, ended};

/// Maximum number of ended tasks that wait for their command.
const MAX_WAITING: usize = 1000;

/// Environment variables that a command gets.
const PASSED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Time limit for a command.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Announces tasks that have ended in this process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Notifier(Option<mpsc::Sender<EndedTask>>);

/// A task that has ended, as the command reads it from its standard input.
#[derive(Debug, Serialize)]
pub(crate) struct EndedTask {
    task_id: String,
    instance_id: String,
    family: &'static str,
    status: Status,
    /// Number of big keys.
    num: i32,
    failure: Option<String>,
    caller: Option<String>,
    request_id: Option<String>,
    created_at: Timestamp,
    finished_at: Timestamp,
}

impl Notifier {
    /// A notifier, and what runs `command` for each task, one at a time, until `shutdown`. An empty
    /// command is none.
    pub(crate) fn new(command: Vec<String>, shutdown: Shutdown) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let sender = (!command.is_empty()).then_some(sender);
        (Self(sender), run_commands(command, receiver, shutdown))
    }

    /// Announces that a task of an instance has ended.
    pub(crate) fn task_ended(&self, task: &TaskRow, ending: &TaskEnding) {
        let Some(sender) = &self.0 else { return };
        let ended = EndedTask {
            task_id: task.id.clone(),
            instance_id: task.instance.clone(),
            family: task.kind.name(),
            status: if ending.failure.is_none() { Status::Success } else { Status::Failed },
            num: ending.num,
            failure: ending.failure.clone(),
            caller: task.origin.caller.clone(),
            request_id: task.origin.request_id.clone(),
            created_at: task.created_at,
            finished_at: Timestamp::now(),
        };
        if sender.try_send(ended).is_err() {
            tracing::warn!(task = task.id, "too many tasks wait for on_finished, the command is not run");
        }
    }
}

async fn run_commands(command: Vec<String>, mut tasks: mpsc::Receiver<EndedTask>, shutdown: Shutdown) {
    let Some((program, arguments)) = command.split_first() else { return };
    loop {
        let task = tokio::select! {
            task = tasks.recv() => task,
            () = ended(shutdown.clone()) => return,
        };
        let Some(task) = task else { return };
        let run = tokio::select! {
            run = tokio::time::timeout(TIMEOUT, run_command(program, arguments, &task)) => run,
            () = ended(shutdown.clone()) => {
                tracing::warn!(task = task.task_id, "on_finished was killed, because the process ends");
                return;
            }
        };
        match run {
            Ok(Ok(())) => tracing::info!(task = task.task_id, "on_finished was run"),
            Ok(Err(reason)) => tracing::error!(task = task.task_id, reason, "on_finished failed"),
            Err(_) => tracing::error!(task = task.task_id, "on_finished took too long and was killed"),
        }
    }
}

/// Runs the command without a shell. What it prints to standard error goes where the log goes.
async fn run_command(program: &str, arguments: &[String], task: &EndedTask) -> Result<(), String> {
    let text = serde_json::to_vec(task).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    // The environment of the service has its secrets.
    command.env_clear().envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input is no failure.
        let _ = stdin.write_all(&text).await;
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}
