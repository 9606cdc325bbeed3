//! Outlines: the measures of a value that a skip yields.

use crate::format::ModuleId;

pub use crate::encoding::Packed;

/// The measures of a skipped value.
///
/// | field | string, JSON | list, set, zset, hash, array | stream | rate limiter | vector set | filters, sketches, other modules, cron |
/// |---|---|---|---|---|---|---|
/// | `elements` | 1 | items, members, fields, cells | entries | 1 | vectors | `None` |
/// | `value_bytes` | its length | sum over the elements, if they were seen | as for lists | `None` | `None` | `None` |
/// | `largest_element_bytes` | its length | the largest, if they were seen | as for lists | `None` | `None` | `None` |
///
/// The bytes of an element are those of its decoded strings: the item, the member (without its
/// score), the field and its value (without its expiry), the fields and values of a stream's entry.
/// A hash that uses a template counts the fields of the template. The parser sees elements that are
/// stored one by one, and those in packed encodings if the visitor
/// [needs them](crate::Visitor::needs_packed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// Logical number of elements.
    pub elements: Option<u64>,
    /// Bytes of payload of all elements.
    pub value_bytes: Option<u64>,
    /// Bytes of payload of the largest element.
    pub largest_element_bytes: Option<u64>,
    /// How the value is stored.
    pub layout: Layout,
}

/// How a value is stored in the file, with the facts that decide how a server holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// One string.
    String,
    /// Counted elements: strings one by one.
    Elements {
        /// Length of the longest single string (item, member, field or value), decoded.
        longest_string_bytes: u64,
    },
    /// One packed string.
    Blob {
        /// The encoding.
        packed: Packed,
        /// Length, decompressed.
        blob_bytes: u64,
    },
    /// A list of packed strings and single items.
    Nodes {
        /// Packed strings.
        packed_nodes: u64,
        /// Items stored by themselves because they are large.
        plain_nodes: u64,
        /// Length of the longest node, decompressed.
        longest_node_bytes: u64,
    },
    /// A stream.
    Stream(StreamShape),
    /// The format of a module.
    Module(ModuleId),
    /// Any other structure: a filter or sketch, a rate limiter, a scheduled script.
    Opaque,
}

/// Parts of a stream besides its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamShape {
    /// Listpacks that hold the entries.
    pub nodes: u64,
    /// Consumer groups.
    pub groups: u64,
    /// Consumers of all groups.
    pub consumers: u64,
    /// Entries delivered and not acknowledged, of all groups.
    pub pending: u64,
}
