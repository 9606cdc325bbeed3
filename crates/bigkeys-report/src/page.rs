//! What a page is made of.

use bigkeys_scan::{Diff, RuleResult};
use rdb_analysis::{ClusterTable, DistributionTable, NameTree, Report};

/// What a page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    pub(crate) report: &'a Report,
    pub(crate) groups: Option<&'a NameTree>,
    pub(crate) distributions: Option<&'a DistributionTable>,
    pub(crate) cluster: Option<&'a ClusterTable>,
    pub(crate) rules: Option<&'a [RuleResult]>,
    pub(crate) growth: Option<&'a Diff>,
    pub(crate) failure: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// A page of a report alone. Groups are then the prefixes of the report.
    pub fn new(report: &'a Report) -> Self {
        Self {
            report,
            groups: None,
            distributions: None,
            cluster: None,
            rules: None,
            growth: None,
            failure: None,
        }
    }

    /// Adds a treemap of groups by name.
    #[must_use]
    pub fn groups(self, groups: &'a NameTree) -> Self {
        Self { groups: Some(groups), ..self }
    }

    /// Adds histograms, and what expires when.
    #[must_use]
    pub fn distributions(self, distributions: &'a DistributionTable) -> Self {
        Self { distributions: Some(distributions), ..self }
    }

    /// Adds shards and slots. They are shown if a source has a shard, or a listed key
    /// has a slot.
    #[must_use]
    pub fn cluster(self, cluster: &'a ClusterTable) -> Self {
        Self { cluster: Some(cluster), ..self }
    }

    /// Adds the rules that the keys were checked against.
    #[must_use]
    pub fn rules(self, rules: &'a [RuleResult]) -> Self {
        Self { rules: Some(rules), ..self }
    }

    /// Adds what changed since an earlier backup.
    #[must_use]
    pub fn growth(self, growth: &'a Diff) -> Self {
        Self { growth: Some(growth), ..self }
    }

    /// Heads the page with the reason why the analysis failed, because the report then has only what
    /// was readable.
    #[must_use]
    pub fn failure(self, failure: &'a str) -> Self {
        Self { failure: Some(failure), ..self }
    }
}
