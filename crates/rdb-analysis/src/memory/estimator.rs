//! The memory model: estimates values while the parser skips them.

use rdb_parser::outline::Packed;
use rdb_parser::visitor::{Score, StreamId};
use rdb_parser::{Detail, Layout, RdbString, Role, ValueType, Visitor};

use super::buckets::BucketTables;
use super::compressed_nodes::{self, CompressedNodes};
use super::dict::{DictSimulator, slots_for, slots_grown};
use super::expiry_index::ExpiryIndex;
use super::float::{averaged, double, rounded};
use super::key_costs::KeyCosts;
use super::name_tree::NameTree;
use super::packed::{PackedLength, PackedString};
use super::rax::Rax;
use super::sizes::Sizes;
use super::skiplist::{self, Nodes, PARTS};
use super::string_costs::StringCosts;
use super::value::{Value, Watched};
use crate::measure::Estimator;
use crate::measure::{DataType, Encoding, ValueFacts};
use crate::server::{
    AssumedServer, Conversion, Fields, Key, Skiplist, SumOfElements, Tables, Trees, embedded_bytes,
};

/// Bytes of an array's slot.
const SLOT: u64 = 8;

/// The structs of a sorted set and of its skiplist.
const ZSET: u64 = 16;
const ZSKIPLIST: u64 = 32;

/// The skiplist of servers that keep the sizes of values.
const ZSKIPLIST_WITH_SIZE: u64 = 40;

/// The skiplist with its header, where members are in the nodes.
const ZSKIPLIST_WITH_HEADER: u64 = 528;

/// ID of the template and number of fields, before the values of a hash that has a template.
const TEMPLATE_ARRAY: u64 = 16;

/// Entry of a dict without a value.
const ENTRY_WITHOUT_VALUE: u64 = 16;

/// Longest entry that a hash of Valkey holds in one allocation.
const MAX_EMBEDDED_PAIR: u64 = 128;

/// Bytes of the expiry of a field of Redis since 8.4.
const FIELD_EXPIRY: u64 = 16;

/// Header and terminator of the value in it.
const EMBEDDED_VALUE_OVERHEAD: u64 = 4;

/// Length of the compressed bytes of a list node (`quicklistLZF`).
const LZF_HEADER: u64 = 8;

/// IDs that the parts of values in one range keep: 1 MiB.
const MAX_PART_IDS: usize = 64 << 10;

/// Pending IDs of a stream that are kept: 1 MiB.
const MAX_PENDING_IDS: usize = 64 << 10;

/// Bytes that a ziplist's header takes more than that of a listpack.
const ZIPLIST_EXCESS: u64 = 4;

/// The model of one server's memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryEstimator {
    /// Has the modelled family, which may differ from the family of the reported encoding.
    server: AssumedServer,
    /// Whether the reported encoding is that of another family.
    is_extrapolated_encoding: bool,
    sizes: Sizes,
    keys: KeyCosts,
    strings: StringCosts,
    /// Additional bytes of each key in a node of a cluster.
    cluster_links: u64,
    nodes: Nodes,
    dicts: DictSimulator,
    tables: BucketTables,
    expiries: ExpiryIndex,
    compressed: CompressedNodes,
    ids: Rax<16>,
    /// IDs of a stream's nodes, if a part of a value is seen, and how many more may be kept.
    part_ids: Option<Vec<StreamId>>,
    left_ids: usize,
    /// Names of the groups of a stream, and of the consumers of its last group.
    groups: NameTree,
    consumers: NameTree,
    /// IDs that are pending in the groups of a stream, and how many there are.
    pending: Vec<StreamId>,
    pending_count: u64,
    /// Whether the value of the next key was shown. A chunked value (Dragonfly) is not.
    is_shown: bool,
    value: Value,
}

/// What adds up over the elements of a value.
#[derive(Debug)]
pub(crate) struct ElementsPart {
    sum: u64,
    parts: u64,
    nodes: u64,
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
            ids: Rax::default(),
            part_ids: None,
            left_ids: MAX_PART_IDS,
            groups: NameTree::default(),
            consumers: NameTree::default(),
            pending: Vec::new(),
            pending_count: 0,
            is_shown: false,
            value: Value::new(Watched::Nothing, false, false),
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
        let limits = &self.server.limits;
        let profile = self.server.profile;
        let within = |limit| elements.is_some_and(|elements| elements <= limit);
        let (watched, in_detail) = match value_type {
            ValueType::String => {
                self.value.watched = Watched::Nothing;
                self.value.in_detail = false;
                return;
            }
            ValueType::List => (Watched::Items, true),
            ValueType::ListQuicklist | ValueType::ListQuicklist2 => {
                self.compressed.clear();
                (Watched::Nodes, false)
            }
            ValueType::Set | ValueType::SetExpiryDragonfly => {
                (Watched::SetMembers, within(limits.set_max_intset_entries))
            }
            ValueType::ZsetText | ValueType::ZsetBinary => {
                let watched = match profile.skiplist {
                    Skiplist::Separate => Watched::ZsetMembers,
                    Skiplist::InNode | Skiplist::InRedisNode => Watched::ZsetMembersInNodes,
                };
                (watched, within(limits.zset_max_listpack_entries))
            }
            ValueType::Hash
            | ValueType::HashExpiry
            | ValueType::HashExpiryPreRelease
            | ValueType::HashExpiryDragonfly => {
                let watched = match profile.fields {
                    Fields::Strings => Watched::Pairs,
                    Fields::WithMetadata => Watched::PairsWithMetadata,
                    Fields::InEntry => Watched::PairsInEntries,
                    Fields::InRequestedEntry => Watched::PairsInRequestedEntries,
                };
                (watched, within(limits.hash_max_listpack_entries))
            }
            ValueType::HashExpiryValkey => {
                self.expiries.clear();
                let watched = match profile.fields {
                    Fields::InEntry => Watched::PairsInEntriesThenExpiry,
                    _ => Watched::Pairs,
                };
                (watched, false)
            }
            ValueType::HashTemplateArray | ValueType::HashTemplateArrayRef => (Watched::Values, false),
            ValueType::Stream
            | ValueType::Stream2
            | ValueType::Stream3
            | ValueType::Stream4
            | ValueType::Stream5 => {
                self.ids = Rax::default();
                (self.groups, self.consumers) = (NameTree::default(), NameTree::default());
                self.pending.clear();
                self.pending_count = 0;
                (Watched::Nothing, false)
            }
            _ => (Watched::Nothing, false),
        };
        self.value = Value::new(watched, in_detail, !self.server.family.has_listpacks());
        self.value.may_be_packed =
            self.server.family.has_small_lists_and_sets() && within(limits.set_max_listpack_entries);
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
        // A string behind these is an expiry.
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

    fn list_node(&mut self, _: bool, bytes: u64, lzf_bytes: Option<u64>) {
        let whole = self.packed_bytes(bytes);
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
        let rounds = self.server.profile.stream.rounds_nodes;
        self.value.add(if rounds { self.sizes.usable(listpack_bytes) } else { listpack_bytes });
        match &mut self.part_ids {
            None => self.ids.push(id, &self.sizes),
            // One more than may be kept shows that some are missing.
            Some(ids) if ids.len() <= self.left_ids => ids.push(*id),
            Some(_) => {}
        }
    }

    fn stream_group(&mut self, name: RdbString<'_>) {
        self.finish_ids();
        self.value.in_group = true;
        let group = self.server.profile.stream.group;
        self.add_stream_struct(group);
        if self.counts_all_trees() {
            self.finish_consumers();
            self.groups.push(&name);
        }
    }

    fn stream_consumer(&mut self, name: RdbString<'_>) {
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
    fn stream_pending(&mut self, id: &StreamId) {
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

    fn needs_pending(&self) -> bool {
        true
    }
}

/// Elements in detail: those of values that may become packed.
impl MemoryEstimator {
    fn see_item(&mut self, item: PackedString) {
        let before = self.value;
        let value = &mut self.value;
        value.packed.push(item);
        value.index += 1;
        if before.index > 0 && !self.server.limits.list_node_fits(value.packed.bytes(), value.index) {
            self.value = before;
            self.finish_list_node();
            self.value.packed.push(item);
            self.value.index = 1;
        }
    }

    fn see_member(&mut self, member: PackedString) {
        let value = &mut self.value;
        value.packed.push(member);
        if value.watched == Watched::SetMembers {
            if let Some(integer) = member.integer {
                value.integer_bytes = value.integer_bytes.max(integer_bytes(integer));
            } else {
                value.converts_at.get_or_insert(value.index);
                // The value is not an intset from here on. If it is large, or the server older
                // than 7.2, it is not packed either.
                value.in_detail &= value.may_be_packed;
            }
            value.index += 1;
        }
    }

    fn see_pair(&mut self, field: PackedString, string: PackedString) {
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
    fn add_element(&mut self, first: u64, last: u64) {
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
    fn finish_list_node(&mut self) {
        if self.value.index > 0 {
            let bytes = self.value.packed.bytes();
            self.list_node(true, bytes, None);
        }
        self.value.packed = PackedLength::new(!self.server.family.has_listpacks());
        self.value.index = 0;
    }
}

/// Whole values. `inside` has the bytes before the elements: the object, with its key if the object
/// holds it.
impl MemoryEstimator {
    /// The bytes of a struct: its allocated size in servers that keep the sizes of values.
    fn kept_bytes(&self, bytes: u64) -> u64 {
        if self.server.profile.sum == SumOfElements::Kept { self.sizes.usable(bytes) } else { bytes }
    }

    /// The bytes of a packed string in memory.
    fn packed_bytes(&self, bytes: u64) -> u64 {
        if self.server.profile.rounds_packed { self.sizes.usable(bytes) } else { bytes }
    }

    fn packed(&self, inside: u64, encoding: Encoding, facts: &ValueFacts) -> u64 {
        let bytes = match facts.outline.layout {
            Layout::Blob { packed: Packed::Ziplist, blob_bytes } if self.server.family.has_listpacks() => {
                blob_bytes.saturating_sub(ZIPLIST_EXCESS)
            }
            Layout::Blob { blob_bytes, .. } => blob_bytes,
            Layout::Nodes { longest_node_bytes, .. } => longest_node_bytes,
            _ if encoding == Encoding::Intset => {
                let elements = facts.outline.elements.unwrap_or(0);
                elements.saturating_mul(self.value.integer_bytes).saturating_add(8)
            }
            _ => self.value.packed.bytes(),
        };
        let extra = match encoding {
            Encoding::Listpackex => self.sizes.usable(self.server.profile.listpackex),
            _ => 0,
        };
        inside.saturating_add(extra).saturating_add(self.packed_bytes(bytes))
    }

    fn quicklist(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        match facts.outline.layout {
            Layout::Elements { .. } => self.finish_list_node(),
            Layout::Blob { blob_bytes, .. } => self.list_node(true, blob_bytes, None),
            _ => {}
        }
        let profile = self.server.profile;
        let elements = facts.outline.elements.unwrap_or(0);
        let count = match profile.sum {
            SumOfElements::MeanOfNodes => self.value.nodes,
            SumOfElements::MeanOfElements | SumOfElements::Kept => elements,
        };
        self.summed(inside + self.kept_bytes(profile.list), self.value.sum, count)
    }

    fn set(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(member) = mean_entry(facts, 1) {
            self.value.sum = self.sizes.string(member).saturating_mul(elements);
        }
        let (table, entries) = match self.server.profile.tables {
            Tables::Dict { dict, entry, first_member_is_free, .. } => {
                let slots = match self.value.converts_at {
                    Some(at) if !self.server.family.has_small_lists_and_sets() => {
                        self.dicts.slots_converted(Conversion::Set, at, elements)
                    }
                    _ => slots_for(elements),
                };
                let entries = if first_member_is_free {
                    chained_entries(slots, elements)
                } else {
                    elements.saturating_mul(entry)
                };
                (dict + SLOT * slots, entries)
            }
            Tables::Buckets { table, .. } => (table + self.tables.bytes(elements), 0),
        };
        self.summed(inside + table, self.value.sum.saturating_add(entries), elements)
    }

    fn zset(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(member) = mean_entry(facts, 2) {
            self.value.sum = self.sizes.string(member).saturating_mul(elements);
            let node = self.nodes.embedding_parts(self.sizes.embedded(member));
            self.value.parts = node.saturating_mul(elements);
        }
        let (table, entry) = match self.server.profile.tables {
            Tables::Dict { dict, zset_entry, .. } => (dict + SLOT * slots_for(elements), zset_entry),
            Tables::Buckets { table, .. } => (table + self.tables.bytes(elements), 0),
        };
        let levels = self.server.profile.header_levels;
        let (skiplist, nodes) = match self.server.profile.skiplist {
            Skiplist::Separate => (
                ZSKIPLIST + skiplist::header_bytes(&self.sizes, 24, levels),
                self.value.sum.saturating_add(parts(self.nodes.pointing_parts, elements)),
            ),
            Skiplist::InNode => (ZSKIPLIST_WITH_HEADER, self.value.parts / PARTS),
            Skiplist::InRedisNode => (
                self.sizes.usable(ZSKIPLIST_WITH_SIZE) + skiplist::header_bytes(&self.sizes, 16, levels),
                self.value.parts / PARTS,
            ),
        };
        let sum = nodes.saturating_add(elements.saturating_mul(entry));
        self.summed(inside + ZSET + skiplist + table, sum, elements)
    }

    fn hash(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(part) = mean_entry(facts, 2) {
            let pair = match self.server.profile.fields {
                Fields::InEntry => pair_in_entry(&self.sizes, part, part),
                Fields::InRequestedEntry => pair_in_requested_entry(&self.sizes, part, part, false),
                _ => 2 * self.sizes.string(part),
            };
            self.value.sum = pair.saturating_mul(elements);
        }
        let has_expiry = matches!(facts.value_type, ValueType::HashExpiry | ValueType::HashExpiryPreRelease);
        let (table, entry) = match self.server.profile.tables {
            Tables::Dict { dict, entry, hash_conversions, grows_with_expiry, .. } => {
                let conversion = hash_conversions[usize::from(has_expiry)];
                let slots = match self.value.converts_at {
                    Some(at) => self.dicts.slots_converted(conversion, at, elements),
                    None if has_expiry && grows_with_expiry => slots_grown(elements),
                    None => slots_for(elements),
                };
                (dict + SLOT * slots, entry)
            }
            Tables::Buckets { table, hash } => {
                let buckets = match self.value.converts_at {
                    Some(at) => self.tables.bytes_converted(at, elements),
                    None => self.tables.bytes(elements),
                };
                let expiries = match facts.value_type {
                    ValueType::HashExpiryValkey => self.expiries.bytes(&self.sizes, &mut self.tables, table),
                    _ => 0,
                };
                ((table + hash + buckets).saturating_add(expiries), 0)
            }
        };
        let sum = self.value.sum.saturating_add(elements.saturating_mul(entry));
        self.summed(inside.saturating_add(table), sum, elements)
    }

    /// The values of a hash that shares its field names with others. The server adds a share of the
    /// names, which depends on the number of these hashes; the model does not.
    fn templated_hash(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(value) = mean_entry(facts, 1) {
            self.value.sum = self.sizes.string(value).saturating_mul(elements);
        }
        let array = TEMPLATE_ARRAY.saturating_add(elements.saturating_mul(SLOT));
        inside.saturating_add(array).saturating_add(self.value.sum)
    }

    /// `base` and the bytes of `count` elements, as the server sums them up.
    fn summed(&self, base: u64, sum: u64, count: u64) -> u64 {
        match self.server.profile.sum {
            SumOfElements::Kept => base.saturating_add(sum),
            SumOfElements::MeanOfNodes | SumOfElements::MeanOfElements => averaged(base, sum, count),
        }
    }

    fn stream(&mut self, inside: u64) -> u64 {
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

/// The mean length of a string in a packed value that becomes a hash table on loading, because it
/// has more elements than the configured limit. `None`: the elements were seen.
fn mean_entry(facts: &ValueFacts, strings: u64) -> Option<u64> {
    let Layout::Blob { blob_bytes, .. } = facts.outline.layout else { return None };
    let entries = facts.outline.elements?.saturating_mul(strings);
    let entry = blob_bytes.checked_div(entries)?;
    // Without the header and the link of the entry.
    Some(entry.saturating_sub(2))
}

/// A pair in a hash of Valkey since 8.1: field and value in one allocation if they fit, otherwise
/// the value in its own.
#[inline]
fn pair_in_entry(sizes: &Sizes, field: u64, value: u64) -> u64 {
    let together = sizes.embedded(field).saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD);
    if together <= MAX_EMBEDDED_PAIR {
        sizes.usable(together)
    } else {
        sizes.usable(sizes.embedded_with_flags(field).saturating_add(8)).saturating_add(sizes.string(value))
    }
}

/// A pair in a hash with expiring fields.
fn pair_in_entry_with_expiry(sizes: &Sizes, field: u64, value: u64, expires: bool) -> u64 {
    if !expires {
        return pair_in_entry(sizes, field, value);
    }
    let field = sizes.embedded_with_flags(field).saturating_add(8);
    let together = field.saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD);
    if together <= MAX_EMBEDDED_PAIR {
        sizes.usable(together)
    } else {
        sizes.usable(field.saturating_add(8)).saturating_add(sizes.string(value))
    }
}

/// A pair in a hash of Redis since 8.4: field and value in one allocation if they fit, otherwise the
/// value in its own. All but a long value is counted by its requested size.
#[inline]
fn pair_in_requested_entry(sizes: &Sizes, field: u64, value: u64, expires: bool) -> u64 {
    let with_flags = sizes.embedded_with_flags(field);
    let (header, expiry) = if expires { (with_flags, FIELD_EXPIRY) } else { (sizes.embedded(field), 0) };
    let together = header.saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD + expiry);
    if together <= MAX_EMBEDDED_PAIR {
        together
    } else {
        with_flags.saturating_add(8 + expiry).saturating_add(sizes.string(value))
    }
}

/// Expected bytes of the entries of a set whose array holds a member itself if the member is alone
/// or first in its bucket.
fn chained_entries(slots: u64, elements: u64) -> u64 {
    let (m, n) = (double(slots), double(elements));
    let occupied = m * (1.0 - (1.0 - 1.0 / m).powf(n));
    rounded(double(ENTRY_WITHOUT_VALUE) * (n - occupied))
}

/// The bytes of `count` things of `each` [`PARTS`] of a byte.
fn parts(each: u64, count: u64) -> u64 {
    u64::try_from((u128::from(each) * u128::from(count) + u128::from(PARTS / 2)) / u128::from(PARTS))
        .unwrap_or(u64::MAX)
}

/// Bytes of an integer in an intset.
fn integer_bytes(integer: i64) -> u64 {
    match integer {
        -32_768..=32_767 => 2,
        -2_147_483_648..=2_147_483_647 => 4,
        _ => 8,
    }
}
