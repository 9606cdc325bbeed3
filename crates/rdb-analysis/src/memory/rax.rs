//! Radix trees over keys of a fixed length that come in ascending order.
//!
//! A tree has a leaf for each key, a node for each place where keys branch, and a node for each run
//! of bytes between them. The lengths of the common prefixes of neighbours give all nodes
//! (`rax.c`).

use super::sizes::Sizes;

/// Bytes per key and per node in servers that estimate (`streamRadixTreeMemoryUsage` until Valkey
/// 8.0: `30 * sizeof(void*)` and a header per node).
const ESTIMATED_KEY: u64 = 16;
const ESTIMATED_NODE: u64 = 244;

/// Header of a node.
const NODE_HEADER: u64 = 4;

/// A growing tree over keys of `LEN` bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rax<const LEN: usize> {
    keys: u64,
    nodes: u64,
    /// Bytes of the closed nodes, if the server measures them.
    bytes: u64,
    last: [u8; LEN],
    /// Nodes where keys branch on the way to the last key: their depth and their children so far.
    /// Depths ascend, so there are no more than `LEN`.
    open: [(usize, u64); LEN],
    open_len: usize,
}

impl<const LEN: usize> Default for Rax<LEN> {
    fn default() -> Self {
        Self { keys: 0, nodes: 0, bytes: 0, last: [0; LEN], open: [(0, 0); LEN], open_len: 0 }
    }
}

impl<const LEN: usize> Rax<LEN> {
    /// Adds a key that is greater than all before. A key that equals the last is not added. The
    /// result for an unsorted file is some number.
    #[inline]
    pub(crate) fn push(&mut self, key: &[u8; LEN], sizes: &Sizes) {
        if self.keys > 0 {
            let common = key.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
            if common == LEN {
                return;
            }
            self.part_at(common, sizes);
        }
        self.last = *key;
        self.keys += 1;
    }

    /// Closes the nodes below `depth` on the way to the last key, and adds a child to the node
    /// there.
    fn part_at(&mut self, depth: usize, sizes: &Sizes) {
        let (mut child, mut children) = (LEN, 0);
        while let Some((top, count)) = self.top().filter(|&(top, _)| top > depth) {
            self.close(child, children, Some(top), sizes);
            self.open_len -= 1;
            (child, children) = (top, count + 1);
        }
        self.close(child, children, Some(depth), sizes);
        match self.open.get_mut(self.open_len.wrapping_sub(1)) {
            Some((top, count)) if *top == depth => *count += 1,
            _ => {
                if let Some(place) = self.open.get_mut(self.open_len) {
                    *place = (depth, 1);
                    self.open_len += 1;
                }
            }
        }
    }

    fn top(&self) -> Option<(usize, u64)> {
        self.open.get(self.open_len.checked_sub(1)?).copied()
    }

    /// Counts a node at depth `at` with this number of children (0: a leaf), and the run of bytes
    /// that leads to it from its parent.
    fn close(&mut self, at: usize, children: u64, parent: Option<usize>, sizes: &Sizes) {
        self.nodes += 1;
        self.bytes += if children == 0 {
            sizes.id_leaf
        } else {
            sizes.usable((NODE_HEADER + children).next_multiple_of(8) + 8 * children)
        };
        let run = at.saturating_sub(parent.map_or(0, |parent| parent + 1)) as u64;
        if run > 0 {
            self.nodes += 1;
            self.bytes += sizes.usable((NODE_HEADER + run).next_multiple_of(8) + 8);
        }
    }

    /// The bytes of the tree: of its nodes, or by an estimate from their number. Begins a new tree.
    pub(crate) fn finish(&mut self, measured: bool, sizes: &Sizes) -> u64 {
        if self.keys == 0 {
            return if measured { sizes.tree + sizes.usable(NODE_HEADER) } else { ESTIMATED_NODE };
        }
        let (mut child, mut children) = (LEN, 0);
        while let Some((top, count)) = self.top() {
            self.close(child, children, Some(top), sizes);
            self.open_len -= 1;
            (child, children) = (top, count + 1);
        }
        self.close(child, children, None, sizes);
        let bytes = if measured {
            sizes.tree.saturating_add(self.bytes)
        } else {
            (ESTIMATED_KEY.saturating_mul(self.keys))
                .saturating_add(ESTIMATED_NODE.saturating_mul(self.nodes))
        };
        *self = Self::default();
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Allocator;
    use crate::server::Family;
    use crate::server::Profile;

    fn sizes() -> Sizes {
        Sizes::new(Profile::of(Family::Valkey9, None), Allocator::JemallocQ8)
    }

    fn nodes(keys: &[[u8; 4]]) -> u64 {
        let sizes = sizes();
        let mut tree = Rax::default();
        for key in keys {
            tree.push(key, &sizes);
        }
        (tree.finish(false, &sizes) - 16 * keys.len() as u64) / 244
    }

    #[test]
    fn nodes_are_leaves_partings_and_runs() {
        assert_eq!(nodes(&[]), 1, "the root");
        assert_eq!(nodes(&[*b"abcd"]), 2, "a run and a leaf");
        // The run abc, the parting, two leaves.
        assert_eq!(nodes(&[*b"abcd", *b"abce"]), 4);
        // The parting at the root, and for each key a run and a leaf.
        assert_eq!(nodes(&[*b"abcd", *b"bbcd"]), 5);
        // a, parting at 1: run b.. under it with a parting at 3, and the other branch.
        assert_eq!(nodes(&[*b"abcd", *b"abce", *b"accc"]), 1 + 1 + (1 + 1 + 2) + (1 + 1));
        assert_eq!(nodes(&[*b"abcd", *b"abce", *b"abcf"]), 5);
    }

    #[test]
    fn measured_nodes() {
        let sizes = sizes();
        let mut tree = Rax::default();
        assert_eq!(tree.finish(true, &sizes), 32 + 8);
        tree.push(b"abcd", &sizes);
        // Leaf A(16), run of four A(8 + 8).
        assert_eq!(tree.finish(true, &sizes), 32 + 16 + 16);
        tree.push(b"abcd", &sizes);
        tree.push(b"abce", &sizes);
        // Run of three, parting of two A(8 + 16), two leaves.
        assert_eq!(tree.finish(true, &sizes), 32 + 16 + 24 + 32);
    }

    #[test]
    fn disorder_is_survived() {
        let sizes = sizes();
        let mut tree = Rax::<16>::default();
        let mut state = 1u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut key = [0; 16];
            let byte = usize::try_from(state >> 33 & 15).expect("small");
            key[byte] = (state >> 40 & 3) as u8;
            tree.push(&key, &sizes);
        }
        assert!(tree.finish(true, &sizes) > 0);
        assert_eq!(tree.finish(false, &sizes), 244, "it begins anew");
    }
}
