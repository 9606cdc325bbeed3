//! The memory model: estimates values while the parser skips them.

use rdb_parser::outline::Packed;
use rdb_parser::visitor::{Score, StreamId};
use rdb_parser::{Layout, RdbString, Role, ValueType, Visitor};

use super::buckets::BucketTables;
use super::dict::{DictSimulator, slots_for, slots_grown};
use super::expiry_index::ExpiryIndex;
use super::float::{averaged, double, rounded};
use super::key_costs::KeyCosts;
use super::packed::PackedLength;
use super::rax::Rax;
use super::sizes::Sizes;
use super::skiplist::{self, Nodes, PARTS};
use super::value::{Value, Watched};
use crate::measure::Estimator;
use crate::measure::{DataType, Encoding, ValueFacts};
use crate::server::{AssumedServer, Conversion, Fields, Key, Skiplist, Tables, embedded_bytes};

/// Bytes of an array's slot.
const SLOT: u64 = 8;

/// The structs of a sorted set and of its skiplist.
const ZSET: u64 = 16;
const ZSKIPLIST: u64 = 32;

/// The skiplist with its header, where members are in the nodes.
const ZSKIPLIST_WITH_HEADER: u64 = 528;

/// Entry of a dict, and one without a value.
const ENTRY: u64 = 24;
const ENTRY_WITHOUT_VALUE: u64 = 16;

/// Longest entry that a hash of Valkey holds in one allocation.
const MAX_EMBEDDED_PAIR: u64 = 128;

/// Header and terminator of the value in it.
const EMBEDDED_VALUE_OVERHEAD: u64 = 4;

/// IDs that the parts of values in one range keep: 1 MiB.
const MAX_PART_IDS: usize = 64 << 10;

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
    nodes: Nodes,
    dicts: DictSimulator,
    tables: BucketTables,
    expiries: ExpiryIndex,
    ids: Rax<16>,
    /// IDs of a stream's nodes, if a part of a value is seen, and how many more may be kept.
    part_ids: Option<Vec<StreamId>>,
    left_ids: usize,
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
            nodes: Nodes::new(server.profile.skiplist, server.allocator),
            dicts: DictSimulator::default(),
            tables: BucketTables::default(),
            expiries: ExpiryIndex::default(),
            ids: Rax::default(),
            part_ids: None,
            left_ids: MAX_PART_IDS,
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
        let encoding = if self.is_extrapolated_encoding {
            Encoding::after_loading(&self.server, facts)
        } else {
            encoding
        };
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
        !self.value.in_detail
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
        !self.value.in_detail && (part.expiries == 0 || self.expiries.only_counts())
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
    /// The bytes of a key and its object: those inside the sum that is computed in doubles, and
    /// those outside. If the object holds the key, both are inside.
    #[inline(always)]
    fn object_bytes(&self, key: Key) -> (u64, u64) {
        let profile = self.server.profile;
        let key_bytes = self.keys.bytes(profile, self.server.allocator, key);
        if profile.object == 0 { (key_bytes, 0) } else { (profile.object, key_bytes) }
    }

    #[inline(always)]
    fn string_bytes(&self, encoding: Encoding, facts: &ValueFacts) -> u64 {
        let key = facts.key();
        let (inside, outside) = self.object_bytes(key);
        let len = facts.outline.value_bytes.unwrap_or(0);
        let value = match encoding {
            Encoding::Int => inside,
            Encoding::Embstr => {
                embedded_bytes(self.server.profile, |request| self.sizes.usable(request), key, len)
                    .unwrap_or_else(|| inside + self.sizes.string(len))
            }
            _ => inside + self.sizes.string(len),
        };
        value.saturating_add(outside)
    }

    #[inline(never)]
    #[allow(clippy::needless_pass_by_value, clippy::large_types_passed_by_value, reason = "see `ValueFacts`")]
    fn collection_bytes(&mut self, encoding: Encoding, facts: ValueFacts) -> Option<u64> {
        let (inside, outside) = self.object_bytes(facts.key());
        let facts = &facts;
        let value = match (facts.data_type, encoding) {
            (_, Encoding::Stream) => self.stream(inside),
            (_, Encoding::Quicklist) => self.quicklist(inside, facts),
            (_, Encoding::Skiplist) => self.zset(inside, facts),
            (DataType::Set, Encoding::Hashtable) => self.set(inside, facts),
            (DataType::Hash, Encoding::Hashtable) => self.hash(inside, facts),
            (
                DataType::List | DataType::Set | DataType::Zset | DataType::Hash,
                Encoding::Listpack | Encoding::Listpackex | Encoding::Ziplist | Encoding::Intset,
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
            ValueType::Set | ValueType::SetExpiryDragonfly => {
                (Watched::SetMembers, within(limits.set_max_intset_entries))
            }
            ValueType::ZsetText | ValueType::ZsetBinary => {
                let watched = match profile.skiplist {
                    Skiplist::Separate => Watched::ZsetMembers,
                    Skiplist::InNode => Watched::ZsetMembersInNodes,
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
            ValueType::Stream
            | ValueType::Stream2
            | ValueType::Stream3
            | ValueType::Stream4
            | ValueType::Stream5 => {
                self.ids = Rax::default();
                (Watched::Nothing, false)
            }
            _ => (Watched::Nothing, false),
        };
        self.value = Value::new(watched, in_detail, !profile.rounds_packed);
        self.value.may_be_packed =
            self.server.family.has_small_lists_and_sets() && within(limits.set_max_listpack_entries);
    }

    #[inline]
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        if self.value.watched != Watched::Nothing {
            self.see(role, &string);
        }
    }

    #[inline]
    fn needs_strings(&self) -> bool {
        self.value.in_detail
    }

    #[inline(always)]
    fn lengths<const STRINGS: usize>(&mut self, _: &'static [Role; STRINGS], lengths: &[u64; STRINGS]) {
        let value = &mut self.value;
        // A third length is an expiry.
        let (first, last) = (lengths[0], lengths.get(1).copied().unwrap_or(0));
        match value.watched {
            Watched::SetMembers | Watched::ZsetMembers => value.sum += self.sizes.string(first),
            Watched::ZsetMembersInNodes => {
                let node = self.nodes.embedding_parts(self.sizes.embedded(first));
                value.parts = value.parts.saturating_add(node);
            }
            Watched::Pairs => value.sum += self.sizes.string(first) + self.sizes.string(last),
            Watched::PairsWithMetadata => {
                value.sum += self.sizes.field(first, value.expires) + self.sizes.string(last);
            }
            Watched::PairsInEntries => value.sum += pair_in_entry(&self.sizes, first, last),
            Watched::PairsInEntriesThenExpiry => (value.field_bytes, value.held_bytes) = (first, last),
            Watched::Items | Watched::Nothing => {}
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

    fn list_node(&mut self, _: bool, bytes: u64) {
        let bytes = self.packed_bytes(bytes);
        self.value.add_node(self.server.profile.list_node.saturating_add(bytes));
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

    fn stream_group(&mut self, _: u64) {
        self.finish_ids();
        self.value.in_group = true;
        self.value.add(self.server.profile.stream.group);
    }

    fn stream_consumer(&mut self, name_bytes: u64) {
        self.finish_ids();
        self.value.in_group = false;
        self.value.add(self.server.profile.stream.consumer.saturating_add(name_bytes));
    }

    #[inline]
    fn stream_pending(&mut self, id: &StreamId) {
        self.ids.push(id, &self.sizes);
        if self.value.in_group {
            self.value.add(self.server.profile.stream.pending);
        }
    }

    fn needs_pending(&self) -> bool {
        true
    }
}

/// Elements shown as strings: those of values that may become packed.
impl MemoryEstimator {
    /// Adds a string of an element.
    #[inline(never)]
    fn see(&mut self, role: Role, string: &RdbString<'_>) {
        let len = string.decoded_len();
        let value = &mut self.value;
        match role {
            Role::Member => match value.watched {
                Watched::SetMembers | Watched::ZsetMembers => value.sum += self.sizes.string(len),
                Watched::ZsetMembersInNodes => {
                    let node = self.nodes.embedding_parts(self.sizes.embedded(len));
                    value.parts = value.parts.saturating_add(node);
                }
                _ => return,
            },
            Role::Field => match value.watched {
                Watched::Pairs => value.sum += self.sizes.string(len),
                Watched::PairsWithMetadata => value.sum += self.sizes.field(len, value.expires),
                Watched::PairsInEntries | Watched::PairsInEntriesThenExpiry => value.field_bytes = len,
                _ => return,
            },
            Role::Value => match value.watched {
                Watched::Pairs | Watched::PairsWithMetadata => value.sum += self.sizes.string(len),
                Watched::PairsInEntries => value.sum += pair_in_entry(&self.sizes, value.field_bytes, len),
                Watched::PairsInEntriesThenExpiry => value.held_bytes = len,
                _ => return,
            },
            Role::Item if value.watched == Watched::Items => {}
            _ => return,
        }
        if value.in_detail {
            self.look_at(role, string);
        }
    }

    #[inline(never)]
    fn look_at(&mut self, role: Role, string: &RdbString<'_>) {
        let len = string.decoded_len();
        let limits = &self.server.limits;
        let value = &mut self.value;
        match role {
            Role::Member if value.watched == Watched::SetMembers => {
                value.packed.push(string);
                if let Some(bytes) = integer_bytes(string) {
                    value.integer_bytes = value.integer_bytes.max(bytes);
                } else {
                    value.converts_at.get_or_insert(value.index);
                    // The value is not an intset from here on. If it is large, or the server older
                    // than 7.2, it is not packed either.
                    value.in_detail &= value.may_be_packed;
                }
                value.index += 1;
            }
            Role::Member => {
                value.packed.push(string);
            }
            Role::Field => {
                value.packed.push(string);
                value.long = len > limits.hash_max_listpack_value;
            }
            Role::Value => {
                value.packed.push(string);
                if value.long || len > limits.hash_max_listpack_value {
                    value.converts_at = Some(value.index);
                    value.in_detail = false;
                }
                value.index += 1;
            }
            Role::Item => {
                let before = *value;
                value.packed.push(string);
                value.index += 1;
                if before.index > 0 && !limits.list_node_fits(value.packed.bytes(), value.index) {
                    self.value = before;
                    self.finish_list_node();
                    self.value.packed.push(string);
                    self.value.index = 1;
                }
            }
            _ => {}
        }
    }

    /// Ends the current node of a list whose nodes the server builds.
    fn finish_list_node(&mut self) {
        if self.value.index > 0 {
            let bytes = self.value.packed.bytes();
            self.list_node(true, bytes);
        }
        self.value.packed = PackedLength::new(!self.server.profile.rounds_packed);
        self.value.index = 0;
    }
}

/// Whole values. `inside` has the bytes before the elements: the object, with its key if the object
/// holds it.
impl MemoryEstimator {
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
            Layout::Blob { blob_bytes, .. } => self.list_node(true, blob_bytes),
            _ => {}
        }
        let profile = self.server.profile;
        let elements = facts.outline.elements.unwrap_or(0);
        let count = if profile.averages_list_elements { elements } else { self.value.nodes };
        averaged(inside + profile.list, self.value.sum, count)
    }

    fn set(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(member) = mean_entry(facts, 1) {
            self.value.sum = self.sizes.string(member).saturating_mul(elements);
        }
        let (table, entries) = match self.server.profile.tables {
            Tables::Dict { dict, first_member_is_free, .. } => {
                let slots = match self.value.converts_at {
                    Some(at) if !self.server.family.has_small_lists_and_sets() => {
                        self.dicts.slots_converted(Conversion::Set, at, elements)
                    }
                    _ => slots_for(elements),
                };
                let entries = if first_member_is_free {
                    chained_entries(slots, elements)
                } else {
                    elements.saturating_mul(ENTRY)
                };
                (dict + SLOT * slots, entries)
            }
            Tables::Buckets { table, .. } => (table + self.tables.bytes(elements), 0),
        };
        averaged(inside + table, self.value.sum.saturating_add(entries), elements)
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
        let (skiplist, nodes) = match self.server.profile.skiplist {
            Skiplist::Separate => (
                ZSKIPLIST + skiplist::header_bytes(&self.sizes),
                self.value.sum.saturating_add(parts(self.nodes.pointing_parts, elements)),
            ),
            Skiplist::InNode => (ZSKIPLIST_WITH_HEADER, self.value.parts / PARTS),
        };
        let sum = nodes.saturating_add(elements.saturating_mul(entry));
        averaged(inside + ZSET + skiplist + table, sum, elements)
    }

    fn hash(&mut self, inside: u64, facts: &ValueFacts) -> u64 {
        let elements = facts.outline.elements.unwrap_or(0);
        if let Some(part) = mean_entry(facts, 2) {
            let pair = match self.server.profile.fields {
                Fields::InEntry => pair_in_entry(&self.sizes, part, part),
                _ => 2 * self.sizes.string(part),
            };
            self.value.sum = pair.saturating_mul(elements);
        }
        let has_expiry = matches!(facts.value_type, ValueType::HashExpiry | ValueType::HashExpiryPreRelease);
        let (table, entry) = match self.server.profile.tables {
            Tables::Dict { dict, hash_conversion, grows_with_expiry, .. } => {
                let conversion = if has_expiry { Conversion::HashExpiry } else { hash_conversion };
                let slots = match self.value.converts_at {
                    Some(at) => self.dicts.slots_converted(conversion, at, elements),
                    None if has_expiry && grows_with_expiry => slots_grown(elements),
                    None => slots_for(elements),
                };
                (dict + SLOT * slots, ENTRY)
            }
            Tables::Buckets { table, hash } => {
                let buckets = match self.value.converts_at {
                    Some(at) => self.tables.bytes_converted(at, elements),
                    None => self.tables.bytes(elements),
                };
                let expiries = match facts.value_type {
                    ValueType::HashExpiryValkey => self.expiries.bytes(&self.sizes, &mut self.tables),
                    _ => 0,
                };
                ((table + hash + buckets).saturating_add(expiries), 0)
            }
        };
        let sum = self.value.sum.saturating_add(elements.saturating_mul(entry));
        averaged(inside.saturating_add(table), sum, elements)
    }

    fn stream(&mut self, inside: u64) -> u64 {
        self.finish_ids();
        (inside + self.server.profile.stream.stream).saturating_add(self.value.sum)
    }

    /// Adds the tree of the IDs that were shown since the last call.
    fn finish_ids(&mut self) {
        let tree = self.ids.finish(self.server.profile.stream.measures_trees, &self.sizes);
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

/// Bytes of the integer `string` in an intset. `None` if the string is not an integer.
fn integer_bytes(string: &RdbString<'_>) -> Option<u64> {
    let value = match *string {
        RdbString::Raw(bytes) => rdb_parser::string::parse_canonical_integer(bytes)?,
        RdbString::Int(value) => value,
        _ => return None,
    };
    Some(match value {
        -32_768..=32_767 => 2,
        -2_147_483_648..=2_147_483_647 => 4,
        _ => 8,
    })
}
