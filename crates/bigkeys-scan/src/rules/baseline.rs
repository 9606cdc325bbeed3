//! Findings that are accepted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Version of the file.
const VERSION: u32 = 1;

/// Findings that are accepted: names of keys by rule. A rule about a total is accepted as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    pub(super) keys: BTreeMap<String, BTreeSet<Vec<u8>>>,
    pub(super) totals: BTreeSet<String>,
}

/// A baseline that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The text is no such JSON.
    #[error("the baseline cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A name is no base64.
    #[error("the baseline cannot be read: a key_b64 is no base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The text has another version.
    #[error("the baseline has version {0}, and this program reads version {VERSION}")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    accepted: Vec<Accepted>,
}

#[derive(Serialize, Deserialize)]
struct Accepted {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
}

impl Baseline {
    /// Reads what [`to_json`](Self::to_json) writes.
    ///
    /// # Errors
    ///
    /// The text is no such JSON.
    pub fn from_json(text: &str) -> Result<Self, BaselineError> {
        let file: File = serde_json::from_str(text)?;
        if file.version != VERSION {
            return Err(BaselineError::Version(file.version));
        }
        let mut baseline = Self::default();
        for Accepted { rule, key, key_b64 } in file.accepted {
            match (key, key_b64) {
                (Some(key), _) => drop(baseline.keys.entry(rule).or_default().insert(key.into_bytes())),
                (None, Some(key)) => {
                    baseline.keys.entry(rule).or_default().insert(STANDARD.decode(key)?);
                }
                (None, None) => drop(baseline.totals.insert(rule)),
            }
        }
        Ok(baseline)
    }

    /// The accepted findings as JSON, one a line, so that a version control shows what changed.
    pub fn to_json(&self) -> String {
        let keys =
            self.keys.iter().flat_map(|(rule, names)| names.iter().map(move |name| (rule, Some(name))));
        let accepted = keys.chain(self.totals.iter().map(|rule| (rule, None)));
        let lines = accepted.map(|(rule, name)| {
            let text = name.and_then(|name| std::str::from_utf8(name).ok());
            let binary = name.filter(|_| text.is_none()).map(|name| STANDARD.encode(name));
            let line = Accepted { rule: rule.clone(), key: text.map(str::to_owned), key_b64: binary };
            // A struct of texts is always JSON.
            serde_json::to_string(&line).unwrap_or_default()
        });
        let lines: Vec<_> = lines.collect();
        format!("{{\"version\":{VERSION},\"accepted\":[\n{}\n]}}\n", lines.join(",\n"))
    }

    /// Whether a rule about totals is accepted.
    pub(super) fn accepts_total(&self, rule: &str) -> bool {
        self.totals.contains(rule)
    }

    /// The names that are accepted for a rule.
    pub(super) fn names(&self, rule: &str) -> BTreeSet<Vec<u8>> {
        self.keys.get(rule).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_baseline_is_read_back(
            keys in proptest::collection::btree_map(
                "[a-z-]{1,4}",
                proptest::collection::btree_set(proptest::collection::vec(any::<u8>(), 0..6), 1..4),
                0..4,
            ),
            totals in proptest::collection::btree_set("[a-z-]{1,4}", 0..3),
        ) {
            let baseline = Baseline { keys, totals };
            prop_assert_eq!(Baseline::from_json(&baseline.to_json()).expect("read"), baseline);
        }
    }

    #[test]
    fn another_file_is_no_baseline() {
        for text in ["", "{}", "[]", r#"{"version":2,"accepted":[]}"#, r#"{"version":1,"accepted":[{}]}"#] {
            assert!(Baseline::from_json(text).is_err(), "{text}");
        }
    }
}
