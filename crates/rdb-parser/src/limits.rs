//! Every hard limit of the parser, in one place.

/// Longest string shown to a [`Visitor`](crate::Visitor) that does not say otherwise, in bytes as
/// stored, or as decompressed inside a packed encoding. A longer string is skipped and shown as
/// [`RdbString::Skipped`](crate::RdbString::Skipped), also by a slice, so that all inputs give the
/// same answers.
pub const MAX_SHOWN_STRING_BYTES: u64 = 64 << 10;

/// Longest AUX name or value, function library or similar that an [`Event`](crate::Event) carries,
/// in bytes as stored.
pub const MAX_META_STRING_BYTES: u64 = 64 << 10;

/// Longest key, in bytes as stored and in bytes decoded, that is shown whole. A longer key is shown
/// as [`RdbString::Truncated`](crate::RdbString::Truncated).
pub const MAX_WHOLE_KEY_BYTES: u64 = 1 << 20;

/// Length of the shown beginning of a longer key, in bytes as stored.
pub const TRUNCATED_KEY_BYTES: u64 = 64 << 10;

/// Longest compressed value, in bytes decompressed, that is decompressed in memory for a walk. A
/// longer value is decompressed in parts, which is slower.
pub const MAX_EXPANDED_BLOB_BYTES: u64 = 1 << 20;

/// Most hash templates of a file.
pub const MAX_HASH_TEMPLATES: usize = 1 << 19;

/// Most bytes of field names that are held of a file's hash templates, and as many again of the template
/// that is being read. Allocations may be twice as large.
///
/// Templates are held in file order. The hashes of one that is not held have no `value_bytes`.
pub const MAX_HELD_TEMPLATE_BYTES: usize = 16 << 20;

/// Longest field name of a hash template that is held, in bytes. The visitor sees only the length of a
/// longer one, so that a short hash does not cost the time of a long name.
pub const MAX_HELD_FIELD_NAME_BYTES: usize = 1 << 10;

/// Largest compressed blob of Dragonfly, in bytes as stored. It is held while its records are read.
pub const MAX_DRAGONFLY_BLOB_BYTES: u64 = 16 << 20;

/// Largest content of such a blob, in bytes decompressed. It is not held.
pub const MAX_DRAGONFLY_CONTENT_BYTES: u64 = 1 << 30;

/// Largest distance over which the zstd data of a blob may refer back, in bytes.
pub const MAX_ZSTD_WINDOW_BYTES: u64 = 16 << 20;

/// Largest compressed blob, in bytes as stored, of a parser that [resumes](crate::Parser::resume)
/// inside a file. There may be one such parser per thread, so its limits are lower. Larger blobs
/// are left to the sequential parser.
pub const MAX_RESUMED_BLOB_BYTES: u64 = 2 << 20;

/// Largest zstd window of a parser that resumes inside a file, in bytes. See
/// [`MAX_RESUMED_BLOB_BYTES`].
pub const MAX_RESUMED_ZSTD_WINDOW_BYTES: u64 = 4 << 20;

/// Most chunked values of a Dragonfly file that are open at the same time.
pub const MAX_OPEN_CHUNKED_VALUES: usize = 256;
