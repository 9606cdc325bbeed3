//! Broken rules, and what broke them.

use bigkeys_scan::RuleResult;
use serde::Serialize;

use crate::text::{self, counted, plain};
use crate::words;

/// Findings of a rule that are listed.
const MAX_FINDINGS: usize = 10;

/// The rules of a page.
#[derive(Debug, Serialize)]
pub(super) struct RulesView {
    summary: String,
    /// Those that are broken, errors first.
    broken: Vec<Broken>,
}

#[derive(Debug, Serialize)]
struct Broken {
    id: String,
    severity: &'static str,
    message: String,
    findings: Vec<Finding>,
    more: u64,
}

#[derive(Debug, Serialize)]
struct Finding {
    key: Option<String>,
    text: String,
}

impl RulesView {
    pub(super) fn new(results: &[RuleResult]) -> Self {
        let mut broken: Vec<&RuleResult> = results.iter().filter(|result| result.is_broken()).collect();
        broken.sort_by_key(|result| std::cmp::Reverse(result.rule.severity));
        let rules = counted(results.len() as u64, "rule");
        Self {
            summary: match broken.len() {
                0 => format!("{rules}, none is broken"),
                some => format!("{rules}, {some} broken"),
            },
            broken: broken.into_iter().map(Broken::new).collect(),
        }
    }
}

impl Broken {
    fn new(result: &RuleResult) -> Self {
        let all = words::findings(result);
        let listed = all.len().min(MAX_FINDINGS) as u64;
        let findings = all.into_iter().take(MAX_FINDINGS).map(|finding| Finding {
            key: finding.key.map(|key| text::name(&key.key, key.key_bytes)),
            text: plain(&finding.text),
        });
        Self {
            id: plain(&result.rule.id),
            severity: result.rule.severity.name(),
            message: plain(&result.rule.message),
            more: result.findings().saturating_sub(listed),
            findings: findings.collect(),
        }
    }
}
