//! Finds the served instances and their backup files.

use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use glob::Pattern;

use super::config::{Backup, Instance, Instances, Shard};
use super::id;

/// Maximum number of backups in a directory.
const MAX_FILES: usize = 10_000;

/// Maximum depth of directories.
const MAX_DEPTH: usize = 16;

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

#[derive(Debug)]
struct Served {
    /// `None` if the instances are configured one by one.
    directory: Option<PathBuf>,
    roots: Vec<PathBuf>,
    instances: Vec<Instance>,
}

impl Catalog {
    /// # Errors
    ///
    /// A directory of backups cannot be listed.
    pub(crate) fn new(instances: Instances) -> std::io::Result<Self> {
        Ok(Self { state: RwLock::new(Arc::new(load(instances)?)), listed_at: Mutex::new(Instant::now()) })
    }

    /// Replaces the instances.
    pub(crate) fn replace(&self, instances: Instances) -> std::io::Result<()> {
        let state = Arc::new(load(instances)?);
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
        let mut listed_at = self.listed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if listed_at.elapsed() < LISTING_AGE {
            return;
        }
        if let Err(error) = self.replace(Instances::Directory(directory)) {
            tracing::warn!(%error, "the directory of backups cannot be listed");
        }
        *listed_at = Instant::now();
    }

    /// Opens a shard's backup. What is checked is the open file, so that a link that is swapped
    /// meanwhile leads nowhere else.
    ///
    /// # Errors
    ///
    /// There is no backup, or it is outside the configured roots.
    pub(crate) fn backup(&self, shard: &Shard, max_bytes: Option<u64>) -> Result<FoundBackup, BackupError> {
        let state = self.state();
        let path = match &shard.backup {
            Backup::File(path) => path.clone(),
            Backup::Newest { directory, pattern } => newest(directory, pattern)?,
            // Opening the object shows whether it exists. Roots apply to files only.
            Backup::Object(url) => return Ok(FoundBackup::Object(PathBuf::from(url))),
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
        Ok(FoundBackup::File { path: real, file, metadata })
    }
}

/// A backup of a shard.
#[derive(Debug)]
pub(crate) enum FoundBackup {
    /// The URL of an object, which is not open yet.
    Object(PathBuf),
    /// An open regular file inside the roots.
    File { path: PathBuf, file: File, metadata: Metadata },
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

fn load(instances: Instances) -> std::io::Result<Served> {
    match instances {
        Instances::Listed { roots, instances } => Ok(Served { directory: None, roots, instances }),
        Instances::Directory(directory) => {
            let directory = directory.canonicalize()?;
            let mut files = Vec::new();
            walk(&directory, 0, &mut files)?;
            files.sort();
            let instances = files.iter().map(|file| instance(&directory, file)).collect();
            Ok(Served { roots: vec![directory.clone()], directory: Some(directory), instances })
        }
    }
}

/// Makes an instance of one file in a directory of backups.
fn instance(directory: &Path, file: &Path) -> Instance {
    let name = file.strip_prefix(directory).unwrap_or(file).to_string_lossy().into_owned();
    let id = id::derive(&name);
    Instance {
        key: id.replace('-', ""),
        shards: vec![Shard {
            node_id: id::derive(&format!("{id}/0")),
            address: None,
            backup: Backup::File(file.to_owned()),
        }],
        id,
        project: None,
        name,
        is_cluster: false,
    }
}

/// Collects RDB files. Links are not followed, so no file outside is found and the search ends.
fn walk(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        if files.len() >= MAX_FILES {
            tracing::warn!(limit = MAX_FILES, "too many backups, the rest is not served");
            break;
        }
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && depth < MAX_DEPTH {
            if let Err(error) = walk(&path, depth + 1, files) {
                tracing::warn!(path = %path.display(), %error, "a directory is skipped");
            }
        } else if kind.is_file() && is_backup(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file is a backup, by the rules of the program. A damaged backup counts, so its name
/// suffices.
fn is_backup(path: &Path) -> bool {
    rdb_source::is_named_like_rdb(path) || rdb_source::begins_like_rdb(path).unwrap_or(false)
}

/// The matching file that was modified last; of several, the one whose name sorts last.
fn newest(directory: &Path, pattern: &Pattern) -> Result<PathBuf, BackupError> {
    let unreadable = |error: std::io::Error| BackupError::Unreadable {
        path: directory.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut best: Option<(SystemTime, PathBuf)> = None;
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !pattern.matches(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // Follows links, whose targets are checked like any other path.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_file() {
            let candidate = (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path());
            best = best.max(Some(candidate));
        }
    }
    best.map(|(_, path)| path).ok_or_else(|| BackupError::NoMatch(pattern.as_str().to_owned()))
}

/// The last part of a path.
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
        let backup = |path: &str| catalog.backup(&shard(Backup::File(inside.join(path))), None);
        assert!(backup("a.rdb").is_ok());
        assert!(backup("near.rdb").is_ok());
        for path in ["file.rdb", "dir/b.rdb", "../out/b.rdb"] {
            assert!(matches!(backup(path), Err(BackupError::Outside(_))), "{path}");
        }
        assert!(matches!(backup("none.rdb"), Err(BackupError::Unreadable { .. })));
        assert!(matches!(backup("."), Err(BackupError::Unreadable { .. })));
        let newest = shard(Backup::Newest { directory: inside.clone(), pattern: pattern("file*") });
        assert!(matches!(catalog.backup(&newest, None), Err(BackupError::Outside(_))));
        let large = catalog.backup(&shard(Backup::File(inside.join("a.rdb"))), Some(8));
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
                match catalog.backup(&shard(Backup::File(link.clone())), None) {
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
        let found = catalog.backup(&shard(Backup::File(fifo)), None);
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
