//! Which keys are looked at.

mod conditions;
mod error;
mod expression;
mod size;

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use rdb_analysis::{KeyView, SLOTS};
use regex::bytes::Regex;

use conditions::Sample;
pub use conditions::{NumberList, TtlCondition};
pub use error::FilterError;
use expression::Expression;
pub use size::parse_size;

/// A condition on the names of keys.
#[derive(Clone, Debug)]
enum NameCondition {
    Glob(GlobMatcher),
    Regex(Regex),
}

/// Which keys are looked at: those for which all conditions hold. Without any condition, all keys.
///
/// ```
/// use bigkeys_scan::{Filter, Scan};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("dump.rdb");
/// # std::fs::write(&path, b"REDIS0003\xfe\x00\x00\x06user:1\x01v\x00\x06cart:1\x01v\xff")?;
/// let filter = Filter::default().matching("user:*")?.condition("elements < 10 && rdb_bytes < 1KB")?;
/// let report = Scan::open(path)?.filter(filter).run()?;
/// assert_eq!(report.totals.keys, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct Filter {
    included: Vec<NameCondition>,
    excluded: Vec<NameCondition>,
    types: Vec<String>,
    encodings: Vec<String>,
    dbs: Option<NumberList>,
    slots: Option<NumberList>,
    ttl: Option<TtlCondition>,
    min_memory_bytes: Option<u64>,
    min_value_bytes: Option<u64>,
    min_rdb_bytes: Option<u64>,
    min_elements: Option<u64>,
    sample: Option<Sample>,
    expressions: Vec<Expression>,
    /// The conditions as they were given.
    described: Vec<String>,
}

impl Filter {
    /// Only keys whose names match a pattern as `KEYS` takes: `*`, `?`, `[a-c]`, `[^a]` and `\`. Of
    /// several patterns and [regular expressions](Self::matching_regex), one must match.
    ///
    /// # Errors
    ///
    /// The pattern cannot be parsed.
    pub fn matching(mut self, pattern: &str) -> Result<Self, FilterError> {
        self.included.push(NameCondition::Glob(glob(pattern)?));
        Ok(self.described("name", pattern))
    }

    /// Only keys whose names match a regular expression somewhere.
    #[must_use]
    pub fn matching_regex(mut self, regex: Regex) -> Self {
        let text = regex.as_str().to_owned();
        self.included.push(NameCondition::Regex(regex));
        self.described("name matches", &text)
    }

    /// No keys whose names match a pattern.
    ///
    /// # Errors
    ///
    /// The pattern cannot be parsed.
    pub fn excluding(mut self, pattern: &str) -> Result<Self, FilterError> {
        self.excluded.push(NameCondition::Glob(glob(pattern)?));
        Ok(self.described("name is not", pattern))
    }

    /// Only keys of one of these types, by the names that `TYPE` gives.
    #[must_use]
    pub fn types(mut self, types: impl IntoIterator<Item = String>) -> Self {
        self.types.extend(types);
        let text = self.types.join(", ");
        self.described("type", &text)
    }

    /// Only keys of one of these encodings, by the names that `OBJECT ENCODING` gives.
    #[must_use]
    pub fn encodings(mut self, encodings: impl IntoIterator<Item = String>) -> Self {
        self.encodings.extend(encodings);
        let text = self.encodings.join(", ");
        self.described("encoding", &text)
    }

    /// Only keys of these logical databases.
    #[must_use]
    pub fn dbs(self, dbs: NumberList) -> Self {
        let text = dbs.to_string();
        Self { dbs: Some(dbs), ..self }.described("db", &text)
    }

    /// Only keys of these hash slots of a cluster. The slot follows from the name.
    #[must_use]
    pub fn slots(self, slots: NumberList) -> Self {
        let text = slots.to_string();
        Self { slots: Some(slots), ..self }.described("slot", &text)
    }

    /// Only keys for whose time to live a condition holds.
    #[must_use]
    pub fn ttl(self, ttl: TtlCondition) -> Self {
        Self { ttl: Some(ttl), ..self }.described("ttl", &ttl.to_string())
    }

    /// Only keys that take at least this number of bytes in memory.
    #[must_use]
    pub fn min_memory_bytes(self, bytes: u64) -> Self {
        Self { min_memory_bytes: Some(bytes), ..self }.described("memory_bytes >=", &bytes.to_string())
    }

    /// Only keys with at least this number of bytes of payload. Makes the scan
    /// [deep](crate::Scan::deep), except for strings.
    #[must_use]
    pub fn min_value_bytes(self, bytes: u64) -> Self {
        Self { min_value_bytes: Some(bytes), ..self }.described("value_bytes >=", &bytes.to_string())
    }

    /// Only keys that take at least this number of bytes in the file.
    #[must_use]
    pub fn min_rdb_bytes(self, bytes: u64) -> Self {
        Self { min_rdb_bytes: Some(bytes), ..self }.described("rdb_bytes >=", &bytes.to_string())
    }

    /// Only keys with at least this number of elements.
    #[must_use]
    pub fn min_elements(self, elements: u64) -> Self {
        Self { min_elements: Some(elements), ..self }.described("elements >=", &elements.to_string())
    }

    /// Only a part of the keys. Which keys depends on their names only, so it is the same part in
    /// every file.
    ///
    /// # Errors
    ///
    /// `rate` is not above 0 and at most 1.
    pub fn sample(self, rate: f64) -> Result<Self, FilterError> {
        Ok(Self { sample: Some(Sample::new(rate)?), ..self }.described("sample of", &rate.to_string()))
    }

    /// Only keys for which an expression is true.
    ///
    /// The language is CEL. `key`, `type`, `encoding`, `db`, `slot`, `elements`, `value_bytes`,
    /// `rdb_bytes`, `memory_bytes`, `largest_element_bytes`, `ttl_seconds`, `idle_seconds` and
    /// `freq` are those of the key, and null where they are not known. Sizes may have
    /// [units](parse_size). A comparison with null is not true.
    ///
    /// # Errors
    ///
    /// The text is no expression, or it refers to something that keys do not have.
    pub fn condition(mut self, text: &str) -> Result<Self, FilterError> {
        self.expressions.push(Expression::new(text)?);
        Ok(self.described("where", text))
    }

    fn described(mut self, what: &str, text: &str) -> Self {
        // The last description of a condition has all of its values.
        self.described.retain(|known| {
            !(what == "type" || what == "encoding") || !known.starts_with(&format!("{what} "))
        });
        self.described.push(format!("{what} {text}"));
        self
    }

    /// Whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.described.is_empty()
    }

    /// The conditions in one line. `None`: there are none.
    pub fn description(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.described.join("; "))
    }

    /// Whether a condition looks at the database of keys.
    pub(crate) fn needs_db(&self) -> bool {
        self.dbs.is_some() || self.expressions.iter().any(Expression::needs_db)
    }

    /// Whether a condition looks at what only a deep scan knows of every key.
    pub(crate) fn needs_deep(&self) -> bool {
        let is_of_strings = self.types.iter().all(|name| name == "string") && !self.types.is_empty();
        self.expressions.iter().any(Expression::needs_deep)
            || self.min_value_bytes.is_some() && !is_of_strings
    }

    /// Whether a condition looks at the memory of keys.
    pub fn needs_memory(&self) -> bool {
        self.min_memory_bytes.is_some() || self.expressions.iter().any(Expression::needs_memory)
    }

    /// Whether all conditions hold for a key, of which `name` is the whole name.
    pub fn admits(&self, key: &KeyView<'_>, name: &[u8]) -> bool {
        let measure = &key.measure;
        let is_in = |list: &[String], name: &str| list.is_empty() || list.iter().any(|known| known == name);
        let any = |conditions: &[NameCondition]| conditions.iter().any(|condition| condition.holds(name));
        self.min_memory_bytes.is_none_or(|least| measure.memory_bytes.is_some_and(|bytes| bytes >= least))
            && self.min_elements.is_none_or(|least| measure.elements.is_some_and(|count| count >= least))
            && self.min_rdb_bytes.is_none_or(|least| measure.rdb_bytes >= least)
            && self
                .min_value_bytes
                .is_none_or(|least| measure.value_bytes.is_some_and(|bytes| bytes >= least))
            && (self.types.is_empty() || is_in(&self.types, &measure.data_type.name()))
            && is_in(&self.encodings, measure.encoding.name())
            && self.dbs.as_ref().is_none_or(|dbs| dbs.contains(measure.db))
            && self.ttl.is_none_or(|ttl| {
                ttl.holds(measure.expires_at_ms.map(|at_ms| at_ms.saturating_sub(key.time_ms)))
            })
            && self.sample.is_none_or(|sample| sample.contains(name))
            && (self.included.is_empty() || any(&self.included))
            && !any(&self.excluded)
            && self.slots.as_ref().is_none_or(|slots| slots.contains(slot_of(key, name).into()))
            && self.expressions.iter().all(|expression| expression.is_true(key, name))
    }

    /// [`admits`](Self::admits) as a function that can be shared.
    pub(crate) fn into_function(self) -> impl Fn(&KeyView<'_>, &[u8]) -> bool + Clone + Send + Sync {
        let filter = Arc::new(self);
        move |key: &KeyView<'_>, name: &[u8]| filter.admits(key, name)
    }
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Filter").field(&self.described).finish()
    }
}

impl NameCondition {
    fn holds(&self, name: &[u8]) -> bool {
        match self {
            // Names of keys are bytes, as paths are on Unix.
            Self::Glob(glob) => glob.is_match_candidate(&globset::Candidate::from_bytes(name)),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

/// A pattern as `KEYS` takes. Braces have no meaning there, because hash tags have them.
fn glob(pattern: &str) -> Result<GlobMatcher, FilterError> {
    let mut escaped = String::with_capacity(pattern.len());
    let mut is_escaped = false;
    let mut is_in_class = false;
    for char in pattern.chars() {
        match char {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '{' | '}' if !is_in_class => escaped.push('\\'),
            _ => {}
        }
        escaped.push(char);
    }
    let mut builder = GlobBuilder::new(&escaped);
    builder.literal_separator(false).backslash_escape(true);
    let glob = builder.build().map_err(|error| FilterError::Pattern {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    })?;
    Ok(glob.compile_matcher())
}

/// The hash slot of a key in a cluster: as the file states it, or else as it follows from the name.
fn slot_of(key: &KeyView<'_>, name: &[u8]) -> u16 {
    key.measure.slot.filter(|&slot| slot < SLOTS).unwrap_or_else(|| rdb_analysis::slot_of_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        NameCondition::Glob(glob(pattern).expect("a pattern")).holds(name.as_bytes())
    }

    #[test]
    fn patterns_are_those_of_keys() {
        for (pattern, name, expected) in [
            ("user:*", "user:1/2:x", true),
            ("user:?", "user:12", false),
            ("h[ae]llo", "hello", true),
            ("h[^e]llo", "hello", false),
            ("{user:*}:cart", "{user:7}:cart", true),
            ("{a,b}", "a", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
        assert!(glob("[a").is_err());
    }
}
