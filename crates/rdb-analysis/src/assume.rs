//! What a file does not tell and a user may: the server, its allocator, its configuration.

use std::str::FromStr;

use rdb_parser::{Flavour, Header};

use crate::family::Family;
use crate::memory::{Allocator, MemoryModel, Profile};

/// Limits of a server's configuration that decide how it holds a value after loading. Each is named after
/// its directive in `redis.conf`; the defaults are the servers' own.
///
/// Until 6.2 the directives for hashes and sorted sets had `ziplist` in their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// `hash-max-listpack-entries`
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value`, in bytes
    pub hash_max_listpack_value: u64,
    /// `set-max-intset-entries`
    pub set_max_intset_entries: u64,
    /// `set-max-listpack-entries`, since 7.2
    pub set_max_listpack_entries: u64,
    /// `set-max-listpack-value`, in bytes, since 7.2
    pub set_max_listpack_value: u64,
    /// `zset-max-listpack-entries`
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value`, in bytes
    pub zset_max_listpack_value: u64,
    /// `list-max-listpack-size`: items in a node, or from -1 to -5 for nodes of 4 KiB to 64 KiB
    pub list_max_listpack_size: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            set_max_listpack_entries: 128,
            set_max_listpack_value: 64,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            list_max_listpack_size: -2,
        }
    }
}

impl Limits {
    /// Whether a list's node may have so many bytes and items.
    ///
    /// Source: `quicklistNodeExceedsLimit` in `quicklist.c`.
    pub(crate) fn list_node_fits(&self, bytes: u64, items: u64) -> bool {
        match u64::try_from(self.list_max_listpack_size) {
            // 0 means 1.
            Ok(max_items) => items <= max_items.max(1) && bytes <= 8 << 10,
            Err(_) => bytes <= 2 << (10 + self.list_max_listpack_size.unsigned_abs().min(5)),
        }
    }
}

/// A server and its version, as a user names it: `7.2.6`, `redis-7.2`, `valkey-8.1.3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerVersion {
    /// `None`: that of the file.
    flavour: Option<Flavour>,
    version: String,
}

impl FromStr for ServerVersion {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (flavour, version) = match text.split_once(['-', ' ']) {
            Some((name, version)) if name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                let named = [Flavour::Redis, Flavour::Valkey, Flavour::KeyDb, Flavour::Dragonfly]
                    .into_iter()
                    .find(|flavour| flavour.name() == name);
                (Some(named.ok_or("expected redis-, valkey-, keydb- or dragonfly- and a version")?), version)
            }
            _ => (None, text),
        };
        match Family::from_version(Flavour::Redis, version) {
            Some(_) => Ok(Self { flavour, version: version.to_owned() }),
            None => Err("expected a version such as 7.2.6 or valkey-8.1"),
        }
    }
}

/// What is assumed of the server where the file does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumptions {
    /// The server, instead of the one the file names.
    pub server: Option<ServerVersion>,
    /// Its allocator.
    pub allocator: Allocator,
    /// Its configuration.
    pub limits: Limits,
}

/// What decides how a server holds a value: settled once per file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) family: Family,
    pub(crate) profile: &'static Profile,
    pub(crate) allocator: Allocator,
    pub(crate) limits: Limits,
    /// How well the family stands for the server, if it is not one of it.
    note: Option<&'static str>,
}

/// Rules are equal if they give the same results; the note is ignored.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.family == other.family
            && std::ptr::eq(self.profile, other.profile)
            && self.allocator == other.allocator
            && self.limits == other.limits
    }
}

impl Eq for Rules {}

impl Rules {
    /// The rules for a file that begins with `header` and states so much about its server.
    pub(crate) fn new(
        assumptions: &Assumptions,
        header: Header,
        flavour: Flavour,
        version: Option<&str>,
    ) -> Self {
        let (flavour, version) = match &assumptions.server {
            Some(server) => (server.flavour.unwrap_or(flavour), Some(server.version.as_str())),
            None => (flavour, version),
        };
        let family = version.and_then(|version| Family::from_version(flavour, version));
        let numbers = version.filter(|_| family.is_some()).map(numbers);
        let patch = numbers.and_then(|[_, _, patch]| patch);
        let note = match numbers {
            Some(numbers) => note(flavour, numbers),
            None => Some("the file does not state the server's version; chosen by the version of its format"),
        };
        let family = family.unwrap_or_else(|| Family::from_header(header));
        Self {
            family,
            profile: Profile::of(family, patch),
            allocator: assumptions.allocator,
            limits: assumptions.limits,
            note,
        }
    }

    /// What a report says of them.
    pub(crate) fn model(&self) -> MemoryModel {
        MemoryModel { name: self.profile.name, allocator: self.allocator, note: self.note }
    }

    /// The same for the family that the memory model stands for.
    pub(crate) fn modelled(&self) -> Self {
        Self { family: self.profile.family, ..*self }
    }
}

/// Major, minor and patch of a version.
fn numbers(version: &str) -> [Option<u32>; 3] {
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().ok());
    std::array::from_fn(|_| numbers.next().flatten())
}

/// Where a model stands for a server that it was not made for.
fn note(flavour: Flavour, [major, minor, _]: [Option<u32>; 3]) -> Option<&'static str> {
    let (major, minor) = (major.unwrap_or(0), minor.unwrap_or(0));
    match (flavour, major, minor) {
        (Flavour::Dragonfly, ..) => {
            Some("Dragonfly holds values in its own way; this is what a Redis would take, a rough guide only")
        }
        (Flavour::KeyDb, ..) => Some("KeyDB is taken as the Redis that it comes from; not measured"),
        (Flavour::Valkey, ..8, _) => Some("Valkey 7.2 is taken as Redis 7.2; not measured"),
        (Flavour::Valkey, 8, 0..=1) | (Flavour::Valkey, 9, 1) => None,
        (Flavour::Valkey, ..) => Some("taken as the nearest version of Valkey; not measured"),
        (_, ..6, _) | (_, 6, 0..=1) => Some("versions before 6.2 are taken as 6.2; not measured"),
        (_, 8, 0..=1) => Some("8.0 is taken as 7.4, whose accounting it has; not measured"),
        (_, 8, 4..) | (_, 9.., _) => {
            Some("extrapolated: since 8.4 hashes are held in another way that is not measured yet")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdb_parser::Dialect;

    const HEADER: Header = Header { dialect: Dialect::Redis, version: 11 };

    fn model(assumed: Option<&str>, flavour: Flavour, stated: Option<&str>) -> MemoryModel {
        let server = assumed.map(|text| text.parse().expect("valid"));
        let assumptions = Assumptions { server, ..Assumptions::default() };
        Rules::new(&assumptions, HEADER, flavour, stated).model()
    }

    #[test]
    fn the_file_names_its_model_unless_the_user_does() {
        assert_eq!(model(None, Flavour::Redis, Some("7.0.15")).name, "Redis 7.0");
        assert_eq!(model(None, Flavour::Redis, None).name, "Redis 7.2");
        assert!(model(None, Flavour::Redis, None).note.is_some());
        assert_eq!(model(Some("8.2"), Flavour::Redis, Some("7.0.15")).name, "Redis 8.2");
        assert_eq!(model(Some("8.1.2"), Flavour::Valkey, Some("9.1.0")).name, "Valkey 8.1");
        assert_eq!(model(Some("valkey-9.1"), Flavour::Redis, Some("7.0.15")).name, "Valkey 9");
        assert_eq!(model(Some("redis 6.2.5"), Flavour::Valkey, Some("8.0.1")).name, "Redis 6.2");
    }

    #[test]
    fn a_model_that_stands_for_another_server_says_so() {
        for (flavour, version) in [
            (Flavour::KeyDb, "6.3.4"),
            (Flavour::Dragonfly, "6.2.11"),
            (Flavour::Redis, "4.0.14"),
            (Flavour::Redis, "8.0.1"),
            (Flavour::Redis, "8.4.0"),
            (Flavour::Redis, "255.255.255"),
            (Flavour::Valkey, "7.2.5"),
            (Flavour::Valkey, "9.0.0"),
        ] {
            assert!(model(None, flavour, Some(version)).note.is_some(), "{version}");
        }
        for (flavour, version) in [
            (Flavour::Redis, "6.2.14"),
            (Flavour::Redis, "7.0.15"),
            (Flavour::Redis, "8.2.3"),
            (Flavour::Valkey, "8.1.8"),
            (Flavour::Valkey, "9.1.2"),
        ] {
            assert_eq!(model(None, flavour, Some(version)).note, None, "{version}");
        }
    }

    #[test]
    fn a_version_is_a_name_and_numbers() {
        for wrong in ["", "seven", "redis", "redis-", "memcached-1.6", "valkey-x"] {
            assert!(wrong.parse::<ServerVersion>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_size_of_a_lists_node_has_two_forms() {
        let limits = |list_max_listpack_size| Limits { list_max_listpack_size, ..Limits::default() };
        assert!(limits(-2).list_node_fits(8192, 1 << 20));
        assert!(!limits(-2).list_node_fits(8193, 1));
        assert!(limits(-1).list_node_fits(4096, 1) && !limits(-1).list_node_fits(4097, 1));
        assert!(limits(-5).list_node_fits(65_536, 1) && !limits(-9).list_node_fits(65_537, 1));
        assert!(limits(10).list_node_fits(100, 10) && !limits(10).list_node_fits(100, 11));
        assert!(limits(0).list_node_fits(100, 1) && !limits(i64::MAX).list_node_fits(8193, 1));
        assert!(limits(i64::MIN).list_node_fits(65_536, 1));
    }
}
