//! Times of the database as times of the contract.

use dcs_bigkeys::DcsTime;
use jiff::Timestamp;

/// The contract's form of a time, which has milliseconds.
pub(super) fn dcs_time(time: Timestamp) -> DcsTime {
    DcsTime::at_ms(time.as_millisecond())
}
