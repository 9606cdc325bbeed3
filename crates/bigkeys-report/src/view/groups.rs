//! Groups of keys by name: a treemap, and the same as a table.
//!
//! The rows of the table have the places of the rectangles, so the script draws the groups below a group
//! without a second copy of their names.

use std::collections::HashSet;

use rdb_analysis::{Group, GroupKind, NameGroup, NameTree, PrefixTable};
use serde::Serialize;

use crate::text::{self, bytes, count, counted, length, share};
use crate::treemap::{self, Rect};

/// Groups that a page shows. The smaller groups of a parent become one row.
pub const MAX_GROUPS: usize = 5000;

/// Smallest area that is drawn without the script: a thousandth of the picture.
const MIN_DRAWN: f64 = 10.0;

/// Shortest side of a rectangle with text, in percent of the picture.
const MIN_LABELLED: f64 = 3.0;

/// Bytes of a path that are known.
const MAX_PATH_BYTES: usize = 1024;

/// Colours of rectangles.
const COLOURS: usize = 8;

/// The groups of a page.
#[derive(Debug, Serialize)]
pub(super) struct GroupsView {
    /// Parents stand before their children. The first row is the whole.
    rows: Vec<Row>,
    has_memory: bool,
    remarks: Vec<String>,
}

/// A group.
#[derive(Debug, Serialize)]
struct Row {
    id: usize,
    /// `None`: this is the whole.
    parent: Option<usize>,
    level: usize,
    children: usize,
    name: String,
    /// Place of the rectangle in that of the parent, in percent: x, y, width, height.
    rect: [String; 4],
    /// Whether the rectangle is drawn without the script, and has room for text.
    is_drawn: bool,
    has_text: bool,
    colour: usize,
    share: String,
    bytes: String,
    keys: String,
    elements: String,
    /// Bytes of a key that half of the keys do not exceed, and of the largest.
    half_below: Option<String>,
    largest: Option<String>,
}

/// A group that is shown.
struct Shown<'a> {
    name: String,
    group: &'a Group,
    bytes: u64,
    half_below: Option<u64>,
    largest: Option<u64>,
}

impl GroupsView {
    /// The groups of a tree. `None`: there is no key.
    pub(super) fn of_tree(tree: &NameTree) -> Option<Self> {
        if tree.root.group.keys == 0 {
            return None;
        }
        let mut builder = Builder::new(tree.root.bytes(), tree.root.group.memory_bytes.is_some());
        let largest = largest_groups(&tree.root);
        let root = builder.push(
            None,
            0,
            Rect::WHOLE,
            &Shown {
                name: "all keys".to_owned(),
                group: &tree.root.group,
                bytes: tree.root.bytes(),
                half_below: Some(tree.root.sizes.p50_bytes),
                largest: Some(tree.root.sizes.max_bytes),
            },
        );
        builder.below(root, 1, &tree.root, &largest);
        let mut view = builder.view;
        if tree.is_shortened {
            let segments = counted(tree.depth as u64, "segment");
            view.remarks
                .push(format!("There are too many groups, so names are grouped by their first {segments}."));
        }
        Some(view)
    }

    /// The prefixes of a report.
    pub(super) fn of_prefixes(table: &PrefixTable) -> Option<Self> {
        let mut whole = table.groups.iter().fold(table.others, |sum, (_, group)| sum.plus(group));
        whole = whole.plus(&table.no_prefix);
        if whole.keys == 0 {
            return None;
        }
        let weight = |group: &Group| match whole.memory_bytes {
            Some(_) => group.memory_bytes.unwrap_or(0),
            None => group.rdb_bytes,
        };
        let mut builder = Builder::new(weight(&whole), whole.memory_bytes.is_some());
        let shown = |name: String, group| Shown {
            name,
            group,
            bytes: weight(group),
            half_below: None,
            largest: None,
        };
        let root = builder.push(None, 0, Rect::WHOLE, &shown("all keys".to_owned(), &whole));
        let listed = table.groups.iter();
        let mut children: Vec<_> =
            listed.map(|(name, group)| shown(text::name(name, name.len() as u64), group)).collect();
        children.push(shown("(other prefixes)".to_owned(), &table.others));
        children.push(shown("(no prefix)".to_owned(), &table.no_prefix));
        children.retain(|child| child.group.keys > 0);
        children.sort_by_key(|child| std::cmp::Reverse(child.bytes));
        let rects = treemap::layout(&children.iter().map(|child| child.bytes).collect::<Vec<_>>());
        for (child, rect) in children.iter().zip(rects) {
            builder.push(Some(root), 1, rect, child);
        }
        let mut view = builder.view;
        if table.error_bytes > 0 {
            let bytes = bytes(table.error_bytes);
            view.remarks
                .push(format!("There are too many prefixes to count all: each may have {bytes} more."));
        }
        Some(view)
    }
}

/// Adds rows, parents first.
struct Builder {
    view: GroupsView,
    whole_bytes: u64,
}

impl Builder {
    fn new(whole_bytes: u64, has_memory: bool) -> Self {
        Self { view: GroupsView { rows: Vec::new(), has_memory, remarks: Vec::new() }, whole_bytes }
    }

    /// Adds the groups below `parent`. Those that are not among the `largest` become one row.
    fn below(&mut self, parent: usize, level: usize, group: &NameGroup, largest: &HashSet<*const NameGroup>) {
        let is_listed = |child: &&NameGroup| largest.contains(&std::ptr::from_ref(deepest(child)));
        let (listed, folded): (Vec<&NameGroup>, Vec<&NameGroup>) = group.children.iter().partition(is_listed);
        if listed.is_empty() {
            return;
        }
        let rest = folded.iter().fold(Group::default(), |sum, child| sum.plus(&child.group));
        let mut shown: Vec<(Shown<'_>, Option<&NameGroup>)> = Vec::with_capacity(listed.len() + 1);
        for child in listed {
            let deepest = deepest(child);
            shown.push((Shown::of(deepest, &group.path), Some(deepest)));
        }
        if rest.keys > 0 {
            let groups = folded.iter().map(|child| child.folded_groups.max(1)).sum();
            let bytes = rest.memory_bytes.unwrap_or(rest.rdb_bytes);
            let largest_key = folded.iter().map(|child| child.sizes.max_bytes).max();
            let name = format!("({})", counted(groups, "smaller group"));
            shown.push((Shown { name, group: &rest, bytes, half_below: None, largest: largest_key }, None));
        }
        shown.sort_by_key(|(shown, _)| std::cmp::Reverse(shown.bytes));
        let rects = treemap::layout(&shown.iter().map(|(shown, _)| shown.bytes).collect::<Vec<_>>());
        for ((shown, group), rect) in shown.iter().zip(rects) {
            let id = self.push(Some(parent), level, rect, shown);
            if let Some(group) = group.filter(|group| !group.children.is_empty()) {
                self.below(id, level + 1, group, largest);
            }
        }
    }

    fn push(&mut self, parent: Option<usize>, level: usize, rect: Rect, shown: &Shown<'_>) -> usize {
        let id = self.view.rows.len();
        let mut colour = 0;
        if let Some(parent) = parent.and_then(|parent| self.view.rows.get_mut(parent)) {
            colour = parent.children % COLOURS;
            parent.children += 1;
        }
        self.view.rows.push(Row {
            id,
            parent,
            level,
            children: 0,
            name: shown.name.clone(),
            rect: [rect.x, rect.y, rect.width, rect.height].map(length),
            is_drawn: level == 1 && rect.width * rect.height >= MIN_DRAWN,
            has_text: rect.width >= MIN_LABELLED && rect.height >= MIN_LABELLED,
            colour,
            share: share(shown.bytes, self.whole_bytes),
            bytes: bytes(shown.bytes),
            keys: count(shown.group.keys),
            elements: count(shown.group.elements),
            half_below: shown.half_below.map(bytes),
            largest: shown.largest.map(bytes),
        });
        id
    }
}

impl<'a> Shown<'a> {
    /// A group, named by the part of its path that its parent's path does not have.
    fn of(group: &'a NameGroup, parent_path: &[u8]) -> Self {
        let name = match group.kind {
            GroupKind::NoSeparator => "(no separator)".to_owned(),
            GroupKind::Named => format!("{} (rule)", text::cut_name(&group.path, MAX_PATH_BYTES)),
            _ => {
                let own = group.path.strip_prefix(parent_path).filter(|own| !own.is_empty());
                let known = MAX_PATH_BYTES.saturating_sub(own.map_or(0, |_| parent_path.len()));
                text::cut_name(own.unwrap_or(&group.path), known)
            }
        };
        let sizes = group.sizes;
        Self {
            name,
            group: &group.group,
            bytes: group.bytes(),
            half_below: Some(sizes.p50_bytes),
            largest: Some(sizes.max_bytes),
        }
    }
}

/// The group that stands for a group with a single child: its deepest descendant with the same keys.
fn deepest(group: &NameGroup) -> &NameGroup {
    match &group.children[..] {
        [only] if only.kind != GroupKind::Folded => deepest(only),
        _ => group,
    }
}

/// The groups that are shown, by their addresses. A group never has fewer bytes than those below it
/// and stands before them, so the parents of shown groups are shown.
fn largest_groups(root: &NameGroup) -> HashSet<*const NameGroup> {
    fn add<'a>(group: &'a NameGroup, groups: &mut Vec<&'a NameGroup>) {
        for child in group.children.iter().filter(|child| child.kind != GroupKind::Folded).map(deepest) {
            groups.push(child);
            add(child, groups);
        }
    }
    let mut groups = Vec::new();
    add(root, &mut groups);
    // Stable: of equal groups, the first are shown.
    groups.sort_by_key(|group| std::cmp::Reverse(group.bytes()));
    groups.into_iter().take(MAX_GROUPS).map(std::ptr::from_ref).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdb_analysis::{NameGroups, NameRule, ScanOptions, Source, analyze};

    fn tree(names: &[String]) -> NameTree {
        let mut file = b"REDIS0003\xfe\x00".to_vec();
        for name in names {
            file.extend([0, u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            file.extend(b"\x01v");
        }
        file.push(0xff);
        let source = Source::from_bytes("dump.rdb", &file);
        let groups = NameGroups::new(NameRule::new(b":"));
        analyze(vec![source], groups, &ScanOptions::default(), &(), &false.into()).expect("a file").output
    }

    #[test]
    fn a_child_is_named_by_its_own_segments_and_a_single_child_stands_for_its_parent() {
        let names = ["user:a:mail", "user:a:name", "user:b:mail", "cart:x:1"].map(str::to_owned);
        let view = GroupsView::of_tree(&tree(&names)).expect("keys");
        let shown: Vec<(usize, &str)> = view.rows.iter().map(|row| (row.level, row.name.as_str())).collect();
        assert_eq!(shown[0], (0, "all keys"));
        assert!(shown.contains(&(1, "user:")) && shown.contains(&(2, "a:")), "{shown:?}");
        assert!(shown.contains(&(1, "cart:x:{int}")), "{shown:?}");
    }

    #[test]
    fn of_many_groups_of_one_size_some_are_shown_and_all_add_up() {
        let flat: Vec<String> = (0..6000).map(|i| format!("g{}:x", letters(i))).collect();
        let deep: Vec<String> =
            (0..9000).map(|i| format!("g{}:h{}:x", letters(i / 3), letters(i % 3))).collect();
        for names in [flat, deep] {
            let view = GroupsView::of_tree(&tree(&names)).expect("keys");
            let rest =
                |row: &&Row| row.name.ends_with("smaller groups)") || row.name.ends_with("smaller group)");
            let folded = view.rows.iter().filter(rest).count();
            assert_eq!(view.rows.len(), 1 + MAX_GROUPS + folded);
            assert!(folded > 0);
            let number = |row: &Row| row.keys.replace(',', "").parse::<u64>().expect("a number");
            for parent in view.rows.iter().filter(|row| row.children > 0) {
                let children = view.rows.iter().filter(|row| row.parent == Some(parent.id));
                assert_eq!(children.map(number).sum::<u64>(), number(parent), "{}", parent.name);
            }
        }
    }

    /// A number as letters, which have no placeholder.
    fn letters(mut number: u32) -> String {
        let mut text = String::new();
        for _ in 0..3 {
            text.push(char::from(b'p' + u8::try_from(number % 20 / 2).expect("small")));
            text.push(char::from(b'g' + u8::try_from(number % 20).expect("small") % 20));
            number /= 20;
        }
        text
    }
}
