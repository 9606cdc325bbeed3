//! Skiplists: the order of sorted sets.
//!
//! Every node has a random number of levels, and a quarter of the nodes of a level have the next.
//! The server draws the levels anew with every load, so the expectation is the best estimate.

use super::float::double;
use super::sizes::Sizes;
use crate::server::Allocator;
use crate::server::Skiplist;

/// Most levels of a node.
const MAX_LEVELS: u64 = 32;

/// Lengths of embedded members whose nodes are looked up.
const TABLED: u64 = 512;

/// Parts of a byte, the unit in which expectations are summed.
pub(crate) const PARTS: u64 = 1 << 16;

/// Expected bytes of nodes.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    allocator: Allocator,
    /// A node that points to its member.
    pub(crate) pointing_parts: u64,
    /// A node that embeds its member, by the unrounded bytes of the member. Empty if nodes do not
    /// embed.
    embedding_parts: Vec<u64>,
    /// Bytes of a node besides its levels and its member.
    node: u64,
}

impl Nodes {
    pub(crate) fn new(skiplist: Skiplist, allocator: Allocator) -> Self {
        let pointing_parts = expected_parts(|levels| allocator.usable(24 + 16 * levels));
        let (tabled, node) = match skiplist {
            Skiplist::Separate => (0, 0),
            // Score, pointer to the node before, and the length of the member's header.
            Skiplist::InNode => (TABLED, 17),
            Skiplist::InRedisNode => (TABLED, 16),
        };
        let embedding_parts = (0..tabled).map(|member| embedding(allocator, node, member)).collect();
        Self { allocator, pointing_parts, embedding_parts, node }
    }

    /// A node that embeds a member of `member` bytes, header and terminator included.
    pub(crate) fn embedding_parts(&self, member: u64) -> u64 {
        let known = usize::try_from(member).ok().and_then(|member| self.embedding_parts.get(member));
        known.copied().unwrap_or_else(|| embedding(self.allocator, self.node, member))
    }
}

/// The header: a node with all levels. `node` is its size without them.
pub(crate) fn header_bytes(sizes: &Sizes, node: u64, levels: u64) -> u64 {
    sizes.usable(node + 16 * levels)
}

fn embedding(allocator: Allocator, node: u64, member: u64) -> u64 {
    expected_parts(|levels| allocator.usable(member.saturating_add(node + 16 * levels)))
}

/// The expectation of `bytes` over the levels of a node.
fn expected_parts(bytes: impl Fn(u64) -> u64) -> u64 {
    let mut probability = 0.75;
    let mut expected = 0.0;
    for levels in 1..=MAX_LEVELS {
        expected += probability * double(bytes(levels));
        probability /= 4.0;
    }
    super::float::rounded(expected * double(PARTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_bytes_of_a_node() {
        for (allocator, hundredths) in
            [(Allocator::JemallocQ8, 4584), (Allocator::JemallocQ16, 5334), (Allocator::Glibc, 4533)]
        {
            assert_eq!(
                (Nodes::new(Skiplist::Separate, allocator).pointing_parts * 100 + PARTS / 2) / PARTS,
                hundredths
            );
        }
    }

    #[test]
    fn a_longer_member_makes_a_larger_node() {
        let nodes = Nodes::new(Skiplist::InNode, Allocator::JemallocQ8);
        assert!(nodes.embedding_parts(7) < nodes.embedding_parts(20));
        assert!(nodes.embedding_parts(511) <= nodes.embedding_parts(512));
        // 17 + 16 + 7 bytes with one level.
        assert!((40 * PARTS..50 * PARTS).contains(&nodes.embedding_parts(7)));
    }
}
