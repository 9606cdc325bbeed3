//! Groups of keys by name: by prefix and by pattern.

mod by_name;
mod path;
mod pattern;
mod sizes;
mod tree;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rdb_parser::{ErrorKind, RdbString};
use serde::{Deserialize, Serialize};

use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use super::portable::{Portable, empty_child};
use crate::measure::{KeyView, Name};
use path::{MAX_NAME_BYTES, Path, shortened};
use tree::{NameSums, NameSumsWire, tree_of};

pub use by_name::ByName;
pub use path::{GroupKind, MAX_GROUP_DEPTH, NameRule};
pub(crate) use sizes::SizeHistogram;
pub use sizes::{HistogramBucket, SizePercentiles};
pub use tree::{NameGroup, NameTree};

/// Groups of the deepest level that are held, if the user sets no other number.
const MAX_GROUPS: usize = 1 << 18;

/// Bytes of paths and histograms that are held for each group that may be held, on average. Most
/// groups take less than half of it.
const MEAN_BYTES: usize = 256;

/// What the child of a range may hold: bytes of paths and histograms, each with a fixed number of
/// bytes for its other sums.
const MAX_BYTES_IN_RANGE: usize = 1 << 20;
const SUMS_BYTES: usize = 256;

/// The name that a rule of the user's gives to the group of a key.
type NamedBy = Arc<dyn Fn(&[u8]) -> Option<Arc<str>> + Send + Sync>;

/// Collects a tree of groups by name.
///
/// A name is split into segments, of which each ends with a separator. Variable parts of a segment
/// have placeholders, so that `user:8231:session` belongs to `user:{int}:session`. Every group is
/// exactly the sum over its children, and the root is the sum over all keys.
///
/// If there are more groups than may be held, or if their paths are too long, all paths are
/// shortened to the greatest depth at which they are not. So the tree is the same on any number of threads, and for sources in any
/// order. Paths are made of the first 1,024 bytes of a name.
///
/// ```
/// use rdb_analysis::{NameGroups, NameRule, ScanOptions, Source, analyze};
///
/// let file = b"REDIS0003\xfe\x00\x00\x06user:1\x01v\x00\x06user:2\x01v\xff";
/// let source = Source::from_bytes("dump.rdb", file);
/// let groups = NameGroups::new(NameRule::new(b":"));
/// let tree = analyze(vec![source], groups, &ScanOptions::default(), &(), &false.into())?.output;
/// let user = &tree.root.children[0];
/// assert_eq!((&user.path[..], user.group.keys), (&b"user:"[..], 2));
/// assert_eq!(user.children[0].path, b"user:{int}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct NameGroups {
    rule: NameRule,
    depth: usize,
    max_groups: usize,
    min_share: f64,
    named_by: Option<NamedBy>,
}

impl NameGroups {
    /// Groups by a rule, of up to four segments.
    pub fn new(rule: NameRule) -> Self {
        Self { rule, depth: 4, max_groups: MAX_GROUPS, min_share: 0.0, named_by: None }
    }

    /// Sets the number of segments of the longest paths, at most [`MAX_GROUP_DEPTH`].
    #[must_use]
    pub fn depth(self, depth: usize) -> Self {
        Self { depth: depth.min(MAX_GROUP_DEPTH), ..self }
    }

    /// Sets the number of groups of the deepest level that are held. Each takes about 300 bytes, and
    /// at most 800 on average, whatever the file.
    #[must_use]
    pub fn max_groups(self, max_groups: usize) -> Self {
        Self { max_groups: max_groups.max(1), ..self }
    }

    /// Folds the groups with a smaller share of all bytes into one group for each parent. The
    /// default is 0: no group is folded.
    #[must_use]
    pub fn min_share(self, min_share: f64) -> Self {
        Self { min_share, ..self }
    }

    /// Gives names to the groups of some keys. All other keys are grouped by segments. `named_by`
    /// sees the first 1,024 bytes of a key's name.
    #[must_use]
    pub fn named_by(self, named_by: impl Fn(&[u8]) -> Option<Arc<str>> + Send + Sync + 'static) -> Self {
        Self { named_by: Some(Arc::new(named_by)), ..self }
    }
}

impl fmt::Debug for NameGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameGroups")
            .field("depth", &self.depth)
            .field("max_groups", &self.max_groups)
            .finish_non_exhaustive()
    }
}

impl Collector for NameGroups {
    type Child = NameLeaves;
    type Output = NameTree;

    fn child(&self, _: RangeStart) -> NameLeaves {
        NameLeaves {
            config: self.clone(),
            depth: self.depth,
            places: HashMap::default(),
            sums: Vec::new(),
            held_bytes: 0,
            path: Path::default(),
            scratch: Vec::new(),
        }
    }

    fn merge(&self, all: &mut NameLeaves, child: NameLeaves) {
        all.shorten_to(child.depth);
        for (path, place) in &child.places {
            let depth = all.depth;
            all.change(shortened(path, depth), |sums| sums.merge(&child.sums[*place]));
        }
        all.shorten();
    }

    fn finish(&self, mut all: NameLeaves) -> NameTree {
        all.shorten();
        let mut leaves: Vec<(&[u8], &NameSums)> =
            all.places.iter().map(|(path, &place)| (&path[..], &all.sums[place])).collect();
        leaves.sort_unstable_by_key(|&(path, _)| path);
        tree_of(&leaves, all.depth, all.depth < self.depth, self.min_share)
    }
}

/// What is carried of [`NameLeaves`].
#[derive(Debug, Serialize, Deserialize)]
pub struct NameLeavesWire {
    depth: usize,
    /// Paths and their sums.
    leaves: Vec<(Name, NameSumsWire)>,
}

impl Portable for NameGroups {
    type Wire = NameLeavesWire;

    fn to_wire(&self, mut child: NameLeaves) -> NameLeavesWire {
        child.shorten();
        let NameLeaves { depth, places, mut sums, .. } = child;
        let mut leaves: Vec<_> = places
            .into_iter()
            .map(|(path, place)| (Name(path.into_vec()), std::mem::take(&mut sums[place]).into_wire()))
            .collect();
        leaves.sort_unstable_by(|(one, _), (other, _)| one.0.cmp(&other.0));
        NameLeavesWire { depth, leaves }
    }

    fn child_of(&self, wire: NameLeavesWire) -> NameLeaves {
        let mut child = empty_child(self);
        child.depth = child.depth.min(wire.depth);
        for (Name(path), sums) in wire.leaves {
            let depth = child.depth;
            child.change(shortened(&path, depth), |all| all.merge(&NameSums::of_wire(sums)));
        }
        child.shorten();
        child
    }
}

/// Sums by path. The child of [`NameGroups`].
#[derive(Clone, Debug)]
pub struct NameLeaves {
    config: NameGroups,
    /// Segments of the longest paths, of which there are not more than may be held.
    depth: usize,
    /// Where the sums of a path are.
    places: HashMap<Box<[u8]>, usize, RandomState>,
    sums: Vec<NameSums>,
    /// Bytes of all paths and histograms.
    held_bytes: usize,
    path: Path,
    scratch: Vec<u8>,
}

impl NameLeaves {
    /// Changes the sums of a path with `add`.
    fn change(&mut self, path: &[u8], add: impl FnOnce(&mut NameSums)) {
        let known = self.places.get(path).copied();
        let place = known.unwrap_or_else(|| {
            self.held_bytes += path.len();
            self.places.insert(path.into(), self.sums.len());
            self.sums.push(NameSums::default());
            self.sums.len() - 1
        });
        let sums = &mut self.sums[place];
        let before = sums.held_bytes();
        add(sums);
        self.held_bytes += sums.held_bytes() - before;
    }

    /// Shortens paths until they take no more than they may.
    ///
    /// The depth that results is the greatest at which the paths of all keys together do: the paths
    /// that some of the keys have at that depth never take more. So it does not depend on the order
    /// of keys.
    fn shorten(&mut self) {
        let NameGroups { max_groups, .. } = self.config;
        while self.depth > 0
            && (self.sums.len() > max_groups || self.held_bytes > max_groups.saturating_mul(MEAN_BYTES))
        {
            self.shorten_to(self.depth - 1);
        }
    }

    fn shorten_to(&mut self, depth: usize) {
        if depth >= self.depth {
            return;
        }
        self.depth = depth;
        self.held_bytes = 0;
        let sums = std::mem::take(&mut self.sums);
        for (path, place) in std::mem::take(&mut self.places) {
            self.change(shortened(&path, depth), |all| all.merge(&sums[place]));
        }
    }
}

impl Observe for NameLeaves {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        match key.key {
            RdbString::Raw(_) => Ok(()),
            _ => key.key.decode_prefix(MAX_NAME_BYTES, &mut self.scratch).map(|_| ()),
        }
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut path = std::mem::take(&mut self.path);
        if let Ok(name) = key.key.decode_prefix(MAX_NAME_BYTES, &mut scratch) {
            match self.config.named_by.as_ref().and_then(|named_by| named_by(name)) {
                Some(group) => path.set_named(&group),
                None => path.set(name, &self.config.rule, self.depth),
            }
            let depth = self.depth;
            self.change(shortened(path.bytes(), depth), |sums| sums.add(&key.measure, name));
            self.shorten();
        }
        (self.scratch, self.path) = (scratch, path);
    }

    fn is_full(&self) -> bool {
        self.held_bytes + self.sums.len() * SUMS_BYTES > MAX_BYTES_IN_RANGE
    }
}
