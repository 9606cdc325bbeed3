//! Configurations of a server, and what the memory model is told of each.

#![allow(dead_code, reason = "not every program that has this module uses all of it")]

use std::path::Path;
use std::process::Command;

use rdb_analysis::{Assumptions, Limits};

/// A configuration that a server is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Configuration {
    Defaults,
    LoweredLimits,
    RaisedLimits,
    Lru,
    Lfu,
    CompressedLists,
    Cluster,
}

impl Configuration {
    pub(crate) const ALL: [Self; 7] = [
        Self::Defaults,
        Self::LoweredLimits,
        Self::RaisedLimits,
        Self::Lru,
        Self::Lfu,
        Self::CompressedLists,
        Self::Cluster,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::LoweredLimits => "lowered limits",
            Self::RaisedLimits => "raised limits",
            Self::Lru => "LRU",
            Self::Lfu => "LFU",
            Self::CompressedLists => "compressed lists",
            Self::Cluster => "cluster",
        }
    }

    /// Options for the server's command line.
    pub(crate) fn options(self, version: ProgramVersion) -> Vec<String> {
        let limits = LIMITS.iter().filter(|limit| !limit.is_of_listpack_sets || version.numbers >= (7, 2));
        let directives: Vec<(&str, String)> = match self {
            Self::Defaults => Vec::new(),
            Self::LoweredLimits => limits.map(|limit| (limit.directive, limit.lowered.to_string())).collect(),
            Self::RaisedLimits => limits.map(|limit| (limit.directive, limit.raised.to_string())).collect(),
            Self::Lru => vec![("maxmemory-policy", "allkeys-lru".to_owned())],
            Self::Lfu => vec![("maxmemory-policy", "allkeys-lfu".to_owned())],
            Self::CompressedLists => vec![("list-compress-depth", "1".to_owned())],
            Self::Cluster => vec![
                ("cluster-enabled", "yes".to_owned()),
                ("cluster-require-full-coverage", "no".to_owned()),
            ],
        };
        directives.into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect()
    }

    /// What a user states of the server.
    pub(crate) fn assumptions(self) -> Assumptions {
        let mut assumptions = Assumptions::default();
        let limits = &mut assumptions.limits;
        match self {
            Self::LoweredLimits => {
                limits.packed_values_raise_limits = false;
                for limit in &LIMITS {
                    (limit.set)(limits, limit.lowered);
                }
            }
            Self::RaisedLimits => {
                for limit in &LIMITS {
                    (limit.set)(limits, limit.raised);
                }
            }
            Self::CompressedLists => limits.list_compress_depth = 1,
            Self::Cluster => limits.cluster_enabled = true,
            Self::Defaults | Self::Lru | Self::Lfu => {}
        }
        assumptions
    }
}

/// A limit of packed values.
struct Limit {
    /// In its older name, which newer servers understand, too.
    directive: &'static str,
    /// Whether only servers since 7.2 have it.
    is_of_listpack_sets: bool,
    lowered: i64,
    raised: i64,
    set: fn(&mut Limits, i64),
}

impl Limit {
    const fn new(directive: &'static str, values: [i64; 2], set: fn(&mut Limits, i64)) -> Self {
        Self { directive, is_of_listpack_sets: false, lowered: values[0], raised: values[1], set }
    }

    const fn of_listpack_sets(self) -> Self {
        Self { is_of_listpack_sets: true, ..self }
    }
}

/// The limits of packed values, lowered and raised.
const LIMITS: [Limit; 8] = [
    Limit::new("hash-max-ziplist-entries", [64, 1500], |l, n| l.hash_max_listpack_entries = n.unsigned_abs()),
    Limit::new("hash-max-ziplist-value", [32, 300], |l, n| l.hash_max_listpack_value = n.unsigned_abs()),
    Limit::new("set-max-intset-entries", [100, 2000], |l, n| l.set_max_intset_entries = n.unsigned_abs()),
    Limit::new("set-max-listpack-entries", [32, 700], |l, n| l.set_max_listpack_entries = n.unsigned_abs())
        .of_listpack_sets(),
    Limit::new("set-max-listpack-value", [20, 250], |l, n| l.set_max_listpack_value = n.unsigned_abs())
        .of_listpack_sets(),
    Limit::new("zset-max-ziplist-entries", [32, 900], |l, n| l.zset_max_listpack_entries = n.unsigned_abs()),
    Limit::new("zset-max-ziplist-value", [16, 300], |l, n| l.zset_max_listpack_value = n.unsigned_abs()),
    Limit::new("list-max-ziplist-size", [16, -4], |l, n| l.list_max_listpack_size = n),
];

/// What a server's program says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgramVersion {
    pub(crate) is_valkey: bool,
    /// Major and minor.
    pub(crate) numbers: (u32, u32),
}

impl ProgramVersion {
    pub(crate) fn of(program: &Path) -> Self {
        let output = Command::new(program).arg("--version").output().expect("the server's program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_once("v=").expect("a version").1;
        let mut numbers = version.split('.').map(|number| number.parse().expect("a number"));
        let mut next = || numbers.next().expect("major and minor");
        Self { is_valkey: text.starts_with("Valkey"), numbers: (next(), next()) }
    }

    /// The newest version of Redis' format that the server reads, up to 12.
    pub(crate) fn redis_format(self) -> u32 {
        match (self.is_valkey, self.numbers) {
            (false, (..=6, _)) => 9,
            (false, (7, ..=1)) => 10,
            (true, _) | (false, (7, ..=3)) => 11,
            (false, _) => 12,
        }
    }

    /// Whether fields of hashes may expire.
    pub(crate) fn has_field_expiry(self) -> bool {
        self.numbers >= if self.is_valkey { (9, 0) } else { (7, 4) }
    }

    /// Whether hashes may share their field names, and arrays are a type.
    pub(crate) fn has_templates_and_arrays(self) -> bool {
        !self.is_valkey && self.numbers >= (8, 10)
    }
}
