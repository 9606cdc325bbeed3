//! `bigkeys stats`.

use rdb_analysis::Distributions;

use crate::args::StatsArgs;
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::messages::Messages;
use crate::render::style::TableStyle;
use crate::render::{self, TableOrJson, Target, Width};
use crate::stop::Stop;

pub(crate) fn run(args: &StatsArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let StatsArgs { input, common, format } = args;
    let scan = KeyScan { input, common, top: 0, separators: b":", stop, messages };
    let Collected { result, ending } = scan.collect(
        |scan, inputs| Ok(scan.collect_with_report(inputs, Distributions)?),
        // Distributions have no names.
        |_, _| {},
    )?;
    let Some((report, table)) = result else { return Ok(ending) };
    let style = common.output.json_style();
    let mut out = Target::stdout(common.output.color.choice());
    match format {
        TableOrJson::Json => {
            let json = render::stats::json(&report, &table, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: 0 };
            render::stats::table(&mut out, &report, &table, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}
