//! `bigkeys`: finds what is big in backups of Redis and Valkey, offline.

#![forbid(unsafe_code)]

mod args;
mod check;
mod inputs;
mod keys;
mod memory_args;
mod messages;
mod progress;
mod render;
mod scan;
#[cfg(feature = "server")]
mod serve;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::messages::Messages;

/// How a command ended, in ascending order of what an exit status must tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Everything was read.
    Clean,
    /// An input is damaged; the result is partial and says so.
    Damaged,
    /// An input could not be used at all.
    Failed,
    /// The user wanted no more.
    Interrupted,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Clean => 0,
            Ending::Failed => 2,
            Ending::Damaged => 3,
            Ending::Interrupted => 130,
        })
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = match &cli.command {
        Command::Scan(args) => args.output.quiet,
        Command::Keys(args) => args.output.quiet,
        Command::Check(args) => args.output.quiet,
        #[cfg(feature = "server")]
        Command::Serve(_) | Command::Worker(_) => false,
    };
    let messages = Messages { quiet };
    let stop = Arc::new(AtomicBool::new(false));
    let outcome = match &cli.command {
        Command::Scan(args) => stop_on_signal(&stop).and_then(|()| scan::run(args, &stop, &messages)),
        Command::Keys(args) => stop_on_signal(&stop).and_then(|()| keys::run(args, &stop, &messages)),
        Command::Check(args) => stop_on_signal(&stop).and_then(|()| check::run(args, &stop)),
        // Has signal handlers of its own.
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args),
        #[cfg(feature = "server")]
        Command::Worker(args) => serve::work(args),
    };
    match outcome {
        // An input that the user did not wait for is no failure.
        Ok(Ending::Failed) if stop.load(Ordering::Relaxed) => Ending::Interrupted.into(),
        Ok(ending) => ending.into(),
        // Whoever read our output has had enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            messages::error(&format_args!("{error:#}"));
            Ending::Failed.into()
        }
    }
}

/// Sets `stop` at the first Ctrl-C or termination signal, and ends the process at the second.
fn stop_on_signal(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    ctrlc::set_handler(move || {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
