//! Keys: the loop in which every scan spends its time.
//!
//! The loop is written once and compiled for two hosts: [`Pull`] takes one key at a time, [`Push`]
//! gives all keys of a run to a [`KeySink`], while what is known of a key is still in registers.

use std::ops::{ControlFlow, Range};

use super::next::{Found, KeyHead, Next, OpenKey, Other};
use super::reader::RecordReader;
use crate::error::{Error, KEY_IN_MESSAGE_BYTES, Result};
use crate::format::{STRING_TYPE, ValueType, opcode};
use crate::input::Input;
use crate::keys::KeySink;
use crate::outline::Outline;
use crate::prefix::read_meta;
use crate::read::{ReadExt as _, short_length};
use crate::string::{PinnedString, RdbString};
use crate::value::{Pace, Walker};
use crate::visitor::{Role, Visitor};
use crate::warning::Warnings;

/// What one step of the loop has read.
// A tag of its own, because the loop over small keys takes 5 % longer if it decodes a niche of
// `Other`.
#[repr(u8)]
enum Step<T> {
    /// A key, and what the host made of it.
    Key(T),
    /// An opcode of the next key's prefix.
    Prefix,
    /// A part of a value.
    Part,
    Other(Other),
}

/// What a loop does with a key.
pub(crate) trait Host {
    type Visitor: Visitor;
    type Taken;

    fn visitor(&mut self) -> &mut Self::Visitor;

    fn take<I: Input>(&mut self, reader: &mut RecordReader<I>, found: Found) -> Self::Taken;
}

/// Leaves a key to the caller.
struct Pull<'v, V>(&'v mut V);

impl<V: Visitor> Host for Pull<'_, V> {
    type Visitor = V;
    type Taken = Found;

    #[inline(always)]
    fn visitor(&mut self) -> &mut V {
        self.0
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, _: &mut RecordReader<I>, found: Found) -> Found {
        found
    }
}

/// Gives a key to a sink.
pub(crate) struct Push<'s, S>(pub(crate) &'s mut S);

impl<S: KeySink> Host for Push<'_, S> {
    type Visitor = S::Visitor;
    type Taken = ControlFlow<S::Break>;

    #[inline(always)]
    fn visitor(&mut self) -> &mut S::Visitor {
        self.0.visitor()
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, reader: &mut RecordReader<I>, found: Found) -> ControlFlow<S::Break> {
        self.0.key(&reader.entry(found))
    }
}

/// What ended a run of keys.
pub(crate) enum Run<B> {
    Bound,
    Broken(B),
    /// The reader is inside a value.
    Inside,
    Other(Other),
}

/// Where name and value lie of a plain string whose lengths have at most two bytes and which is not
/// encoded. Most keys of most files are like this.
struct PlainString {
    key: Range<usize>,
    value: Range<usize>,
}

impl PlainString {
    /// The name and the value at the start of `bytes`, which follow a value type. `None` if they
    /// are encoded, longer, or not whole.
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

impl<I: Input> RecordReader<I> {
    /// Reads to the next record with an event, or to something that makes one.
    #[inline]
    pub(crate) fn next<V: Visitor>(&mut self, visitor: &mut V) -> Result<Next> {
        self.input.checkpoint();
        loop {
            let step = match self.open.take() {
                Some(value) => self.go_on(*value, Pace::WHOLE, &mut Pull(visitor))?,
                None => self.step(&mut Pull(visitor))?,
            };
            match step {
                Step::Key(found) => return Ok(Next::Key(found)),
                Step::Prefix | Step::Part => {}
                Step::Other(other) => return Ok(Next::Other(other)),
            }
        }
    }

    /// Gives keys to `host` until one ends at or after the offset `bound`, the host breaks, or
    /// something else is read, or a long value is left.
    #[inline(always)]
    pub(crate) fn run_keys<B, H>(&mut self, bound: u64, host: &mut H) -> Result<Run<B>>
    where
        H: Host<Taken = ControlFlow<B>>,
    {
        self.input.checkpoint();
        if let Some(open) = self.open.take()
            && let Some(run) = self.run_open(*open, bound, host)?
        {
            return Ok(run);
        }
        loop {
            match self.step(host)? {
                Step::Key(ControlFlow::Continue(())) => {
                    if self.input.position() >= bound {
                        return Ok(Run::Bound);
                    }
                    self.input.checkpoint();
                }
                Step::Key(ControlFlow::Break(reason)) => return Ok(Run::Broken(reason)),
                Step::Prefix => {}
                Step::Part => return Ok(Run::Inside),
                Step::Other(other) => return Ok(Run::Other(other)),
            }
        }
    }

    /// Goes on with a value that was left, before a run of keys. `None`: the run goes on.
    #[cold]
    #[inline(never)]
    fn run_open<B, H>(&mut self, open: OpenKey, bound: u64, host: &mut H) -> Result<Option<Run<B>>>
    where
        H: Host<Taken = ControlFlow<B>>,
    {
        Ok(match self.go_on(open, self.pace, host)? {
            Step::Key(ControlFlow::Break(reason)) => Some(Run::Broken(reason)),
            Step::Part => Some(Run::Inside),
            _ => (self.input.position() >= bound).then_some(Run::Bound),
        })
    }

    /// Reads one record.
    #[inline(always)]
    fn step<H: Host>(&mut self, host: &mut H) -> Result<Step<H::Taken>> {
        let start = self.input.position();
        let byte = self.input.read_u8("the file: there is no end of file opcode")?;
        match byte {
            STRING_TYPE => match PlainString::at_start(self.input.peek(1)?) {
                Some(plain) => self.take_plain_string(plain, start, host),
                None => self.read_any_key(ValueType::String, start, host),
            },
            opcode::EXPIRE_TIME_MS => {
                let ms = i64::from_le_bytes(self.input.read_array("an expiry")?);
                self.prefix.meta.expires_at_ms = Some(ms);
                self.prefix.add_opcode(start, self.input.position());
                Ok(Step::Prefix)
            }
            _ => self.uncommon_step(byte, start, host),
        }
    }

    #[inline(never)]
    fn uncommon_step<H: Host>(&mut self, byte: u8, start: u64, host: &mut H) -> Result<Step<H::Taken>> {
        match byte {
            opcode::IDLE | opcode::FREQ => {
                read_meta(byte, &mut self.input, &mut self.prefix.meta)?;
            }
            opcode::EXPIRE_TIME => {
                let seconds = i32::from_le_bytes(self.input.read_array("an expiry")?);
                self.prefix.meta.expires_at_ms = Some(i64::from(seconds) * 1000);
            }
            _ => {
                return match self.state.value_type(byte) {
                    Some(value_type) => self.read_any_key(value_type, start, host),
                    None => Ok(self.read_overhead(byte, start)?.map_or(Step::Prefix, Step::Other)),
                };
            }
        }
        self.prefix.add_opcode(start, self.input.position());
        Ok(Step::Prefix)
    }

    /// Takes a key that is a plain string, after the value type at `start`. What follows is
    /// compiled for this case only.
    #[inline(always)]
    fn take_plain_string<H: Host>(
        &mut self,
        plain: PlainString,
        start: u64,
        host: &mut H,
    ) -> Result<Step<H::Taken>> {
        let prefix = self.prefix.take();
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

    /// Reads a key and its value, after the value type at `start`.
    #[inline(never)]
    fn read_any_key<H: Host>(
        &mut self,
        value_type: ValueType,
        start: u64,
        host: &mut H,
    ) -> Result<Step<H::Taken>> {
        let prefix = self.prefix.take();
        let key = PinnedString::read_key(&mut self.input)?;
        let head = KeyHead { key, value_type, start, prefix };
        self.walk(head, self.pace, host, |walker| walker.outline(value_type))
    }

    /// Goes on with a value that was left.
    #[inline(never)]
    fn go_on<H: Host>(&mut self, open: OpenKey, pace: Pace, host: &mut H) -> Result<Step<H::Taken>> {
        let OpenKey { head, value, damage, warnings } = open;
        self.walk(head, pace, host, |walker| {
            (walker.damage, walker.warnings) = (damage, warnings);
            walker.go_on(value)
        })
    }

    /// Walks the value of a key, or a part of it.
    #[inline(always)]
    fn walk<H: Host>(
        &mut self,
        head: KeyHead,
        pace: Pace,
        host: &mut H,
        outline: impl FnOnce(&mut Walker<'_, I, H::Visitor>) -> Result<Outline>,
    ) -> Result<Step<H::Taken>> {
        let mut walker = Walker {
            input: &mut self.input,
            visitor: host.visitor(),
            scratch: &mut self.scratch,
            templates: &self.templates,
            pace,
            open: None,
            damage: None,
            warnings: Warnings::NONE,
        };
        let outline = outline(&mut walker);
        let Walker { open, damage, warnings, .. } = walker;
        let KeyHead { key, value_type, start, prefix } = head;
        match (outline, open, damage) {
            (Ok(outline), None, None) => {
                let found = Found { key, value_type, start, prefix, outline, warnings };
                Ok(Step::Key(host.take(self, found)))
            }
            (Ok(_), Some(value), damage) => {
                self.open = Some(Box::new(OpenKey { head, value: *value, damage, warnings }));
                Ok(Step::Part)
            }
            (Ok(_), None, Some(damage)) => {
                // The bytes of a key that is not reported are overhead.
                self.overhead_bytes += prefix.bytes + (self.input.position() - start);
                Err(self.name_key(damage, key))
            }
            (Err(error), ..) => Err(self.name_key(error, key)),
        }
    }

    #[cold]
    pub(super) fn name_key(&self, error: Error, key: PinnedString) -> Error {
        match key.view(&self.input).decode_prefix(KEY_IN_MESSAGE_BYTES, &mut Vec::new()) {
            Ok(key) => error.in_key(key),
            Err(_) => error,
        }
    }
}
