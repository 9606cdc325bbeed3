//! The few places where counts become floating-point numbers and back.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the servers compute in doubles, and expectations are rounded to whole bytes"
)]

/// A count as a double.
pub(crate) fn double(count: u64) -> f64 {
    count as f64
}

/// The nearest whole number of bytes.
pub(crate) fn rounded(bytes: f64) -> u64 {
    bytes.round() as u64
}

/// The bytes without their fraction.
pub(crate) fn truncated(bytes: f64) -> u64 {
    bytes as u64
}

/// The bytes of `base` and of `count` elements of `sum` bytes in total, computed like the servers:
/// from the average of an element, in doubles, rounded down. May be a byte less than `base + sum`.
#[inline]
pub(crate) fn averaged(base: u64, sum: u64, count: u64) -> u64 {
    if count == 0 {
        return base.saturating_add(sum);
    }
    truncated(double(base) + double(sum) / double(count) * double(count))
}
