//! Bytes of the values of strings.

use super::sizes;
use crate::server::{Allocator, Embedding, Key, Profile, embedded_bytes};

/// Values of a length below this are looked up, which are almost all.
const TABLED: usize = 512;

/// Bytes of strings that are not integers, with their objects, by their lengths. Empty for servers that
/// decide by the key, too, whether a string is embedded.
#[derive(Clone, Debug)]
pub(crate) struct StringCosts {
    bytes: Vec<u16>,
}

impl StringCosts {
    pub(crate) fn new(profile: &Profile, allocator: Allocator) -> Self {
        if !matches!(profile.embedding, Embedding::Unrounded | Embedding::Rounded) {
            return Self { bytes: Vec::new() };
        }
        let usable = |request| allocator.usable(request);
        let any_key = Key { bytes: 0, expires: false };
        let of_len = |len| {
            let bytes = embedded_bytes(profile, usable, any_key, len)
                .unwrap_or_else(|| profile.object + sizes::string(usable, profile, len));
            u16::try_from(bytes).unwrap_or(u16::MAX)
        };
        Self { bytes: (0..TABLED as u64).map(of_len).collect() }
    }

    /// The bytes of a string and its object, without its key. `None`: not known.
    #[inline]
    pub(crate) fn bytes(&self, len: u64) -> Option<u64> {
        self.bytes.get(usize::try_from(len).ok()?).map(|&bytes| u64::from(bytes))
    }
}
