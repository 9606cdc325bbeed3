//! `bigkeys cluster`.

use std::sync::atomic::Ordering;

use bigkeys::{Input, Redactor, Scan, SharedKeyTable, SharedKeys, parse_slot_map};
use rdb_analysis::{Cluster, Report};

use crate::args::ClusterArgs;
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::files::{is_stream, parse_file};
use crate::messages::{self, Messages};
use crate::render::cluster::ClusterResult;
use crate::render::style::TableStyle;
use crate::render::{self, TableOrJson, Target, Width};
use crate::stop::Stop;

pub(crate) fn run(args: &ClusterArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let ClusterArgs { input, common, map, top, shared_keys, format } = args;
    let owners = map.as_deref().map(|path| parse_file(path, parse_slot_map)).transpose()?;
    let collector = match &owners {
        Some(owners) => Cluster::new(*top).owners(owners.clone()),
        None => Cluster::new(*top),
    };
    let key_scan = KeyScan { input, common, top: 0, separators: b":", stop, messages };
    let scan = |scan: &Scan<'_>, inputs: Vec<Input>| {
        if !shared_keys {
            let outcome = scan.collect_with_report(inputs, collector)?;
            return Ok(outcome.map(|(report, table)| (report, ClusterResult { table, shared_keys: None })));
        }
        let again = inputs.clone();
        refuse_streams(&again)?;
        let outcome = scan.collect_with_report(inputs, collector)?;
        let (report, table) = &outcome.output;
        let search = SharedKeys::in_slots(table.shared_slots.iter().copied()).top(*top);
        let threads = input.read.threads.map(usize::from);
        let shared_keys =
            find_shared_keys(scan, again, report, search, threads, stop).unwrap_or_else(|error| {
                messages::error(&format_args!("{error:#}; the keys of several shards are not in the result"));
                None
            });
        Ok(outcome.map(|(report, table)| (report, ClusterResult { table, shared_keys })))
    };
    let redact = |redactor: &Redactor, result: &mut ClusterResult| {
        redactor.cluster(&mut result.table);
        result.shared_keys.iter_mut().for_each(|keys| redactor.shared_keys(keys));
    };
    let Collected { result, mut ending } = key_scan.collect(scan, redact)?;
    let Some((report, result)) = result else { return Ok(ending) };
    if *shared_keys && result.shared_keys.is_none() {
        let is_stopped = stop.flag().load(Ordering::Relaxed);
        ending = ending.max(if is_stopped { Ending::Interrupted } else { Ending::Failed });
    }
    let style = common.output.json_style();
    let mut out = Target::stdout(common.output.color.choice());
    match format {
        TableOrJson::Json => {
            let json = render::cluster::json(&report, &result, owners.as_ref(), *top, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        TableOrJson::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: *top };
            render::cluster::table(&mut out, &report, &result, owners.as_ref(), style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

/// Refuses inputs that can be read once only.
fn refuse_streams(inputs: &[Input]) -> anyhow::Result<()> {
    match inputs.iter().find(|input| is_stream(input.path())) {
        Some(stream) => {
            anyhow::bail!("--shared-keys reads inputs twice, and {} can be read once only", stream.name())
        }
        None => Ok(()),
    }
}

/// Reads the inputs that are in the report once more, for the keys that several shards have. `None`
/// if a signal stops it.
fn find_shared_keys(
    scan: &Scan<'_>,
    inputs: Vec<Input>,
    report: &Report,
    mut search: SharedKeys,
    threads: Option<usize>,
    stop: &Stop,
) -> anyhow::Result<Option<SharedKeyTable>> {
    for input in inputs {
        let is_reported = report.sources.iter().any(|source| source.path == input.name());
        if is_reported && search.has_slots() {
            let name = input.name().to_owned();
            let facts = search.add(scan, &mut scan.open_input(input)?)?;
            let was_clean =
                report.sources.iter().any(|source| source.path == name && source.facts.is_clean());
            if was_clean && !facts.is_clean() && !stop.flag().load(Ordering::Relaxed) {
                anyhow::bail!("{name} was changed between two reads");
            }
        }
        if stop.flag().load(Ordering::Relaxed) {
            return Ok(None);
        }
    }
    stop.reading_ended();
    Ok(Some(search.find(threads)?))
}
