//! One source on several threads, with the result of one thread.
//!
//! A [`RangePlan`] splits the file, or what a buffer holds of it, into ranges. A worker that starts
//! in the middle of the file ([`range`]) looks for a place where records seem to begin, and scans
//! from there ([`guess`]). If it starts inside a long value, it looks for elements of that value
//! instead, and walks them ([`elements`]). Workers read ranges ahead ([`pipeline`]). The *stitch*
//! goes through the ranges from the left ([`stitch`]). Records or elements are merged only if
//! sequential parsing reaches their exact start. Otherwise parsing goes on to that start, or past
//! it, and then they are discarded. So a wrong guess costs time and never changes a number.
//!
//! # State
//!
//! The result is that of one thread because the complete state that a sequential pass carries from
//! one record to the next is compared or handed over at the stitch:
//!
//! * [`Carried`](crate::scan::Carried): what the parser and the pass have learned of the file. All
//!   of it must equal what the range was scanned with, except the database and the slot. These are
//!   handed over: a range does not know them before its first record that names them, and the
//!   [`RangeSink`] corrects the keys before that record.
//! * What only some records leave behind: a prefix opcode, a pending event, a hash template, an
//!   open chunked value, a blob. No range begins or ends where there is one, see
//!   [`Parser::is_between_keys`](rdb_parser::Parser::is_between_keys).
//! * [`Counts`](crate::scan::Counts) and the aggregates of the sink: they add up in any order.
//! * The value that is read where a range begins or ends: its type and the elements that are left
//!   are compared, and the sums over its elements add up
//!   ([`ElementRun`](rdb_parser::resume::ElementRun),
//!   [`Estimator::Part`](crate::measure::Estimator)).
//! * The checksum: each worker sums the bytes of its range, and the sums are combined.
//! * Damage, and a record that changes what is carried: it ends the range before it, and the stitch
//!   reads it.
//!
//! # Cost
//!
//! The search for the start of a range costs at most what scanning an eighth of it costs, whatever
//! the bytes are, and that for the next record behind elements costs as much as 1 MiB. Each byte is
//! scanned at most three times: as elements and as records by a worker, and by the stitch if both
//! are discarded. Each range that waits for the stitch holds bounded memory
//! ([`RangePart::has_refused`]).

mod context;
mod elements;
mod guess;
mod hints;
mod name_shape;
mod pipeline;
mod range;
mod range_plan;
mod range_scan;
mod run;
mod sink;
mod stitch;

pub(crate) use range_plan::RangePlan;
pub(crate) use run::{scan_in_order, scan_in_ranges, scan_seen_by};
pub use sink::Place;
pub(crate) use sink::{Absorbed, RangePart, RangeSink};
