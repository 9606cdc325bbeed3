//! The tree of groups by name.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use bigkeys_report::words;
use bigkeys_scan::{NameGroup, NameTree};
use rdb_analysis::GroupKind;

use crate::list::Cursor;

/// Groups that a search finds.
const MAX_FOUND: usize = 1000;

/// What identifies a group in any tree of the same scan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId {
    pub(crate) kind: GroupKind,
    pub(crate) path: Vec<u8>,
}

impl GroupId {
    pub(crate) fn of(group: &NameGroup) -> Self {
        Self { kind: group.kind, path: group.path.clone() }
    }

    /// The path for people, escaped.
    pub(crate) fn label(&self) -> String {
        match self.kind {
            GroupKind::NoSeparator => "(no separator)".to_owned(),
            _ => words::name(&self.path, self.path.len() as u64),
        }
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

    /// Shows a tree that has more keys, or fewer levels.
    pub(crate) fn replace(&mut self, tree: NameTree) {
        self.tree = Some(tree);
        let known = self.path().len() - 1;
        self.entered.truncate(known);
        self.follow_selected();
    }

    pub(crate) fn tree(&self) -> Option<&NameTree> {
        self.tree.as_ref()
    }

    /// The root, and the groups that were entered. Shorter than what was entered if the tree has fewer
    /// levels.
    fn path(&self) -> Vec<Option<&NameGroup>> {
        let root = self.tree.as_ref().map(|tree| &tree.root);
        let mut path = vec![root];
        for id in &self.entered {
            let Some(Some(above)) = path.last() else { break };
            let Some(child) = above.children.iter().find(|child| GroupId::of(child) == *id) else { break };
            path.push(Some(child));
        }
        path
    }

    /// The group that was entered last, or the root. `None` before the first keys.
    pub(crate) fn here(&self) -> Option<&NameGroup> {
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

    /// The groups to show, in order.
    pub(crate) fn rows(&self) -> Vec<&NameGroup> {
        let Some(here) = self.here() else { return Vec::new() };
        let mut rows: Vec<&NameGroup> = if self.search.is_empty() {
            here.children.iter().collect()
        } else {
            let text = self.search.to_lowercase();
            let mut found = Vec::new();
            find(here, &text, &mut found);
            found
        };
        match self.sort {
            GroupSort::Name => {
                rows.sort_by(|one, other| (&one.path, one.kind).cmp(&(&other.path, other.kind)));
            }
            sort => rows.sort_by_key(|group| Reverse(sort.of(group))),
        }
        rows
    }

    /// The group under the cursor.
    pub(crate) fn selected(&self) -> Option<&NameGroup> {
        self.rows().get(self.cursor.selected()).copied()
    }

    /// Remembers the group under the cursor. Called after the cursor was moved.
    pub(crate) fn remember_selected(&mut self) {
        self.selected = self.selected().map(GroupId::of);
    }

    /// Moves the cursor to the remembered group. Called after the rows have changed.
    pub(crate) fn follow_selected(&mut self) {
        let Some(id) = &self.selected else { return };
        if let Some(row) = self.rows().iter().position(|group| GroupId::of(group) == *id) {
            self.cursor.select(row);
        }
    }

    /// Enters the group under the cursor. Returns false if there is no group below it.
    pub(crate) fn enter(&mut self) -> bool {
        let Some(group) = self.selected().filter(|group| !group.children.is_empty()) else { return false };
        let id = GroupId::of(group);
        if self.search.is_empty() {
            self.entered.push(id);
        } else {
            // The groups above what was found, too.
            let Some(path) = self.here().and_then(|here| path_to(here, &id)) else { return false };
            self.entered.extend(path);
            self.search.clear();
        }
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
        let Some(id) = self.selected().map(GroupId::of) else { return };
        if !self.marked.remove(&id) {
            self.marked.insert(id);
        }
    }

    /// The marked groups, or else the shown ones.
    pub(crate) fn chosen(&self) -> Vec<&NameGroup> {
        if self.marked.is_empty() {
            return self.rows();
        }
        let mut chosen = Vec::new();
        if let Some(tree) = &self.tree {
            add_marked(&tree.root, &self.marked, &mut chosen);
        }
        chosen
    }
}

/// Adds the groups below `group` whose paths have `text`, which is in lower case.
fn find<'a>(group: &'a NameGroup, text: &str, found: &mut Vec<&'a NameGroup>) {
    for child in &group.children {
        if found.len() >= MAX_FOUND {
            return;
        }
        if GroupId::of(child).label().to_lowercase().contains(text) {
            found.push(child);
        }
        find(child, text, found);
    }
}

/// The groups between `group` and the one of an id, with that one.
fn path_to(group: &NameGroup, id: &GroupId) -> Option<Vec<GroupId>> {
    for child in &group.children {
        let own = GroupId::of(child);
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

fn add_marked<'a>(group: &'a NameGroup, marked: &BTreeSet<GroupId>, chosen: &mut Vec<&'a NameGroup>) {
    for child in &group.children {
        if marked.contains(&GroupId::of(child)) {
            chosen.push(child);
        }
        add_marked(child, marked, chosen);
    }
}
