//! Embedded strings: string values that share one allocation with their object.

use super::profile::{Embedding, Profile};

/// Longest embedded value, except in Valkey 9.
const MAX_EMBEDDED_BYTES: u64 = 44;

/// Object header without and with a pointer to the value.
const BARE_OBJECT: u64 = 8;
pub(crate) const OBJECT: u64 = 16;

/// Header and terminator of an embedded value.
const VALUE_OVERHEAD: u64 = 4;

/// The facts about a key that decide its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// Length of the key's name.
    pub(crate) bytes: u64,
    /// Whether the key has an expiry.
    pub(crate) expires: bool,
}

/// The object of a string value of `len` bytes that is embedded in it, with the key if the server
/// embeds that, too. `None`: the value is not embedded. The value is not an integer.
#[inline(always)]
pub(crate) fn embedded_bytes(
    profile: &Profile,
    usable: impl Fn(u64) -> u64,
    key: Key,
    len: u64,
) -> Option<u64> {
    let name = profile.headers.embedded_bytes(key.bytes);
    let value = len.saturating_add(VALUE_OVERHEAD);
    let expiry = if key.expires { 8 } else { 0 };
    // Of an object that also holds its key: whether the rule admits it with these bytes for an
    // expiry.
    let fits_64 = |expiry: u64| {
        let sum = key.bytes.saturating_add(3).saturating_add(value).saturating_add(OBJECT + expiry);
        len <= MAX_EMBEDDED_BYTES && sum <= 64
    };
    let fits_64_whole =
        |expiry: u64| len <= MAX_EMBEDDED_BYTES && OBJECT + expiry + 1 + name.saturating_add(value) <= 64;
    let fits_128 = |expiry: u64| BARE_OBJECT + expiry + 1 + name.saturating_add(value) <= 128;
    match profile.embedding {
        Embedding::Unrounded if len <= MAX_EMBEDDED_BYTES => Some(OBJECT + len + 2),
        Embedding::Rounded if len <= MAX_EMBEDDED_BYTES => Some(usable(OBJECT + value)),
        Embedding::WithKey if fits_64(expiry) => Some(usable(OBJECT + expiry + 1 + name + value)),
        Embedding::WithKeyAndAnyExpiry if fits_64(0) => Some(usable(OBJECT + expiry + 1 + name + value)),
        Embedding::WithKeyThenExpiry if fits_64(0) => {
            add_expiry(usable, OBJECT + 1 + name + value, key.expires, fits_64(8))
        }
        Embedding::WithWholeKeyThenExpiry if fits_64_whole(0) => {
            add_expiry(usable, OBJECT + 1 + name + value, key.expires, fits_64_whole(8))
        }
        Embedding::InPlaceThenExpiry if fits_128(0) => {
            add_expiry(usable, BARE_OBJECT + 1 + name + value.max(8), key.expires, fits_128(8))
        }
        _ => None,
    }
}

/// An object of `request` bytes with room for an expiry added where one is wanted: within what the
/// allocator gave, or else by making the object anew, which embeds the value again only if it
/// `still_fits`.
fn add_expiry(usable: impl Fn(u64) -> u64, request: u64, wanted: bool, still_fits: bool) -> Option<u64> {
    let given = usable(request);
    if !wanted || given >= request + 8 {
        Some(given)
    } else if still_fits {
        Some(usable(request + 8))
    } else {
        None
    }
}
