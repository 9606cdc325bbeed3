//! Radix trees over names, as streams have them for groups and consumers.

use rdb_parser::RdbString;

use super::sizes::{LEAF, Sizes};

/// First bytes of a name that are kept, and names of a tree: 1 MiB together.
const MAX_NAME_BYTES: usize = 256;
const MAX_NAMES: usize = 4096;

/// Header of a node, without padding.
const NODE_HEADER: u64 = 4;

/// A pointer, to a child or to the value of a name.
const POINTER: u64 = 8;

/// The names of a tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameTree {
    names: Vec<Vec<u8>>,
    /// All names, and the bytes that are not kept of them.
    count: u64,
    left_bytes: u64,
    scratch: Vec<u8>,
}

impl NameTree {
    /// Adds a name.
    pub(crate) fn push(&mut self, name: &RdbString<'_>) {
        self.count += 1;
        if self.names.len() >= MAX_NAMES {
            return;
        }
        // A name that cannot be read differs from the others at its first byte.
        let kept = name.decode_prefix(MAX_NAME_BYTES, &mut self.scratch).unwrap_or_default().to_vec();
        self.left_bytes += name.decoded_len().saturating_sub(kept.len() as u64);
        self.names.push(kept);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of the nodes. Begins a new tree. The names that are not kept count as the mean of the
    /// others.
    pub(crate) fn finish(&mut self, sizes: &Sizes) -> u64 {
        let mut names = std::mem::take(&mut self.names);
        let (count, left_bytes) = (std::mem::take(&mut self.count), std::mem::take(&mut self.left_bytes));
        names.sort_unstable();
        names.dedup();
        let kept = names.len() as u64;
        if kept == 0 {
            return sizes.usable(NODE_HEADER);
        }
        let bytes = nodes(&names, 0, sizes).saturating_add(left_bytes);
        if count > MAX_NAMES as u64 { bytes.saturating_mul(count) / kept } else { bytes }
    }
}

/// The bytes of the nodes below `depth` for sorted names that have their first `depth` bytes in common.
fn nodes(names: &[Vec<u8>], depth: usize, sizes: &Sizes) -> u64 {
    let Some((first, rest)) = names.split_first() else { return 0 };
    let ends_here = first.len() == depth;
    let rest = if ends_here { rest } else { names };
    let (Some(first), Some(last)) = (rest.first(), rest.last()) else { return sizes.usable(LEAF) };
    let value = if ends_here { POINTER } else { 0 };
    let node = |bytes: usize, children: u64| {
        let bytes = (NODE_HEADER + bytes as u64).next_multiple_of(POINTER);
        sizes.usable(bytes + POINTER * children + value)
    };
    let common = first.iter().zip(last).skip(depth).take_while(|(a, b)| a == b).count();
    if common > 0 {
        return node(common, 1).saturating_add(nodes(rest, depth + common, sizes));
    }
    let branches = rest.chunk_by(|a, b| a.get(depth) == b.get(depth));
    let (mut children, mut below) = (0, 0u64);
    for branch in branches {
        children += 1;
        below = below.saturating_add(nodes(branch, depth + 1, sizes));
    }
    node(children, children as u64).saturating_add(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Allocator, Family, Profile};

    fn bytes(names: &[&str]) -> u64 {
        let sizes = Sizes::new(Profile::of(Family::Redis8_6, None), Allocator::JemallocQ8);
        let mut tree = NameTree::default();
        for name in names {
            tree.push(&RdbString::Raw(name.as_bytes()));
        }
        tree.finish(&sizes)
    }

    #[test]
    fn nodes_are_runs_branches_and_leaves() {
        assert_eq!(bytes(&[]), 8, "the root");
        // A run of four, A(8 + 8), and a leaf, A(16).
        assert_eq!(bytes(&["abcd"]), 16 + 16);
        // A run of three, a branch of two, A(8 + 16), and two leaves.
        assert_eq!(bytes(&["abce", "abcd"]), 16 + 24 + 2 * 16);
        // A branch of two at the root, and a run and a leaf for each.
        assert_eq!(bytes(&["abcd", "bbcd"]), 24 + 2 * (16 + 16));
        // A name within another: a run of two, then one of two with the value of the first, A(8 + 16).
        assert_eq!(bytes(&["ab", "abcd"]), 16 + 24 + 16);
        assert_eq!(bytes(&["ab", "ab"]), bytes(&["ab"]));
    }

    #[test]
    fn many_and_long_names_take_bounded_memory() {
        let names: Vec<_> = (0..10_000).map(|n| format!("{n:0300}")).collect();
        let mut tree = NameTree::default();
        for name in &names {
            tree.push(&RdbString::Raw(name.as_bytes()));
        }
        assert_eq!(tree.names.len(), MAX_NAMES);
        assert!(tree.names.iter().all(|name| name.len() <= MAX_NAME_BYTES));
        let sizes = Sizes::new(Profile::of(Family::Redis8_6, None), Allocator::Glibc);
        assert!(tree.finish(&sizes) > 0);
        assert!(tree.is_empty());
    }
}
