//! Values of old types, whose encoding after loading depends on more than their outline says.

use rdb_parser::{Layout, ValueType};

use crate::server::{AssumedServer, Family, ItemPlace, PackedLength, PackedString};

/// What is seen of a value of an old type.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OldValue {
    /// A list without nodes (Redis before 3.2) in a server that makes a listpack of one node: the node,
    /// its items, and whether it is the only one.
    List { node: PackedLength, items: u64, is_only: bool },
    /// A zipmap (Redis before 2.6) in a server without zipmaps.
    Zipmap { longest_string_bytes: u64 },
}

impl OldValue {
    /// For a value that begins. `None`: its outline says enough.
    #[inline]
    pub(crate) fn of(value_type: ValueType, server: &AssumedServer) -> Option<Self> {
        match value_type {
            ValueType::List if server.family.has_small_lists_and_sets() => {
                Some(Self::List { node: PackedLength::new(false), items: 0, is_only: true })
            }
            ValueType::HashZipmap if server.family > Family::Redis2_4 => {
                Some(Self::Zipmap { longest_string_bytes: 0 })
            }
            _ => None,
        }
    }

    /// Adds a string of the value.
    pub(crate) fn add(&mut self, string: PackedString, server: &AssumedServer) {
        match self {
            Self::List { is_only: false, .. } => {}
            Self::List { node, items, is_only } => {
                let place = ItemPlace::of(string, *node, *items, (server.family, &server.limits));
                *is_only &= place == ItemPlace::Last;
                node.push(string);
                *items += 1;
            }
            Self::Zipmap { longest_string_bytes } => {
                *longest_string_bytes = string.len.max(*longest_string_bytes);
            }
        }
    }

    /// The layout that the server bases its encoding on, instead of that in the file.
    #[cold]
    pub(crate) fn layout(self, stored: Layout) -> Layout {
        match self {
            Self::List { node, is_only: true, .. } => {
                Layout::Nodes { packed_nodes: 1, plain_nodes: 0, longest_node_bytes: node.bytes() }
            }
            Self::List { .. } => stored,
            Self::Zipmap { longest_string_bytes } => Layout::Elements { longest_string_bytes },
        }
    }
}
