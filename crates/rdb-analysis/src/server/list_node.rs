//! Nodes of lists that the server builds item by item, because the file has no nodes (Redis before 3.2).

use super::family::Family;
use super::limits::Limits;
use super::packed::{PackedLength, PackedString};

/// Where a server puts the next item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemPlace {
    /// In the last node.
    Last,
    /// In a new node.
    New,
    /// In a node of its own that is not packed.
    Plain,
}

impl ItemPlace {
    /// The place of `item` behind `items` items, whose node is `node`. Servers estimate the node's length
    /// with the item by a bound.
    ///
    /// Source: `_quicklistNodeAllowInsert` and `isLargeElement` in `quicklist.c`.
    pub(crate) fn of(
        item: PackedString,
        node: PackedLength,
        items: u64,
        (family, limits): (Family, &Limits),
    ) -> Self {
        if family.has_plain_nodes() && !limits.list_node_fits(item.len, 0) {
            return Self::Plain;
        }
        let bytes = node.bytes().saturating_add(item.len).saturating_add(overhead(item.len, family));
        if items == 0 || limits.list_node_fits(bytes, items + 1) { Self::Last } else { Self::New }
    }
}

/// Bytes that servers add to the text of an item, whether it is an integer or not.
fn overhead(len: u64, family: Family) -> u64 {
    if family.has_listpacks() {
        return 8;
    }
    let previous = if len < 254 { 1 } else { 5 };
    let header = match len {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    };
    previous + header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_that_does_not_fit_begins_a_node() {
        let limits = Limits::default();
        let place = |family, before: u64, len| {
            let mut node = PackedLength::new(family < Family::Redis7_0);
            let items = u64::from(before > 0);
            if before > 0 {
                node.push(PackedString { len: before, integer: None });
            }
            ItemPlace::of(PackedString { len, integer: None }, node, items, (family, &limits))
        };
        for family in [Family::Redis6_2, Family::Redis7_2] {
            assert_eq!(place(family, 0, 9000), ItemPlace::Last);
            assert_eq!(place(family, 100, 9000), ItemPlace::New);
        }
        assert_eq!(place(Family::Redis8_2, 0, 8193), ItemPlace::Plain);
        assert_eq!(place(Family::Redis8_2, 0, 8192), ItemPlace::Last);
        // A listpack of 7 + 4004 bytes: 8192 - 4011 - 8.
        assert_eq!(place(Family::Redis7_2, 4000, 4173), ItemPlace::Last);
        assert_eq!(place(Family::Redis7_2, 4000, 4174), ItemPlace::New);
        // A ziplist of 11 + 4003 bytes: 8192 - 4014 - 7.
        assert_eq!(place(Family::Redis6_2, 4000, 4171), ItemPlace::Last);
        assert_eq!(place(Family::Redis6_2, 4000, 4172), ItemPlace::New);
    }
}
