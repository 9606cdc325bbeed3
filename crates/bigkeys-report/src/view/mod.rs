//! What the template shows: strings, and lengths in percent.

mod cluster;
mod groups;
mod growth;
mod histograms;
mod keys;
mod memory;
mod overview;
mod rules;
mod tables;

use serde::Serialize;

use crate::page::Page;
use cluster::ClusterView;
use groups::GroupsView;
pub use groups::MAX_GROUPS;
use growth::GrowthView;
use histograms::{ForecastView, Histogram};
use keys::KeysView;
use memory::ModelView;
use overview::Overview;
use rules::RulesView;
use tables::BarTable;

/// The whole page.
#[derive(Debug, Serialize)]
pub(crate) struct PageView {
    overview: Overview,
    tables: Vec<BarTable>,
    groups: Option<GroupsView>,
    keys: Option<KeysView>,
    histograms: Vec<Histogram>,
    forecast: Option<ForecastView>,
    cluster: Option<ClusterView>,
    rules: Option<RulesView>,
    growth: Option<GrowthView>,
    models: Vec<ModelView>,
    version: &'static str,
}

impl PageView {
    pub(crate) fn new(page: &Page<'_>) -> Self {
        let report = page.report;
        Self {
            overview: Overview::new(report, page.failure),
            tables: tables::of_report(report),
            groups: match (page.groups, &report.prefixes) {
                (Some(tree), _) => GroupsView::of_tree(tree),
                (None, Some(prefixes)) => GroupsView::of_prefixes(prefixes),
                (None, None) => None,
            },
            keys: KeysView::new(report),
            histograms: page.distributions.map(histograms::of_keys).unwrap_or_default(),
            forecast: page.distributions.and_then(ForecastView::new),
            cluster: page.cluster.and_then(|cluster| ClusterView::new(report, cluster)),
            rules: page.rules.map(RulesView::new),
            growth: page.growth.map(|diff| GrowthView::new(diff, report.totals.memory_bytes.is_some())),
            models: memory::models(report),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
