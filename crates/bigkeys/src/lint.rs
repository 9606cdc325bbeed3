//! `bigkeys lint`.

use std::fs;
use std::io::Write as _;

use anyhow::Context as _;
use bigkeys::{Baseline, Preset, Rules, Severity};
use rdb_analysis::{Rank, ScanOptions};
use rdb_parser::escape::Escaped;

use crate::args::{FailLevel, LintArgs};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::Messages;
use crate::progress::Bar;
use crate::render::style::TableStyle;
use crate::render::{self, LintFormat, Target, Width};
use crate::scan::report_ending;
use crate::stop::Stop;

/// Keys of each type that a rule lists in formats for programs, and in a baseline. A name may take
/// 64 KiB.
const MAX_LISTED: usize = 1000;
const MAX_IN_BASELINE: usize = 10_000;

pub(crate) fn run(args: &LintArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let mut model = ScanOptions::default();
    args.memory.apply(&mut model);
    let rules = rules(args)?;
    if rules.needs_memory() && !model.memory {
        anyhow::bail!("a rule about memory needs the memory model, which is off here");
    }
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let unlisted = inputs.failures();
    let bar = Bar::new(&args.output, inputs.lengths(), true);
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let rank = if model.memory { Rank::MemoryBytes } else { Rank::RdbBytes };
    let scan = scan.memory(model.memory).assumptions(model.assumptions).rank(rank);
    let scan = args.filter.apply(scan, model.memory)?;
    let outcome = scan.check_rules(inputs, &rules)?;
    stop.reading_ended();
    bar.finish();

    let (mut report, mut results) = outcome.output;
    if let Some(redactor) = args.redact.redactor() {
        redactor.report(&mut report);
        for result in &mut results {
            redactor.rule(result);
        }
    }
    let failed_inputs = unlisted + outcome.unopened.len();
    let ending = report_ending(&report, failed_inputs, &outcome.failures, outcome.skipped_sources, messages);
    if report.sources.is_empty() {
        return Ok(ending);
    }
    if let Some(path) = &args.write_baseline {
        if let Some(result) = results
            .iter()
            .find(|result| result.is_about_keys() && result.keys.keys > result.largest.len() as u64)
        {
            anyhow::bail!(
                "no baseline was written: rule {} has {} keys, and a baseline lists at most {MAX_IN_BASELINE} of a type",
                result.rule.id,
                result.keys.keys,
            );
        }
        let mut out = Target::file(path)?;
        out.write_all(Baseline::of(&results).to_json().as_bytes())?;
        out.finish()?;
        return Ok(ending);
    }
    let style = args.output.json_style();
    let mut out = Target::stdout(args.output.color.choice());
    match args.format {
        LintFormat::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: args.top };
            render::lint::table(&mut out, &report, &results, style)?;
        }
        LintFormat::Json => {
            let json = render::lint::json(&report, &results, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        LintFormat::Junit => render::lint::junit(&mut out, &results, style.keys_as)?,
        // The format fixes which values are numbers.
        LintFormat::Sarif => {
            let log = render::lint::sarif(&report, &results, style.keys_as);
            render::json::object(&mut out, &log, rdb_analysis::json::NumbersAs::Number)?;
        }
    }
    out.finish()?;
    let least = match args.fail_level {
        FailLevel::Note => Some(Severity::Note),
        FailLevel::Warning => Some(Severity::Warning),
        FailLevel::Error => Some(Severity::Error),
        FailLevel::Never => None,
    };
    let fails = results
        .iter()
        .any(|result| result.is_broken() && least.is_some_and(|least| result.rule.severity >= least));
    Ok(if fails { ending.max(Ending::Found) } else { ending })
}

/// The rules that the arguments name: all presets if they name none.
fn rules(args: &LintArgs) -> anyhow::Result<Rules> {
    let mut rules = Rules::default();
    let presets = match (&*args.presets, &*args.rules) {
        ([], []) => &Preset::ALL[..],
        (presets, _) => presets,
    };
    for &preset in presets {
        rules = rules.preset(preset)?;
    }
    for path in &args.rules {
        let name = || Escaped::for_terminal(path.as_os_str().as_encoded_bytes()).to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        rules = rules.and(Rules::from_toml(&text).with_context(name)?).with_context(name)?;
    }
    let rules = rules.top(match (&args.write_baseline, args.format) {
        (Some(_), _) => MAX_IN_BASELINE,
        (None, LintFormat::Table) => args.top,
        (None, _) => MAX_LISTED,
    });
    match &args.baseline {
        Some(path) => {
            let name = || Escaped::for_terminal(path.as_os_str().as_encoded_bytes()).to_string();
            let text = fs::read_to_string(path).with_context(name)?;
            Ok(rules.baseline(Baseline::from_json(&text).with_context(name)?))
        }
        None => Ok(rules),
    }
}
