//! Rules in TOML.

use regex::bytes::Regex;
use serde::Deserialize;

use super::rule::{Limit, MaxSums, Rule, Severity};
use crate::filter::{Filter, FilterError, parse_size};

/// Rules that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The text is not TOML, or a field of a rule is unknown or missing.
    #[error("the rules cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A rule has a condition that cannot be meant.
    #[error("rule {id}: {error}")]
    Condition {
        /// The rule.
        id: String,
        /// What is wrong with it.
        error: FilterError,
    },
    /// A rule has fields that contradict each other.
    #[error("rule {id}: {reason}")]
    Contradiction {
        /// The rule.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A regular expression cannot be parsed.
    #[error("rule {id}: {reason}")]
    Regex {
        /// The rule.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two rules have the same name.
    #[error("two rules have the name {id}")]
    NamedTwice {
        /// The name.
        id: String,
    },
    /// There are too many rules.
    #[error("there are more than {max} rules")]
    TooMany {
        /// The number that is allowed.
        max: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<RuleText>,
}

/// A rule as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    id: String,
    #[serde(default = "warning")]
    severity: Severity,
    message: String,
    #[serde(default, rename = "match")]
    globs: OneOrMany,
    #[serde(default)]
    regex: OneOrMany,
    #[serde(default)]
    exclude: OneOrMany,
    #[serde(default, rename = "type")]
    types: OneOrMany,
    #[serde(default)]
    encoding: OneOrMany,
    db: Option<String>,
    slot: Option<String>,
    ttl: Option<String>,
    min_memory: Option<Bytes>,
    min_value: Option<Bytes>,
    min_rdb: Option<Bytes>,
    min_elements: Option<u64>,
    #[serde(rename = "where")]
    condition: Option<String>,
    max_keys: Option<u64>,
    max_memory: Option<Bytes>,
    max_rdb: Option<Bytes>,
    max_elements: Option<u64>,
    max_expiring_in_a_second: Option<u64>,
}

fn warning() -> Severity {
    Severity::Warning
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// A number of bytes, or a text with a unit such as `10KB`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bytes {
    Number(u64),
    Text(String),
}

impl Bytes {
    fn bytes(self) -> Result<u64, FilterError> {
        match self {
            Self::Number(bytes) => Ok(bytes),
            Self::Text(text) => parse_size(&text),
        }
    }
}

/// The rules in a text.
pub(super) fn rules(text: &str) -> Result<Vec<Rule>, RulesError> {
    toml::from_str::<File>(text)?.rule.into_iter().map(rule).collect()
}

fn rule(text: RuleText) -> Result<Rule, RulesError> {
    let id = text.id.clone();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(RulesError::Contradiction {
            id: id.escape_debug().to_string(),
            reason: "a name has letters, digits, - and _",
        });
    }
    let (severity, message) = (text.severity, text.message.clone());
    let (limit, filter) = conditions(text, &id)?;
    Ok(Rule { id, severity, message, filter, limit })
}

fn conditions(text: RuleText, id: &str) -> Result<(Limit, Filter), RulesError> {
    let wrong = |error| RulesError::Condition { id: id.to_owned(), error };
    let size = |bytes: Option<Bytes>| bytes.map(Bytes::bytes).transpose().map_err(wrong);
    let max = MaxSums {
        max_keys: text.max_keys,
        max_memory_bytes: size(text.max_memory)?,
        max_rdb_bytes: size(text.max_rdb)?,
        max_elements: text.max_elements,
    };
    let limit = match (text.max_expiring_in_a_second, max == MaxSums::default()) {
        (None, true) => Limit::NoKey,
        (None, false) => Limit::Total(max),
        (Some(max_keys), true) => Limit::SameSecond { max_keys },
        (Some(_), false) => {
            let reason = "max_expiring_in_a_second and another maximum need a rule each";
            return Err(RulesError::Contradiction { id: id.to_owned(), reason });
        }
    };
    let mut filter = Filter::default();
    for glob in text.globs.into_vec() {
        filter = filter.matching(&glob).map_err(wrong)?;
    }
    for regex in text.regex.into_vec() {
        let regex = Regex::new(&regex)
            .map_err(|error| RulesError::Regex { id: id.to_owned(), reason: error.to_string() })?;
        filter = filter.matching_regex(regex);
    }
    for glob in text.exclude.into_vec() {
        filter = filter.excluding(&glob).map_err(wrong)?;
    }
    let (types, encodings) = (text.types.into_vec(), text.encoding.into_vec());
    if !types.is_empty() {
        filter = filter.types(types);
    }
    if !encodings.is_empty() {
        filter = filter.encodings(encodings);
    }
    if let Some(dbs) = text.db {
        filter = filter.dbs(dbs.parse().map_err(wrong)?);
    }
    if let Some(slots) = text.slot {
        filter = filter.slots(slots.parse().map_err(wrong)?);
    }
    if let Some(ttl) = text.ttl {
        filter = filter.ttl(ttl.parse().map_err(wrong)?);
    }
    if let Some(bytes) = size(text.min_memory)? {
        filter = filter.min_memory_bytes(bytes);
    }
    if let Some(bytes) = size(text.min_value)? {
        filter = filter.min_value_bytes(bytes);
    }
    if let Some(bytes) = size(text.min_rdb)? {
        filter = filter.min_rdb_bytes(bytes);
    }
    if let Some(elements) = text.min_elements {
        filter = filter.min_elements(elements);
    }
    if let Some(condition) = text.condition {
        filter = filter.condition(&condition).map_err(wrong)?;
    }
    if limit == Limit::NoKey && filter.is_empty() {
        let reason = "it has no condition, so that every key would break it";
        return Err(RulesError::Contradiction { id: id.to_owned(), reason });
    }
    Ok((limit, filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        rules(text).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_rule_has_conditions_and_a_limit() {
        let text = r#"
            [[rule]]
            id = "sessions"
            severity = "error"
            match = ["session:*", "s:*"]
            ttl = "none"
            max_memory = "1KB"
            message = "Sessions without an expiry stay forever"
        "#;
        let rules = rules(text).expect("a rule");
        assert_eq!(rules[0].severity, Severity::Error);
        let max = MaxSums { max_memory_bytes: Some(1024), ..MaxSums::default() };
        assert_eq!(rules[0].limit, Limit::Total(max));
        let description = rules[0].filter.description().unwrap_or_default();
        assert_eq!(description, "name session:*; name s:*; ttl none");
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        for (text, reason) in [
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"", "every key would break it"),
            ("[[rule]]\nid = \"a b\"\nmessage = \"m\"", "letters, digits"),
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"\nmin_memory = \"10 apples\"", "no size"),
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"\nmin_size = 1", "min_size"),
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"\nmax_keys = 1\nmax_expiring_in_a_second = 1", "each"),
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"\nregex = \"(\"", "unclosed"),
            ("[[rule]]\nid = \"a\"\nmessage = \"m\"\nwhere = \"sise > 1\"", "sise"),
            ("[[rule]", "cannot be read"),
        ] {
            let error = error(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
