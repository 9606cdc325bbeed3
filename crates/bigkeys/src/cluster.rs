//! `bigkeys cluster`.

use bigkeys::{Redactor, parse_slot_map};
use rdb_analysis::Cluster;

use crate::args::ClusterArgs;
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::files::parse_file;
use crate::messages::Messages;
use crate::render::style::TableStyle;
use crate::render::{self, TableOrJson, Target, Width};
use crate::stop::Stop;

pub(crate) fn run(args: &ClusterArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let ClusterArgs { input, common, map, top, format } = args;
    let owners = map.as_deref().map(|path| parse_file(path, parse_slot_map)).transpose()?;
    let collector = match &owners {
        Some(owners) => Cluster::new(*top).owners(owners.clone()),
        None => Cluster::new(*top),
    };
    let scan = KeyScan { input, common, stop, messages };
    let Collected { result, ending } =
        scan.collect(|scan, inputs| scan.collect_with_report(inputs, collector), Redactor::cluster)?;
    let Some((report, cluster)) = result else { return Ok(ending) };
    let style = common.output.json_style();
    let mut out = Target::stdout(common.output.color.choice());
    match format {
        TableOrJson::Json => {
            let json = render::cluster::json(&report, &cluster, owners.as_ref(), *top, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: *top };
            render::cluster::table(&mut out, &report, &cluster, owners.as_ref(), style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}
