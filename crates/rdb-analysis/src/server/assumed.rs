//! What is assumed of the server because a file does not say it: version, allocator, configuration.

use rdb_parser::{Flavour, Header};

use super::allocator::Allocator;
use super::family::Family;
use super::limits::Limits;
use super::profile::Profile;
use super::version::{ServerVersion, note, numbers};

/// Assumptions about the server, for what the file does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Assumptions {
    /// The server to assume instead of the one that the file names.
    pub server: Option<ServerVersion>,
    /// The server's allocator.
    pub allocator: Allocator,
    /// The server's configuration.
    pub limits: Limits,
}

/// The server whose memory is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryModel {
    /// The family of servers.
    pub name: &'static str,
    /// The assumed allocator.
    pub allocator: Allocator,
    /// How the family differs from the server that wrote the file, if it has no model of its own.
    pub note: Option<&'static str>,
}

/// The server whose encodings and memory are computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssumedServer {
    pub(crate) family: Family,
    pub(crate) profile: &'static Profile,
    pub(crate) allocator: Allocator,
    pub(crate) limits: Limits,
    /// How the family differs from the server, if the server belongs to no family.
    note: Option<&'static str>,
}

/// Assumed servers are equal if they give the same results. The note is ignored.
impl PartialEq for AssumedServer {
    fn eq(&self, other: &Self) -> bool {
        self.family == other.family
            && std::ptr::eq(self.profile, other.profile)
            && self.allocator == other.allocator
            && self.limits == other.limits
    }
}

impl Eq for AssumedServer {}

impl AssumedServer {
    /// The server for a file that begins with `header` and states `flavour` and `version`.
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

    /// The model for a report.
    pub(crate) fn model(&self) -> MemoryModel {
        MemoryModel { name: self.profile.name, allocator: self.allocator, note: self.note }
    }

    /// Whether the model was compared with answers of this version and allocator.
    pub(crate) fn is_measured(&self) -> bool {
        self.note.is_none() && self.profile.measured.covers(self.allocator)
    }

    /// This server with the family of the memory model.
    pub(crate) fn modelled(&self) -> Self {
        Self { family: self.profile.family, ..*self }
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
        AssumedServer::new(&assumptions, HEADER, flavour, stated).model()
    }

    #[test]
    fn the_users_server_takes_precedence_over_the_files() {
        assert_eq!(model(None, Flavour::Redis, Some("7.0.15")).name, "Redis 7.0");
        assert_eq!(model(None, Flavour::Redis, None).name, "Redis 7.2");
        assert!(model(None, Flavour::Redis, None).note.is_some());
        assert_eq!(model(Some("8.2"), Flavour::Redis, Some("7.0.15")).name, "Redis 8.2");
        assert_eq!(model(Some("8.1.2"), Flavour::Valkey, Some("9.1.0")).name, "Valkey 8.1");
        assert_eq!(model(Some("valkey-9.1"), Flavour::Redis, Some("7.0.15")).name, "Valkey 9");
        assert_eq!(model(Some("redis 6.2.5"), Flavour::Valkey, Some("8.0.1")).name, "Redis 6.2");
    }

    #[test]
    fn a_model_made_for_another_server_has_a_note() {
        for (flavour, version) in [
            (Flavour::KeyDb, "6.3.4"),
            (Flavour::Dragonfly, "6.2.11"),
            (Flavour::Redis, "4.0.14"),
            (Flavour::Redis, "8.0.1"),
            (Flavour::Redis, "8.4.0"),
            (Flavour::Redis, "255.255.255"),
            (Flavour::Valkey, "7.2.5"),
            (Flavour::Valkey, "9.2.0"),
        ] {
            assert!(model(None, flavour, Some(version)).note.is_some(), "{version}");
        }
        for (flavour, version) in [
            (Flavour::Redis, "6.2.14"),
            (Flavour::Redis, "7.0.15"),
            (Flavour::Redis, "8.2.3"),
            (Flavour::Redis, "8.6.2"),
            (Flavour::Redis, "8.10.2"),
            (Flavour::Valkey, "8.1.8"),
            (Flavour::Valkey, "9.0.0"),
            (Flavour::Valkey, "9.1.2"),
        ] {
            assert_eq!(model(None, flavour, Some(version)).note, None, "{version}");
        }
    }
}
