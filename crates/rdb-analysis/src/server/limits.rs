//! Directives of a server's configuration that decide how it stores a value.

use serde::{Deserialize, Serialize};

/// Limits and other directives of a server's configuration that decide how it holds a value after
/// loading.
///
/// Each field is named after its directive in `redis.conf` and defaults to the servers' default.
///
/// Up to Redis 6.2, the directives for hashes and sorted sets had `ziplist` in their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// `hash-max-listpack-entries`
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value`, in bytes
    pub hash_max_listpack_value: u64,
    /// `set-max-intset-entries`
    pub set_max_intset_entries: u64,
    /// `set-max-listpack-entries`, since 7.2
    pub set_max_listpack_entries: u64,
    /// `set-max-listpack-value`, in bytes, since 7.2
    pub set_max_listpack_value: u64,
    /// `zset-max-listpack-entries`
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value`, in bytes
    pub zset_max_listpack_value: u64,
    /// `list-max-listpack-size`: items per node, or -1 to -5 for nodes of 4 KiB to 64 KiB
    pub list_max_listpack_size: i64,
    /// `list-compress-depth`: nodes at each end of a list that are not compressed; 0 compresses none
    #[serde(default)]
    pub list_compress_depth: u64,
    /// `cluster-enabled`
    #[serde(default)]
    pub cluster_enabled: bool,
    /// Whether a packed hash, set or sorted set with more elements than a limit stays packed, because
    /// it shows that the limit of the server that wrote it is higher. If not, the limits are those of
    /// the server that loads the file.
    #[serde(default = "yes")]
    pub packed_values_raise_limits: bool,
}

fn yes() -> bool {
    true
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            list_max_listpack_size: -2,
            list_compress_depth: 0,
            cluster_enabled: false,
            packed_values_raise_limits: true,
        }
    }
}

impl Limits {
    /// Whether a packed value with this number of elements stays packed.
    pub(crate) fn keeps_packed(&self, elements: u64, max_entries: u64) -> bool {
        self.packed_values_raise_limits || elements <= max_entries
    }

    /// Whether a list's node may have `bytes` and `items`.
    ///
    /// Source: `quicklistNodeExceedsLimit` in `quicklist.c`.
    pub(crate) fn list_node_fits(&self, bytes: u64, items: u64) -> bool {
        match u64::try_from(self.list_max_listpack_size) {
            // The servers treat 0 as 1.
            Ok(max_items) => items <= max_items.max(1) && bytes <= 8 << 10,
            Err(_) => bytes <= 2 << (10 + self.list_max_listpack_size.unsigned_abs().min(5)),
        }
    }

    /// Whether a list that was loaded as one node of `bytes` and `items` becomes a listpack. If the
    /// directive limits items, the bytes do not matter.
    ///
    /// Source: `listTypeTryConvertQuicklist` in `t_list.c` of Redis 7.2.
    pub(crate) fn list_becomes_listpack(&self, bytes: u64, items: u64) -> bool {
        match u64::try_from(self.list_max_listpack_size) {
            Ok(max_items) => items <= max_items.max(1),
            Err(_) => self.list_node_fits(bytes, items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_list_node_is_limited_by_items_or_by_bytes() {
        let limits = |list_max_listpack_size| Limits { list_max_listpack_size, ..Limits::default() };
        assert!(limits(-2).list_node_fits(8192, 1 << 20));
        assert!(!limits(-2).list_node_fits(8193, 1));
        assert!(limits(-1).list_node_fits(4096, 1) && !limits(-1).list_node_fits(4097, 1));
        assert!(limits(-5).list_node_fits(65_536, 1) && !limits(-9).list_node_fits(65_537, 1));
        assert!(limits(10).list_node_fits(100, 10) && !limits(10).list_node_fits(100, 11));
        assert!(limits(0).list_node_fits(100, 1) && !limits(i64::MAX).list_node_fits(8193, 1));
        assert!(limits(i64::MIN).list_node_fits(65_536, 1));
        assert!(limits(10).list_becomes_listpack(9000, 10) && !limits(10).list_becomes_listpack(9000, 11));
        assert!(!limits(-2).list_becomes_listpack(9000, 1));
    }
}
