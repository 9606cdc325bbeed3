//! Lists the instances: those of the configuration, or the files of a directory.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::config::{Backup, Instance, Instances, Shard};
use super::id;

/// Maximum number of backups in a directory.
const MAX_FILES: usize = 10_000;

/// Maximum depth of directories.
const MAX_DEPTH: usize = 16;

/// The instances that are served.
#[derive(Debug)]
pub(super) struct Served {
    /// `None` if the instances are configured one by one.
    pub(super) directory: Option<PathBuf>,
    pub(super) roots: Vec<PathBuf>,
    pub(super) instances: Vec<Instance>,
    /// Links in the directory, which are not followed.
    links: BTreeSet<PathBuf>,
}

impl Served {
    /// Lists the instances.
    ///
    /// # Errors
    ///
    /// A directory of backups cannot be listed.
    pub(super) fn load(instances: Instances) -> std::io::Result<Self> {
        match instances {
            Instances::Listed { roots, instances } => {
                Ok(Self { directory: None, roots, instances, links: BTreeSet::new() })
            }
            Instances::Directory(directory) => {
                let directory = directory.canonicalize()?;
                let mut found = Walk::default();
                found.enter(&directory, 0)?;
                found.files.sort();
                let instances = found.files.iter().map(|file| instance(&directory, file)).collect();
                let (roots, links) = (vec![directory.clone()], found.links);
                Ok(Self { roots, directory: Some(directory), instances, links })
            }
        }
    }

    /// Logs the links that are left out, once each, because a directory is listed often. `before` is the
    /// listing before this one.
    pub(super) fn name_new_links(&self, before: Option<&Self>) {
        let is_known = |link: &PathBuf| before.is_some_and(|before| before.links.contains(link));
        for link in self.links.iter().filter(|link| !is_known(link)) {
            tracing::warn!(path = %link.display(), "a link is left out; list it as an instance in a configuration");
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

/// What is below a directory of backups.
#[derive(Debug, Default)]
struct Walk {
    files: Vec<PathBuf>,
    /// Links that seem to lead to backups.
    links: BTreeSet<PathBuf>,
}

impl Walk {
    /// Collects RDB files. Links are not followed, so no file outside is found and the search ends.
    fn enter(&mut self, directory: &Path, depth: usize) -> std::io::Result<()> {
        for entry in fs::read_dir(directory)? {
            if self.files.len() >= MAX_FILES {
                tracing::warn!(limit = MAX_FILES, "too many backups, the rest is not served");
                break;
            }
            let entry = entry?;
            let (kind, path) = (entry.file_type()?, entry.path());
            if kind.is_dir() && depth < MAX_DEPTH {
                if let Err(error) = self.enter(&path, depth + 1) {
                    tracing::warn!(path = %path.display(), %error, "a directory is skipped");
                }
            } else if kind.is_file() && is_backup(&path) {
                self.files.push(path);
            } else if kind.is_symlink() && self.links.len() < MAX_FILES && leads_to_backups(&path) {
                self.links.insert(path);
            }
        }
        Ok(())
    }
}

/// Whether the name of a link is one of a backup or of a directory. The link is not followed, because
/// its file system may not answer.
fn leads_to_backups(link: &Path) -> bool {
    rdb_source::is_named_like_rdb(link) || link.extension().is_none()
}

/// Whether a file is a backup, by the rules of the program. A damaged backup counts, so its name
/// suffices.
fn is_backup(path: &Path) -> bool {
    rdb_source::is_named_like_rdb(path) || rdb_source::begins_like_rdb(path).unwrap_or(false)
}
