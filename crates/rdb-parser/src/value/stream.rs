//! Streams: listpacks of entries, then groups, their pending entries and consumers.
//!
//! Source: `rdbSaveObject`, case `OBJ_STREAM`, in `rdb.c` of Redis 5.0, 7.0 and 7.2.

use super::Walker;
use crate::error::{Error, Result};
use crate::event::{Layout, Outline, StreamShape};
use crate::format::ValueType;
use crate::input::Input;
use crate::lzf;
use crate::read::{ReadExt as _, StringForm};
use crate::visitor::{StreamId, Visitor};

/// A stream ID as it stands in the file where it is not a pair of lengths.
const RAW_ID_BYTES: u64 = 16;

/// Fewest bytes of a node: its ID and its listpack, both of which may be compressed.
const MIN_NODE_BYTES: u64 = 14;

/// Fewest bytes of a group: name, ID, and the counts of pending entries and consumers.
const MIN_GROUP_BYTES: u64 = 5;

/// Fewest bytes of a pending entry of a group: ID, delivery time, delivery count.
const MIN_PENDING_BYTES: u64 = RAW_ID_BYTES + 9;

/// Fewest bytes of a consumer: name, one time, a count.
const MIN_CONSUMER_BYTES: u64 = 10;

impl<I: Input, V: Visitor> Walker<'_, I, V> {
    #[inline(never)]
    pub(super) fn stream(&mut self, value_type: ValueType) -> Result<Outline> {
        let since_7_0 = value_type != ValueType::Stream;
        let since_7_2 = value_type == ValueType::Stream3;
        self.visitor.begin(value_type, None);

        let mut shape = StreamShape {
            nodes: self.input.read_count(MIN_NODE_BYTES, "the nodes of a stream")?,
            ..StreamShape::default()
        };
        for _ in 0..shape.nodes {
            let id = self.stream_node_id()?;
            let listpack = self.input.read_string_header("a stream node")?;
            if let Some(id) = id {
                self.visitor.stream_node(&id, listpack.decoded_len);
            }
            self.input.skip(listpack.payload_len, "a stream node")?;
            self.input.checkpoint();
        }
        // The number of live entries: what XLEN answers, whatever the nodes say.
        let elements = self.input.read_length("the length of a stream")?;
        // The last ID; since 7.0 also the first ID, the largest deleted one, and a counter.
        for _ in 0..if since_7_0 { 7 } else { 2 } {
            self.input.read_length("a stream's ids")?;
        }
        shape.groups = self.input.read_count(MIN_GROUP_BYTES, "the consumer groups of a stream")?;
        for _ in 0..shape.groups {
            self.stream_group(since_7_0, since_7_2, &mut shape)?;
        }
        Ok(Outline::new(elements, None, Layout::Stream(shape)))
    }

    /// Reads the ID of a node. `None`: it is damaged.
    fn stream_node_id(&mut self) -> Result<Option<StreamId>> {
        let at = self.input.position();
        let header = self.input.read_string_header("a stream node's id")?;
        match header.form {
            StringForm::Raw if header.payload_len == RAW_ID_BYTES => {
                return self.input.read_array("a stream node's id").map(Some);
            }
            // No server compresses so short a string, but all would read it. Two compressed bytes for
            // each are the most that is valid.
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

    fn stream_group(&mut self, since_7_0: bool, since_7_2: bool, shape: &mut StreamShape) -> Result<()> {
        let name_bytes = self.pass_string("a consumer group's name")?;
        self.visitor.stream_group(name_bytes);
        // The last delivered ID; since 7.0 also the number of entries read.
        for _ in 0..if since_7_0 { 3 } else { 2 } {
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
        let consumers = self
            .input
            .read_count(MIN_CONSUMER_BYTES + 8 * u64::from(since_7_2), "the consumers of a group")?;
        for _ in 0..consumers {
            let name_bytes = self.pass_string("a consumer's name")?;
            self.visitor.stream_consumer(name_bytes);
            self.input.skip(if since_7_2 { 16 } else { 8 }, "a consumer's times")?;
            let ids = self.input.read_count(RAW_ID_BYTES, "pending entries")?;
            if self.visitor.wants_pending() {
                for _ in 0..ids {
                    let id = self.input.read_array("pending entries")?;
                    self.visitor.stream_pending(&id);
                    self.input.checkpoint();
                }
                continue;
            }
            let at = self.input.position();
            let bytes =
                ids.checked_mul(RAW_ID_BYTES).ok_or_else(|| Error::truncated("pending entries", at))?;
            self.input.skip(bytes, "pending entries")?;
        }
        shape.pending = shape.pending.saturating_add(pending);
        shape.consumers = shape.consumers.saturating_add(consumers);
        Ok(())
    }
}
