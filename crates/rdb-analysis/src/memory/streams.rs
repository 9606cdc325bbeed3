//! Streams: radix trees of IDs and names, and the structs of groups, consumers and pending entries.

use rdb_parser::RdbString;
use rdb_parser::visitor::StreamId;

use super::estimator::MemoryEstimator;
use super::name_tree::NameTree;
use super::rax::Rax;
use crate::server::Trees;

/// Pending IDs of a stream that are kept: 1 MiB.
const MAX_PENDING_IDS: usize = 64 << 10;

impl MemoryEstimator {
    /// Forgets the stream before.
    pub(super) fn begin_stream(&mut self) {
        self.ids = Rax::default();
        (self.groups, self.consumers) = (NameTree::default(), NameTree::default());
        self.pending.clear();
        self.pending_count = 0;
    }

    pub(super) fn add_stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        let rounds = self.server.profile.stream.rounds_nodes;
        self.value.add(if rounds { self.sizes.usable(listpack_bytes) } else { listpack_bytes });
        match &mut self.part_ids {
            None => self.ids.push(id, &self.sizes),
            // One more than may be kept shows that some are missing.
            Some(ids) if ids.len() <= self.left_ids => ids.push(*id),
            Some(_) => {}
        }
    }

    pub(super) fn add_group(&mut self, name: RdbString<'_>) {
        self.finish_ids();
        self.value.in_group = true;
        let group = self.server.profile.stream.group;
        self.add_stream_struct(group);
        if self.counts_all_trees() {
            self.finish_consumers();
            self.groups.push(&name);
        }
    }

    pub(super) fn add_consumer(&mut self, name: RdbString<'_>) {
        self.finish_ids();
        self.value.in_group = false;
        let consumer = self.server.profile.stream.consumer;
        self.add_stream_struct(consumer);
        if self.counts_all_trees() {
            self.value.add(self.sizes.string(name.decoded_len()));
            self.consumers.push(&name);
        } else {
            self.value.add(name.decoded_len());
        }
    }

    #[inline]
    pub(super) fn add_pending(&mut self, id: &StreamId) {
        self.ids.push(id, &self.sizes);
        if self.value.in_group {
            let pending = self.server.profile.stream.pending;
            self.add_stream_struct(pending);
            if self.counts_all_trees() {
                self.pending_count += 1;
                if self.pending.len() < MAX_PENDING_IDS {
                    self.pending.push(*id);
                }
            }
        }
    }

    /// The bytes of the whole stream.
    pub(super) fn stream(&mut self, inside: u64) -> u64 {
        self.finish_ids();
        if self.counts_all_trees() {
            self.finish_groups();
            self.finish_pending();
        }
        let stream = self.server.profile.stream.stream;
        self.add_stream_struct(stream);
        inside.saturating_add(self.value.sum)
    }

    fn counts_all_trees(&self) -> bool {
        matches!(self.server.profile.stream.trees, Trees::All { .. })
    }

    /// Adds a struct of a stream.
    fn add_stream_struct(&mut self, bytes: u64) {
        let bytes = if self.counts_all_trees() { self.sizes.usable(bytes) } else { bytes };
        self.value.add(bytes);
    }

    /// Adds the tree of the consumers of the last group, if there is one.
    fn finish_consumers(&mut self) {
        if !self.groups.is_empty() {
            let tree = self.consumers.finish(&self.sizes);
            self.value.add(self.sizes.tree.saturating_add(tree));
        }
    }

    /// Adds the tree of the groups, if there are any.
    fn finish_groups(&mut self) {
        self.finish_consumers();
        if !self.groups.is_empty() {
            let tree = self.groups.finish(&self.sizes);
            self.value.add(self.sizes.tree.saturating_add(tree));
        }
    }

    /// Adds the tree of the IDs that are pending in any group. IDs that are not kept count as the mean of
    /// the others.
    fn finish_pending(&mut self) {
        let mut ids = std::mem::take(&mut self.pending);
        let (kept, count) = (ids.len() as u64, std::mem::take(&mut self.pending_count));
        if kept == 0 {
            return;
        }
        ids.sort_unstable();
        for id in &ids {
            self.ids.push(id, &self.sizes);
        }
        let tree = self.ids.finish(true, &self.sizes);
        self.value.add(if count > kept { tree.saturating_mul(count) / kept } else { tree });
    }

    /// Adds the tree of the IDs that were shown since the last call.
    fn finish_ids(&mut self) {
        let is_measured = self.server.profile.stream.trees != Trees::Estimated;
        let tree = self.ids.finish(is_measured, &self.sizes);
        self.value.add(tree);
    }
}
