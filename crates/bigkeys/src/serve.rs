//! `bigkeys serve` and `bigkeys worker`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bigkeys_server::{ConfigSource, Database, EXAMPLE, ServeOptions, serve};
use rdb_parser::escape::Escaped;
use tracing_subscriber::EnvFilter;

use crate::args::{LogArgs, LogFormat, ServeArgs, WorkerArgs};
use crate::ending::Ending;
use crate::log::EscapedLines;

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Ending> {
    if let Some(path) = &args.init {
        return init(path);
    }
    let source = match (&args.config, &args.backups) {
        (Some(path), _) => ConfigSource::File(path.clone()),
        (None, Some(backups)) => {
            ConfigSource::Directory { backups: backups.clone(), database: default_database(args, backups)? }
        }
        (None, None) => anyhow::bail!("--config or --backups is needed"),
    };
    start_log(&args.log)?;
    let options =
        ServeOptions { source, listen: args.listen, database: args.database.as_deref().map(Database::of) };
    serve(&options, |address| {
        // Scripts wait for this line. A closed standard output is no error.
        let _ = writeln!(std::io::stdout(), "bigkeys: serving on {address}");
    })?;
    Ok(Ending::Clean)
}

pub(crate) fn work(args: &WorkerArgs) -> anyhow::Result<Ending> {
    start_log(&args.log)?;
    let options = ServeOptions {
        source: ConfigSource::File(args.config.clone()),
        listen: None,
        database: args.database.as_deref().map(Database::of),
    };
    bigkeys_server::work(&options, || {
        // See above.
        let _ = writeln!(std::io::stdout(), "bigkeys: working");
    })?;
    Ok(Ending::Clean)
}

/// Writes the example configuration to a new file.
fn init(path: &Path) -> anyhow::Result<Ending> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    // It will hold secrets.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(EXAMPLE.as_bytes()))
        .with_context(|| path.display().to_string())?;
    let shown = path.display().to_string();
    let shown = Escaped::for_terminal(shown.as_bytes());
    let _ = writeln!(
        std::io::stdout(),
        "bigkeys: wrote {shown}; edit it, then run `bigkeys serve --config {shown}`"
    );
    Ok(Ending::Clean)
}

/// The default database: a file in the user's state directory for each directory of backups.
fn default_database(args: &ServeArgs, backups: &Path) -> anyhow::Result<Database> {
    if let Some(database) = &args.database {
        return Ok(Database::of(database));
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    let directory = state.context("no home directory: say where with --database")?.join("bigkeys");
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    Database::of_backups(&directory, backups).with_context(|| backups.display().to_string())
}

fn start_log(args: &LogArgs) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&args.level).context("--log-level")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(EscapedLines(args.format));
    match args.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}
