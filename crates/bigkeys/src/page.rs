//! The HTML page of `bigkeys report` and `bigkeys diff`.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bigkeys::{Diff, Input, Outcome, Preset, Redactor, RuleResult, Rules, Scan, ScanError};
use bigkeys_report::Page;
use rdb_analysis::{
    Cluster, ClusterTable, DistributionTable, Distributions, NameGroups, NameRule, NameTree, Report,
};

use crate::args::SegmentArgs;
use crate::render::Target;

/// Keys of each type that a broken rule lists, and hash tags.
const TOP_OF_RULE: usize = 10;
const TOP_TAGS: usize = 20;

/// What a page shows besides the report.
#[derive(Debug)]
pub(crate) struct PageParts {
    groups: NameTree,
    distributions: DistributionTable,
    cluster: ClusterTable,
    rules: Vec<RuleResult>,
}

impl PageParts {
    /// Scans `inputs` for all that a page shows, in one pass.
    pub(crate) fn scan(
        scan: &Scan<'_>,
        inputs: Vec<Input>,
        segments: &SegmentArgs,
        has_memory: bool,
    ) -> anyhow::Result<Outcome<(Report, Self), ScanError>> {
        let names = NameGroups::new(NameRule::new(&segments.separators)).depth(segments.depth);
        let collector = (names, Distributions, Cluster::new(TOP_TAGS));
        let outcome = scan.collect_and_check(inputs, &rules(has_memory)?, collector)?;
        Ok(outcome.map(|(report, rules, (groups, distributions, cluster))| {
            (report, Self { groups, distributions, cluster, rules })
        }))
    }

    /// Redacts the names in all parts.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        redactor.tree(&mut self.groups);
        redactor.cluster(&mut self.cluster);
        self.rules.iter_mut().for_each(|result| redactor.rule(result));
    }

    /// The page of a report with these parts.
    fn page<'a>(&'a self, report: &'a Report) -> Page<'a> {
        Page::new(report)
            .groups(&self.groups)
            .distributions(&self.distributions)
            .cluster(&self.cluster)
            .rules(&self.rules)
    }
}

/// All presets, of which those about memory need the model.
fn rules(has_memory: bool) -> anyhow::Result<Rules> {
    let mut rules = Rules::default();
    for preset in Preset::ALL {
        let with = rules.clone().preset(preset)?;
        if has_memory || !with.needs_memory() {
            rules = with;
        }
    }
    Ok(rules.top(TOP_OF_RULE))
}

/// Checks that a page can be written to a file, before the scan. A backup is never replaced: with
/// `-o *.rdb` the first backup would be the file of the page.
pub(crate) fn check_target(path: &Path) -> anyhow::Result<()> {
    let mut beginning = [0; 6];
    let is_backup = File::open(path).is_ok_and(|mut file| {
        file.read_exact(&mut beginning).is_ok()
            && (beginning.starts_with(b"REDIS") || &beginning == b"VALKEY")
    });
    if is_backup {
        anyhow::bail!("{} is a backup; -o names the file of the page", rdb_source::display_name(path));
    }
    drop(Target::file(path)?);
    Ok(())
}

/// Writes the page of a report to a file.
pub(crate) fn write(
    path: &Path,
    report: &Report,
    parts: Option<&PageParts>,
    growth: Option<&Diff>,
) -> anyhow::Result<()> {
    let page = parts.map_or_else(|| Page::new(report), |parts| parts.page(report));
    let page = growth.map_or(page, |growth| page.growth(growth));
    let mut out = Target::file(path)?;
    page.write(&mut out)?;
    out.finish()
}
