//! A report as metrics in the text format of Prometheus, for the textfile collector of
//! `node_exporter`.

use std::fmt;
use std::io::{self, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rdb_analysis::{Group, Report, SourceReport};
use rdb_parser::escape::Escaped;

pub(crate) fn report(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Metrics(metrics(report))));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

/// A gauge, and its values by their labels.
#[derive(Debug)]
struct Metric {
    name: String,
    help: &'static str,
    values: Vec<(Vec<(&'static str, String)>, i64)>,
}

/// Metrics in the order in which they are written.
#[derive(Debug)]
struct Metrics(Vec<Metric>);

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for Metric { name, help, values } in &self.0 {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (labels, value) in values {
                ConstGauge::new(*value).encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

fn metrics(report: &Report) -> Vec<Metric> {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let by_type = |name: &str, help, value: &dyn Fn(&Group) -> Option<u64>| {
        let rows = report.by_type.iter();
        let values = rows.filter_map(|row| Some((type_label(&row.data_type), signed(value(&row.group)?))));
        Metric { name: format!("bigkeys_{name}"), help, values: values.collect() }
    };
    let by_source = |name: &str, help, value: &dyn Fn(&SourceReport) -> Option<i64>| {
        let values = report.sources.iter().filter_map(|source| {
            let escaped = |text: &str| Escaped::for_terminal(text.as_bytes()).to_string();
            let shard = source.shard.as_deref().unwrap_or_default();
            Some((vec![("path", escaped(&source.path)), ("shard", escaped(shard))], value(source)?))
        });
        Metric { name: format!("bigkeys_source_{name}"), help, values: values.collect() }
    };
    let largest = report.top.iter().filter_map(|(data_type, keys)| {
        let key = keys.first()?;
        Some((type_label(data_type), signed(report.rank.of(&key.measure)?)))
    });
    let by_prefix = |name: &str, help, value: &dyn Fn(&Group) -> Option<u64>| {
        let groups = report.prefixes.iter().flat_map(|table| &table.groups);
        let values = groups.filter_map(|(prefix, group)| {
            let label = vec![("prefix", Escaped::for_terminal(prefix).to_string())];
            Some((label, signed(value(group)?)))
        });
        Metric { name: format!("bigkeys_prefix_{name}"), help, values: values.collect() }
    };
    let metrics = vec![
        by_type("keys", "Keys", &|group| Some(group.keys)),
        by_type("keys_with_expiry", "Keys with an expiry", &|group| Some(group.keys_with_expiry)),
        by_type("elements", "Elements of collections", &|group| Some(group.elements)),
        by_type("rdb_bytes", "Bytes of keys in the file", &|group| Some(group.rdb_bytes)),
        by_type("memory_bytes", "Bytes of keys in memory, as modelled", &|group| group.memory_bytes),
        Metric {
            name: format!("bigkeys_largest_key_{}", report.rank.name()),
            help: "The largest key",
            values: largest.collect(),
        },
        by_prefix("keys", "Keys with a prefix", &|group| Some(group.keys)),
        by_prefix("rdb_bytes", "Bytes of keys with a prefix in the file", &|group| Some(group.rdb_bytes)),
        by_prefix("memory_bytes", "Bytes of keys with a prefix in memory, as modelled", &|group| {
            group.memory_bytes
        }),
        by_source("bytes", "Bytes of the file", &|source| Some(signed(source.facts.bytes))),
        by_source("keys", "Keys of the file", &|source| Some(signed(source.facts.keys))),
        by_source("keys_memory_bytes", "Bytes of all keys in memory, as modelled", &|source| {
            source.memory.as_ref().map(|memory| signed(memory.keys_bytes))
        }),
        by_source("written_timestamp_seconds", "When the file was written", &|source| {
            source.facts.created_at_s
        }),
        by_source("clean", "1 if the file was read to its end and nothing is wrong with it", &|source| {
            Some(source.facts.is_clean().into())
        }),
    ];
    // A metric without a value has nothing to say.
    metrics.into_iter().filter(|metric| !metric.values.is_empty()).collect()
}

fn type_label(data_type: &rdb_analysis::DataType) -> Vec<(&'static str, String)> {
    vec![("type", Escaped::for_terminal(data_type.name().as_bytes()).to_string())]
}
