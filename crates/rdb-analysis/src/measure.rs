//! What one key costs.

use std::fmt;

use rdb_parser::{Entry, Layout, ModuleId, RdbString, Role, Score, StreamId, ValueType, Visitor};
use serde::{Serialize, Serializer};

use crate::assume::Rules;
use crate::encoding::{Encoding, Facts};
use crate::memory::MemoryGauge;

/// The type of a key, as `TYPE` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DataType {
    /// `string`
    String,
    /// `list`
    List,
    /// `set`
    Set,
    /// `zset`
    Zset,
    /// `hash`
    Hash,
    /// `stream`
    Stream,
    /// `array`: a sparse array of Redis 8.8
    Array,
    /// `json`: of Dragonfly; the JSON of Redis is a module's
    Json,
    /// `bloom`: a Bloom filter of Dragonfly
    Bloom,
    /// `cuckoo`: a cuckoo filter of Dragonfly
    Cuckoo,
    /// `cms`: a count-min sketch of Dragonfly
    CountMin,
    /// `topk`: the most frequent items, of Dragonfly
    TopK,
    /// `gcra`: a rate limiter of Redis
    Gcra,
    /// `cron`: a scheduled script of KeyDB
    Cron,
    /// The type of a module, without the version of its encoding.
    Module(ModuleId),
}

impl DataType {
    /// The types every server has, in the order of reports.
    pub const BUILT_IN: [Self; 6] =
        [Self::String, Self::List, Self::Set, Self::Zset, Self::Hash, Self::Stream];

    /// Its place in [`BUILT_IN`](Self::BUILT_IN). `None` for one that only some servers have.
    #[inline(always)]
    pub(crate) fn built_in_index(self) -> Option<usize> {
        Some(match self {
            Self::String => 0,
            Self::List => 1,
            Self::Set => 2,
            Self::Zset => 3,
            Self::Hash => 4,
            Self::Stream => 5,
            _ => return None,
        })
    }

    #[inline(always)]
    fn of(value_type: ValueType, layout: &Layout) -> Self {
        match (layout, value_type) {
            (Layout::Module(id), _) => Self::Module(id.without_version()),
            (_, ValueType::String) => Self::String,
            (
                _,
                ValueType::List
                | ValueType::ListZiplist
                | ValueType::ListQuicklist
                | ValueType::ListQuicklist2,
            ) => Self::List,
            (
                _,
                ValueType::Set
                | ValueType::SetIntset
                | ValueType::SetListpack
                | ValueType::SetExpiryDragonfly,
            ) => Self::Set,
            (
                _,
                ValueType::ZsetText
                | ValueType::ZsetBinary
                | ValueType::ZsetZiplist
                | ValueType::ZsetListpack,
            ) => Self::Zset,
            (Layout::Stream(_), _) => Self::Stream,
            (_, rare) => Self::of_rare(rare),
        }
    }

    #[cold]
    fn of_rare(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Array => Self::Array,
            ValueType::Json => Self::Json,
            ValueType::Bloom | ValueType::BloomChunked => Self::Bloom,
            ValueType::Cuckoo => Self::Cuckoo,
            ValueType::CountMin => Self::CountMin,
            ValueType::TopK => Self::TopK,
            ValueType::Gcra => Self::Gcra,
            ValueType::Cron => Self::Cron,
            _ => Self::Hash,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Array => "array",
            Self::Json => "json",
            Self::Bloom => "bloom",
            Self::Cuckoo => "cuckoo",
            Self::CountMin => "cms",
            Self::TopK => "topk",
            Self::Gcra => "gcra",
            Self::Cron => "cron",
            Self::Module(id) => return f.pad(&id.to_string()),
        })
    }
}

impl Serialize for DataType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Everything measured of one key but its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measure {
    /// Logical database.
    pub db: u64,
    /// Type.
    pub data_type: DataType,
    /// What `OBJECT ENCODING` would answer after loading into the server that wrote the file.
    pub encoding: Encoding,
    /// Items, members, field-value pairs, stream entries; 1 for a string. `None` for a module's value.
    pub elements: Option<u64>,
    /// Bytes of payload: a string's length, the sum over a collection's elements. `None` where the
    /// scan did not see the elements.
    pub value_bytes: Option<u64>,
    /// Bytes that the key takes in the file: prefix opcodes, type, name and value.
    pub rdb_bytes: u64,
    /// What `MEMORY USAGE key SAMPLES 0` would answer after loading. For a module's value, whose
    /// memory nobody outside the module knows, its bytes in the file. `None`: the scan does not model
    /// memory.
    pub memory_bytes: Option<u64>,
    /// Whether `memory_bytes` is from the memory model, and not just the bytes in the file.
    pub memory_is_modelled: bool,
    /// Bytes of payload of the largest element. `None` where the scan did not see them.
    pub largest_element_bytes: Option<u64>,
    /// When the key expires, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
    /// Seconds since its last use, as of the time the file was written.
    pub idle_seconds: Option<u64>,
    /// Its logarithmic access counter.
    pub freq: Option<u8>,
    /// Its cluster slot, where the file states it.
    pub slot: Option<u16>,
    /// Absolute offset of its record in the file.
    pub offset: u64,
}

/// A key as the scan passes by: borrowed until the next one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct KeyView<'a> {
    /// Its name.
    pub key: RdbString<'a>,
    /// Its measures.
    pub measure: Measure,
}

/// Looks at values as the parser passes over them, and measures keys from that. `M` is the memory model,
/// or `()` for none.
#[derive(Clone, Debug)]
pub(crate) struct Measurer<M> {
    rules: Rules,
    memory: M,
    deep: bool,
    /// Whether every string of the value so far is an integer; kept for strings and sets, whose
    /// encoding depends on it.
    all_integers: bool,
    watch_integers: bool,
    /// Models of other rules that applied before, of which there are as many as servers differ. A file may change
    /// the rules with every record, and a model takes longer to make than a record to read.
    earlier: Vec<(Rules, M)>,
}

impl<M: MemoryGauge> Measurer<M> {
    pub(crate) fn new(rules: Rules, deep: bool) -> Self {
        let memory = M::new(&rules);
        Self { rules, memory, deep, all_integers: false, watch_integers: false, earlier: Vec::new() }
    }

    /// A measurer of another part of the source, with the same rules.
    pub(crate) fn for_part(&self) -> Self {
        Self { rules: self.rules, memory: self.memory.clone(), earlier: Vec::new(), ..*self }
    }

    /// The rules that apply.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Applies `rules` to the keys that follow.
    pub(crate) fn set_rules(&mut self, rules: Rules) {
        if rules != self.rules {
            let known = self.earlier.iter().position(|(earlier, _)| *earlier == rules);
            let memory = match known {
                Some(index) => self.earlier.swap_remove(index).1,
                None => M::new(&rules),
            };
            let earlier = std::mem::replace(&mut self.memory, memory);
            self.earlier.push((self.rules, earlier));
            self.forget();
        }
        self.rules = rules;
    }

    /// Nothing of the next entry's value was shown. What is left may be of one that was damaged.
    pub(crate) fn forget(&mut self) {
        self.memory.forget();
        self.all_integers = false;
    }

    /// The measure of the entry whose value was just passed over.
    #[inline(always)]
    pub(crate) fn measure(&mut self, entry: &Entry<'_>) -> Measure {
        let outline = &entry.outline;
        let data_type = DataType::of(entry.value_type, &outline.layout);
        let facts = Facts {
            data_type,
            value_type: entry.value_type,
            outline: *outline,
            all_integers: self.all_integers,
            key_bytes: entry.key.decoded_len(),
            has_expiry: entry.meta.expires_at_ms.is_some(),
        };
        let encoding = Encoding::after_loading(&self.rules, facts);
        let memory_bytes = self.memory.memory_bytes(encoding, facts);
        let memory_is_modelled = memory_bytes.is_some();
        let memory_bytes = memory_bytes.or(M::IS_MODEL.then_some(entry.rdb_bytes));
        Measure {
            db: entry.db,
            data_type,
            encoding,
            elements: outline.elements,
            value_bytes: outline.value_bytes,
            rdb_bytes: entry.rdb_bytes,
            memory_bytes,
            memory_is_modelled,
            largest_element_bytes: outline.largest_element_bytes,
            expires_at_ms: entry.meta.expires_at_ms,
            idle_seconds: entry.meta.idle_seconds,
            freq: entry.meta.freq,
            slot: entry.meta.slot,
            offset: entry.span.start,
        }
    }
}

impl<M: MemoryGauge> Visitor for Measurer<M> {
    #[inline]
    fn begin(&mut self, value_type: ValueType, elements: Option<u64>) {
        self.memory.begin(value_type, elements);
        self.watch_integers = match value_type {
            ValueType::String => true,
            ValueType::Set => elements.is_some_and(|n| n <= self.rules.limits.set_max_intset_entries),
            _ => false,
        };
        self.all_integers = self.watch_integers;
    }

    #[inline]
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        self.memory.string(role, string);
        if matches!(role, Role::Whole | Role::Member) && self.watch_integers && !string.is_canonical_integer()
        {
            self.all_integers = false;
            self.watch_integers = false;
        }
    }

    #[inline]
    fn wants_strings(&self) -> bool {
        self.watch_integers || self.memory.wants_strings()
    }

    #[inline]
    fn lengths<const STRINGS: usize>(&mut self, roles: &'static [Role; STRINGS], lengths: &[u64; STRINGS]) {
        self.memory.lengths(roles, lengths);
    }

    #[inline]
    fn score(&mut self, score: Score<'_>) {
        self.memory.score(score);
    }

    #[inline]
    fn field_expiry(&mut self, expiry: Option<u64>) {
        self.memory.field_expiry(expiry);
    }

    fn list_node(&mut self, packed: bool, bytes: u64) {
        self.memory.list_node(packed, bytes);
    }

    fn stream_node(&mut self, id: &StreamId, listpack_bytes: u64) {
        self.memory.stream_node(id, listpack_bytes);
    }

    fn stream_group(&mut self, name_bytes: u64) {
        self.memory.stream_group(name_bytes);
    }

    fn stream_consumer(&mut self, name_bytes: u64) {
        self.memory.stream_consumer(name_bytes);
    }

    #[inline]
    fn stream_pending(&mut self, id: &StreamId) {
        self.memory.stream_pending(id);
    }

    fn wants_pending(&self) -> bool {
        self.memory.wants_pending()
    }

    fn wants_packed(&self) -> bool {
        self.deep
    }
}
