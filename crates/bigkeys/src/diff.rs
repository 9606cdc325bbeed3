//! `bigkeys diff`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bigkeys::{Comparison, DiffError};
use rdb_analysis::{NameRule, ScanOptions};

use crate::args::{DiffArgs, InputArgs};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages};
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, TableOrJson, Target, Width};
use crate::scan::source_status;

pub(crate) fn run(args: &DiffArgs, stop: &Arc<AtomicBool>, messages: &Messages) -> anyhow::Result<Ending> {
    let mut model = ScanOptions::default();
    args.common.memory.apply(&mut model);
    let list = |path: &std::path::PathBuf| {
        let input = InputArgs { inputs: vec![path.clone()], shards: Vec::new(), read: args.read.clone() };
        Inputs::list(&input, stop, messages)
    };
    let sides = [(list(&args.old)?, false), (list(&args.new)?, true)];
    let bar = Bar::new(&args.common.output, sides.iter().flat_map(|(inputs, _)| inputs.lengths()), true);
    let monitor = BarMonitor { bar: &bar, stop, messages };
    let rule = NameRule::new(&args.segments.separators);
    let mut comparison = Comparison::new().groups(rule, args.segments.depth).top(args.top);
    let mut ending = Ending::Clean;
    let mut has_failed = false;
    let mut filter = None;
    let redactor = args.common.redact.redactor();
    for (inputs, is_new) in sides {
        has_failed |= inputs.failures() > 0;
        let (scan, inputs) = inputs.into_scan(&monitor);
        let scan = scan.memory(model.memory).assumptions(model.assumptions.clone());
        let scan = args.common.filter.apply(scan, model.memory)?;
        filter = scan.filter_description();
        has_failed |= inputs.is_empty();
        for input in inputs {
            if stop.load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
            let Ok(mut input) = scan.open_input(input) else {
                has_failed = true;
                continue;
            };
            let path = input.name().to_owned();
            match comparison.add(&scan, &mut input, is_new) {
                Ok(mut facts) => {
                    if let Some(redactor) = &redactor {
                        redactor.facts(&mut facts);
                    }
                    ending = ending.max(source_status(&path, &facts, messages));
                }
                Err(DiffError::Scan(failure)) => {
                    messages::error(&failure);
                    has_failed = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    bar.finish();
    // A comparison with a part of a backup would call the rest of it new or gone.
    if has_failed {
        return Ok(Ending::Failed);
    }
    if ending == Ending::Interrupted {
        return Ok(ending);
    }
    let mut diff = comparison.compare(args.read.threads.map(usize::from))?;
    if let Some(redactor) = redactor {
        redactor.separators(&args.segments.separators).diff(&mut diff);
    }
    let style = args.common.output.json_style();
    let mut out = Target::stdout(args.common.output.color.choice());
    match args.format {
        TableOrJson::Json => {
            let json = render::diff::json(&diff, filter.as_deref(), model.memory, args.top, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: args.top };
            render::diff::table(&mut out, &diff, filter.as_deref(), model.memory, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}
