//! Finds the served instances and their backup files.

use std::cmp::Reverse;
use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use glob::Pattern;

use super::backup_mark::{self, BackupMark};
use super::config::{Backup, Instance, Instances, Shard};
use super::id;
use super::listing::Served;
use super::store::ShardTarget;

/// Maximum number of backups that are listed at a time.
const MAX_BACKUPS: usize = 1000;

/// Time for which a listing of a directory of backups is reused.
const LISTING_AGE: Duration = Duration::from_secs(1);

/// The reason why a backup cannot be read. The texts are shown to clients, so they name no
/// directory.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BackupError {
    #[error("the backup {} cannot be opened: {reason}", file_name(path))]
    Unreadable { path: PathBuf, reason: String },
    #[error("the backup {} is not inside the configured roots", file_name(.0))]
    Outside(PathBuf),
    #[error("the backup {} was replaced after the task was created", file_name(.0))]
    Replaced(PathBuf),
    #[error("no backup matches {0}")]
    NoMatch(String),
    #[error("the backup {} has {bytes} bytes, more than the limit", file_name(path))]
    TooLarge { path: PathBuf, bytes: u64 },
}

/// The instances, replaceable while requests are answered.
#[derive(Debug)]
pub(crate) struct Catalog {
    state: RwLock<Arc<Served>>,
    /// Time of the last listing. Locked during a listing.
    listed_at: Mutex<Instant>,
}

impl Catalog {
    /// # Errors
    ///
    /// A directory of backups cannot be listed.
    pub(crate) fn new(instances: Instances) -> std::io::Result<Self> {
        let state = Served::load(instances)?;
        state.name_new_links(None);
        Ok(Self { state: RwLock::new(Arc::new(state)), listed_at: Mutex::new(Instant::now()) })
    }

    /// Replaces the instances.
    pub(crate) fn replace(&self, instances: Instances) -> std::io::Result<()> {
        let state = Arc::new(Served::load(instances)?);
        state.name_new_links(Some(&self.state()));
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    fn state(&self) -> Arc<Served> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All instances. Lists a directory of backups again.
    pub(crate) async fn list(self: &Arc<Self>) -> Vec<Instance> {
        self.refresh_aside().await;
        self.state().instances.clone()
    }

    /// The instance with this [key](Instance::key) in the last listing.
    fn known(&self, key: &str) -> Option<Instance> {
        self.state().instances.iter().find(|instance| instance.key == key).cloned()
    }

    /// The instance with this [key](Instance::key). Lists a directory of backups again if the key
    /// is unknown.
    pub(crate) async fn find(self: &Arc<Self>, key: &str) -> Option<Instance> {
        if let Some(instance) = self.known(key) {
            return Some(instance);
        }
        self.refresh_aside().await;
        self.known(key)
    }

    /// Refreshes on a thread that may block, because file systems may be slow.
    async fn refresh_aside(self: &Arc<Self>) {
        if self.state().directory.is_some() {
            let catalog = Arc::clone(self);
            // After a panic, which is logged, the last listing stays.
            let _ = tokio::task::spawn_blocking(move || catalog.refresh()).await;
        }
    }

    /// Lists a directory of backups again if the last listing is older than [`LISTING_AGE`].
    fn refresh(&self) {
        let Some(directory) = self.state().directory.clone() else { return };
        // A listing of a file system that does not answer must not keep more than one thread.
        let Ok(mut listed_at) = self.listed_at.try_lock() else { return };
        if listed_at.elapsed() < LISTING_AGE {
            return;
        }
        if let Err(error) = self.replace(Instances::Directory(directory)) {
            tracing::warn!(%error, "the directory of backups cannot be listed");
        }
        *listed_at = Instant::now();
    }

    /// What a task scans of a shard. `is_shared`: the scan may run on another machine, which must read
    /// the same file.
    ///
    /// # Errors
    ///
    /// There is no backup, or it is outside the configured roots.
    pub(crate) fn target(
        &self,
        shard: &Shard,
        max_bytes: Option<u64>,
        is_shared: bool,
    ) -> Result<ShardTarget, BackupError> {
        let found = self.backup(shard, None, max_bytes)?;
        let backup = if is_shared { found.mark()? } else { None };
        Ok(ShardTarget { node: shard.node_id.clone(), backup })
    }

    /// The backups of shards that are files, newest first, at most [`MAX_BACKUPS`].
    pub(crate) fn backups(&self, shards: &[Shard]) -> Vec<ListedBackup> {
        let state = self.state();
        let is_inside = |path: &PathBuf| {
            path.canonicalize().is_ok_and(|real| state.roots.iter().any(|root| real.starts_with(root)))
        };
        let mut backups = Vec::new();
        for shard in shards {
            let paths = match &shard.backup {
                Backup::File(path) => vec![path.clone()],
                Backup::Newest { directory, pattern } => matching(directory, pattern).unwrap_or_default(),
                Backup::Object(_) => Vec::new(),
            };
            let listed =
                paths.iter().filter(|path| is_inside(path)).filter_map(|path| ListedBackup::new(shard, path));
            backups.extend(listed);
            backups.sort_by_key(|backup| Reverse((backup.modified_ms, backup.name.clone())));
            backups.truncate(MAX_BACKUPS);
        }
        backups
    }

    /// What identifies a listed backup.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or was replaced.
    pub(crate) fn mark(
        &self,
        shard: &Shard,
        listed: &ListedBackup,
        max_bytes: Option<u64>,
    ) -> Result<BackupMark, BackupError> {
        let found = self.open(shard, Some(&listed.name), max_bytes)?.mark()?;
        let is_listed =
            |mark: &BackupMark| (mark.bytes, mark.modified_ms) == (listed.bytes, listed.modified_ms);
        found.filter(is_listed).ok_or_else(|| BackupError::Replaced(PathBuf::from(&listed.name)))
    }

    /// Opens a shard's backup: `wanted`, or the one that is there now.
    ///
    /// # Errors
    ///
    /// There is no backup, it is outside the configured roots, or it is not the wanted one.
    pub(crate) fn backup(
        &self,
        shard: &Shard,
        wanted: Option<&BackupMark>,
        max_bytes: Option<u64>,
    ) -> Result<FoundBackup, BackupError> {
        let found = self.open(shard, wanted.map(|wanted| wanted.name.as_str()), max_bytes)?;
        match wanted {
            Some(wanted) if found.mark()?.as_ref() != Some(wanted) => {
                Err(BackupError::Replaced(PathBuf::from(&wanted.name)))
            }
            _ => Ok(found),
        }
    }

    /// Opens a shard's backup. What is checked is the open file, so that a link that is swapped
    /// meanwhile leads nowhere else.
    fn open(
        &self,
        shard: &Shard,
        name: Option<&str>,
        max_bytes: Option<u64>,
    ) -> Result<FoundBackup, BackupError> {
        let state = self.state();
        let path = match (&shard.backup, name) {
            (Backup::File(path), _) => path.clone(),
            (Backup::Newest { directory, pattern }, None) => newest(directory, pattern)?,
            (Backup::Newest { directory, pattern }, Some(name)) => named(directory, pattern, name)?,
            // Opening the object shows whether it exists. Roots apply to files only.
            (Backup::Object(url), _) => return Ok(FoundBackup::Object(PathBuf::from(url))),
        };
        let unreadable = |error: std::io::Error| BackupError::Unreadable {
            path: path.clone(),
            reason: error.kind().to_string(),
        };
        let file = open_without_waiting(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let real = path_of(&file, &path).map_err(unreadable)?;
        if !state.roots.iter().any(|root| real.starts_with(root)) {
            return Err(BackupError::Outside(path));
        }
        if !metadata.is_file() {
            return Err(BackupError::Unreadable { path, reason: "it is no regular file".to_owned() });
        }
        if max_bytes.is_some_and(|limit| metadata.len() > limit) {
            return Err(BackupError::TooLarge { path, bytes: metadata.len() });
        }
        Ok(FoundBackup::File { name: last_part(&path), path: real, file, metadata })
    }
}

/// A backup that an analysis can be asked for.
#[derive(Clone, Debug)]
pub(crate) struct ListedBackup {
    /// Derived from the node, the name, the length and the time.
    pub(crate) id: String,
    pub(crate) node_id: String,
    /// The last part of its path.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Milliseconds since 1970.
    pub(crate) modified_ms: i64,
}

impl ListedBackup {
    /// `None` if there is no such file.
    fn new(shard: &Shard, path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(Metadata::is_file)?;
        let modified_ms = backup_mark::milliseconds(metadata.modified().ok()?);
        let (node_id, name, bytes) = (shard.node_id.clone(), last_part(path), metadata.len());
        let id = id::derive(&format!("{node_id}/{modified_ms}/{bytes}/{name}"));
        Some(Self { id, node_id, name, bytes, modified_ms })
    }
}

/// A backup of a shard.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub(crate) enum FoundBackup {
    /// The URL of an object, which is not open yet.
    Object(PathBuf),
    /// An open regular file inside the roots: its name in the configuration or in a directory, and its
    /// real path.
    File { name: String, path: PathBuf, file: File, metadata: Metadata },
}

impl FoundBackup {
    /// What identifies it. `None` for an object.
    fn mark(&self) -> Result<Option<BackupMark>, BackupError> {
        let Self::File { name, path, file, metadata } = self else { return Ok(None) };
        let unreadable = |error: std::io::Error| BackupError::Unreadable {
            path: path.clone(),
            reason: error.kind().to_string(),
        };
        BackupMark::read(name, file, metadata).map(Some).map_err(unreadable)
    }
}

/// Opens a file for reading. A FIFO is opened at once, and not when it has a writer.
#[cfg(target_os = "linux")]
fn open_without_waiting(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

#[cfg(not(target_os = "linux"))]
fn open_without_waiting(path: &Path) -> std::io::Result<File> {
    File::open(path)
}

/// The real path of a file that was opened as `path`.
#[cfg(target_os = "linux")]
fn path_of(file: &File, _: &Path) -> std::io::Result<PathBuf> {
    use std::os::fd::AsRawFd as _;
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The real path of a file that was opened as `path`, if the path still names it.
#[cfg(not(target_os = "linux"))]
fn path_of(_: &File, path: &Path) -> std::io::Result<PathBuf> {
    path.canonicalize()
}

/// The matching file that was modified last; of several, the one whose name sorts last.
fn newest(directory: &Path, pattern: &Pattern) -> Result<PathBuf, BackupError> {
    let mut best: Option<(SystemTime, PathBuf)> = None;
    for path in matching(directory, pattern)? {
        // Follows links, whose targets are checked like any other path.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_file() {
            best = best.max(Some((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path)));
        }
    }
    best.map(|(_, path)| path).ok_or_else(|| BackupError::NoMatch(pattern.as_str().to_owned()))
}

/// The matching file of this name.
fn named(directory: &Path, pattern: &Pattern, name: &str) -> Result<PathBuf, BackupError> {
    let found = matching(directory, pattern)?.into_iter().find(|path| last_part(path) == name);
    found.ok_or_else(|| BackupError::NoMatch(name.to_owned()))
}

/// The paths in a directory whose names match, in no order.
fn matching(directory: &Path, pattern: &Pattern) -> Result<Vec<PathBuf>, BackupError> {
    let unreadable = |error: std::io::Error| BackupError::Unreadable {
        path: directory.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if pattern.matches(&entry.file_name().to_string_lossy()) {
            paths.push(entry.path());
        }
    }
    Ok(paths)
}

/// The last part of a path as text, in which backups are named and compared.
fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last part of a path or URL, for a reader.
pub(crate) fn file_name(path: &Path) -> String {
    let shown = rdb_source::display_name(path);
    Path::new(shown.as_ref()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).expect("valid")
    }

    fn shard(backup: Backup) -> Shard {
        Shard { node_id: String::new(), address: None, backup }
    }

    #[cfg(unix)]
    #[test]
    fn no_file_outside_the_roots_is_read_even_through_a_link() {
        let dir = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir(&inside).expect("made");
        fs::create_dir(&outside).expect("made");
        for path in [inside.join("a.rdb"), outside.join("b.rdb")] {
            fs::write(path, b"REDIS0011").expect("written");
        }
        std::os::unix::fs::symlink(outside.join("b.rdb"), inside.join("file.rdb")).expect("linked");
        std::os::unix::fs::symlink(&outside, inside.join("dir")).expect("linked");
        std::os::unix::fs::symlink("a.rdb", inside.join("near.rdb")).expect("linked");
        let roots = vec![inside.canonicalize().expect("exists")];
        let catalog = Catalog::new(Instances::Listed { roots, instances: vec![] }).expect("loads");
        let backup = |path: &str| catalog.backup(&shard(Backup::File(inside.join(path))), None, None);
        assert!(backup("a.rdb").is_ok());
        assert!(backup("near.rdb").is_ok());
        for path in ["file.rdb", "dir/b.rdb", "../out/b.rdb"] {
            assert!(matches!(backup(path), Err(BackupError::Outside(_))), "{path}");
        }
        assert!(matches!(backup("none.rdb"), Err(BackupError::Unreadable { .. })));
        assert!(matches!(backup("."), Err(BackupError::Unreadable { .. })));
        let newest = shard(Backup::Newest { directory: inside.clone(), pattern: pattern("file*") });
        assert!(matches!(catalog.backup(&newest, None, None), Err(BackupError::Outside(_))));
        let large = catalog.backup(&shard(Backup::File(inside.join("a.rdb"))), None, Some(8));
        assert!(matches!(large, Err(BackupError::TooLarge { bytes: 9, .. })));
        let catalog = Catalog::new(Instances::Directory(inside)).expect("loads");
        let names: Vec<_> = catalog.state().instances.iter().map(|instance| instance.name.clone()).collect();
        assert_eq!(names, ["a.rdb"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_swapped_leads_to_no_file_outside() {
        use std::io::Read as _;
        use std::sync::atomic::{AtomicBool, Ordering};
        let dir = tempfile::tempdir().expect("a directory");
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        for directory in [&inside, &outside] {
            fs::create_dir(directory).expect("made");
        }
        fs::write(inside.join("a.rdb"), b"inside").expect("written");
        fs::write(outside.join("a.rdb"), b"secret").expect("written");
        let link = inside.join("link.rdb");
        let swap = |target: &Path| {
            let new = inside.join("new");
            std::os::unix::fs::symlink(target, &new).expect("linked");
            fs::rename(&new, &link).expect("renamed");
        };
        swap(&inside.join("a.rdb"));
        let roots = vec![inside.canonicalize().expect("exists")];
        let catalog = Catalog::new(Instances::Listed { roots, instances: vec![] }).expect("loads");
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    swap(&outside.join("a.rdb"));
                    swap(&inside.join("a.rdb"));
                }
            });
            let (mut read, mut refused) = (0, 0);
            while read < 500 || refused < 500 {
                match catalog.backup(&shard(Backup::File(link.clone())), None, None) {
                    Ok(FoundBackup::File { mut file, .. }) => {
                        let mut content = String::new();
                        file.read_to_string(&mut content).expect("reads");
                        assert_eq!(content, "inside");
                        read += 1;
                    }
                    Err(BackupError::Outside(_)) => refused += 1,
                    other => panic!("{other:?}"),
                }
            }
            is_done.store(true, Ordering::Relaxed);
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_fifo_without_a_writer_is_refused_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo.rdb");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
        let roots = vec![dir.path().canonicalize().expect("exists")];
        let catalog = Catalog::new(Instances::Listed { roots, instances: vec![] }).expect("loads");
        let found = catalog.backup(&shard(Backup::File(fifo)), None, None);
        assert!(matches!(found, Err(BackupError::Unreadable { .. })), "{found:?}");
    }

    #[test]
    fn the_newest_of_several_backups_counts() {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, seconds) in [("dump-1.rdb", 30), ("dump-2.rdb", 10), ("other.rdb", 50), ("dump-3.rdb", 30)]
        {
            let file = fs::File::create(dir.path().join(name)).expect("created");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
        }
        assert_eq!(newest(dir.path(), &pattern("dump-*.rdb")), Ok(dir.path().join("dump-3.rdb")));
        assert!(matches!(newest(dir.path(), &pattern("none*")), Err(BackupError::NoMatch(_))));
    }

    #[test]
    fn the_backup_that_a_task_names_is_read_and_no_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("exists");
        let write = |name: &str, content: &str, second: u64| {
            fs::write(root.join(name), content).expect("written");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let file = File::options().write(true).open(root.join(name)).expect("opens");
            file.set_modified(time).expect("set");
        };
        write("dump-1.rdb", "REDIS first", 10);
        write("dump-2.rdb", "REDIS second", 20);
        write("other.rdb", "REDIS other", 30);
        let newest = Backup::Newest { directory: root.clone(), pattern: pattern("dump-*") };
        let instance = Instance {
            id: "i".to_owned(),
            key: "i".to_owned(),
            project: None,
            name: "i".to_owned(),
            is_cluster: false,
            shards: vec![shard(newest)],
        };
        let shard = &instance.shards[0];
        let catalog = Catalog::new(Instances::Listed { roots: vec![root.clone()], instances: vec![] });
        let catalog = catalog.expect("loads");
        let listed = catalog.backups(&instance.shards);
        let names: Vec<_> = listed.iter().map(|backup| (backup.name.as_str(), backup.modified_ms)).collect();
        assert_eq!(names, [("dump-2.rdb", 20_000), ("dump-1.rdb", 10_000)]);
        assert_ne!(listed[0].id, listed[1].id);
        let older = catalog.mark(shard, &listed[1], None).expect("there");
        let path = |found: Result<FoundBackup, BackupError>| match found {
            Ok(FoundBackup::File { path, .. }) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path(catalog.backup(shard, None, None)), root.join("dump-2.rdb"));
        assert_eq!(path(catalog.backup(shard, Some(&older), None)), root.join("dump-1.rdb"));
        assert_eq!(catalog.target(shard, None, false).expect("there").backup, None);
        let target = catalog.target(shard, None, true).expect("there").backup.expect("a file");
        assert_eq!(target.name, "dump-2.rdb");
        write("dump-1.rdb", "REDIS FIRST", 10);
        let replaced = catalog.backup(shard, Some(&older), None);
        assert!(matches!(replaced, Err(BackupError::Replaced(_))), "{replaced:?}");
        assert!(catalog.mark(shard, &listed[1], None).is_ok(), "length and time are as listed");
        write("dump-1.rdb", "REDIS FIRST", 11);
        assert!(matches!(catalog.mark(shard, &listed[1], None), Err(BackupError::Replaced(_))));
        fs::remove_file(root.join("dump-1.rdb")).expect("removed");
        assert!(matches!(catalog.backup(shard, Some(&older), None), Err(BackupError::NoMatch(_))));
    }

    #[tokio::test]
    async fn a_directory_of_backups_is_listed_again_for_an_unknown_instance() {
        let dir = tempfile::tempdir().expect("a directory");
        let catalog = Catalog::new(Instances::Directory(dir.path().to_owned())).expect("loads");
        let catalog = Arc::new(catalog);
        fs::write(dir.path().join("new.rdb"), b"").expect("written");
        fs::write(dir.path().join("no backup"), b"").expect("written");
        fs::write(dir.path().join("old.RDB.gz"), b"").expect("written");
        fs::write(dir.path().join("snapshot"), b"REDIS0011").expect("written");
        *catalog.listed_at.lock().expect("sound") -= LISTING_AGE;
        let names: Vec<_> = catalog.list().await.into_iter().map(|instance| instance.name).collect();
        assert_eq!(names, ["new.rdb", "old.RDB.gz", "snapshot"]);
        assert!(catalog.find(&id::derive("new.rdb").replace('-', "")).await.is_some());
    }
}
