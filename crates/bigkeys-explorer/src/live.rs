//! Groups by name, shown while the scan still adds keys to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdb_analysis::{Collector, EndOfSource, KeyView, NameGroups, NameTree, Observe, PlaceUse, RangeStart};
use rdb_parser::ErrorKind;

/// Time between two snapshots of a source. A snapshot that takes long makes the time longer.
const INTERVAL: Duration = Duration::from_millis(250);

/// A snapshot takes at most one part of these of a scan's time.
const PARTS_OF_TIME: u32 = 20;

/// Keys between two looks at the clock, minus one.
const KEYS_MASK: u32 = 4095;

/// Sums by path.
type Leaves = <NameGroups as Collector>::Child;

/// Collects groups by name, and publishes what it has so far.
///
/// The groups of a source are published from its *root*, the first child that the source gets. Children
/// of ranges are merged into the root only if their keys are certain, so a published group never has keys
/// that the result does not have.
pub(crate) struct LiveGroups {
    names: NameGroups,
    shared: Arc<Shared>,
}

impl LiveGroups {
    pub(crate) fn new(names: NameGroups) -> (Self, Snapshots) {
        let shared = Arc::<Shared>::default();
        (Self { names: names.clone(), shared: Arc::clone(&shared) }, Snapshots { names, shared })
    }
}

/// What was published.
#[derive(Default)]
struct Shared(Mutex<Published>);

#[derive(Default)]
struct Published {
    /// The sources whose root exists.
    begun: BTreeSet<usize>,
    /// The latest groups of each source that is scanned.
    running: BTreeMap<usize, Arc<Leaves>>,
    /// The groups of all sources that have ended.
    ended: Option<Arc<Leaves>>,
    /// Raised with each snapshot.
    version: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Published> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a [`LiveGroups`] publishes.
pub(crate) struct Snapshots {
    names: NameGroups,
    shared: Arc<Shared>,
}

impl Snapshots {
    /// The tree of all groups that were published, if there are more than those of `version`. Sets
    /// `version`.
    pub(crate) fn newer(&self, version: &mut u64) -> Option<NameTree> {
        let published = self.shared.lock();
        if published.version == *version {
            return None;
        }
        *version = published.version;
        let mut sources: Vec<Arc<Leaves>> =
            published.ended.iter().chain(published.running.values()).cloned().collect();
        drop(published);
        let mut all = Arc::unwrap_or_clone(sources.pop()?);
        for leaves in sources {
            self.names.merge(&mut all, Arc::unwrap_or_clone(leaves));
        }
        Some(self.names.finish(all))
    }
}

/// The groups of a range, or of a source up to where its scan is. The child of [`LiveGroups`].
pub(crate) struct LiveLeaves {
    leaves: Leaves,
    start: RangeStart,
    /// The source, if this is its root and the source has not ended.
    root_of: Option<usize>,
    keys: u32,
    due: Instant,
    shared: Arc<Shared>,
}

impl LiveLeaves {
    /// Publishes the groups of a root if it is time.
    #[cold]
    fn publish_if_due(&mut self) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.publish();
        self.due = now + INTERVAL.max(now.elapsed() * PARTS_OF_TIME);
    }

    fn publish(&self) {
        let Some(source) = self.root_of else { return };
        let leaves = Arc::new(self.leaves.clone());
        let mut published = self.shared.lock();
        published.running.insert(source, leaves);
        published.version += 1;
    }
}

impl Observe for LiveLeaves {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.leaves.check(key)
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        self.leaves.observe(key);
        self.keys = self.keys.wrapping_add(1);
        if self.keys & KEYS_MASK == 0 && self.root_of.is_some() {
            self.publish_if_due();
        }
    }

    fn is_full(&self) -> bool {
        self.leaves.is_full()
    }
}

impl Collector for LiveGroups {
    type Child = LiveLeaves;
    type Output = ();

    fn child(&self, start: RangeStart) -> LiveLeaves {
        let is_root = self.shared.lock().begun.insert(start.source);
        LiveLeaves {
            leaves: self.names.child(start),
            start,
            root_of: is_root.then_some(start.source),
            keys: 0,
            due: Instant::now() + INTERVAL,
            shared: Arc::clone(&self.shared),
        }
    }

    fn merge(&self, all: &mut LiveLeaves, child: LiveLeaves) {
        self.names.merge(&mut all.leaves, child.leaves);
        if all.root_of.is_some() {
            all.publish_if_due();
        }
    }

    fn end_source(&self, all: &mut LiveLeaves, source: &EndOfSource<'_>) {
        self.names.end_source(&mut all.leaves, source);
        // The groups of other sources may be merged into this child from now on, and are not those of a
        // root.
        all.root_of = None;
        let leaves = std::mem::replace(&mut all.leaves, self.names.child(all.start));
        let mut published = self.shared.lock();
        published.running.remove(&source.index);
        match &mut published.ended {
            Some(ended) => self.names.merge(Arc::make_mut(ended), leaves),
            none => *none = Some(Arc::new(leaves)),
        }
        published.version += 1;
    }

    fn finish(&self, _: LiveLeaves) {}
}

impl fmt::Debug for LiveGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveGroups").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rdb_analysis::{NameRule, ScanOptions, Source, analyze};

    use super::*;

    /// Strings `n:m` for each n below `groups` and m below `keys`.
    fn file(groups: u32, keys: u32) -> Vec<u8> {
        let mut file = b"REDIS0003".to_vec();
        for (n, m) in (0..keys).flat_map(|m| (0..groups).map(move |n| (n, m))) {
            let name = format!("group-{}:{m}", char::from(b'a' + u8::try_from(n % 26).expect("small")));
            file.extend([0, u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            file.extend(b"\x01v");
        }
        file.push(0xff);
        file
    }

    #[test]
    fn the_last_snapshot_is_the_tree_of_the_scan_on_any_number_of_threads() {
        let files = [file(3, 20_000), file(5, 10)];
        let names = NameGroups::new(NameRule::new(b":"));
        for threads in [1, 2, 4] {
            let sources =
                || files.iter().map(|file| Source::from_bytes("dump.rdb", file)).collect::<Vec<_>>();
            let mut options = ScanOptions::default();
            options.threads = Some(threads);
            options.range_bytes = Some(10_000);
            let whole =
                analyze(sources(), names.clone(), &options, &(), &false.into()).expect("scanned").output;
            let (live, snapshots) = LiveGroups::new(names.clone());
            analyze(sources(), live, &options, &(), &false.into()).expect("scanned");
            let mut version = 0;
            assert_eq!(snapshots.newer(&mut version), Some(whole), "{threads} threads");
            assert_eq!(snapshots.newer(&mut version), None, "nothing is newer");
        }
    }

    /// What is published whenever the scan reports progress.
    struct Watch<'a>(&'a Snapshots, Mutex<Vec<u64>>);

    impl rdb_analysis::Progress for Watch<'_> {
        fn advance(&self, _: u64, _: u64) {
            let keys = self.0.newer(&mut 0).map_or(0, |tree| tree.root.group.keys);
            self.1.lock().expect("sound").push(keys);
            std::thread::sleep(INTERVAL);
        }
    }

    #[test]
    fn a_snapshot_has_the_keys_that_were_read() {
        let (live, snapshots) = LiveGroups::new(NameGroups::new(NameRule::new(b":")));
        let file = file(3, 200_000);
        let watch = Watch(&snapshots, Mutex::default());
        let mut options = ScanOptions::default();
        options.threads = Some(1);
        let source = Source::from_bytes("dump.rdb", &file);
        analyze(vec![source], live, &options, &watch, &false.into()).expect("scanned");
        let seen = watch.1.into_inner().expect("sound");
        assert!(seen.is_sorted(), "{seen:?}");
        assert!(seen.iter().any(|&keys| 0 < keys && keys < 600_000), "{seen:?}");
    }
}
