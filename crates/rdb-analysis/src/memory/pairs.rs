//! Field and value of a hash in one entry: Valkey since 8.1, Redis since 8.4.

use super::sizes::Sizes;

/// Longest entry that a hash of Valkey holds in one allocation.
const MAX_EMBEDDED_PAIR: u64 = 128;

/// Bytes of the expiry of a field of Redis since 8.4.
const FIELD_EXPIRY: u64 = 16;

/// Header and terminator of the value in it.
const EMBEDDED_VALUE_OVERHEAD: u64 = 4;

/// A pair in a hash of Valkey since 8.1: field and value in one allocation if they fit, otherwise
/// the value in its own.
#[inline]
pub(super) fn pair_in_entry(sizes: &Sizes, field: u64, value: u64) -> u64 {
    let together = sizes.embedded(field).saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD);
    if together <= MAX_EMBEDDED_PAIR {
        sizes.usable(together)
    } else {
        sizes.usable(sizes.embedded_with_flags(field).saturating_add(8)).saturating_add(sizes.string(value))
    }
}

/// A pair in a hash with expiring fields.
pub(super) fn pair_in_entry_with_expiry(sizes: &Sizes, field: u64, value: u64, expires: bool) -> u64 {
    if !expires {
        return pair_in_entry(sizes, field, value);
    }
    let field = sizes.embedded_with_flags(field).saturating_add(8);
    let together = field.saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD);
    if together <= MAX_EMBEDDED_PAIR {
        sizes.usable(together)
    } else {
        sizes.usable(field.saturating_add(8)).saturating_add(sizes.string(value))
    }
}

/// A pair in a hash of Redis since 8.4: field and value in one allocation if they fit, otherwise the
/// value in its own. All but a long value is counted by its requested size.
#[inline]
pub(super) fn pair_in_requested_entry(sizes: &Sizes, field: u64, value: u64, expires: bool) -> u64 {
    let with_flags = sizes.embedded_with_flags(field);
    let (header, expiry) = if expires { (with_flags, FIELD_EXPIRY) } else { (sizes.embedded(field), 0) };
    let together = header.saturating_add(value).saturating_add(EMBEDDED_VALUE_OVERHEAD + expiry);
    if together <= MAX_EMBEDDED_PAIR {
        together
    } else {
        with_flags.saturating_add(8 + expiry).saturating_add(sizes.string(value))
    }
}
