//! Broken rules as SARIF 2.1.0, which code hosts show as alerts.

use bigkeys::{RuleResult, Severity};
use rdb_analysis::Report;
use rdb_analysis::json::KeysAs;
use serde::Serialize;
use serde_sarif::sarif::{
    ArtifactLocation, Location, LogicalLocation, Message, MultiformatMessageString, PhysicalLocation,
    ReportingConfiguration, ReportingDescriptor, Result as SarifResult, ResultLevel, Run, SCHEMA_URL, Sarif,
    Tool, ToolComponent,
};

use crate::messages::count;
use crate::render::names::Name;
use bigkeys_report::words::{Finding, findings};

/// The log of one run.
pub(crate) fn sarif(report: &Report, results: &[RuleResult], keys_as: KeysAs) -> impl Serialize {
    let rules = results.iter().map(|result| {
        let text = MultiformatMessageString::builder().text(result.rule.message.clone()).build();
        let level = ReportingConfiguration::builder().level(result.rule.severity.name()).build();
        ReportingDescriptor::builder()
            .id(result.rule.id.clone())
            .full_description(text)
            .default_configuration(level)
            .build()
    });
    let driver = ToolComponent::builder()
        .name("bigkeys")
        .version(env!("CARGO_PKG_VERSION"))
        .rules(rules.collect::<Vec<_>>())
        .build();
    let mut alerts = Vec::new();
    for (index, result) in (0..).zip(results) {
        alerts.extend(findings(result).iter().map(|finding| alert(report, index, result, finding, keys_as)));
    }
    let run = Run::builder().tool(Tool::builder().driver(driver).build()).results(alerts).build();
    Sarif::builder().schema(SCHEMA_URL).version("2.1.0").runs(vec![run]).build()
}

fn alert(
    report: &Report,
    rule_index: i64,
    result: &RuleResult,
    finding: &Finding<'_>,
    keys_as: KeysAs,
) -> SarifResult {
    let level = match result.rule.severity {
        Severity::Error => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Note => ResultLevel::Note,
    };
    let name = finding.key.map(|key| Name::of(key, keys_as).whole());
    let sources: Vec<&str> = match finding.key {
        Some(key) => report.sources.get(key.source).map(|source| source.path.as_str()).into_iter().collect(),
        None => report.sources.iter().map(|source| source.path.as_str()).collect(),
    };
    let locations = sources.into_iter().map(|path| {
        let physical = PhysicalLocation::builder()
            .artifact_location(ArtifactLocation::builder().uri(uri(path)).build())
            .build();
        match &name {
            Some(name) => Location::builder()
                .physical_location(physical)
                .logical_locations(vec![LogicalLocation::builder().name(name.clone()).kind("member").build()])
                .build(),
            None => Location::builder().physical_location(physical).build(),
        }
    });
    let locations: Vec<_> = locations.collect();
    let text = match &name {
        Some(name) => format!("{name}: {}. {}", finding.text, result.rule.message),
        None => format!("{}: {}. {}", count(result.keys.keys, "key"), finding.text, result.rule.message),
    };
    // The same finding of the next backup has the same fingerprint.
    let fingerprint = format!("{}/{}", result.rule.id, name.as_deref().unwrap_or_default());
    SarifResult::builder()
        .rule_id(result.rule.id.clone())
        .rule_index(rule_index)
        .level(level)
        .message(Message::builder().text(text).build())
        .locations(locations)
        .partial_fingerprints(std::collections::BTreeMap::from([("rule/key".to_owned(), fingerprint)]))
        .build()
}

/// A path as a reference of RFC 3986: bytes that have no place there are encoded.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let encoded = path
        .bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}
