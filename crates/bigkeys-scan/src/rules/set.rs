//! Rules that are checked together.

use super::baseline::Baseline;
use super::presets::Preset;
use super::rule::{Limit, Rule};
use super::text::{self, RulesError};

/// Number of rules that one scan checks. Each holds lists of its own.
const MAX_RULES: usize = 256;

/// Rules that the keys of a backup are checked against.
///
/// ```
/// use bigkeys_scan::{Rules, Scan};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("dump.rdb");
/// # std::fs::write(&path, b"REDIS0003\xfe\x00\x02\x05tag:1\x02\x01a\xc0\x07\xff")?;
/// let rules = Rules::from_toml(
///     r#"
///     [[rule]]
///     id = "many-tags"
///     match = "tag:*"
///     min_elements = 2
///     message = "SMEMBERS of many tags blocks the server"
///     "#,
/// )?;
/// let scan = Scan::open(path)?;
/// let outcome = scan.check_rules(scan.list(|_| {})?, &rules)?;
/// let (_, results) = outcome.output;
/// assert_eq!(results[0].keys.keys, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) list: Vec<Rule>,
    /// Keys that the largest lists have.
    pub(super) top: usize,
    pub(super) baseline: Baseline,
}

impl Rules {
    /// Rules of your own in TOML: see `docs/rules.md`.
    ///
    /// # Errors
    ///
    /// The text is no TOML, or a rule cannot be meant.
    pub fn from_toml(text: &str) -> Result<Self, RulesError> {
        Self::default().with(text::rules(text)?)
    }

    /// Adds the rules of a preset.
    ///
    /// # Errors
    ///
    /// A rule has the name of another one.
    pub fn preset(self, preset: Preset) -> Result<Self, RulesError> {
        self.with(preset.rules()?)
    }

    fn with(mut self, rules: Vec<Rule>) -> Result<Self, RulesError> {
        for rule in rules {
            if self.list.iter().any(|known| known.id == rule.id) {
                return Err(RulesError::NamedTwice { id: rule.id });
            }
            self.list.push(rule);
        }
        if self.list.len() > MAX_RULES {
            return Err(RulesError::TooMany { max: MAX_RULES });
        }
        Ok(self)
    }

    /// Adds other rules.
    ///
    /// # Errors
    ///
    /// A rule has the name of another one, or there are too many.
    pub fn and(self, other: Self) -> Result<Self, RulesError> {
        self.with(other.list)
    }

    /// Lists at most this number of keys of each type for a rule, the largest first. The default is
    /// 0. All keys are counted.
    #[must_use]
    pub fn top(self, top: usize) -> Self {
        Self { top, ..self }
    }

    /// Leaves out findings that are accepted.
    #[must_use]
    pub fn baseline(self, baseline: Baseline) -> Self {
        Self { baseline, ..self }
    }

    /// Whether a rule looks at the memory of keys.
    pub fn needs_memory(&self) -> bool {
        let has_limit =
            |rule: &Rule| matches!(rule.limit, Limit::Total(max) if max.max_memory_bytes.is_some());
        self.list.iter().any(|rule| rule.filter.needs_memory() || has_limit(rule))
    }

    pub(crate) fn needs_deep(&self) -> bool {
        self.list.iter().any(|rule| rule.filter.needs_deep())
    }

    pub(crate) fn needs_db(&self) -> bool {
        self.list.iter().any(|rule| rule.filter.needs_db())
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_presets_are_rules_and_go_together() {
        let rules = Preset::ALL.into_iter().try_fold(Rules::default(), Rules::preset).expect("rules");
        assert!(rules.len() > 8);
    }
}
