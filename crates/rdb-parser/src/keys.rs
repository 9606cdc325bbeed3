//! Records of keys: the loop that every file spends its time in.
//!
//! It is written once and used in two ways: a caller [pulls](Parser::next_event) one record at a time, or has
//! [all keys of a stretch](Parser::read_keys) given to it from inside the loop, where what is known of a key is
//! still in registers.

use std::ops::{ControlFlow, Range};

use crate::error::KEY_IN_MESSAGE_BYTES;
use crate::error::{Error, Result};
use crate::event::{Entry, Event, KeyMeta};
use crate::format::{ValueType, opcode};
use crate::input::Input;
use crate::outline::Outline;
use crate::parser::{Parser, Prefix, Record};
use crate::rare::Detour;
use crate::read::{ReadExt as _, short_length};
use crate::string::{PinnedString, RdbString};
use crate::value::Walker;
use crate::visitor::{Role, Visitor};
use crate::warning::Warnings;

/// The value type of a plain string, of all servers: most keys of most files.
const STRING: u8 = 0;

/// Takes the keys of a [stretch](Parser::read_keys) of a file.
pub trait KeySink {
    /// Looks at their values as they go by.
    type Visitor: Visitor;

    /// Why it wants no more.
    type Break;

    /// What is shown the value of the next key.
    fn visitor(&mut self) -> &mut Self::Visitor;

    /// A key whose value was passed over. A break ends the stretch behind it.
    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<Self::Break>;
}

/// What ended a [stretch](Parser::read_keys) of keys.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyRun<'a, B> {
    /// A key ended at or behind the bound, or a compressed blob anywhere.
    Bound,
    /// The sink wants no more.
    Broken(B),
    /// Another record, or a key whose value came in pieces: nothing of it was shown to the visitor.
    Event(Event<'a>),
    /// There is nothing more, see [`Parser::next_event`].
    End,
}

/// A key record as it was found, without borrowing from the parser.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    key: PinnedString,
    value_type: ValueType,
    /// Offset of its value type.
    pub(crate) start: u64,
    pub(crate) prefix: Prefix,
    outline: Outline,
    warnings: Warnings,
}

/// What one step of the loop has read.
pub(crate) enum Step<T> {
    /// A key, and what became of it.
    Key(T),
    /// Anything else.
    Other(Record),
}

/// What a loop does with a key.
pub(crate) trait Host {
    type Visitor: Visitor;
    type Taken;

    fn visitor(&mut self) -> &mut Self::Visitor;

    fn take<I: Input>(&mut self, parser: &mut Parser<I>, found: Found) -> Self::Taken;
}

/// Leaves the key for later.
pub(crate) struct Pull<'v, V>(pub(crate) &'v mut V);

impl<V: Visitor> Host for Pull<'_, V> {
    type Visitor = V;
    type Taken = Found;

    #[inline(always)]
    fn visitor(&mut self) -> &mut V {
        self.0
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, _: &mut Parser<I>, found: Found) -> Found {
        found
    }
}

/// Gives it to a sink.
struct Push<'s, S>(&'s mut S);

/// What ended a run of keys.
pub(crate) enum Run<B> {
    Bound,
    Broken(B),
    /// Another record, or a [detour](Record::Detour).
    Other(Record),
}

impl<S: KeySink> Host for Push<'_, S> {
    type Visitor = S::Visitor;
    type Taken = ControlFlow<S::Break>;

    #[inline(always)]
    fn visitor(&mut self) -> &mut S::Visitor {
        self.0.visitor()
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, parser: &mut Parser<I>, found: Found) -> ControlFlow<S::Break> {
        self.0.key(&parser.entry(found))
    }
}

/// Where name and value lie of a string key that most string keys are like: neither is encoded nor longer than
/// two bytes of length can say.
struct PlainString {
    key: Range<usize>,
    value: Range<usize>,
}

impl PlainString {
    /// That at the start of `bytes`, which follow a value type, if it is one and whole.
    #[inline(always)]
    fn at_start(bytes: &[u8]) -> Option<Self> {
        let (key_len, key_start) = short_length(bytes)?;
        let key_end = key_start + key_len;
        let (value_len, header_len) = short_length(bytes.get(key_end..)?)?;
        let value_start = key_end + header_len;
        let value_end = value_start + value_len;
        (value_end <= bytes.len()).then_some(Self { key: key_start..key_end, value: value_start..value_end })
    }
}

impl<I: Input> Parser<I> {
    /// Gives key after key to `sink`, until one ends at or behind the offset `bound` or something else than a
    /// key is met. Reads on in any case, if only to the end of a compressed blob. The same keys as [`next_event_with`](Self::next_event_with)
    /// gives, in less time.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use rdb_parser::{Entry, KeySink, Parser, KeyRun};
    ///
    /// struct Count { keys: u64, visitor: () }
    ///
    /// impl KeySink for Count {
    ///     type Visitor = ();
    ///     type Break = ();
    ///     fn visitor(&mut self) -> &mut () {
    ///         &mut self.visitor
    ///     }
    ///     fn key(&mut self, _: &Entry<'_>) -> ControlFlow<()> {
    ///         self.keys += 1;
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// let mut parser = Parser::from_slice(b"REDIS0003\x00\x01a\x01b\x00\x01c\x01d\xff")?;
    /// let mut count = Count { keys: 0, visitor: () };
    /// loop {
    ///     match parser.read_keys(u64::MAX, &mut count)? {
    ///         KeyRun::End => break,
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(count.keys, 2);
    /// # Ok::<(), rdb_parser::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event).
    // A function of its own, so that its loop has the registers for itself.
    #[inline(never)]
    pub fn read_keys<S: KeySink>(&mut self, bound: u64, sink: &mut S) -> Result<KeyRun<'_, S::Break>> {
        if self.finished | self.detour {
            return self.stretch_on_detour(sink);
        }
        match self.run_keys(bound, &mut Push(sink))? {
            Run::Bound => Ok(KeyRun::Bound),
            Run::Broken(reason) => Ok(KeyRun::Broken(reason)),
            Run::Other(Record::Detour) => self.stretch_on_detour(sink),
            Run::Other(record) => Ok(KeyRun::Event(self.event(record))),
        }
    }

    /// What stands before the next record of the input. A bound if that is nothing.
    #[cold]
    #[inline(never)]
    fn stretch_on_detour<S: KeySink>(&mut self, sink: &mut S) -> Result<KeyRun<'_, S::Break>> {
        match self.detour() {
            Detour::Event(event) => Ok(KeyRun::Event(event)),
            Detour::End => Ok(KeyRun::End),
            Detour::Blob => match self.keys_in_blob(sink)? {
                Some(Run::Broken(reason)) => Ok(KeyRun::Broken(reason)),
                Some(Run::Other(record)) => Ok(KeyRun::Event(self.event_in_blob(record))),
                Some(Run::Bound) | None => Ok(KeyRun::Bound),
            },
            Detour::Over => Ok(KeyRun::Bound),
        }
    }

    /// The loop of [`read_keys`](Self::read_keys), for any host that says whether to go on.
    #[inline(always)]
    pub(crate) fn run_keys<B, H>(&mut self, bound: u64, host: &mut H) -> Result<Run<B>>
    where
        H: Host<Taken = ControlFlow<B>>,
    {
        self.input.checkpoint();
        loop {
            match self.step(host) {
                Ok(Step::Key(ControlFlow::Continue(()))) => {
                    if self.input.position() >= bound {
                        return Ok(Run::Bound);
                    }
                    self.input.checkpoint();
                }
                Ok(Step::Key(ControlFlow::Break(reason))) => return Ok(Run::Broken(reason)),
                Ok(Step::Other(Record::Prefix)) => {}
                Ok(Step::Other(record)) => return Ok(Run::Other(record)),
                Err(error) => return Err(self.give_up(error)),
            }
        }
    }

    /// Reads on to the next record that is an event, or that makes a [detour](Record::Detour).
    #[inline]
    pub(crate) fn next_record<V: Visitor>(&mut self, visitor: &mut V) -> Result<Record> {
        self.input.checkpoint();
        loop {
            match self.step(&mut Pull(visitor)) {
                Ok(Step::Key(found)) => return Ok(Record::Key(found)),
                Ok(Step::Other(Record::Prefix)) => {}
                Ok(Step::Other(record)) => return Ok(record),
                Err(error) => return Err(self.give_up(error)),
            }
        }
    }

    #[cold]
    fn give_up(&mut self, error: Error) -> Error {
        self.finished = !error.is_contained();
        if self.finished {
            self.drop_chunked_values();
        }
        self.explain(error)
    }

    /// The entry of a key that was just found.
    #[inline(always)]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        let Found { key, value_type, start, prefix, outline, warnings } = found;
        let end = self.input.position();
        Entry {
            db: self.db,
            key: key.view(&self.input),
            value_type,
            meta: KeyMeta { slot: self.slot, ..prefix.meta },
            span: prefix.start.unwrap_or(start)..end,
            rdb_bytes: prefix.bytes + (end - start),
            outline,
            warnings: prefix.warnings.union(warnings),
        }
    }

    /// Reads one record.
    #[inline(always)]
    fn step<H: Host>(&mut self, host: &mut H) -> Result<Step<H::Taken>> {
        let start = self.input.position();
        let byte = self.input.read_u8("the file: there is no end of file opcode")?;
        match byte {
            STRING => match PlainString::at_start(self.input.peek(1)?) {
                Some(plain) => self.take_plain_string(plain, start, host),
                None => self.read_any_key(ValueType::String, start, host),
            },
            opcode::EXPIRE_TIME_MS => {
                let ms = i64::from_le_bytes(self.input.read_array("an expiry")?);
                self.prefix.meta.expires_at_ms = Some(ms);
                Ok(Step::Other(self.prefix_opcode(start)))
            }
            _ => self.uncommon_step(byte, start, host),
        }
    }

    #[inline(never)]
    fn uncommon_step<H: Host>(&mut self, byte: u8, start: u64, host: &mut H) -> Result<Step<H::Taken>> {
        match byte {
            opcode::IDLE => {
                self.prefix.meta.idle_seconds = Some(self.input.read_length("an idle time")?);
                Ok(Step::Other(self.prefix_opcode(start)))
            }
            opcode::FREQ => {
                self.prefix.meta.freq = Some(self.input.read_u8("an access frequency")?);
                Ok(Step::Other(self.prefix_opcode(start)))
            }
            opcode::EXPIRE_TIME => {
                let seconds = i32::from_le_bytes(self.input.read_array("an expiry")?);
                self.prefix.meta.expires_at_ms = Some(i64::from(seconds) * 1000);
                Ok(Step::Other(self.prefix_opcode(start)))
            }
            _ => match ValueType::from_byte(byte, self.dialect, self.header.version) {
                Some(value_type) => self.read_any_key(value_type, start, host),
                None => self.read_container_record(byte, start).map(Step::Other),
            },
        }
    }

    /// Takes a key that was found to be a plain string, behind the value type at `start`. What follows is
    /// compiled for nothing else.
    #[inline(always)]
    fn take_plain_string<H: Host>(
        &mut self,
        plain: PlainString,
        start: u64,
        host: &mut H,
    ) -> Result<Step<H::Taken>> {
        let prefix = self.take_prefix();
        let PlainString { key, value } = plain;
        let bytes = self.input.peek(value.end)?.get(value.clone()).unwrap_or_default();
        let len = bytes.len() as u64;
        host.visitor().begin(ValueType::String, Some(1));
        host.visitor().string(Role::Whole, RdbString::Raw(bytes));
        self.input.consume(key.start);
        self.input.pin(key.len() as u64, "a key")?;
        self.input.consume(value.end - key.end);
        let found = Found {
            key: PinnedString::RAW,
            value_type: ValueType::String,
            start,
            prefix,
            outline: Outline::of_string(len),
            warnings: Warnings::NONE,
        };
        Ok(Step::Key(host.take(self, found)))
    }

    #[inline(always)]
    fn take_prefix(&mut self) -> Prefix {
        let prefix = self.prefix;
        if prefix.start.is_some() {
            self.prefix = Prefix::default();
        }
        prefix
    }

    /// Reads a key and its value, behind the value type at `start`.
    #[inline(never)]
    fn read_any_key<H: Host>(
        &mut self,
        value_type: ValueType,
        start: u64,
        host: &mut H,
    ) -> Result<Step<H::Taken>> {
        let prefix = self.take_prefix();
        let key = PinnedString::read_key(&mut self.input)?;
        let mut walker = Walker {
            input: &mut self.input,
            visitor: host.visitor(),
            scratch: &mut self.scratch,
            templates: &self.rare.templates,
            damage: None,
            warnings: Warnings::NONE,
        };
        match walker.outline(value_type) {
            Ok(outline) => match walker.damage {
                None => {
                    let warnings = walker.warnings;
                    let found = Found { key, value_type, start, prefix, outline, warnings };
                    Ok(Step::Key(host.take(self, found)))
                }
                Some(damage) => {
                    // What is not reported as a key's is nobody's.
                    self.container_bytes += prefix.bytes + (self.input.position() - start);
                    Err(self.name_key(damage, key))
                }
            },
            Err(error) => Err(self.name_key(error, key)),
        }
    }

    #[cold]
    fn name_key(&self, error: Error, key: PinnedString) -> Error {
        match key.view(&self.input).decode_prefix(KEY_IN_MESSAGE_BYTES, &mut Vec::new()) {
            Ok(key) => error.in_key(key),
            Err(_) => error,
        }
    }
}
