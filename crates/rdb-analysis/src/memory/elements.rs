//! Elements: what each adds to its value, if that is a table and if that is packed.

use rdb_parser::outline::Packed;
use rdb_parser::{RdbString, Role, Visitor as _};

use super::estimator::MemoryEstimator;
use super::pairs::{pair_in_entry, pair_in_requested_entry};
use super::value::Watched;
use crate::server::{ItemPlace, PackedLength, PackedString};

impl MemoryEstimator {
    /// Whether to walk a packed value or a list's node: if the server does not keep it as it is.
    pub(super) fn begin_walk(&mut self, packed: Packed, elements: Option<u64>) -> bool {
        let becomes_listpack = match packed {
            Packed::Zipmap => true,
            Packed::Ziplist => self.server.family.has_listpacks() || self.value.watched == Watched::Items,
            _ => false,
        };
        let becomes_table = elements.is_some_and(|elements| elements > self.value.max_packed);
        self.value.is_walked = becomes_listpack || becomes_table;
        if self.value.watched == Watched::Nodes {
            self.value.packed = self.new_packed();
        }
        self.value.is_walked
    }

    /// Adds an entry of a packed value that is walked.
    #[inline(never)]
    pub(super) fn see_entry(&mut self, role: Role, string: &RdbString<'_>) {
        let entry = PackedString { len: string.decoded_len(), integer: string.canonical_integer() };
        match role {
            Role::Item if self.value.watched == Watched::Items => return self.see_item(entry),
            Role::Member => self.add_element(entry.len, 0),
            Role::Field => self.value.field_bytes = entry.len,
            Role::Value => self.add_element(self.value.field_bytes, entry.len),
            _ => {}
        }
        self.value.packed.push(entry);
    }

    /// Adds an item of a list whose nodes the server builds.
    pub(super) fn see_item(&mut self, item: PackedString) {
        let value = &self.value;
        match ItemPlace::of(item, value.packed, value.index, (self.server.family, &self.server.limits)) {
            ItemPlace::Plain => {
                self.finish_list_node();
                self.list_node(false, item.len, None);
                return;
            }
            ItemPlace::New => self.finish_list_node(),
            ItemPlace::Last => {}
        }
        self.value.packed.push(item);
        self.value.index += 1;
    }

    pub(super) fn see_member(&mut self, member: PackedString) {
        let value = &mut self.value;
        value.packed.push(member);
        if value.watched == Watched::SetMembers {
            if let Some(integer) = member.integer {
                value.integers.add(integer);
            } else if value.converts_at.is_none() {
                value.converts_at = Some(value.index);
                // The listpack begins with room for as many of the widest integer.
                value.reserved_bytes = value.index.saturating_mul(value.integers.widest_entry_bytes());
                // The value is not an intset from here on. If it is large, or the server older
                // than 7.2, it is not packed either.
                value.in_detail &= value.may_be_packed;
            }
            value.index += 1;
        }
    }

    pub(super) fn see_pair(&mut self, field: PackedString, string: PackedString) {
        let value = &mut self.value;
        value.packed.push(field);
        value.packed.push(string);
        if field.len.max(string.len) > self.server.limits.hash_max_listpack_value {
            value.converts_at = Some(value.index);
            value.in_detail = false;
        }
        value.index += 1;
    }

    /// Adds an element by the lengths of its strings: a member, or a field and its value.
    #[inline(always)]
    pub(super) fn add_element(&mut self, first: u64, last: u64) {
        let value = &mut self.value;
        match value.watched {
            Watched::SetMembers | Watched::ZsetMembers => value.sum += self.sizes.string(first),
            Watched::ZsetMembersInNodes => {
                let node = self.nodes.embedding_parts(self.sizes.embedded(first));
                value.parts = value.parts.saturating_add(node);
            }
            Watched::Values => value.sum += self.sizes.string(last),
            Watched::Pairs => value.sum += self.sizes.string(first) + self.sizes.string(last),
            Watched::PairsWithMetadata => {
                value.sum += self.sizes.field(first, value.expires) + self.sizes.string(last);
            }
            Watched::PairsInEntries => value.sum += pair_in_entry(&self.sizes, first, last),
            Watched::PairsInRequestedEntries => {
                value.sum += pair_in_requested_entry(&self.sizes, first, last, value.expires);
            }
            Watched::PairsInEntriesThenExpiry => (value.field_bytes, value.held_bytes) = (first, last),
            Watched::Items | Watched::Nodes | Watched::Nothing => {}
        }
    }

    /// Ends the current node of a list whose nodes the server builds.
    pub(super) fn finish_list_node(&mut self) {
        if self.value.index > 0 {
            let bytes = self.value.packed.bytes();
            self.list_node(true, bytes, None);
        }
        self.value.packed = self.new_packed();
        self.value.index = 0;
    }

    /// An empty packed value of the server.
    pub(super) fn new_packed(&self) -> PackedLength {
        PackedLength::new(!self.server.family.has_listpacks())
    }
}
