//! Keys given to a [`KeySink`] from inside the parser's loop, which is faster than one
//! [event](crate::Event) per key.

use std::ops::ControlFlow;

use crate::event::{Entry, Event};
use crate::visitor::Visitor;

/// Receives the keys of a [run](crate::Parser::read_keys).
pub trait KeySink {
    /// Sees the strings inside the values.
    type Visitor: Visitor;

    /// Why the sink ends a run.
    type Break;

    /// The visitor of the next key's value.
    fn visitor(&mut self) -> &mut Self::Visitor;

    /// Receives a key whose value was skipped. A break ends the run after this key.
    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<Self::Break>;
}

/// What ended a [run](crate::Parser::read_keys) of keys.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeyRun<'a, B> {
    /// A key ended at or after the bound, or a compressed blob began or ended.
    Bound,
    /// The parser is inside a long value, if it was told to
    /// [leave](crate::Parser::leave_values_behind) such values. The next call goes on with the
    /// value.
    Inside,
    /// The sink ended the run.
    Broken(B),
    /// A record that is not a key, or a chunked value, which no visitor sees.
    Event(Event<'a>),
    /// No record follows, see [`Parser::next_event`](crate::Parser::next_event).
    End,
}
