//! Values of your own by the group of a name.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::path::{GroupKind, MAX_NAME_BYTES, NameRule, Path, kind_of, segments, shortened};

/// Values by the group of a name, in bounded memory.
///
/// Groups are those of [`NameGroups`](super::NameGroups). If there are more groups than may be held,
/// all paths are shortened to the greatest depth at which there are not. So the groups do not depend
/// on the order of names.
///
/// ```
/// use rdb_analysis::{ByName, NameRule};
///
/// let mut keys = ByName::new(NameRule::new(b":"), 4, 1000, |all: &mut u64, other| *all += other);
/// keys.add(b"user:1:cart", 1);
/// keys.add(b"user:2:cart", 1);
/// let groups = keys.into_groups();
/// assert_eq!((&groups[0].1[..], groups[0].2), (&b"user:{int}:cart"[..], 2));
/// ```
#[derive(Debug)]
pub struct ByName<V> {
    rule: NameRule,
    depth: usize,
    max_groups: usize,
    merge: fn(&mut V, V),
    values: HashMap<Box<[u8]>, V, RandomState>,
    path: Path,
}

impl<V: Default> ByName<V> {
    /// At most `max_groups` groups of up to `depth` segments, whose values `merge` merges. It must be
    /// associative and commutative.
    pub fn new(rule: NameRule, depth: usize, max_groups: usize, merge: fn(&mut V, V)) -> Self {
        let max_groups = max_groups.max(1);
        Self { rule, depth, max_groups, merge, values: HashMap::default(), path: Path::default() }
    }

    /// Merges `value` into that of the group of `name`.
    pub fn add(&mut self, name: &[u8], value: V) {
        let name = name.get(..MAX_NAME_BYTES).unwrap_or(name);
        let mut path = std::mem::take(&mut self.path);
        path.set(name, &self.rule, self.depth);
        self.add_path(shortened(path.bytes(), self.depth), value);
        self.path = path;
        self.shorten();
    }

    /// Merges the values of other names.
    pub fn merge(&mut self, other: Self) {
        self.shorten_to(other.depth);
        let depth = self.depth;
        for (path, value) in other.values {
            self.add_path(shortened(&path, depth), value);
        }
        self.shorten();
    }

    /// The groups in the order of their paths: kind, path and value.
    pub fn into_groups(self) -> Vec<(GroupKind, Vec<u8>, V)> {
        let mut groups: Vec<_> = self.values.into_iter().collect();
        groups.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let group = |(path, value): (Box<[u8]>, V)| {
            (kind_of(&path), segments(&path).flatten().copied().collect(), value)
        };
        groups.into_iter().map(group).collect()
    }

    fn add_path(&mut self, path: &[u8], value: V) {
        match self.values.get_mut(path) {
            Some(all) => (self.merge)(all, value),
            None => {
                self.values.insert(path.into(), value);
            }
        }
    }

    fn shorten(&mut self) {
        while self.depth > 0 && self.values.len() > self.max_groups {
            self.shorten_to(self.depth - 1);
        }
    }

    fn shorten_to(&mut self, depth: usize) {
        if depth >= self.depth {
            return;
        }
        self.depth = depth;
        for (path, value) in std::mem::take(&mut self.values) {
            self.add_path(shortened(&path, depth), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_groups_shorten_all_paths_in_any_order() {
        let names: Vec<String> =
            (0..100).map(|i| format!("{}:{}:x", i % 7, (b'a' + i % 26) as char)).collect();
        let groups = |names: &mut dyn Iterator<Item = &String>| {
            let rule = NameRule::new(b":").literal(true);
            let mut all = ByName::new(rule, 3, 20, |all: &mut u64, other| *all += other);
            names.for_each(|name| all.add(name.as_bytes(), 1));
            all.into_groups()
        };
        let forwards = groups(&mut names.iter());
        assert_eq!(forwards, groups(&mut names.iter().rev()));
        assert_eq!(forwards.len(), 7);
        assert_eq!(forwards.iter().map(|group| group.2).sum::<u64>(), 100);
    }
}
