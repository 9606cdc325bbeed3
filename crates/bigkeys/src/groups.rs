//! `bigkeys groups`.

use std::sync::Arc;

use bigkeys::Redactor;
use rdb_analysis::{NameGroups, NameRule};

use crate::args::GroupsArgs;
use crate::collect::{Collected, KeyScan};
use crate::ending::Ending;
use crate::messages::{self, Messages};
use crate::render::style::TableStyle;
use crate::render::{self, GroupsFormat, Target, Width};
use crate::stop::Stop;

/// Share of all bytes below which a table folds groups, in percent.
const TABLE_MIN_SHARE: f64 = 1.0;

pub(crate) fn run(args: &GroupsArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    let GroupsArgs { input, common, .. } = args;
    let separators = &args.segments.separators;
    let scan = KeyScan { input, common, top: 0, separators, stop, messages };
    let Collected { result, ending } =
        scan.collect(|scan, inputs| Ok(scan.collect_with_report(inputs, collector(args))?), Redactor::tree)?;
    let Some((report, tree)) = result else { return Ok(ending) };
    if tree.is_shortened {
        messages.warning(&format_args!(
            "there are more than {} groups, or their names are too long, so names are grouped by their \
             first {}; --match and --exclude select keys, and --max-groups allows more",
            args.max_groups,
            messages::count(tree.depth as u64, "segment"),
        ));
    }
    let style = common.output.json_style();
    let mut out = Target::stdout(common.output.color.choice());
    match args.format {
        GroupsFormat::Json => {
            let json = rdb_analysis::groups_json(&report, &tree, style.keys_as);
            render::json::object(&mut out, &json, style.numbers_as)?;
        }
        GroupsFormat::Folded => render::groups::folded(&mut out, &tree)?,
        GroupsFormat::Csv => render::groups::csv(&mut out, &tree, style.keys_as)?,
        GroupsFormat::Table => {
            let width = Width::of_stdout();
            let style = TableStyle { keys_as: style.keys_as, width, per_file: false, top: 0 };
            render::groups::table(&mut out, &report, &tree, style)?;
        }
    }
    out.finish()?;
    Ok(ending)
}

fn collector(args: &GroupsArgs) -> NameGroups {
    let rule = NameRule::new(&args.segments.separators).literal(args.literal);
    let default_share = if args.format == GroupsFormat::Table { TABLE_MIN_SHARE } else { 0.0 };
    let groups = NameGroups::new(rule)
        .depth(args.segments.depth)
        .max_groups(args.max_groups)
        .min_share(args.min_share.unwrap_or(default_share) / 100.0);
    if args.groups.is_empty() {
        return groups;
    }
    let named: Vec<(Arc<str>, _)> =
        args.groups.iter().map(|(name, regex)| (Arc::from(name.as_str()), regex.clone())).collect();
    groups.named_by(move |name| {
        named.iter().find(|(_, regex)| regex.is_match(name)).map(|(group, _)| Arc::clone(group))
    })
}
