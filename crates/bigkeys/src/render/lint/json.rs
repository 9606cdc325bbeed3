//! Results of rules as JSON: see `docs/schema/lint.schema.json`.

use bigkeys::{Limit, MaxSums, RuleResult};
use rdb_analysis::json::{KeysAs, key_record, provenance};
use rdb_analysis::{Group, Report};
use serde::Serialize;

/// Version of the shape. Raised when a field is renamed, removed or changes its meaning.
const SCHEMA_VERSION: u32 = 1;

/// The results of all rules, broken or not.
pub(crate) fn json<'a>(
    report: &'a Report,
    results: &'a [RuleResult],
    keys_as: KeysAs,
) -> impl Serialize + 'a {
    LintJson {
        schema_version: SCHEMA_VERSION,
        provenance: provenance(report, keys_as),
        broken_rules: results.iter().filter(|result| result.is_broken()).count(),
        rules: results.iter().map(|result| rule(result, keys_as)).collect(),
    }
}

fn rule(result: &RuleResult, keys_as: KeysAs) -> RuleJson<'_, impl Serialize> {
    let mut max = MaxSums::default();
    let limit = match result.rule.limit {
        Limit::Total(sums) => {
            max = sums;
            "total"
        }
        Limit::SameSecond { max_keys } => {
            max.max_keys = Some(max_keys);
            "same_second"
        }
        _ => "no_key",
    };
    RuleJson {
        id: &result.rule.id,
        severity: result.rule.severity.name(),
        message: &result.rule.message,
        keys_with: result.rule.filter.description(),
        limit,
        max,
        is_broken: result.is_broken(),
        is_accepted: result.is_accepted,
        findings: result.findings(),
        keys: result.keys,
        largest: result.largest.iter().map(|key| key_record(key.into(), keys_as)).collect(),
        seconds: result
            .seconds
            .iter()
            .map(|second| SecondJson { at_s: second.at_s, keys: second.keys })
            .collect(),
    }
}

#[derive(Serialize)]
struct LintJson<'a, P, K> {
    schema_version: u32,
    #[serde(flatten)]
    provenance: P,
    broken_rules: usize,
    rules: Vec<RuleJson<'a, K>>,
}

#[derive(Serialize)]
struct RuleJson<'a, K> {
    id: &'a str,
    severity: &'static str,
    message: &'a str,
    /// The conditions of its keys. `None`: all keys.
    keys_with: Option<String>,
    limit: &'static str,
    #[serde(flatten)]
    max: MaxSums,
    is_broken: bool,
    is_accepted: bool,
    findings: u64,
    keys: Group,
    largest: Vec<K>,
    seconds: Vec<SecondJson>,
}

#[derive(Serialize)]
struct SecondJson {
    at_s: i64,
    keys: u64,
}
