//! Rules: presets, files of rules, baselines, and the formats of their results.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::{all_testdata, json, output, stdout, testdata, text};

/// A file of ten sets with an expiry in the same second, and a string with a hostile name.
fn file() -> (tempfile::TempDir, PathBuf) {
    let mut file = b"REDIS0009\xfa\x05ctime\xc2\x00\xf1\x53\x65\xfe\x00".to_vec();
    for set in b'0'..=b'9' {
        file.push(0xfc);
        file.extend((1_700_000_000_000u64 + u64::from(set)).to_le_bytes());
        file.extend([2, 5]);
        file.extend(b"tag:");
        file.extend([set, 2, 1, b'a', 1, b'b']);
    }
    file.extend(b"\x00\x08\x1b[2J<&>\xff\x41\x00");
    file.extend([b'v'; 256]);
    file.extend(b"\xff\0\0\0\0\0\0\0\0");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a dump.rdb");
    std::fs::write(&path, file).expect("written");
    (directory, path)
}

const RULES: &str = r#"
[[rule]]
id = "many-tags"
severity = "error"
match = "tag:*"
max_keys = 9
max_elements = 20
message = "Too many tags"

[[rule]]
id = "naming"
severity = "note"
where = '!key.matches("^[a-z]+:[0-9]+$")'
message = "Names are kind:number"

[[rule]]
id = "burst"
match = ["tag:*"]
max_expiring_in_a_second = 5
message = "Too many at once"

[[rule]]
id = "kept"
type = "hash"
min_elements = 1
message = "No hashes"
"#;

fn rules(directory: &Path) -> String {
    let path = directory.join("rules.toml");
    std::fs::write(&path, RULES).expect("written");
    text(&path).to_owned()
}

fn lint(options: &[&str], path: &Path, status: i32) -> String {
    stdout(&[&["lint"], options, &[text(path)]].concat(), status)
}

#[test]
fn rules_of_each_kind_are_checked() {
    let (directory, path) = file();
    let rules = rules(directory.path());
    let result = json(&lint(&["--rules", &rules, "--format", "json"], &path, 1));
    let by_id = |id: &str| {
        let rules = result["rules"].as_array().expect("rules");
        rules.iter().find(|rule| rule["id"] == id).cloned().expect("the rule")
    };
    assert_eq!(result["broken_rules"], 3);
    let tags = by_id("many-tags");
    assert_eq!((&tags["keys"]["keys"], &tags["findings"]), (&10.into(), &1.into()));
    assert_eq!(by_id("naming")["largest"].as_array().map(Vec::len), Some(1));
    assert_eq!(by_id("burst")["seconds"], json(r#"[{"at_s":1700000000,"keys":10}]"#));
    assert_eq!(by_id("kept")["is_broken"], false);
    let table = lint(&["--rules", &rules], &path, 1);
    for shown in [
        "error many-tags",
        "10 keys, and the limit is 9",
        "10 keys expire at 2023-11-14T22:13:20Z, and 5 may",
        "note naming: 1 key",
        "4 rules, 3 broken: 1 error, 1 warning, 1 note",
    ] {
        assert!(table.contains(shown), "{shown}: {table}");
    }
    let folder = testdata("fixtures");
    assert!(output(&["lint", "--rules", text(&folder), text(&path)]).status.code() == Some(2));
}

#[test]
fn the_level_decides_on_the_exit_status() {
    let (directory, path) = file();
    let rules = rules(directory.path());
    let run =
        |options: &[&str], status| lint(&[&["--rules", rules.as_str()], options].concat(), &path, status);
    run(&["--fail-level", "error"], 1);
    run(&["--fail-level", "error", "--type", "string"], 0);
    run(&["--fail-level", "note", "--type", "string"], 1);
    run(&["--fail-level", "never"], 0);
    run(&["--preset", "dcs", "--no-memory"], 2);
}

#[test]
fn a_baseline_accepts_what_was_found() {
    let (directory, path) = file();
    let rules = rules(directory.path());
    let baseline = directory.path().join("accepted.json");
    let baseline = text(&baseline);
    lint(&["--rules", &rules, "--write-baseline", baseline], &path, 0);
    let table = lint(&["--rules", &rules, "--baseline", baseline], &path, 0);
    assert!(table.contains("4 rules, none is broken"), "{table}");
    // Of another file, only the names that were accepted are.
    for file in all_testdata() {
        let run = |options: &[&str]| {
            let output =
                output(&[&["lint", "--rules", &rules, "--format", "json"], options, &[text(&file)]].concat());
            json(&String::from_utf8(output.stdout).expect("text"))
        };
        let (found, rest) = (run(&[]), run(&["--baseline", baseline]));
        assert_eq!(found["rules"][1]["keys"], rest["rules"][1]["keys"], "{}", file.display());
    }
}

#[test]
fn the_cloud_s_definition_of_a_big_key_is_a_preset() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let result = json(&lint(&["--preset", "dcs", "--format", "json"], &file, 1));
    let found: Vec<_> =
        result["rules"].as_array().expect("rules").iter().map(|rule| &rule["findings"]).collect();
    let count = |condition: &str| {
        stdout(&["keys", "--deep", "--where", condition, text(&file)], 0).lines().count() as u64
    };
    let strings = count("type == 'string' && value_bytes > 10KB");
    let expected = [strings, count("elements > 5000 && type != 'string'"), count("memory_bytes > 50MB")];
    assert!(strings > 0);
    assert_eq!(found, expected.map(Value::from).iter().collect::<Vec<_>>());
}

#[test]
fn every_format_is_valid_and_lets_no_control_character_through() {
    let (directory, path) = file();
    let rules = rules(directory.path());
    for format in ["table", "json", "junit", "sarif"] {
        for keys_as in ["auto", "base64"] {
            let shown = lint(&["--rules", &rules, "--format", format, "--keys-as", keys_as], &path, 1);
            let bad = shown.chars().find(|&c| c != '\n' && rdb_parser::escape::is_unprintable(c));
            assert_eq!(bad, None, "{format}: {shown:?}");
            // JSON has names that are not UTF-8 in base64.
            let has_name = shown.contains(if format == "json" { "key_b64" } else { "[2J" });
            assert!(has_name || keys_as == "base64", "{format}: the name is in it: {shown}");
        }
    }
    let junit = lint(&["--rules", &rules, "--format", "junit"], &path, 1);
    let report = quick_junit::Report::deserialize_from_str(&junit).expect("JUnit");
    assert_eq!((report.tests, report.failures), (4, 3));
}

#[test]
fn json_and_sarif_are_as_their_schemas_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schema = |path: &Path| {
        let schema = std::fs::read_to_string(path).expect("the schema");
        // This pattern of SARIF's schema is not a valid regular expression.
        let schema = json(&schema.replace("^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$", ""));
        jsonschema::validator_for(&schema).expect("a schema")
    };
    let lint_schema = schema(&root.join("docs/schema/lint.schema.json"));
    let sarif_schema = schema(&sarif_schema());
    let (directory, hostile) = file();
    let rules = rules(directory.path());
    for file in all_testdata().into_iter().chain([hostile]) {
        for (format, schema) in [("json", &lint_schema), ("sarif", &sarif_schema)] {
            let shown =
                output(&["lint", "--rules", &rules, "--preset", "dcs", "--format", format, text(&file)]);
            let shown = json(&String::from_utf8(shown.stdout).expect("text"));
            let errors: Vec<_> = schema.iter_errors(&shown).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{format} of {}: {errors:?}", file.display());
        }
    }
    assert!(sarif_schema.validate(&json("{}")).is_err(), "the schema does refuse");
}

/// The schema of SARIF, which the crate brings whose types write it.
fn sarif_schema() -> PathBuf {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).expect("a home of cargo");
    let registries = std::fs::read_dir(cargo.join("registry/src")).expect("sources of crates");
    let crates = registries
        .flat_map(|registry| std::fs::read_dir(registry.expect("readable").path()).expect("crates"));
    let mut crates = crates.map(|package| package.expect("readable").path());
    let is_sarif = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("serde-sarif-"))
    };
    crates.find(is_sarif).expect("the crate").join("src/schema.json")
}
