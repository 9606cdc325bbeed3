//! Lists of nodes.

use super::packed::Shape;
use super::{Tally, Walker};
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Layout, Outline};
use crate::format::ValueType;
use crate::input::Input;
use crate::read::ReadExt as _;
use crate::visitor::{Role, Visitor};

/// Containers of a node of a quicklist of version 2.
const PLAIN: u64 = 1;
const PACKED: u64 = 2;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    /// Passes over a quicklist: nodes of ziplists (version 1), or of a container number and either a
    /// listpack or one item (version 2).
    #[inline(never)]
    pub(super) fn quicklist(&mut self, value_type: ValueType, packed: Packed) -> Result<Outline> {
        let has_containers = value_type == ValueType::ListQuicklist2;
        let nodes = self.input.read_count(1 + u64::from(has_containers), "the nodes of a list")?;
        self.visitor.begin(value_type, None);
        let mut elements = 0u64;
        let mut plain_nodes = 0;
        let mut longest_node_bytes = 0;
        let mut tally = Some(Tally::default());
        for _ in 0..nodes {
            let at = self.input.position();
            let container =
                if has_containers { self.input.read_length("a list node's container")? } else { PACKED };
            match container {
                PLAIN => {
                    let len = self.show_string(Role::Item, "a list item")?;
                    if let Some(tally) = &mut tally {
                        tally.add_element(len);
                    }
                    self.visitor.list_node(false, len);
                    elements += 1;
                    plain_nodes += 1;
                    longest_node_bytes = len.max(longest_node_bytes);
                }
                PACKED => {
                    let node = self.packed_string(packed, Shape::ITEM)?;
                    self.visitor.list_node(true, node.blob_bytes);
                    tally = tally.and_then(|sum| Some(sum.merge(node.tally?)));
                    elements = elements.saturating_add(node.elements);
                    longest_node_bytes = node.blob_bytes.max(longest_node_bytes);
                }
                _ => {
                    let kind = ErrorKind::Corrupt("quicklist", "a node is neither plain nor packed");
                    return Err(Error::new(kind, at));
                }
            }
            self.input.checkpoint();
        }
        let layout = Layout::Nodes { packed_nodes: nodes - plain_nodes, plain_nodes, longest_node_bytes };
        Ok(Outline::new(elements, tally, layout))
    }
}
