//! One file on several threads, with the result of one.
//!
//! The file, or what a buffer holds of it at a time, is cut into ranges ([`RangePlan`]). A worker that is to start in the
//! middle looks for a place where records seem to begin ([`Guess`]) and scans from there. Whether it was right
//! shows at the *stitch*, which goes through the ranges from the left. A range is used only if sequential parsing reaches its
//! exact start. Otherwise parsing goes on to that start, or past it, and then the range is discarded. So a wrong
//! guess costs time and never a number.
//!
//! # State
//!
//! The result is that of one thread because the complete state that a sequential pass carries from one record to the
//! next is compared or handed over at the stitch:
//!
//! * [`Carried`]: what the parser and the pass have learned of the file. All of it must be equal to what the
//!   range was scanned with, but for the database and the slot. These are handed over: a range does not know them before
//!   its first record that names them, and the [`RangeSink`] corrects the keys up to there.
//! * What only some records leave behind (a prefix opcode, a pending event, a hash template, an open chunked value, a blob):
//!   no range begins or ends where there is any, see [`Parser::is_between_keys`].
//! * [`Counts`] and the aggregates of the collector: they add up in any order.
//! * The checksum: put together from those of the parts.
//! * Damage, and a record that changes what is carried: it ends the range before it, and the stitch reads it.
//!
//! # Cost
//!
//! The search for the start of a range costs at most what scanning as many bytes costs, whatever the bytes are, and each
//! byte is scanned at most twice: by a range, and by the stitch if that range is not used. Ranges that wait for
//! the stitch hold a bounded part each ([`RangePart::has_refused`]).

mod guess;
mod name_shape;
mod range_plan;
mod run;
mod sink;
mod stitch;

pub(crate) use range_plan::RangePlan;
pub(crate) use run::{scan_in_order, scan_in_ranges};
pub use sink::Place;
pub(crate) use sink::{Absorbed, RangePart, RangeSink};
