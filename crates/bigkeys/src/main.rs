//! `bigkeys`: finds what is big in backups of Redis and Valkey, offline.

#![forbid(unsafe_code)]

mod args;
mod check;
mod cluster;
mod collect;
mod diff;
mod dump;
mod ending;
#[cfg(feature = "explore")]
mod explore;
mod files;
mod groups;
mod inputs;
mod keys;
mod lint;
#[cfg(feature = "server")]
mod log;
mod manual;
mod messages;
mod page;
mod progress;
mod render;
mod report;
mod scan;
#[cfg(feature = "server")]
mod serve;
mod stats;
mod stop;

use std::io;
use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::ending::Ending;
use crate::messages::Messages;
use crate::stop::Stop;

fn main() -> ExitCode {
    let cli = Cli::from_arguments();
    let quiet = match &cli.command {
        Command::Scan(args) => args.common.output.quiet,
        Command::Keys(args) => args.common.output.quiet,
        Command::Groups(args) => args.common.output.quiet,
        Command::Diff(args) => args.common.output.quiet,
        Command::Stats(args) => args.common.output.quiet,
        Command::Report(args) => args.common.output.quiet,
        Command::Cluster(args) => args.common.output.quiet,
        Command::Lint(args) => args.common.output.quiet,
        Command::Check(args) => args.output.quiet,
        Command::Dump(args) => args.output.quiet,
        #[cfg(feature = "explore")]
        Command::Explore(_) => false,
        Command::Completions(_) | Command::Man(_) => false,
        #[cfg(feature = "server")]
        Command::Serve(_) | Command::Worker(_) => false,
    };
    let messages = Messages { quiet };
    let stop = match &cli.command {
        Command::Scan(_)
        | Command::Keys(_)
        | Command::Groups(_)
        | Command::Diff(_)
        | Command::Stats(_)
        | Command::Report(_)
        | Command::Cluster(_)
        | Command::Lint(_)
        | Command::Check(_)
        | Command::Dump(_) => Stop::on_signals(),
        #[cfg(feature = "explore")]
        Command::Explore(_) => Stop::on_signals(),
        // These commands end at once.
        Command::Completions(_) | Command::Man(_) => Ok(Stop::default()),
        // These commands have their own signal handlers.
        #[cfg(feature = "server")]
        Command::Serve(_) | Command::Worker(_) => Ok(Stop::default()),
    };
    let stop = match stop {
        Ok(stop) => stop,
        Err(error) => {
            messages::error(&format_args!("cannot handle signals: {error}"));
            return Ending::Failed.into();
        }
    };
    let outcome = match &cli.command {
        Command::Scan(args) => scan::run(args, &stop, &messages),
        Command::Keys(args) => keys::run(args, stop.flag(), &messages),
        Command::Groups(args) => groups::run(args, &stop, &messages),
        Command::Diff(args) => diff::run(args, &stop, &messages),
        Command::Stats(args) => stats::run(args, &stop, &messages),
        Command::Report(args) => report::run(args, &stop, &messages),
        #[cfg(feature = "explore")]
        Command::Explore(args) => explore::run(args, &stop, &messages),
        Command::Cluster(args) => cluster::run(args, &stop, &messages),
        Command::Lint(args) => lint::run(args, &stop, &messages),
        Command::Check(args) => check::run(args, stop.flag(), &messages),
        Command::Dump(args) => dump::run(args, &stop, &messages),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(args),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::run(args),
        #[cfg(feature = "server")]
        Command::Worker(args) => serve::work(args),
    };
    match outcome {
        Ok(Ending::Clean) => Ending::Clean.into(),
        // A signal takes precedence over other problems, because the result is partial.
        Ok(ending) => stop.exit_code().unwrap_or_else(|| ending.into()),
        // The reader of the output has closed it.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            messages::error(&format_args!("{error:#}"));
            Ending::Failed.into()
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
