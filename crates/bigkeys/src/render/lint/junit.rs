//! Results of rules as `JUnit` XML, which CI systems show as tests.

use std::io::{self, Write};

use bigkeys::RuleResult;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use rdb_analysis::json::KeysAs;

use crate::messages::count;
use crate::render::names::Name;
use bigkeys_report::words::findings;

/// Writes a test for each rule, which fails if the rule is broken.
pub(crate) fn junit(out: &mut dyn Write, results: &[RuleResult], keys_as: KeysAs) -> io::Result<()> {
    let mut suite = TestSuite::new("bigkeys lint");
    for result in results {
        let mut case = TestCase::new(result.rule.id.as_str(), status(result, keys_as));
        case.set_classname("bigkeys.lint");
        suite.add_test_case(case);
    }
    let mut report = Report::new("bigkeys");
    report.add_test_suite(suite);
    report.serialize(out).map_err(io::Error::other)
}

fn status(result: &RuleResult, keys_as: KeysAs) -> TestCaseStatus {
    if !result.is_broken() {
        return TestCaseStatus::success();
    }
    let lines = findings(result).into_iter().map(|finding| match finding.key {
        Some(key) => {
            let name = Name::of(key, keys_as).whole();
            format!("{name}: {}", finding.text)
        }
        None => finding.text,
    });
    let lines: Vec<_> = lines.collect();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(result.rule.severity.name());
    status.set_message(format!("{}: {}", count(result.findings(), "finding"), result.rule.message));
    status.set_description(lines.join("\n"));
    status
}
