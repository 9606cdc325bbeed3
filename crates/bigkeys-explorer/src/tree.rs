//! The tree of groups by name.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bigkeys_report::words;
use bigkeys_scan::{NameGroup, NameTree};
use rdb_analysis::GroupKind;

use crate::list::Cursor;

/// Groups that a search shows.
pub(crate) const MAX_FOUND: usize = 1000;

/// What identifies a group in any tree of the same scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId {
    pub(crate) kind: GroupKind,
    /// Number of segments. A name that ends with a separator has an empty last segment, so the path alone
    /// does not identify a group.
    pub(crate) level: usize,
    pub(crate) path: Vec<u8>,
}

/// A group, and its level in the tree: 1 below the root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeveledGroup<'a> {
    pub(crate) level: usize,
    pub(crate) group: &'a NameGroup,
}

impl LeveledGroup<'_> {
    pub(crate) fn id(&self) -> GroupId {
        GroupId { kind: self.group.kind, level: self.level, path: self.group.path.clone() }
    }

    fn is(&self, id: &GroupId) -> bool {
        (self.group.kind, self.level, &self.group.path) == (id.kind, id.level, &id.path)
    }
}

impl GroupId {
    /// The path for people, escaped.
    pub(crate) fn label(&self) -> String {
        label(self.kind, &self.path)
    }
}

/// The path of a group for people, escaped.
pub(crate) fn label(kind: GroupKind, path: &[u8]) -> String {
    match kind {
        GroupKind::NoSeparator => "(no separator)".to_owned(),
        // All names with a separator, if there are too many first segments.
        _ if path.is_empty() => "(with separator)".to_owned(),
        _ => words::name(path, path.len() as u64),
    }
}

/// The measure by which groups are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupSort {
    /// In memory where that is modelled, or else in the file.
    Bytes,
    RdbBytes,
    Keys,
    Elements,
    Name,
}

impl GroupSort {
    const ALL: [Self; 5] = [Self::Bytes, Self::RdbBytes, Self::Keys, Self::Elements, Self::Name];

    /// The measure after this one.
    pub(crate) fn next(self, has_memory: bool) -> Self {
        let next = Self::ALL.into_iter().cycle().skip_while(|&sort| sort != self).nth(1).unwrap_or(self);
        if next == Self::RdbBytes && !has_memory { Self::Keys } else { next }
    }

    pub(crate) fn name(self, has_memory: bool) -> &'static str {
        match self {
            Self::Bytes if has_memory => "bytes in memory",
            Self::Bytes | Self::RdbBytes => "bytes in the file",
            Self::Keys => "number of keys",
            Self::Elements => "number of elements",
            Self::Name => "name",
        }
    }

    /// The measure of a group. 0 by name.
    pub(crate) fn of(self, group: &NameGroup) -> u64 {
        match self {
            Self::Bytes | Self::Name => group.bytes(),
            Self::RdbBytes => group.group.rdb_bytes,
            Self::Keys => group.group.keys,
            Self::Elements => group.group.elements,
        }
    }
}

/// The tree, and where in it the user is.
#[derive(Debug)]
pub(crate) struct TreeView {
    tree: Option<NameTree>,
    /// The groups that were entered.
    entered: Vec<GroupId>,
    pub(crate) sort: GroupSort,
    /// Text that the paths of shown groups have. All groups below the entered one are then shown.
    pub(crate) search: String,
    pub(crate) cursor: Cursor,
    /// The group under the cursor, which stays there when the tree grows.
    selected: Option<GroupId>,
    pub(crate) marked: BTreeSet<GroupId>,
}

impl TreeView {
    pub(crate) fn new() -> Self {
        Self {
            tree: None,
            entered: Vec::new(),
            sort: GroupSort::Bytes,
            search: String::new(),
            cursor: Cursor::default(),
            selected: None,
            marked: BTreeSet::new(),
        }
    }

    /// Shows a tree that has more keys, or fewer levels. The marks of groups that are gone are removed.
    pub(crate) fn replace(&mut self, tree: NameTree) {
        if !self.marked.is_empty() {
            let mut known = BTreeSet::new();
            for_each_below(LeveledGroup { level: 0, group: &tree.root }, &mut |group| {
                let id = group.id();
                if self.marked.contains(&id) {
                    known.insert(id);
                }
            });
            self.marked = known;
        }
        self.tree = Some(tree);
        // The groups that still have groups below them.
        let known = self.path().iter().skip(1).take_while(|group| group.is_some_and(has_children)).count();
        self.entered.truncate(known);
        self.follow_selected();
    }

    pub(crate) fn tree(&self) -> Option<&NameTree> {
        self.tree.as_ref()
    }

    /// The root, and the groups that were entered. Shorter than what was entered if the tree has fewer
    /// levels.
    fn path(&self) -> Vec<Option<LeveledGroup<'_>>> {
        let root = self.tree.as_ref().map(|tree| LeveledGroup { level: 0, group: &tree.root });
        let mut path = vec![root];
        for id in &self.entered {
            let Some(Some(above)) = path.last() else { break };
            let Some(child) = below(*above).find(|child| child.is(id)) else { break };
            path.push(Some(child));
        }
        path
    }

    /// The group that was entered last, or the root. `None` before the first keys.
    pub(crate) fn here(&self) -> Option<LeveledGroup<'_>> {
        self.path().last().copied().flatten()
    }

    /// What identifies the entered group. `None`: the root.
    pub(crate) fn here_id(&self) -> Option<&GroupId> {
        self.entered.last()
    }

    /// The names of the entered groups, from the root.
    pub(crate) fn crumbs(&self) -> Vec<String> {
        let mut crumbs = vec!["all keys".to_owned()];
        crumbs.extend(self.entered.iter().map(GroupId::label));
        crumbs
    }

    /// The groups to show, in order: those below the entered one, or the first [`MAX_FOUND`] that a search
    /// finds.
    pub(crate) fn rows(&self) -> Vec<LeveledGroup<'_>> {
        let Some(here) = self.here() else { return Vec::new() };
        let mut rows = Vec::new();
        if self.search.is_empty() {
            rows.extend(below(here));
        } else {
            let text = self.search.to_lowercase();
            for_each_below(here, &mut |found| {
                if String::from_utf8_lossy(&found.group.path).to_lowercase().contains(&text) {
                    rows.push(found);
                }
            });
        }
        match self.sort {
            GroupSort::Name => rows.sort_by_key(|row| (&row.group.path, row.group.kind)),
            sort => rows.sort_by_key(|row| Reverse(sort.of(row.group))),
        }
        if !self.search.is_empty() {
            rows.truncate(MAX_FOUND);
        }
        rows
    }

    /// The group under the cursor.
    pub(crate) fn selected(&self) -> Option<LeveledGroup<'_>> {
        self.rows().get(self.cursor.selected()).copied()
    }

    /// Shows the groups that have a text in their path, or all groups below the entered one again.
    pub(crate) fn search(&mut self, text: String) {
        self.search = text;
        (self.cursor, self.selected) = (Cursor::default(), None);
    }

    /// Remembers the group under the cursor. Called after the cursor was moved.
    pub(crate) fn remember_selected(&mut self) {
        self.selected = self.selected().map(|group| group.id());
    }

    /// Moves the cursor to the remembered group. Called after the rows have changed.
    pub(crate) fn follow_selected(&mut self) {
        let Some(id) = &self.selected else { return };
        if let Some(row) = self.rows().iter().position(|group| group.is(id)) {
            self.cursor.select(row);
        }
    }

    /// Enters the group under the cursor. Returns false if there is no group below it.
    pub(crate) fn enter(&mut self) -> bool {
        let Some(found) = self.selected().filter(|found| has_children(*found)) else {
            return false;
        };
        let id = found.id();
        // After a search, the groups between, too.
        let Some(path) = self.here().and_then(|here| path_to(here, &id)) else { return false };
        self.entered.extend(path);
        self.search.clear();
        (self.cursor, self.selected) = (Cursor::default(), None);
        true
    }

    /// Leaves the entered group. Returns false at the root.
    pub(crate) fn leave(&mut self) -> bool {
        let Some(left) = self.entered.pop() else { return false };
        self.cursor = Cursor::default();
        self.selected = Some(left);
        self.follow_selected();
        true
    }

    /// Marks the group under the cursor, or removes its mark.
    pub(crate) fn toggle_mark(&mut self) {
        let Some(id) = self.selected().map(|group| group.id()) else { return };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
    }

    /// The marked groups, or else the shown ones.
    pub(crate) fn chosen(&self) -> Vec<&NameGroup> {
        if self.marked.is_empty() {
            return self.rows().into_iter().map(|row| row.group).collect();
        }
        let mut chosen = Vec::new();
        if let Some(tree) = &self.tree {
            for_each_below(LeveledGroup { level: 0, group: &tree.root }, &mut |found| {
                if self.marked.contains(&found.id()) {
                    chosen.push(found.group);
                }
            });
        }
        chosen
    }
}

fn has_children(group: LeveledGroup<'_>) -> bool {
    !group.group.children.is_empty()
}

/// The groups one level below a group.
fn below(group: LeveledGroup<'_>) -> impl Iterator<Item = LeveledGroup<'_>> {
    let level = group.level + 1;
    group.group.children.iter().map(move |group| LeveledGroup { level, group })
}

/// Gives all groups below a group to `see`, each before those below it.
fn for_each_below<'a>(group: LeveledGroup<'a>, see: &mut impl FnMut(LeveledGroup<'a>)) {
    for child in below(group) {
        see(child);
        for_each_below(child, see);
    }
}

/// The groups between `group` and the one of an id, with that one.
fn path_to(group: LeveledGroup<'_>, id: &GroupId) -> Option<Vec<GroupId>> {
    for child in below(group).filter(|child| id.path.starts_with(&child.group.path)) {
        let own = child.id();
        if own == *id {
            return Some(vec![own]);
        }
        if let Some(mut path) = path_to(child, id) {
            path.insert(0, own);
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use rdb_analysis::{NameGroups, NameRule, ScanOptions, Source, analyze};

    use super::*;

    /// The tree of string keys, whose values have as many bytes as their names.
    fn tree(names: &[&str], max_groups: usize) -> NameTree {
        let mut file = b"REDIS0003".to_vec();
        for name in names {
            let len = u8::try_from(name.len()).expect("short");
            for text in [&[0, len][..], name.as_bytes(), &[len], name.as_bytes()] {
                file.extend(text);
            }
        }
        file.push(0xff);
        let names = NameGroups::new(NameRule::new(b":")).max_groups(max_groups);
        let source = Source::from_bytes("dump.rdb", &file);
        analyze(vec![source], names, &ScanOptions::default(), &(), &false.into()).expect("scanned").output
    }

    fn labels(view: &TreeView) -> Vec<String> {
        view.rows().iter().map(|row| row.id().label()).collect()
    }

    #[test]
    fn a_name_that_ends_with_a_separator_has_a_group_of_its_own() {
        let mut view = TreeView::new();
        view.replace(tree(&["user:", "user:longer", "user:longest:name"], 100));
        assert!(view.enter());
        let last = view.rows().len() - 1;
        view.cursor.select(last);
        let leaf = view.selected().expect("a group").id();
        assert_eq!((leaf.label(), leaf.level), ("user:".to_owned(), 2));
        assert_ne!(Some(&leaf), view.here_id());
        view.toggle_mark();
        assert_eq!(view.chosen().iter().map(|group| group.group.keys).collect::<Vec<_>>(), [1]);
        let rule = NameRule::new(b":");
        assert!(rule.admits(b"user:", leaf.kind, leaf.level, &leaf.path));
        assert!(!rule.admits(b"user:longer", leaf.kind, leaf.level, &leaf.path));
    }

    #[test]
    fn the_cursor_marks_and_the_entered_group_survive_a_new_tree_if_their_groups_do() {
        let mut view = TreeView::new();
        view.replace(tree(&["a:xx:1", "a:y:1", "b:z:1"], 100));
        assert!(view.enter());
        view.cursor.select(1);
        view.remember_selected();
        view.toggle_mark();
        view.replace(tree(&["a:xx:1", "a:y:1", "a:zzzzzzzz:1", "b:z:1"], 100));
        assert_eq!(labels(&view), ["a:zzzzzzzz:", "a:xx:", "a:y:"]);
        assert_eq!(view.selected().expect("a group").id().label(), "a:y:");
        assert_eq!(view.marked.len(), 1);
        view.replace(tree(&["a:xx:1", "a:y:1", "b:z:1"], 2));
        assert!(view.marked.is_empty() && view.here_id().is_none(), "the tree has one level");
        assert_eq!(labels(&view), ["a:", "b:"]);
        view.replace(tree(&["a:xx:1", "a:y:1", "b:z:1", "c:1"], 2));
        assert_eq!(labels(&view), ["(with separator)"]);
    }

    #[test]
    fn a_search_finds_groups_of_all_levels_and_ends_where_it_began() {
        let mut view = TreeView::new();
        view.replace(tree(&["a:xx:deep:1", "a:y:1", "b:z:1"], 100));
        view.cursor.select(1);
        view.remember_selected();
        view.search("DEEP".to_owned());
        assert_eq!(labels(&view), ["a:xx:deep:", "a:xx:deep:{int}"]);
        view.replace(tree(&["a:xx:deep:1", "a:y:1", "b:z:1", "c:1"], 100));
        assert_eq!(view.cursor.selected(), 0, "the cursor does not go to the group of before the search");
        assert!(view.enter());
        assert_eq!(view.crumbs(), ["all keys", "a:", "a:xx:", "a:xx:deep:"]);
        assert!(view.leave() && view.leave() && view.leave() && !view.leave());
    }
}
