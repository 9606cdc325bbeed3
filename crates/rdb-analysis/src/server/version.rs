//! A server version in the form that a user enters.

use std::fmt;
use std::str::FromStr;

use rdb_parser::Flavour;

use super::family::Family;

/// A server version in the form that a user enters: `7.2.6`, `redis-7.2`, `valkey-8.1.3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerVersion {
    /// `None` means the flavour that the file states.
    pub(super) flavour: Option<Flavour>,
    pub(super) version: String,
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

/// As it is parsed.
impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(flavour) = self.flavour {
            write!(f, "{}-", flavour.name())?;
        }
        f.write_str(&self.version)
    }
}

/// Major, minor and patch of a version.
pub(super) fn numbers(version: &str) -> [Option<u32>; 3] {
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().ok());
    std::array::from_fn(|_| numbers.next().flatten())
}

/// The note for a server that the memory model is not made for.
pub(super) fn note(flavour: Flavour, [major, minor, _]: [Option<u32>; 3]) -> Option<&'static str> {
    let (major, minor) = (major.unwrap_or(0), minor.unwrap_or(0));
    match (flavour, major, minor) {
        (Flavour::Dragonfly, ..) => {
            Some("Dragonfly holds values in its own way; this is what a Redis would take, a rough guide only")
        }
        (Flavour::KeyDb, ..) => Some("KeyDB is taken as the Redis that it comes from; not measured"),
        (Flavour::Valkey, ..8, _) => Some("Valkey 7.2 is taken as Redis 7.2; not measured"),
        (Flavour::Valkey, 8 | 9, 0..=1) => None,
        (Flavour::Valkey, ..) => Some("taken as the nearest version of Valkey; not measured"),
        (_, ..5, _) => Some("versions before 5.0 are taken as 5.0; not measured"),
        (_, 8, 0..=1) => Some("8.0 is taken as 7.4, whose accounting it has; not measured"),
        (_, 8, 2 | 6 | 10) => None,
        (_, 8, ..=8) => Some("extrapolated from 8.6; not measured"),
        (_, 8.., _) => Some("extrapolated from 8.10; not measured"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_parsed_as_it_is_shown() {
        for text in ["7.2.6", "redis-7.2", "valkey-8.1.3"] {
            assert_eq!(text.parse::<ServerVersion>().map(|version| version.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_version_without_a_known_name_and_numbers_is_rejected() {
        for wrong in ["", "seven", "redis", "redis-", "memcached-1.6", "valkey-x"] {
            assert!(wrong.parse::<ServerVersion>().is_err(), "{wrong}");
        }
    }
}
