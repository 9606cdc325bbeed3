//! Rules that come with the program.

use std::str::FromStr;

use super::rule::Rule;
use super::text::{self, RulesError};

/// A set of rules that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// The definition of a big key by Huawei Cloud DCS.
    Dcs,
    /// What the documentation of Redis and its default configuration warn of.
    Redis,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 2] = [Self::Dcs, Self::Redis];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dcs => "dcs",
            Self::Redis => "redis",
        }
    }

    /// Its rules in TOML.
    pub fn toml(self) -> &'static str {
        match self {
            Self::Dcs => include_str!("dcs.toml"),
            Self::Redis => include_str!("redis.toml"),
        }
    }

    pub(super) fn rules(self) -> Result<Vec<Rule>, RulesError> {
        text::rules(self.toml())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|preset| preset.name() == name);
        known.ok_or_else(|| format!("presets are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
