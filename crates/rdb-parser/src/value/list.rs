//! Lists of nodes.

use super::open::OpenValue;
use super::packed::Shape;
use super::sums::{ListSums, PartSums};
use super::walker::Walker;
use crate::encoding::Packed;
use crate::error::{Error, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::outline::{Layout, Outline};
use crate::read::ReadExt as _;
use crate::visitor::{Role, Visitor};

/// Kinds of a node of a quicklist of version 2 (`QUICKLIST_NODE_CONTAINER_*`).
pub(crate) const PLAIN: u64 = 1;
const PACKED: u64 = 2;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Skips a quicklist. A node is a ziplist (version 1), or a kind and either a listpack or one
    /// item (version 2).
    #[inline(never)]
    pub(super) fn quicklist(&mut self, value_type: ValueType) -> Result<Outline> {
        let at = self.input.position();
        let has_containers = value_type == ValueType::ListQuicklist2;
        let nodes = self.input.read_count(1 + u64::from(has_containers), "the nodes of a list")?;
        self.visitor.begin(value_type, None);
        let mut sums = ListSums::default();
        let left = self.list_nodes(value_type, nodes, &mut sums)?;
        let sums = PartSums::List(sums);
        self.finish_or_leave(OpenValue { value_type, at, base_expiry: 0, count: nodes, left, sums })
    }

    /// Skips nodes until none are left or the [pace](super::open::Pace) ends. Returns the number of
    /// nodes that are left.
    pub(super) fn list_nodes(
        &mut self,
        value_type: ValueType,
        count: u64,
        sums: &mut ListSums,
    ) -> Result<u64> {
        let has_containers = value_type == ValueType::ListQuicklist2;
        let packed = if has_containers { Packed::Listpack } else { Packed::Ziplist };
        let from = self.input.position();
        let mut left = count;
        while left > 0 && !self.pace.is_over(self.input.position(), from, count - left, left) {
            self.list_node(packed, has_containers, sums)?;
            self.input.checkpoint();
            left -= 1;
        }
        Ok(left)
    }

    /// Skips one node.
    pub(crate) fn list_node(
        &mut self,
        packed: Packed,
        has_container: bool,
        sums: &mut ListSums,
    ) -> Result<()> {
        let at = self.input.position();
        let container =
            if has_container { self.input.read_length("a list node's container")? } else { PACKED };
        match container {
            PLAIN => {
                let header = self.input.read_string_header("a list item")?;
                let len = self.show_payload(Role::Item, header, "a list item")?;
                if len == 0 {
                    // Servers refuse an empty node (`rdbLoadObject` of Redis 7 and later).
                    self.contain(Error::corrupt("quicklist", "a plain node is empty", at))?;
                }
                self.visitor.list_node(false, len, header.lzf_bytes());
                sums.tally.add_element(len);
                sums.elements += 1;
                sums.plain_nodes += 1;
                sums.longest_node_bytes = len.max(sums.longest_node_bytes);
            }
            PACKED => {
                let node = self.packed_string(packed, &Shape::ITEM)?;
                self.visitor.list_node(true, node.blob_bytes, node.lzf_bytes);
                match node.tally {
                    Some(tally) => sums.tally = sums.tally.merge(tally),
                    None => sums.has_unseen = true,
                }
                sums.elements = sums.elements.saturating_add(node.elements);
                sums.packed_nodes += 1;
                sums.longest_node_bytes = node.blob_bytes.max(sums.longest_node_bytes);
            }
            _ => return Err(Error::corrupt("quicklist", "a node is neither plain nor packed", at)),
        }
        Ok(())
    }
}

impl ListSums {
    /// Adds the sums over other nodes.
    pub(super) fn add(&mut self, other: &Self) {
        let Self { elements, packed_nodes, plain_nodes, longest_node_bytes, tally, has_unseen } = *other;
        self.elements = self.elements.saturating_add(elements);
        self.packed_nodes += packed_nodes;
        self.plain_nodes += plain_nodes;
        self.longest_node_bytes = self.longest_node_bytes.max(longest_node_bytes);
        self.tally = self.tally.merge(tally);
        self.has_unseen |= has_unseen;
    }

    pub(super) fn longest_node_bytes(&self) -> u64 {
        self.longest_node_bytes
    }

    /// The outline of a list with these sums.
    pub(crate) fn outline(&self) -> Outline {
        let layout = Layout::Nodes {
            packed_nodes: self.packed_nodes,
            plain_nodes: self.plain_nodes,
            longest_node_bytes: self.longest_node_bytes,
        };
        Outline::new(self.elements, (!self.has_unseen).then_some(self.tally), layout)
    }
}
