//! The check of keys against rules.

use std::cmp::Reverse;
use std::sync::Arc;

use rdb_analysis::{
    Collector, ExpirySecond, ExpirySeconds, Filtered, Group, KeyRecord, KeyView, Rank, TopKeys, Totals,
};

use super::baseline::Baseline;
use super::rule::{Limit, Rule};
use super::set::Rules;

/// The keys that a rule is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RuleResult {
    /// The rule.
    pub rule: Rule,
    /// Sums over its keys, without those that the baseline accepts.
    pub keys: Group,
    /// The largest of them, largest first.
    pub largest: Vec<KeyRecord>,
    /// Seconds in which more keys expire than [`Limit::SameSecond`] allows, most keys first, at most
    /// 1,000.
    pub seconds: Vec<ExpirySecond>,
    /// Whether the baseline accepts the rule as a whole.
    pub is_accepted: bool,
}

/// Seconds that a rule lists.
const MAX_SECONDS: usize = 1000;

/// Collects the keys of a rule.
type RuleKeys = (Totals, TopKeys, Option<ExpirySeconds>);

/// A collector for each rule. `BY_PLACE`: whether a rule looks at the database of keys.
#[allow(clippy::type_complexity, reason = "a function of a filter has no name")]
pub(crate) fn checks<const BY_PLACE: bool>(
    rules: &Rules,
    rank: Rank,
) -> Vec<Filtered<RuleKeys, impl Fn(&KeyView<'_>, &[u8]) -> bool + Clone + Send + Sync, BY_PLACE>> {
    let check = |rule: &Rule| {
        let top = if rule.limit == Limit::NoKey { rules.top } else { 0 };
        let seconds = matches!(rule.limit, Limit::SameSecond { .. });
        let collector =
            (Totals, TopKeys::new(rank, top), seconds.then_some(ExpirySeconds { top: MAX_SECONDS }));
        let admits = rule.filter.clone().into_function();
        let accepted = Arc::new(rules.baseline.names(&rule.id));
        Filtered::new(collector, move |key: &KeyView<'_>, name: &[u8]| {
            admits(key, name) && (accepted.is_empty() || !accepted.contains(name))
        })
    };
    rules.list.iter().map(check).collect()
}

/// What the [check](checks) of a rule gives.
type Checked = <RuleKeys as Collector>::Output;

/// The results of rules, in their order.
pub(crate) fn results(rules: &Rules, checked: Vec<Checked>, rank: Rank) -> Vec<RuleResult> {
    let result = |(rule, (keys, largest, seconds)): (&Rule, Checked)| {
        let mut largest: Vec<KeyRecord> = largest.into_values().flatten().collect();
        // The lists are sorted, and the sort is stable.
        largest.sort_by_key(|key| Reverse(rank.of(&key.measure)));
        let mut seconds = seconds.unwrap_or_default();
        if let Limit::SameSecond { max_keys } = rule.limit {
            seconds.retain(|second| second.keys > max_keys);
        }
        let is_accepted = rules.baseline.accepts_total(&rule.id);
        RuleResult { rule: rule.clone(), keys, largest, seconds, is_accepted }
    };
    rules.list.iter().zip(checked).map(result).collect()
}

impl Baseline {
    /// Accepts all findings that results list.
    pub fn of<'a>(results: impl IntoIterator<Item = &'a RuleResult>) -> Self {
        let mut baseline = Self::default();
        for result in results {
            let id = result.rule.id.clone();
            if result.is_about_keys() {
                // Of a long name only the beginning is known.
                let whole = result.largest.iter().filter(|key| key.key_bytes == key.key.len() as u64);
                let names = whole.map(|key| key.key.clone());
                baseline.keys.entry(id).or_default().extend(names);
            } else if result.is_broken() {
                baseline.totals.insert(id);
            }
        }
        baseline
    }
}

impl RuleResult {
    /// Whether each key of the rule is a finding.
    pub fn is_about_keys(&self) -> bool {
        self.rule.limit == Limit::NoKey
    }

    /// Whether the rule is broken.
    pub fn is_broken(&self) -> bool {
        let is_broken = match self.rule.limit {
            Limit::NoKey => self.keys.keys > 0,
            Limit::Total(max) => max.excesses(&self.keys).next().is_some(),
            Limit::SameSecond { .. } => !self.seconds.is_empty(),
        };
        is_broken && !self.is_accepted
    }

    /// The number of findings: keys, seconds, or 1 for a total.
    pub fn findings(&self) -> u64 {
        match self.rule.limit {
            _ if !self.is_broken() => 0,
            Limit::NoKey => self.keys.keys,
            Limit::Total(_) => 1,
            Limit::SameSecond { .. } => self.seconds.len() as u64,
        }
    }
}
