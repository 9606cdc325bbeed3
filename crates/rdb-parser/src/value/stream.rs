//! Streams: listpacks of entries, then groups, their pending entries and consumers.
//!
//! Source: `rdbSaveObject`, case `OBJ_STREAM`, in `rdb.c` of Redis 5.0, 7.0 and 7.2; what 8.6 and
//! 8.8 add is known from descriptions, and from a file of 8.9 without groups.

use super::open::OpenValue;
use super::packed::walk_stored;
use super::stream_node::NodeWalk;
use super::sums::{PartSums, StreamSums};
use super::walker::Walker;
use crate::encoding::Packed;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ValueType;
use crate::input::Input;
use crate::lzf;
use crate::outline::{Layout, Outline, StreamShape};
use crate::read::{ReadExt as _, StringForm, StringHeader};
use crate::string::RdbString;
use crate::visitor::{StreamId, Visitor};
use crate::warning::Warning;

/// Bytes of a stream ID that is not stored as a pair of lengths.
const RAW_ID_BYTES: u64 = 16;

/// Fewest bytes of a node: its ID and its listpack, both of which may be compressed.
const MIN_NODE_BYTES: u64 = 14;

/// Fewest bytes of a group: name, ID, and the counts of pending entries and consumers.
const MIN_GROUP_BYTES: u64 = 5;

/// Fewest bytes of a pending entry of a group: ID, delivery time, delivery count.
const MIN_PENDING_BYTES: u64 = RAW_ID_BYTES + 9;

/// Fewest bytes of a consumer: name, one time, a count.
const MIN_CONSUMER_BYTES: u64 = 10;

/// Fewest bytes of a producer (name, number of entries), and of one of its entries (name, ID).
const MIN_PRODUCER_BYTES: u64 = 2;
const MIN_PRODUCED_BYTES: u64 = 3;

impl StreamSums {
    /// Adds the sums over the nodes that follow. Returns false, and adds nothing, if the first of
    /// them is out of order.
    pub(super) fn append(&mut self, next: &Self) -> bool {
        let Self { shape, live, tally, miscounted, first_node, last_node } = *next;
        // `None`, before the first node, is less than any ID.
        if first_node <= self.last_node {
            return false;
        }
        self.shape.nodes += shape.nodes;
        self.live = self.live.saturating_add(live);
        self.tally = self.tally.merge(tally);
        self.miscounted |= miscounted;
        self.first_node = self.first_node.or(first_node);
        self.last_node = last_node;
        true
    }
}

/// The server versions that extended the layout of streams.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Redis5,
    Redis7_0,
    Redis7_2,
    Redis8_6,
    Redis8_8,
}

impl Layer {
    fn of(value_type: ValueType) -> Self {
        match value_type {
            ValueType::Stream => Self::Redis5,
            ValueType::Stream2 => Self::Redis7_0,
            ValueType::Stream4 => Self::Redis8_6,
            ValueType::Stream5 => Self::Redis8_8,
            _ => Self::Redis7_2,
        }
    }
}

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    #[inline(never)]
    pub(super) fn stream(&mut self, value_type: ValueType) -> Result<Outline> {
        self.visitor.begin(value_type, None);
        let at = self.input.position();
        let count = self.input.read_count(MIN_NODE_BYTES, "the nodes of a stream")?;
        let mut sums = StreamSums::default();
        let left = self.stream_nodes(count, &mut sums)?;
        let sums = PartSums::Stream(sums);
        self.finish_or_leave(OpenValue { value_type, at, base_expiry: 0, count, left, sums })
    }

    /// Skips nodes until none are left or the [pace](super::open::Pace) ends. Returns the number of
    /// nodes that are left.
    pub(super) fn stream_nodes(&mut self, count: u64, sums: &mut StreamSums) -> Result<u64> {
        let from = self.input.position();
        let mut left = count;
        while left > 0 && !self.pace.is_over(self.input.position(), from, count - left, left) {
            self.stream_node(sums)?;
            self.input.checkpoint();
            left -= 1;
        }
        Ok(left)
    }

    /// Skips a node: its ID and its listpack, which is walked if the visitor needs it.
    pub(crate) fn stream_node(&mut self, sums: &mut StreamSums) -> Result<()> {
        let at = self.input.position();
        let id = self.stream_node_id()?;
        sums.shape.nodes += 1;
        if id.is_some() && id <= sums.last_node {
            self.contain(Error::corrupt("stream", "its nodes are not in the order of their ids", at))?;
        }
        sums.last_node = id;
        sums.first_node = sums.first_node.or(id);
        let header = self.input.read_string_header("a stream node")?;
        if let Some(id) = id {
            self.visitor.stream_node(&id, header.decoded_len);
        }
        let start = self.input.position();
        let end = start.saturating_add(header.payload_len);
        let outcome = match self.header_count(Packed::Listpack, header) {
            Ok((Some(0), _)) => Err(Error::corrupt("stream", "a node without entries", start)),
            Ok(_) if self.visitor.needs_packed() => self.walk_stream_node(id, header, sums),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.contain(if header.form == StringForm::Lzf { error.inside(start) } else { error })?;
        }
        self.input.skip(end.saturating_sub(self.input.position()), "a stream node")
    }

    /// Walks the listpack of a node, and shows its entries. `id` is the ID of the node. `None`: the ID
    /// is damaged, so the IDs of the entries are unknown.
    fn walk_stream_node(
        &mut self,
        id: Option<StreamId>,
        header: StringHeader,
        sums: &mut StreamSums,
    ) -> Result<()> {
        let mut node = NodeWalk::new(self.visitor.needs_stream_fields());
        let mut name = Vec::new();
        let Self { input, scratch, visitor, .. } = self;
        walk_stored::<_, V>(Packed::Listpack, header, *input, scratch, &mut |entry: RdbString<'_>| {
            if let Some(node_id) = id
                && let Some((id, field)) = node.field_of(entry, &node_id, &mut name)
            {
                visitor.stream_field(&id, field, entry);
            }
            if let (Some(live), Some(id)) = (node.see(entry), id) {
                visitor.stream_entry(&live.id(&id), live.bytes);
            }
        })?;
        let agrees = node.finish().map_err(|detail| self.input.fail(ErrorKind::Corrupt("stream", detail)))?;
        sums.miscounted |= !agrees;
        sums.live = sums.live.saturating_add(node.live());
        sums.tally = sums.tally.merge(node.tally);
        Ok(())
    }

    /// Skips everything after the nodes.
    pub(crate) fn stream_tail(&mut self, value_type: ValueType, sums: &StreamSums) -> Result<Outline> {
        let layer = Layer::of(value_type);
        let mut shape = sums.shape;
        // The number of live entries: XLEN answers this field, even if the nodes hold another
        // number.
        let elements = self.input.read_length("the length of a stream")?;
        // The last ID; since 7.0 also the first ID, the largest deleted one, and a counter.
        for _ in 0..if layer >= Layer::Redis7_0 { 7 } else { 2 } {
            self.input.read_length("a stream's ids")?;
        }
        shape.groups = self.input.read_count(MIN_GROUP_BYTES, "the consumer groups of a stream")?;
        for _ in 0..shape.groups {
            self.stream_group(layer, &mut shape)?;
        }
        if layer >= Layer::Redis8_6 {
            self.stream_producers()?;
        }
        let tally = self.visitor.needs_packed().then_some(sums.tally);
        if tally.is_some() && self.damage.is_none() {
            self.warnings.insert_if(sums.miscounted || sums.live != elements, Warning::StreamLength);
        }
        Ok(Outline::new(elements, tally, Layout::Stream(shape)))
    }

    /// Reads the ID of a node. `None`: it is damaged.
    fn stream_node_id(&mut self) -> Result<Option<StreamId>> {
        let at = self.input.position();
        let header = self.input.read_string_header("a stream node's id")?;
        match header.form {
            StringForm::Raw if header.payload_len == RAW_ID_BYTES => {
                return self.input.read_array("a stream node's id").map(Some);
            }
            // No server compresses such a short string, but all servers would read it. A valid
            // string has at most two compressed bytes for each byte.
            StringForm::Lzf
                if header.decoded_len == RAW_ID_BYTES && header.payload_len <= 2 * RAW_ID_BYTES =>
            {
                let len = usize::try_from(header.payload_len).unwrap_or(usize::MAX);
                let compressed = self.input.require(len, "a stream node's id")?;
                let mut id = StreamId::default();
                let written = lzf::decompress_prefix(compressed, &mut id);
                self.input.consume(len);
                if written.is_ok_and(|written| written == id.len()) {
                    return Ok(Some(id));
                }
            }
            _ => self.input.skip(header.payload_len, "a stream node's id")?,
        }
        self.contain(Error::corrupt("stream", "a node's id has not 16 bytes", at))?;
        Ok(None)
    }

    fn stream_group(&mut self, layer: Layer, shape: &mut StreamShape) -> Result<()> {
        self.show_name("a consumer group's name", V::stream_group)?;
        // The last delivered ID; since 7.0 also the number of entries read.
        for _ in 0..if layer >= Layer::Redis7_0 { 3 } else { 2 } {
            self.input.read_length("a consumer group's position")?;
        }
        let pending = self.input.read_count(MIN_PENDING_BYTES, "pending entries")?;
        for _ in 0..pending {
            let id = self.input.read_array("a pending entry")?;
            self.visitor.stream_pending(&id);
            self.input.skip(8, "a pending entry")?;
            self.input.read_length("a pending entry")?;
            self.input.checkpoint();
        }
        let consumers = self.input.read_count(
            MIN_CONSUMER_BYTES + 8 * u64::from(layer >= Layer::Redis7_2),
            "the consumers of a group",
        )?;
        for _ in 0..consumers {
            self.show_name("a consumer's name", V::stream_consumer)?;
            self.input.skip(if layer >= Layer::Redis7_2 { 16 } else { 8 }, "a consumer's times")?;
            self.consumers_pending()?;
        }
        if layer >= Layer::Redis8_8 && self.raw_ids("refused entries")? > 0 {
            self.warnings.insert(Warning::ProvisionalStream);
        }
        shape.pending = shape.pending.saturating_add(pending);
        shape.consumers = shape.consumers.saturating_add(consumers);
        Ok(())
    }

    /// Skips the IDs of a consumer's pending entries.
    fn consumers_pending(&mut self) -> Result<()> {
        if !self.visitor.needs_pending() {
            return self.raw_ids("pending entries").map(|_| ());
        }
        for _ in 0..self.input.read_count(RAW_ID_BYTES, "pending entries")? {
            let id = self.input.read_array("pending entries")?;
            self.visitor.stream_pending(&id);
            self.input.checkpoint();
        }
        Ok(())
    }

    /// Skips a count and its IDs.
    fn raw_ids(&mut self, what: &'static str) -> Result<u64> {
        let at = self.input.position();
        let ids = self.input.read_count(RAW_ID_BYTES, what)?;
        let bytes = ids.checked_mul(RAW_ID_BYTES).ok_or_else(|| Error::truncated(what, at))?;
        self.input.skip(bytes, what)?;
        self.input.checkpoint();
        Ok(ids)
    }

    /// Skips the state that prevents duplicate entries: two settings, the IDs of each producer's
    /// entries, and two counters.
    fn stream_producers(&mut self) -> Result<()> {
        for _ in 0..2 {
            self.input.read_length("a stream's settings")?;
        }
        let producers = self.input.read_count(MIN_PRODUCER_BYTES, "stream producers")?;
        for _ in 0..producers {
            self.warnings.insert(Warning::ProvisionalStream);
            self.input.skip_string("a producer's name")?;
            for _ in 0..self.input.read_count(MIN_PRODUCED_BYTES, "producer entries")? {
                self.input.skip_string("a producer's entry")?;
                self.input.read_length("a producer's entry")?;
                self.input.read_length("a producer's entry")?;
                self.input.checkpoint();
            }
        }
        for _ in 0..2 {
            self.input.read_length("a stream's counters")?;
        }
        Ok(())
    }
}
