//! The tree of groups, made of the sums over its leaves.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::path::{GroupKind, kind_of, segments};
use super::sizes::{SizeHistogram, SizePercentiles};
use crate::collect::group::Group;
use crate::measure::{DataType, Measure, Name};

/// Bytes of the name of a group's largest key that are kept.
const MAX_KEPT_KEY_BYTES: usize = 256;

/// Groups of keys by name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameTree {
    /// Over all keys. Its children are the groups of the first segments.
    pub root: NameGroup,
    /// Segments of the longest paths.
    pub depth: usize,
    /// Whether paths were shortened to this depth because there were more groups than may be held.
    pub is_shortened: bool,
}

/// The keys whose names have the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameGroup {
    /// What the keys have in common.
    pub kind: GroupKind,
    /// How their names begin, with placeholders; or the name of the user's rule.
    pub path: Vec<u8>,
    /// The sums over the keys. With children, it is the sum over these.
    pub group: Group,
    /// The types of the keys, in their order. All modules are one.
    pub types: Vec<&'static str>,
    /// How large the keys are: in memory where that is modelled, or else in the file.
    pub sizes: SizePercentiles,
    /// The first bytes of the name of the largest key, at most 256.
    pub largest_key: Vec<u8>,
    /// Number of groups that were folded into this one.
    pub folded_groups: u64,
    /// The groups of the next segment, the largest first, and last the folded one.
    pub children: Vec<NameGroup>,
}

impl NameGroup {
    /// Bytes by which groups are compared: in memory where that is modelled, or else in the file.
    pub fn bytes(&self) -> u64 {
        self.group.memory_bytes.unwrap_or(self.group.rdb_bytes)
    }
}

/// The sums over the keys of a leaf or of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct NameSums {
    group: Group,
    /// A bit for each type that every server has, and one for all others.
    types: u8,
    sizes: SizeHistogram,
    largest: Option<Box<Largest>>,
}

/// What is carried of [`NameSums`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NameSumsWire {
    group: Group,
    types: u8,
    sizes: SizeHistogram,
    largest: Option<(u64, Name)>,
}

/// The largest key. Of keys of one size, that whose name comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Largest {
    bytes: u64,
    name: Reverse<Vec<u8>>,
}

impl NameSums {
    /// Bytes that grow with the number of keys. More keys never take less.
    pub(super) fn held_bytes(&self) -> usize {
        self.sizes.held_bytes()
    }

    pub(super) fn add(&mut self, measure: &Measure, name: &[u8]) {
        self.group.add(measure);
        self.types |= 1 << measure.data_type.built_in_index().unwrap_or(DataType::BUILT_IN.len());
        let bytes = measure.memory_bytes.unwrap_or(measure.rdb_bytes);
        self.sizes.add(bytes);
        let name = name.get(..MAX_KEPT_KEY_BYTES).unwrap_or(name);
        let is_larger = self.largest.as_ref().is_none_or(|largest| {
            bytes > largest.bytes || bytes == largest.bytes && name < largest.name.0.as_slice()
        });
        if is_larger {
            self.largest = Some(Box::new(Largest { bytes, name: Reverse(name.to_vec()) }));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let Self { group, types, sizes, largest } = other;
        self.group.merge(group);
        self.types |= types;
        self.sizes.merge(sizes);
        if largest > &self.largest {
            self.largest.clone_from(largest);
        }
    }

    fn bytes(&self) -> u64 {
        self.group.memory_bytes.unwrap_or(self.group.rdb_bytes)
    }

    pub(super) fn into_wire(self) -> NameSumsWire {
        let Self { group, types, sizes, largest } = self;
        let largest = largest.map(|largest| (largest.bytes, Name(largest.name.0)));
        NameSumsWire { group, types, sizes, largest }
    }

    pub(super) fn of_wire(wire: NameSumsWire) -> Self {
        let NameSumsWire { group, types, sizes, largest } = wire;
        let largest = largest.map(|(bytes, name)| Box::new(Largest { bytes, name: Reverse(name.0) }));
        Self { group, types, sizes, largest }
    }

    fn into_group(self, kind: GroupKind, path: Vec<u8>, children: Vec<NameGroup>) -> NameGroup {
        let Largest { bytes, name: Reverse(largest_key) } =
            self.largest.map_or(Largest { bytes: 0, name: Reverse(Vec::new()) }, |largest| *largest);
        let built_in = DataType::BUILT_IN.into_iter().filter_map(DataType::plain_name);
        let names = built_in.chain(["other"]);
        let types = names.enumerate().filter(|(index, _)| self.types >> index & 1 == 1);
        NameGroup {
            kind,
            path,
            group: self.group,
            types: types.map(|(_, name)| name).collect(),
            sizes: self.sizes.percentiles(bytes),
            largest_key,
            folded_groups: 0,
            children,
        }
    }
}

/// The tree of leaves that are sorted by path. Groups with a smaller share of all bytes than
/// `min_share` are folded.
pub(super) fn tree_of(
    leaves: &[(&[u8], &NameSums)],
    depth: usize,
    is_shortened: bool,
    min_share: f64,
) -> NameTree {
    let total: u64 = leaves.iter().fold(0, |sum, (_, leaf)| sum.saturating_add(leaf.bytes()));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of bytes need not be exact, and the cast saturates"
    )]
    let min_bytes = (total as f64 * min_share).ceil() as u64;
    let mut sums = NameSums::default();
    let mut list = Vec::new();
    for same_kind in leaves.chunk_by(|(one, _), (next, _)| one.first() == next.first()) {
        let Some(&(path, first)) = same_kind.first() else { continue };
        let kind = kind_of(path);
        if segments(path).next().is_some() {
            list.extend(groups(same_kind, kind, &mut Vec::new(), 0, min_bytes));
        } else {
            // There is one such path of each kind.
            list.push((first.clone(), first.clone().into_group(kind, Vec::new(), Vec::new())));
        }
    }
    let children = finished(list, &[], min_bytes, &mut sums);
    let root = sums.into_group(GroupKind::Segments, Vec::new(), children);
    NameTree { root, depth, is_shortened }
}

/// The groups of leaves by their segment at `level`, with their sums. `path` has the segments
/// before it.
fn groups(
    leaves: &[(&[u8], &NameSums)],
    kind: GroupKind,
    path: &mut Vec<u8>,
    level: usize,
    min_bytes: u64,
) -> Vec<(NameSums, NameGroup)> {
    let segment_of = |leaf: &(&[u8], &NameSums)| segments(leaf.0).nth(level).map(<[u8]>::to_vec);
    let mut list = Vec::new();
    for same in leaves.chunk_by(|one, next| segment_of(one) == segment_of(next)) {
        let Some((first, segment)) = same.first().and_then(|leaf| Some((leaf, segment_of(leaf)?))) else {
            continue;
        };
        let len = path.len();
        path.extend(segment);
        let is_leaf = segments(first.0).nth(level + 1).is_none();
        let mut sums = NameSums::default();
        let children = if is_leaf {
            sums.merge(first.1);
            Vec::new()
        } else {
            let children = groups(same, kind, path, level + 1, min_bytes);
            finished(children, path, min_bytes, &mut sums)
        };
        list.push((sums.clone(), sums.into_group(kind, path.clone(), children)));
        path.truncate(len);
    }
    list
}

/// Groups in order: the largest first, groups of one size by path, and last the one into which
/// those below `min_bytes` are folded. `path` is that of their parent, and `all` gets their sums.
fn finished(
    list: Vec<(NameSums, NameGroup)>,
    path: &[u8],
    min_bytes: u64,
    all: &mut NameSums,
) -> Vec<NameGroup> {
    for (sums, _) in &list {
        all.merge(sums);
    }
    let (mut kept, small): (Vec<_>, Vec<_>) =
        list.into_iter().partition(|(sums, _)| sums.bytes() >= min_bytes);
    let mut folded = None;
    if small.len() == 1 {
        // A row for one folded group would say less and be no shorter.
        kept.extend(small);
    } else if !small.is_empty() {
        let mut sums = NameSums::default();
        for (small, _) in &small {
            sums.merge(small);
        }
        let mut group = sums.into_group(GroupKind::Folded, path.to_vec(), Vec::new());
        group.folded_groups = small.len() as u64;
        folded = Some(group);
    }
    let mut groups: Vec<NameGroup> = kept.into_iter().map(|(_, group)| group).collect();
    groups.sort_by(|one, other| {
        other.bytes().cmp(&one.bytes()).then_with(|| (one.kind, &one.path).cmp(&(other.kind, &other.path)))
    });
    groups.extend(folded);
    groups
}
