//! Hash slots of a cluster.

use crc_fast::{CrcAlgorithm, checksum};

/// Hash slots of a cluster.
pub const SLOTS: u16 = 16_384;

/// The hash slot of a key in a cluster: CRC-16 of the name, or of its hash tag, modulo 16,384.
///
/// The hash tag is what stands between the first `{` and the next `}`, if that is not empty.
/// Source: the cluster specification of Redis, and `keyHashSlot` in `cluster.c`.
pub fn slot_of_name(name: &[u8]) -> u16 {
    slot_and_hash_tag(name).0
}

/// The [slot](slot_of_name) of a name, and its hash tag.
pub(crate) fn slot_and_hash_tag(name: &[u8]) -> (u16, Option<&[u8]>) {
    let tag = hash_tag(name);
    let slot = checksum(CrcAlgorithm::Crc16Xmodem, tag.unwrap_or(name)) % u64::from(SLOTS);
    (u16::try_from(slot).unwrap_or_default(), tag)
}

/// The part of a name that decides on its slot. `None`: the whole name does.
fn hash_tag(name: &[u8]) -> Option<&[u8]> {
    let from = name.iter().position(|&byte| byte == b'{')? + 1;
    let rest = name.get(from..)?;
    let len = rest.iter().position(|&byte| byte == b'}')?;
    rest.get(..len).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_a_server() {
        // Answers of `CLUSTER KEYSLOT`. 12739 is the example of the specification.
        for (name, slot) in [
            (&b"123456789"[..], 12_739),
            (b"foo", 12_182),
            (b"bar", 5_061),
            (b"hello", 866),
            (b"", 0),
            (b"{user1000}.following", 3_443),
            (b"{user1000}.followers", 3_443),
            (b"user1000", 3_443),
        ] {
            assert_eq!(slot_of_name(name), slot, "{}", String::from_utf8_lossy(name));
        }
        assert_eq!(slot_of_name(b"foo{}{bar}"), slot_of_name_of_all(b"foo{}{bar}"), "an empty tag");
        assert_eq!(slot_of_name(b"foo{{bar}}zap"), slot_of_name_of_all(b"{bar"));
        assert_eq!(slot_of_name(b"foo{bar}{zap}"), 5_061);
    }

    fn slot_of_name_of_all(name: &[u8]) -> u16 {
        u16::try_from(checksum(CrcAlgorithm::Crc16Xmodem, name) % u64::from(SLOTS)).expect("a slot")
    }
}
