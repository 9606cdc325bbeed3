//! Options on the server's memory.

use clap::Args;
use rdb_analysis::{Allocator, Assumptions, Limits, ScanOptions, ServerVersion};

/// What is assumed of the server where the files do not tell.
#[derive(Debug, Args)]
#[command(next_help_heading = "Memory model")]
pub(crate) struct MemoryArgs {
    /// Do not model the server's memory
    #[arg(long, help_heading = "Report", hide_short_help = true)]
    pub(crate) no_memory: bool,

    /// Assumed server, such as 7.2.6 or valkey-8.1 [default: the server that the file names]
    ///
    /// Encodings and memory are those of this server after it has loaded the file.
    #[arg(long, hide_short_help = true, value_name = "VERSION")]
    server_version: Option<ServerVersion>,

    /// Assumed allocator: jemalloc-q8, jemalloc-q16 or glibc
    ///
    /// Redis and Valkey bundle jemalloc-q8, distributions build jemalloc-q16.
    #[arg(long, hide_short_help = true, value_name = "ALLOCATOR", default_value_t = Allocator::default())]
    allocator: Allocator,

    #[command(flatten)]
    limits: LimitArgs,
}

/// The server's configuration, directive by directive.
#[derive(Debug, Args)]
struct LimitArgs {
    /// As in the server's configuration [default: 512, or what packed hashes show]
    #[arg(long, hide_short_help = true, value_name = "N", alias = "hash-max-ziplist-entries")]
    hash_max_listpack_entries: Option<u64>,

    /// As in the server's configuration
    #[arg(
        long,
        hide_short_help = true,
        value_name = "BYTES",
        alias = "hash-max-ziplist-value",
        default_value_t = 64
    )]
    hash_max_listpack_value: u64,

    /// As in the server's configuration [default: 512, or what intsets show]
    #[arg(long, hide_short_help = true, value_name = "N")]
    set_max_intset_entries: Option<u64>,

    /// As in the server's configuration [default: 128, or what packed sets show]
    #[arg(long, hide_short_help = true, value_name = "N")]
    set_max_listpack_entries: Option<u64>,

    /// As in the server's configuration
    #[arg(long, hide_short_help = true, value_name = "BYTES", default_value_t = 64)]
    set_max_listpack_value: u64,

    /// As in the server's configuration [default: 128, or what packed sorted sets show]
    #[arg(long, hide_short_help = true, value_name = "N", alias = "zset-max-ziplist-entries")]
    zset_max_listpack_entries: Option<u64>,

    /// As in the server's configuration
    #[arg(
        long,
        hide_short_help = true,
        value_name = "BYTES",
        alias = "zset-max-ziplist-value",
        default_value_t = 64
    )]
    zset_max_listpack_value: u64,

    /// As in the server's configuration: items in a node, or -1 to -5 for nodes of 4 to 64 KiB
    #[arg(
        long,
        hide_short_help = true,
        value_name = "N",
        alias = "list-max-ziplist-size",
        default_value_t = -2,
        allow_negative_numbers = true
    )]
    list_max_listpack_size: i64,

    /// As in the server's configuration: nodes at each end of a list that are not compressed
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 0)]
    list_compress_depth: u64,

    /// The server is a node of a cluster
    #[arg(long, hide_short_help = true)]
    cluster_enabled: bool,
}

impl MemoryArgs {
    /// Sets the options of a scan.
    pub(crate) fn apply(&self, options: &mut ScanOptions) {
        let given = &self.limits;
        let mut limits = Limits::default();
        // One who knows a limit knows that the server has it, whatever the writer of the file had.
        for (limit, given) in [
            (&mut limits.hash_max_listpack_entries, given.hash_max_listpack_entries),
            (&mut limits.set_max_intset_entries, given.set_max_intset_entries),
            (&mut limits.set_max_listpack_entries, given.set_max_listpack_entries),
            (&mut limits.zset_max_listpack_entries, given.zset_max_listpack_entries),
        ] {
            if let Some(given) = given {
                *limit = given;
                limits.packed_values_raise_limits = false;
            }
        }
        limits.hash_max_listpack_value = given.hash_max_listpack_value;
        limits.set_max_listpack_value = given.set_max_listpack_value;
        limits.zset_max_listpack_value = given.zset_max_listpack_value;
        limits.list_max_listpack_size = given.list_max_listpack_size;
        limits.list_compress_depth = given.list_compress_depth;
        limits.cluster_enabled = given.cluster_enabled;
        let mut assumptions = Assumptions::default();
        assumptions.server.clone_from(&self.server_version);
        assumptions.allocator = self.allocator;
        assumptions.limits = limits;
        options.memory = !self.no_memory;
        options.assumptions = assumptions;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        memory: MemoryArgs,
    }

    fn options(line: &[&str]) -> ScanOptions {
        let mut options = ScanOptions::default();
        Line::parse_from(["test"].iter().chain(line)).memory.apply(&mut options);
        options
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let options = options(&[]);
        assert_eq!(options.assumptions, Assumptions::default());
        assert!(options.memory);
    }

    #[test]
    fn directives_may_have_their_older_names() {
        let options = options(&["--hash-max-ziplist-entries", "64", "--list-max-listpack-size", "-1"]);
        assert_eq!(options.assumptions.limits.hash_max_listpack_entries, 64);
        assert_eq!(options.assumptions.limits.list_max_listpack_size, -1);
        assert!(!options.assumptions.limits.packed_values_raise_limits);
    }
}
