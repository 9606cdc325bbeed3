//! Compressed nodes of lists: all but some at each end (`list-compress-depth`).

use std::collections::VecDeque;

/// Shortest node that a server compresses, and the least that compression must save. Source:
/// `MIN_COMPRESS_BYTES` and `MIN_COMPRESS_IMPROVE` in `quicklist.c`.
const MIN_BYTES: u64 = 48;
const MIN_SAVED: u64 = 8;

/// Largest depth: a server has 16 bits for it.
const MAX_DEPTH: u64 = 65_535;

/// Finds the nodes of a list that a server compresses.
#[derive(Clone, Debug)]
pub(crate) struct CompressedNodes {
    /// Nodes at each end that are not compressed. 0: the server compresses none.
    depth: u64,
    nodes: u64,
    /// What compression saves on the last nodes, if they turn out not to be the last.
    last: VecDeque<u64>,
}

impl CompressedNodes {
    pub(crate) fn new(depth: u64) -> Self {
        Self { depth: depth.min(MAX_DEPTH), nodes: 0, last: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    /// Forgets the nodes of the last list.
    pub(crate) fn clear(&mut self) {
        self.nodes = 0;
        self.last.clear();
    }

    /// Adds a node on which compression saves this number of bytes. Returns what it saves on a node
    /// before, which is compressed now that it is not one of the last.
    pub(crate) fn push(&mut self, saved: u64) -> u64 {
        self.nodes += 1;
        if self.nodes <= self.depth {
            return 0;
        }
        self.last.push_back(saved);
        if self.last.len() as u64 > self.depth { self.last.pop_front().unwrap_or(0) } else { 0 }
    }
}

/// Whether a server keeps a node of `bytes` compressed to `lzf_bytes`.
pub(crate) fn is_worth(bytes: u64, lzf_bytes: u64) -> bool {
    bytes >= MIN_BYTES && lzf_bytes.saturating_add(MIN_SAVED) < bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_at_the_ends_are_not_compressed() {
        for (depth, nodes, saved) in [(1, 5, 3), (1, 2, 0), (2, 5, 1), (2, 4, 0), (9, 5, 0)] {
            let mut compressed = CompressedNodes::new(depth);
            for _ in 0..2 {
                compressed.clear();
                let sum: u64 = (0..nodes).map(|_| compressed.push(1)).sum();
                assert_eq!(sum, saved, "{depth} {nodes}");
            }
        }
        assert!(CompressedNodes::new(0).is_empty());
    }

    #[test]
    fn the_nodes_between_are_those_in_the_middle() {
        let mut compressed = CompressedNodes::new(1);
        assert_eq!([1, 2, 4, 8].map(|saved| compressed.push(saved)), [0, 0, 2, 4]);
    }

    #[test]
    fn small_gains_are_not_worth_it() {
        assert!(!is_worth(47, 1) && is_worth(48, 39) && !is_worth(48, 40));
        assert!(!is_worth(u64::MAX, u64::MAX));
    }
}
