//! `bigkeys lint`.

use std::io::Write as _;

use bigkeys::{Baseline, Preset, Rules, Severity};
use rdb_analysis::json::NumbersAs;

use crate::args::{FailLevel, LintArgs};
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::files::parse_file;
use crate::messages::Messages;
use crate::render::style::TableStyle;
use crate::render::{self, LintFormat, Target, Width};
use crate::stop::Stop;

/// Keys of each type that a rule lists in formats for programs, and in a baseline. A name may take
/// 64 KiB.
const MAX_LISTED: usize = 1000;
const MAX_IN_BASELINE: usize = 10_000;

pub(crate) fn run(args: &LintArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let LintArgs { input, common, .. } = args;
    let rules = rules(args)?;
    if rules.needs_memory() && common.memory.no_memory {
        anyhow::bail!("a rule about memory needs the memory model, which is off here");
    }
    let scan = KeyScan { input, common, top: 0, separators: b":", stop, messages };
    let Collected { result, ending } = scan.collect(
        |scan, inputs| Ok(scan.check_rules(inputs, &rules)?),
        |redactor, results| results.iter_mut().for_each(|result| redactor.rule(result)),
    )?;
    let Some((report, results)) = result else { return Ok(ending) };
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
    let style = common.output.json_style();
    let mut out = Target::stdout(common.output.color.choice());
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
            render::json::object(&mut out, &log, NumbersAs::Number)?;
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
        rules = parse_file(path, |text| rules.and(Rules::from_toml(text)?))?;
    }
    let rules = rules.top(match (&args.write_baseline, args.format) {
        (Some(_), _) => MAX_IN_BASELINE,
        (None, LintFormat::Table) => args.top,
        (None, _) => MAX_LISTED,
    });
    match &args.baseline {
        Some(path) => Ok(rules.baseline(parse_file(path, Baseline::from_json)?)),
        None => Ok(rules),
    }
}
