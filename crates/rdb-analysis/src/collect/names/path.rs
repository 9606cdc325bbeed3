//! The path of a name in the tree of groups.

use super::pattern::append_pattern;

/// Bytes of a name of which a path is made.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// Segments of a path at most.
pub const MAX_GROUP_DEPTH: usize = 32;

/// Stands for the last segment of a name whose segments are taken literally.
const ANY: &[u8] = b"*";

/// How names form groups.
#[derive(Clone, Debug)]
pub struct NameRule {
    separators: [bool; 256],
    has_patterns: bool,
}

impl NameRule {
    /// Segments end with one of these bytes, and variable parts of them have placeholders.
    pub fn new(separators: &[u8]) -> Self {
        let mut all = [false; 256];
        for &separator in separators {
            all[usize::from(separator)] = true;
        }
        Self { separators: all, has_patterns: true }
    }

    /// Takes segments literally. The last segment of a name is left out, because it is another one
    /// for nearly every key.
    #[must_use]
    pub fn literal(self, is_literal: bool) -> Self {
        Self { has_patterns: !is_literal, ..self }
    }

    /// Whether keys of this name are in the group of a kind whose first `level` segments are `path`, as a
    /// [`NameTree`](crate::NameTree) names it, or in a group below it. The groups below the root have
    /// level 1, and a group without a separator has no segments. Not for groups that are
    /// [named](GroupKind::Named) or [folded](GroupKind::Folded).
    pub fn admits(&self, name: &[u8], kind: GroupKind, level: usize, path: &[u8]) -> bool {
        let mut own = Path::default();
        own.set(name.get(..MAX_NAME_BYTES).unwrap_or(name), self, level);
        if kind_of(own.bytes()) != kind {
            return false;
        }
        // A tree without levels has one group of all names with a separator, whose path is empty.
        if kind == GroupKind::NoSeparator || path.is_empty() {
            return true;
        }
        let mut rest = Some(path);
        let mut found = 0;
        for segment in segments(own.bytes()) {
            rest = rest.and_then(|rest| rest.strip_prefix(segment));
            found += 1;
        }
        found == level && rest.is_some_and(<[u8]>::is_empty)
    }
}

/// What the keys of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupKind {
    /// Their names match a rule of the user's.
    Named,
    /// Their names begin with the same segments.
    Segments,
    /// Their names have no separator.
    NoSeparator,
    /// They are in groups that are too small to be shown, and whose paths begin alike.
    Folded,
}

impl GroupKind {
    const ALL: [Self; 3] = [Self::Named, Self::Segments, Self::NoSeparator];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Segments => "segments",
            Self::NoSeparator => "no_separator",
            Self::Folded => "folded",
        }
    }
}

/// A path: its kind, and then each segment behind its length in two bytes. Shorter paths of the
/// same name are its beginnings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<u8>);

impl Path {
    /// The path of `name`, of at most `depth` segments.
    pub(super) fn set(&mut self, name: &[u8], rule: &NameRule, depth: usize) {
        self.0.clear();
        let is_separator = |byte: &u8| rule.separators[usize::from(*byte)];
        if !name.iter().any(is_separator) {
            self.0.push(GroupKind::NoSeparator as u8);
            return;
        }
        self.0.push(GroupKind::Segments as u8);
        let mut rest = name;
        for _ in 0..depth {
            let end = segment_end(rest, is_separator);
            let (segment, separator) = match end {
                Some(end) => (&rest[..end], &rest[end..=end]),
                None => (rest, &rest[..0]),
            };
            self.push(|out| {
                match (rule.has_patterns, end) {
                    (true, _) => append_pattern(segment, out),
                    (false, Some(_)) => out.extend_from_slice(segment),
                    (false, None) => out.extend_from_slice(ANY),
                }
                out.extend_from_slice(separator);
            });
            let Some(end) = end else { return };
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    /// The path of the keys that match a rule of this name.
    pub(super) fn set_named(&mut self, name: &str) {
        self.0.clear();
        self.0.push(GroupKind::Named as u8);
        self.push(|out| out.extend_from_slice(name.as_bytes()));
    }

    fn push(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        let at = self.0.len();
        self.0.extend([0; 2]);
        append(&mut self.0);
        // A placeholder may be longer than what it stands for.
        self.0.truncate(at + 2 + usize::from(u16::MAX));
        let len = u16::try_from(self.0.len() - at - 2).unwrap_or(u16::MAX);
        self.0[at..at + 2].copy_from_slice(&len.to_le_bytes());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where a segment ends. A separator in a hash tag is a part of the tag.
fn segment_end(name: &[u8], is_separator: impl Fn(&u8) -> bool) -> Option<usize> {
    let tag = match name {
        [b'{', ..] => name.iter().position(|&byte| byte == b'}').unwrap_or(0),
        _ => 0,
    };
    Some(tag + name.get(tag..)?.iter().position(is_separator)?)
}

/// The kind of the group at a path.
pub(super) fn kind_of(path: &[u8]) -> GroupKind {
    let index = path.first().map_or(0, |&byte| usize::from(byte));
    GroupKind::ALL.get(index).copied().unwrap_or(GroupKind::NoSeparator)
}

/// The segments of a path.
pub(super) fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        let len = u16::from_le_bytes(*rest.first_chunk()?);
        let segment = rest.get(2..2 + usize::from(len))?;
        rest = rest.get(2 + usize::from(len)..)?;
        Some(segment)
    })
}

/// The beginning of a path with at most `depth` segments.
pub(super) fn shortened(path: &[u8], depth: usize) -> &[u8] {
    let bytes: usize = segments(path).take(depth).map(|segment| 2 + segment.len()).sum();
    path.get(..=bytes).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, rule: &NameRule, depth: usize) -> String {
        let mut path = Path::default();
        path.set(name.as_bytes(), rule, depth);
        let segments: Vec<_> = segments(path.bytes()).map(|bytes| String::from_utf8_lossy(bytes)).collect();
        assert_eq!(shortened(path.bytes(), depth), path.bytes());
        format!("{}|{}", kind_of(path.bytes()).name(), segments.join("|"))
    }

    #[test]
    fn a_path_has_the_segments_of_a_name_with_their_separators() {
        let rule = NameRule::new(b":");
        assert_eq!(path("user:8231:session", &rule, 9), "segments|user:|{int}:|session");
        assert_eq!(path("user:8231:session", &rule, 2), "segments|user:|{int}:");
        assert_eq!(path("user:", &rule, 9), "segments|user:|");
        assert_eq!(path("plain", &rule, 9), "no_separator|");
        assert_eq!(path("a.b:c", &NameRule::new(b":."), 9), "segments|a.|b:|c");
        assert_eq!(path("", &rule, 9), "no_separator|");
    }

    #[test]
    fn a_literal_path_ends_before_the_last_segment() {
        let rule = NameRule::new(b":").literal(true);
        assert_eq!(path("user:8231:session", &rule, 9), "segments|user:|8231:|*");
        assert_eq!(path("user:8231", &rule, 9), "segments|user:|*");
        assert_eq!(path("user:8231:session", &rule, 1), "segments|user:");
    }

    #[test]
    fn a_separator_in_a_hash_tag_is_a_part_of_the_tag() {
        let rule = NameRule::new(b":");
        assert_eq!(path("{user:7}:cart", &rule, 9), "segments|{tag}:|cart");
        assert_eq!(path("{user:7", &rule, 9), "segments|{user:|{int}");
    }

    #[test]
    fn a_rule_admits_the_names_of_a_group_and_of_those_below_it() {
        let rule = NameRule::new(b":");
        let admits = |name: &str, level, path: &str| {
            rule.admits(name.as_bytes(), GroupKind::Segments, level, path.as_bytes())
        };
        assert!(admits("user:17:cart", 1, "user:"));
        assert!(admits("user:17:cart", 2, "user:{int}:"));
        assert!(admits("user:17:cart", 3, "user:{int}:cart"));
        assert!(!admits("user:17:cart", 3, "user:{int}:cart:"));
        assert!(!admits("user:17:cart", 1, "us"), "a part of a segment is no group");
        assert!(!admits("user", 1, "user"));
        // The last segment of a name that ends with a separator is empty.
        assert!(admits("user:", 2, "user:") && !admits("user:1", 2, "user:"));
        assert!(rule.admits(b"user", GroupKind::NoSeparator, 1, b""));
        assert!(!rule.admits(b"user:1", GroupKind::NoSeparator, 1, b""));
        assert!(admits("user:1", 1, ""));
        let literal = rule.literal(true);
        assert!(literal.admits(b"user:17:cart", GroupKind::Segments, 2, b"user:17:"));
        assert!(literal.admits(b"user:17:cart", GroupKind::Segments, 3, b"user:17:*"));
    }

    #[test]
    fn a_path_is_shortened_to_what_a_smaller_depth_gives() {
        let rule = NameRule::new(b":");
        let mut long = Path::default();
        long.set(b"a:b:c:d", &rule, 9);
        for depth in 0..5 {
            let mut short = Path::default();
            short.set(b"a:b:c:d", &rule, depth);
            assert_eq!(shortened(long.bytes(), depth), short.bytes());
        }
    }
}
