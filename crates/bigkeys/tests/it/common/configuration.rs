//! Configurations of a server, and what the memory model is told of each.

#![allow(dead_code, reason = "not every program that has this module uses all of it")]

use std::path::Path;
use std::process::Command;

use rdb_analysis::Assumptions;

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

    /// Options for the server's command line. The older names of directives are understood by newer
    /// servers, too.
    pub(crate) fn options(self, version: ProgramVersion) -> Vec<String> {
        let limits = |hash: [&str; 2], set: [&str; 3], zset: [&str; 2], list: &str| {
            let mut directives = vec![
                ("hash-max-ziplist-entries", hash[0].to_owned()),
                ("hash-max-ziplist-value", hash[1].to_owned()),
                ("set-max-intset-entries", set[0].to_owned()),
                ("zset-max-ziplist-entries", zset[0].to_owned()),
                ("zset-max-ziplist-value", zset[1].to_owned()),
                ("list-max-ziplist-size", list.to_owned()),
            ];
            if version.numbers >= (7, 2) {
                directives.push(("set-max-listpack-entries", set[1].to_owned()));
                directives.push(("set-max-listpack-value", set[2].to_owned()));
            }
            directives
        };
        let directives = match self {
            Self::Defaults => Vec::new(),
            Self::LoweredLimits => limits(["64", "32"], ["100", "32", "20"], ["32", "16"], "16"),
            Self::RaisedLimits => limits(["1500", "300"], ["2000", "700", "250"], ["900", "300"], "-4"),
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
                limits.hash_max_listpack_entries = 64;
                limits.hash_max_listpack_value = 32;
                limits.set_max_intset_entries = 100;
                limits.set_max_listpack_entries = 32;
                limits.set_max_listpack_value = 20;
                limits.zset_max_listpack_entries = 32;
                limits.zset_max_listpack_value = 16;
                limits.list_max_listpack_size = 16;
            }
            Self::RaisedLimits => {
                limits.hash_max_listpack_entries = 1500;
                limits.hash_max_listpack_value = 300;
                limits.set_max_intset_entries = 2000;
                limits.set_max_listpack_entries = 700;
                limits.set_max_listpack_value = 250;
                limits.zset_max_listpack_entries = 900;
                limits.zset_max_listpack_value = 300;
                limits.list_max_listpack_size = -4;
            }
            Self::CompressedLists => limits.list_compress_depth = 1,
            Self::Cluster => limits.cluster_enabled = true,
            Self::Defaults | Self::Lru | Self::Lfu => {}
        }
        assumptions
    }
}

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
