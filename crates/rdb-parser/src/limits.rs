//! Every hard limit of the parser, in one place.

/// Longest string shown to a [`Visitor`](crate::Visitor), in bytes as stored. A longer one is passed over and
/// shown as [`RdbString::Skipped`](crate::RdbString::Skipped), whatever the input, so that a window and a slice
/// give the same answers.
pub const MAX_SHOWN_STRING_BYTES: u64 = 64 << 10;

/// Longest AUX name or value, function library or similar that an [`Event`](crate::Event) carries, in bytes as
/// stored.
pub const MAX_META_STRING_BYTES: u64 = 64 << 10;

/// Default of [`Options::max_blob_bytes`](crate::Options::max_blob_bytes).
pub const DEFAULT_MAX_BLOB_BYTES: u64 = 512 << 20;
