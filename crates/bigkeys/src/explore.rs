//! `bigkeys explore`.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use anyhow::Context as _;
use bigkeys::Scan;
use bigkeys_explorer::Explorer;
use rdb_analysis::{NameRule, ScanOptions};

use crate::args::ExploreArgs;
use crate::ending::Ending;
use crate::inputs::{self, Inputs};
use crate::messages::Messages;
use crate::stop::Stop;

pub(crate) fn run(args: &ExploreArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    if !io::stdout().is_terminal() {
        anyhow::bail!("explore needs a terminal; bigkeys groups prints the same groups");
    }
    let mut model = ScanOptions::default();
    args.memory.apply(&mut model);
    let make = || -> anyhow::Result<Scan<'static>> {
        let scan = inputs::scan(&args.input, stop.flag());
        let scan = scan.memory(model.memory).assumptions(model.assumptions.clone());
        args.filter.apply(scan, model.memory)
    };
    // Arguments that contradict each other are an error before the screen changes.
    make()?;
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let ending = if inputs.failures() > 0 { Ending::Failed } else { Ending::Clean };
    let listed = inputs.into_list();
    if listed.is_empty() {
        return Ok(Ending::Failed);
    }
    let scan = || make().map_err(|error| format!("{error:#}"));
    let rule = NameRule::new(&args.segments.separators).literal(args.literal);
    let explorer = Explorer::new(&scan, listed)
        .groups(rule, args.segments.depth)
        .memory(model.memory)
        .colours(args.color.is_used());
    explorer.run(&Arc::clone(stop.flag())).context("cannot explore")?;
    // The screen is given back, and scans that are left stop at the next key.
    stop.reading_ended();
    let is_stopped = stop.exit_code().is_some();
    Ok(if is_stopped { Ending::Interrupted } else { ending })
}
