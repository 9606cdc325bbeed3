//! The memory model: estimates values while the parser skips them.

use rdb_parser::outline::Packed;
use rdb_parser::visitor::{Score, StreamId};
use rdb_parser::{Detail, RdbString, Role, ValueType, Visitor};

use super::arrays::Array;
use super::buckets::BucketTables;
use super::compressed_nodes::{self, CompressedNodes};
use super::dict::DictSimulator;
use super::expiry_index::ExpiryIndex;
use super::key_costs::KeyCosts;
use super::name_tree::NameTree;
use super::pairs::pair_in_entry_with_expiry;
use super::rax::Rax;
use super::sizes::Sizes;
use super::skiplist::Nodes;
use super::string_costs::StringCosts;
use super::value::{Value, Watched};
use crate::measure::Estimator;
use crate::measure::{DataType, Encoding, ValueFacts};
use crate::server::{AssumedServer, Fields, Key, PackedLength, PackedString, Skiplist, embedded_bytes};

/// Length of the compressed bytes of a list node (`quicklistLZF`).
const LZF_HEADER: u64 = 8;

/// IDs that the parts of values in one range keep: 1 MiB.
const MAX_PART_IDS: usize = 64 << 10;

/// The model of one server's memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryEstimator {
    /// Has the modelled family, which may differ from the family of the reported encoding.
    pub(super) server: AssumedServer,
    /// Whether the reported encoding is that of another family.
    is_extrapolated_encoding: bool,
    pub(super) sizes: Sizes,
    keys: KeyCosts,
    strings: StringCosts,
    /// Additional bytes of each key in a node of a cluster.
    pub(super) cluster_links: u64,
    pub(super) nodes: Nodes,
    pub(super) dicts: DictSimulator,
    pub(super) tables: BucketTables,
    pub(super) expiries: ExpiryIndex,
    pub(super) compressed: CompressedNodes,
    array: Array,
    pub(super) ids: Rax<16>,
    /// IDs of a stream's nodes, if a part of a value is seen, and how many more may be kept.
    pub(super) part_ids: Option<Vec<StreamId>>,
    pub(super) left_ids: usize,
    /// Names of the groups of a stream, and of the consumers of its last group.
    pub(super) groups: NameTree,
    pub(super) consumers: NameTree,
    /// IDs that are pending in the groups of a stream, and how many there are.
    pub(super) pending: Vec<StreamId>,
    pub(super) pending_count: u64,
    /// Whether the value of the next key was shown. A chunked value (Dragonfly) is not.
    is_shown: bool,
    pub(super) value: Value,
}

/// What adds up over the elements of a value.
#[derive(Debug)]
pub(crate) struct ElementsPart {
    sum: u64,
    parts: u64,
    nodes: u64,
    last_node_bytes: u64,
    /// Fields that expire.
    expiries: u64,
    /// IDs of a stream's nodes. The tree over them does not add up.
    ids: Vec<StreamId>,
}

impl Estimator for MemoryEstimator {
    const IS_MODEL: bool = true;

    fn new(server: &AssumedServer) -> Self {
        let is_extrapolated_encoding = server.family != server.profile.family;
        let server = server.modelled();
        Self {
            is_extrapolated_encoding,
            sizes: Sizes::new(server.profile, server.allocator),
            keys: KeyCosts::new(server.profile, server.allocator),
            strings: StringCosts::new(server.profile, server.allocator),
            cluster_links: if server.limits.cluster_enabled { server.profile.cluster_links } else { 0 },
            nodes: Nodes::new(server.profile.skiplist, server.allocator),
            dicts: DictSimulator::default(),
            tables: BucketTables::default(),
            expiries: ExpiryIndex::default(),
            compressed: CompressedNodes::new(server.limits.list_compress_depth),
            array: Array::default(),
            ids: Rax::default(),
            part_ids: None,
            left_ids: MAX_PART_IDS,
            groups: NameTree::default(),
            consumers: NameTree::default(),
            pending: Vec::new(),
            pending_count: 0,
            is_shown: false,
            value: Value::new(Watched::Nothing, false, PackedLength::new(false)),
            server,
        }
    }

    fn for_part(&self) -> Self {
        self.clone()
    }

    #[inline(always)]
    fn memory_bytes(&mut self, encoding: Encoding, facts: ValueFacts) -> Option<u64> {
        if !std::mem::take(&mut self.is_shown) {
            return None;
        }
        // Servers older than the models have encodings that the modelled server does not have.
        let encoding = if self.is_extrapolated_encoding { self.own_encoding(facts) } else { encoding };
        match facts.data_type {
            DataType::String => Some(self.string_bytes(encoding, &facts)),
            _ => self.collection_bytes(encoding, facts),
        }
    }

    fn forget(&mut self) {
        self.is_shown = false;
    }

    type Part = ElementsPart;

    fn begin_part(&mut self) -> bool {
        self.part_ids = Some(Vec::new());
        !self.needs_order()
    }

    fn take_part(&mut self) -> Option<ElementsPart> {
        let ids = self.part_ids.replace(Vec::new())?;
        self.left_ids = self.left_ids.checked_sub(ids.len())?;
        let value = &mut self.value;
        Some(ElementsPart {
            sum: std::mem::take(&mut value.sum),
            parts: std::mem::take(&mut value.parts),
            nodes: std::mem::take(&mut value.nodes),
            last_node_bytes: value.last_node_bytes,
            expiries: self.expiries.take_count(),
            ids,
        })
    }

    fn adds_up(&self, part: &ElementsPart) -> bool {
        !self.needs_order() && (part.expiries == 0 || self.expiries.only_counts())
    }

    fn add_part(&mut self, part: &ElementsPart) {
        let value = &mut self.value;
        value.sum = value.sum.saturating_add(part.sum);
        value.parts = value.parts.saturating_add(part.parts);
        value.nodes += part.nodes;
        if part.nodes > 0 {
            value.last_node_bytes = part.last_node_bytes;
        }
        self.expiries.add_count(part.expiries);
        for id in &part.ids {
            self.ids.push(id, &self.sizes);
        }
    }
}

impl MemoryEstimator {
    /// The encoding in the modelled server.
    #[cold]
    #[inline(never)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value, reason = "see `ValueFacts`")]
    fn own_encoding(&self, facts: ValueFacts) -> Encoding {
        Encoding::after_loading(&self.server, facts)
    }

    /// Whether the elements of the value do not add up.
    fn needs_order(&self) -> bool {
        self.value.in_detail || (self.value.watched == Watched::Nodes && !self.compressed.is_empty())
    }

    /// The bytes of a key and its object: those inside the sum that is computed in doubles, and
    /// those outside. If the object holds the key, both are inside.
    #[inline(always)]
    fn object_bytes(&self, key: Key) -> (u64, u64) {
        let (object, key_bytes) = (self.server.profile.object, self.key_bytes(key));
        if object == 0 { (key_bytes, 0) } else { (object, key_bytes) }
    }

    /// The bytes of a key, with its object if that holds the key.
    #[inline(always)]
    fn key_bytes(&self, key: Key) -> u64 {
        self.keys.bytes(self.server.profile, self.server.allocator, key) + self.cluster_links
    }

    #[inline(always)]
    fn string_bytes(&self, encoding: Encoding, facts: &ValueFacts) -> u64 {
        let (key, len) = (facts.key(), facts.outline.value_bytes.unwrap_or(0));
        if encoding == Encoding::Int {
            return self.server.profile.object + self.key_bytes(key);
        }
        match self.strings.bytes(len) {
            Some(value) => value + self.key_bytes(key),
            None => self.other_string_bytes(encoding, key, len),
        }
    }

    /// The bytes of a long string, or of one in a server that decides by the key what it embeds.
    #[inline(never)]
    fn other_string_bytes(&self, encoding: Encoding, key: Key, len: u64) -> u64 {
        let (inside, outside) = self.object_bytes(key);
        let embedded = if encoding == Encoding::Embstr {
            embedded_bytes(self.server.profile, |request| self.sizes.usable(request), key, len)
        } else {
            None
        };
        embedded.unwrap_or_else(|| inside + self.sizes.string(len)).saturating_add(outside)
    }

    #[inline(never)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value, reason = "see `ValueFacts`")]
    fn collection_bytes(&mut self, encoding: Encoding, facts: ValueFacts) -> Option<u64> {
        let (inside, outside) = self.object_bytes(facts.key());
        let facts = &facts;
        let value = match (facts.data_type, encoding) {
            (DataType::Stream, _) => self.stream(inside),
            (_, Encoding::Quicklist) => self.quicklist(inside, facts),
            (_, Encoding::Skiplist) => self.zset(inside, facts),
            (DataType::Set, Encoding::Hashtable) => self.set(inside, facts),
            (DataType::Hash, Encoding::Hashtable) => self.hash(inside, facts),
            (_, Encoding::SlicedArray) => inside.saturating_add(self.array.finish(&self.sizes)?),
            (DataType::Hash, Encoding::TemplateArray) => self.templated_hash(inside, facts),
            (
                DataType::List | DataType::Set | DataType::Zset | DataType::Hash,
                Encoding::Listpack
                | Encoding::Listpackex
                | Encoding::Ziplist
                | Encoding::Intset
                | Encoding::TemplateListpack,
            ) => self.packed(inside, encoding, facts),
            // Modules, and types and encodings without a model.
            _ => return None,
        };
        Some(value.saturating_add(outside))
    }
}

impl Visitor for MemoryEstimator {
    #[inline]
    fn begin(&mut self, value_type: ValueType, elements: Option<u64>) {
        self.is_shown = true;
        let limits = self.server.limits;
        let profile = self.server.profile;
        let within = |limit| elements.is_some_and(|elements| elements <= limit);
        let zset_members = match profile.skiplist {
            Skiplist::Separate => Watched::ZsetMembers,
            Skiplist::InNode | Skiplist::InRedisNode => Watched::ZsetMembersInNodes,
        };
        let pairs = match profile.fields {
            Fields::Strings => Watched::Pairs,
            Fields::WithMetadata => Watched::PairsWithMetadata,
            Fields::InEntry => Watched::PairsInEntries,
            Fields::InRequestedEntry => Watched::PairsInRequestedEntries,
        };
        let (watched, in_detail) = match value_type {
            ValueType::String => {
                self.value.watched = Watched::Nothing;
                self.value.in_detail = false;
                return;
            }
            ValueType::List | ValueType::ListZiplist => {
                self.compressed.clear();
                (Watched::Items, true)
            }
            ValueType::ListQuicklist | ValueType::ListQuicklist2 => {
                self.compressed.clear();
                (Watched::Nodes, false)
            }
            ValueType::Set | ValueType::SetExpiryDragonfly => {
                (Watched::SetMembers, within(limits.set_max_intset_entries))
            }
            ValueType::ZsetText | ValueType::ZsetBinary => {
                (zset_members, within(limits.zset_max_listpack_entries))
            }
            ValueType::Hash
            | ValueType::HashExpiry
            | ValueType::HashExpiryPreRelease
            | ValueType::HashExpiryDragonfly => (pairs, within(limits.hash_max_listpack_entries)),
            ValueType::HashExpiryValkey => {
                self.expiries.clear();
                let watched = match profile.fields {
                    Fields::InEntry => Watched::PairsInEntriesThenExpiry,
                    _ => Watched::Pairs,
                };
                (watched, false)
            }
            ValueType::HashTemplateArray | ValueType::HashTemplateArrayRef => (Watched::Values, false),
            ValueType::SetIntset | ValueType::SetListpack => (Watched::SetMembers, false),
            ValueType::ZsetZiplist | ValueType::ZsetListpack => (zset_members, false),
            ValueType::HashZipmap | ValueType::HashZiplist | ValueType::HashListpack => (pairs, false),
            ValueType::Stream
            | ValueType::Stream2
            | ValueType::Stream3
            | ValueType::Stream4
            | ValueType::Stream5 => {
                self.begin_stream();
                (Watched::Nothing, false)
            }
            ValueType::Array => {
                self.array = Array::default();
                (Watched::Nothing, false)
            }
            _ => (Watched::Nothing, false),
        };
        self.value = Value::new(watched, in_detail, self.new_packed());
        self.value.max_packed = match value_type {
            _ if limits.packed_values_raise_limits => u64::MAX,
            ValueType::SetIntset => limits.set_max_intset_entries,
            ValueType::SetListpack => limits.set_max_listpack_entries,
            ValueType::ZsetZiplist | ValueType::ZsetListpack => limits.zset_max_listpack_entries,
            ValueType::HashZiplist | ValueType::HashListpack => limits.hash_max_listpack_entries,
            _ => u64::MAX,
        };
        self.value.may_be_packed =
            self.server.family.has_small_lists_and_sets() && within(limits.set_max_listpack_entries);
    }

    #[inline(always)]
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        if role != Role::Whole && self.value.is_walked {
            self.see_entry(role, &string);
        }
    }

    fn needs_walk(&mut self, packed: Packed, elements: Option<u64>) -> bool {
        self.begin_walk(packed, elements)
    }

    #[inline]
    fn detail(&self) -> Detail {
        if self.value.in_detail { Detail::Integers } else { Detail::Lengths }
    }

    #[inline(always)]
    fn element<const STRINGS: usize>(
        &mut self,
        roles: &'static [Role; STRINGS],
        lengths: &[u64; STRINGS],
        integers: Option<&[Option<i64>; STRINGS]>,
    ) {
        // A third string is an expiry, which is not needed.
        let at = |index| {
            let integer = integers.and_then(|integers| *integers.get(index)?);
            PackedString { len: lengths.get(index).copied().unwrap_or(0), integer }
        };
        let (first, second) = (at(0), at(1));
        self.add_element(first.len, second.len);
        if integers.is_some() && self.value.in_detail {
            match roles[0] {
                Role::Item => self.see_item(first),
                Role::Member => self.see_member(first),
                _ => self.see_pair(first, second),
            }
        }
    }

    #[inline]
    fn score(&mut self, score: Score<'_>) {
        if self.value.in_detail {
            self.value.packed.push_score(score, self.server.profile.shortest_scores);
        }
    }

    fn field_expiry(&mut self, expiry: Option<u64>) {
        let value = &mut self.value;
        value.expires = expiry.is_some();
        if value.watched == Watched::PairsInEntriesThenExpiry {
            let entry =
                pair_in_entry_with_expiry(&self.sizes, value.field_bytes, value.held_bytes, expiry.is_some());
            value.sum = value.sum.saturating_add(entry);
            if let Some(at_ms) = expiry {
                self.expiries.push(at_ms);
            }
        } else if value.in_detail {
            value.push_expiry(expiry.is_some());
        }
    }

    fn array_cell(&mut self, index: u64, string_bytes: Option<u64>) {
        self.array.push(index, string_bytes, &self.sizes);
    }

    fn list_node(&mut self, packed: bool, bytes: u64, lzf_bytes: Option<u64>) {
        let whole = if packed && self.value.is_walked && self.value.watched == Watched::Nodes {
            self.walked_bytes(bytes)
        } else {
            self.packed_bytes(bytes)
        };
        self.value.last_node_bytes = whole;
        let node = self.kept_bytes(self.server.profile.list_node);
        self.value.add_node(node.saturating_add(whole));
        if !self.compressed.is_empty() {
            let saved = match lzf_bytes {
                Some(lzf_bytes) if compressed_nodes::is_worth(bytes, lzf_bytes) => {
                    // `MEMORY USAGE` leaves the header out before 7.0.
                    let header = if self.server.family.has_listpacks() { LZF_HEADER } else { 0 };
                    whole.saturating_sub(self.packed_bytes(header + lzf_bytes))
                }
                _ => 0,
            };
            self.value.sum = self.value.sum.saturating_sub(self.compressed.push(saved));
        }
    }

    fn stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        self.add_stream_node(id, listpack_bytes);
    }

    fn stream_group(&mut self, name: RdbString<'_>) {
        self.add_group(name);
    }

    fn stream_consumer(&mut self, name: RdbString<'_>) {
        self.add_consumer(name);
    }

    #[inline]
    fn stream_pending(&mut self, id: &StreamId) {
        self.add_pending(id);
    }

    fn needs_pending(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Assumptions;
    use rdb_parser::{Dialect, Flavour, Header};

    #[test]
    fn a_list_does_not_save_what_the_compressed_nodes_of_the_list_before_saved() {
        let mut assumptions = Assumptions::default();
        assumptions.limits.list_compress_depth = 1;
        let header = Header { dialect: Dialect::Redis, version: 9 };
        let server = AssumedServer::new(&assumptions, header, Flavour::Redis, Some("7.2.4"));
        let ziplist_bytes = |estimator: &mut MemoryEstimator| {
            estimator.begin(ValueType::ListZiplist, None);
            assert!(estimator.needs_walk(Packed::Ziplist, Some(3)));
            for _ in 0..3 {
                estimator.string(Role::Item, RdbString::Raw(&[b'x'; 5000]));
            }
            estimator.finish_list_node();
            estimator.value.sum
        };
        let mut estimator = MemoryEstimator::new(&server);
        let alone = ziplist_bytes(&mut estimator);
        estimator.begin(ValueType::ListQuicklist2, None);
        for _ in 0..4 {
            estimator.list_node(true, 5000, Some(100));
        }
        assert_eq!(ziplist_bytes(&mut estimator), alone);
    }
}
