//! Distributions of sizes and expiries.

use std::path::Path;

use serde_json::Value;

use crate::common::{all_testdata, json, json_lines, stdout, testdata, text};

#[test]
fn distributions_are_those_of_the_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let schema =
        json(&std::fs::read_to_string(root.join("docs/schema/stats.schema.json")).expect("the schema"));
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for file in all_testdata() {
        let stats = json(&stdout(&["stats", "--format", "json", text(&file)], 0));
        let errors: Vec<_> = schema.iter_errors(&stats).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
        let rows = json_lines(&stdout(&["keys", text(&file)], 0));
        let check = |quantiles: &Value, field: &str, data_type: Option<&Value>| {
            let of_type =
                rows.iter().filter(|row| data_type.is_none_or(|data_type| row["type"] == *data_type));
            let mut exact: Vec<u64> = of_type.filter_map(|row| row[field].as_u64()).collect();
            exact.sort_unstable();
            assert_eq!(quantiles["keys"], exact.len(), "{field}");
            assert_eq!(quantiles["max"], exact.last().copied().unwrap_or(0), "{field}");
            let mut left = &exact[..];
            for bucket in quantiles["histogram"].as_array().expect("buckets") {
                let [from, to, keys] = ["from", "to", "keys"].map(|name| bucket[name].as_u64().expect(name));
                let (inside, rest) = left.split_at(usize::try_from(keys).expect("few"));
                assert!(inside.iter().all(|number| (from..=to).contains(number)), "{field}: {bucket}");
                assert!(!inside.is_empty() && to <= from + from / 4, "{field}: {bucket}");
                left = rest;
            }
            assert_eq!(left, [0u64; 0], "{field}");
            for (name, thousandths) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)] {
                let index = (exact.len() * thousandths).div_ceil(1000).checked_sub(1);
                let exact = index.map_or(0, |index| exact[index]);
                let found = quantiles[name].as_u64().expect("a number");
                assert!(
                    exact <= found && found <= exact + exact / 4,
                    "{field} {name}: {found}, exactly {exact}"
                );
            }
        };
        check(&stats["bytes"], "memory_bytes", None);
        check(&stats["elements"], "elements", None);
        check(&stats["idle_seconds"], "idle_seconds", None);
        check(&stats["freq"], "freq", None);
        for row in stats["by_type"].as_array().expect("types") {
            check(&row["bytes"], "memory_bytes", Some(&row["type"]));
            check(&row["elements"], "elements", Some(&row["type"]));
        }
        let report = json(&stdout(&["scan", "--format", "json", text(&file)], 0));
        let forecast = stats["forecast"].as_array().expect("rows");
        let keys: u64 = forecast.iter().map(|row| row["keys"].as_u64().expect("a number")).sum();
        assert_eq!(keys, report["totals"]["keys_with_expiry"], "{}", file.display());
    }
}

#[test]
fn the_table_shows_percentiles_and_what_expires() {
    let file = testdata("fixtures/redis-8.2.3.rdb");
    let shown = stdout(&["stats", text(&file)], 0);
    for what in
        ["Bytes of a key in memory", "Elements of a key", "99 % below", "What expires", "bytes until then"]
    {
        assert!(shown.contains(what), "{what}: {shown}");
    }
}
