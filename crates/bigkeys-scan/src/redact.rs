//! Names of keys that are replaced by hashes, so that a result can be given away.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rdb_analysis::{
    ClusterTable, GroupKind, KeyRecord, LargestElement, NameGroup, NameTree, Report, SourceFacts,
};
use sha2::{Digest as _, Sha256};

use crate::diff::{Diff, ReportDiff};
use crate::rules::RuleResult;
use crate::shared_keys::SharedKeyTable;

/// Bytes of a hash that a segment becomes, twice as many hexadecimal digits.
const HASH_BYTES: usize = 5;

/// Placeholders of [groups by name](rdb_analysis::NameGroups), which say nothing of a key.
const PLACEHOLDERS: [&[u8]; 7] = [b"{int}", b"{date}", b"{uuid}", b"{hex}", b"{email}", b"{token}", b"{tag}"];

/// Replaces the segments of names by a keyed hash.
///
/// A segment is what stands between separators. The same segment has the same hash wherever it is,
/// as long as the secret is the same, so keys of one user can still be told from those of another.
/// Types, sizes and times are left as they are.
///
/// ```
/// use bigkeys_scan::Redactor;
///
/// let redactor = Redactor::new(b"secret").keep("session:");
/// let name = redactor.name(b"session:alice:7");
/// assert!(name.starts_with(b"session:") && name.len() == 8 + 10 + 1 + 10);
/// assert_eq!(name, redactor.name(b"session:alice:7"));
/// ```
#[derive(Clone)]
pub struct Redactor {
    hash: Hmac<Sha256>,
    separators: Vec<u8>,
    kept: Vec<Vec<u8>>,
}

impl Redactor {
    /// Hashes with a secret, which may have any length.
    pub fn new(secret: &[u8]) -> Self {
        // A key of the length of a block, whose first half is the digest.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&Sha256::digest(secret));
        Self { hash: Hmac::new(&key.into()), separators: vec![b':'], kept: Vec::new() }
    }

    /// Sets the bytes that end a segment. The default is a colon.
    #[must_use]
    pub fn separators(self, separators: &[u8]) -> Self {
        Self { separators: separators.to_vec(), ..self }
    }

    /// Keeps a beginning of names as it is. Of several, the longest counts.
    #[must_use]
    pub fn keep(mut self, prefix: &str) -> Self {
        self.kept.push(prefix.as_bytes().to_vec());
        self
    }

    /// A name without its secrets.
    pub fn name(&self, name: &[u8]) -> Vec<u8> {
        self.segments(name, &[])
    }

    fn segments(&self, name: &[u8], known: &[&[u8]]) -> Vec<u8> {
        let kept =
            self.kept.iter().filter(|prefix| name.starts_with(prefix)).map(Vec::len).max().unwrap_or(0);
        let (kept, rest) = name.split_at(kept);
        let mut redacted = kept.to_vec();
        for part in rest.split_inclusive(|byte| self.separators.contains(byte)) {
            let (segment, end) = match part.split_last() {
                Some((last, segment)) if self.separators.contains(last) => {
                    (segment, std::slice::from_ref(last))
                }
                _ => (part, &[][..]),
            };
            if segment.is_empty() || known.contains(&segment) {
                redacted.extend_from_slice(segment);
            } else {
                let hash = self.hash.clone().chain_update(segment).finalize().into_bytes();
                for byte in hash.iter().take(HASH_BYTES) {
                    redacted.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
            }
            redacted.extend_from_slice(end);
        }
        redacted
    }

    /// Redacts the names in a report. What is said of damage does not name keys any more.
    ///
    /// Paths of sources, shards and the [filter](Report::filter) are left as they are.
    pub fn report(&self, report: &mut Report) {
        report.top.values_mut().flatten().for_each(|key| self.key(key));
        for (prefix, _) in report.prefixes.iter_mut().flat_map(|table| &mut table.groups) {
            *prefix = self.name(prefix);
        }
        for source in &mut report.sources {
            self.facts(&mut source.facts);
            source.raised_limits.iter_mut().for_each(|limit| limit.key = self.name(&limit.key));
        }
    }

    /// Redacts the names in the facts of a source.
    pub fn facts(&self, facts: &mut SourceFacts) {
        facts.warnings.change_keys(|key| self.name(key));
        if facts.coverage.reason.is_some() {
            let at = facts.coverage.stopped_at_offset.map(|offset| format!(" at offset {offset}"));
            facts.coverage.reason = Some(format!("damaged or interrupted{}", at.unwrap_or_default()));
        }
    }

    /// Redacts the names in groups. Placeholders are left as they are.
    pub fn tree(&self, tree: &mut NameTree) {
        self.group(&mut tree.root);
    }

    fn group(&self, group: &mut NameGroup) {
        // A group that the user named has the name that the user gave.
        if group.kind != GroupKind::Named {
            group.path = self.segments(&group.path, &PLACEHOLDERS);
        }
        group.largest_key = self.name(&group.largest_key);
        group.children.iter_mut().for_each(|child| self.group(child));
    }

    /// Redacts the names in the result of a rule. Ids and messages of rules are left as they are.
    pub fn rule(&self, result: &mut RuleResult) {
        result.largest.iter_mut().for_each(|key| self.key(key));
    }

    /// Redacts the hash tags of a cluster.
    pub fn cluster(&self, cluster: &mut ClusterTable) {
        for (tag, _) in &mut cluster.tags {
            *tag = self.name(tag);
        }
    }

    /// Redacts the keys that several shards have.
    pub fn shared_keys(&self, table: &mut SharedKeyTable) {
        for key in &mut table.largest {
            self.beginning(&mut key.key, &mut key.key_bytes);
        }
    }

    /// Redacts the names in a comparison. Placeholders are left as they are.
    pub fn diff(&self, diff: &mut Diff) {
        for group in &mut diff.by_name {
            group.path = self.segments(&group.path, &PLACEHOLDERS);
        }
        for key in &mut diff.keys {
            key.key = self.name(&key.key);
        }
    }

    /// Redacts the names in a comparison of reports.
    pub fn report_diff(&self, diff: &mut ReportDiff) {
        for (prefix, _) in diff.prefixes.iter_mut().flat_map(|prefixes| &mut prefixes.groups) {
            *prefix = self.name(prefix);
        }
        for key in &mut diff.keys {
            self.beginning(&mut key.key, &mut key.key_bytes);
        }
    }

    fn key(&self, key: &mut KeyRecord) {
        self.beginning(&mut key.key, &mut key.key_bytes);
        if let Some(LargestElement::Member(name) | LargestElement::Field(name)) = &mut key.largest_element {
            self.beginning(&mut name.bytes, &mut name.whole_bytes);
        }
    }

    /// Redacts a name, or the beginning of a name of `whole_bytes` bytes. A beginning stays one.
    fn beginning(&self, name: &mut Vec<u8>, whole_bytes: &mut u64) {
        let is_whole = *whole_bytes == name.len() as u64;
        *name = self.name(name);
        *whole_bytes = name.len() as u64 + u64::from(!is_whole);
    }
}

/// Without the secret.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { separators, kept, .. } = self;
        f.debug_struct("Redactor").field("separators", separators).field("kept", kept).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_segments_have_equal_hashes_and_placeholders_stay() {
        let redactor = Redactor::new(b"a");
        let (one, two) = (redactor.name(b"user:7"), redactor.name(b"cart:7:"));
        assert_eq!(one[11..21], two[11..21]);
        assert_eq!((one[10], two[10], two[21], two.len()), (b':', b':', b':', 22));
        assert_ne!(one, Redactor::new(b"b").name(b"user:7"));
        let path = redactor.segments(b"user:{int}:name", &PLACEHOLDERS);
        assert_eq!(path[10..17], *b":{int}:");
        assert_eq!(path.len(), 10 + 7 + 10);
        assert_eq!(redactor.name(b""), b"");
        assert_eq!(redactor.name(b"::"), b"::");
        let keeps = Redactor::new(b"a").keep("user:").keep("user:x:").separators(b":.");
        assert!(keeps.name(b"user:x:y.z").starts_with(b"user:x:"));
        assert_eq!(keeps.name(b"user:x:y.z").len(), 7 + 21);
    }

    proptest! {
        #[test]
        fn no_segment_is_left(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let redacted = Redactor::new(b"secret").name(&name);
            let is_hidden = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
            prop_assert!(redacted.iter().all(is_hidden));
            let count = |bytes: &[u8]| bytes.split(|&byte| byte == b':').count();
            prop_assert_eq!(count(&redacted), count(&name));
        }
    }
}
