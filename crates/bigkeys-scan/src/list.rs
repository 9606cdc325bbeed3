//! Lists inputs, each file once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_source::{STDIN, display_name};

use crate::error::{InputError, ScanError};
use crate::input::Input;

/// A name that the user gave: a file, a directory, a pattern, a URL, or standard input.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) path: PathBuf,
    /// The node that wrote the file, if the user gave one for this name.
    pub(crate) shard: Option<String>,
}

/// A problem that leaves the list of inputs incomplete, or a name in it redundant.
#[derive(Debug)]
#[non_exhaustive]
pub enum ListingProblem {
    /// A name, or an entry of a directory, cannot be read. The list does not have it.
    Unreadable(ScanError),
    /// The stop flag was set. The list ends here.
    Interrupted,
    /// A file was named twice under the same path. The list has it once.
    NamedAgain {
        /// The path.
        path: String,
    },
    /// A file was named under two paths. The list has it once.
    SameFile {
        /// The second path.
        path: String,
        /// The path in the list.
        listed: String,
    },
}

impl ListingProblem {
    /// Whether an input is missing in the list.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Interrupted)
    }
}

impl fmt::Display for ListingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted while the inputs were listed"),
            Self::NamedAgain { path } => write!(f, "{path}: named more than once; the file counts once"),
            Self::SameFile { path, listed } => {
                write!(f, "{path}: the same file as {listed}; it counts once")
            }
        }
    }
}

/// Lists the inputs that `names` stand for, in order, without opening them. Calls `problem` for
/// each problem.
///
/// # Errors
///
/// A file is named with two different shards.
pub(crate) fn list(
    names: &[Name],
    recursive: bool,
    store: &[(String, String)],
    stop: &Arc<AtomicBool>,
    mut problem: impl FnMut(ListingProblem),
) -> Result<Vec<Input>, ScanError> {
    let mut listing = Listing::default();
    for Name { path, shard } in names {
        let unreadable = |error| {
            let name = display_name(path).into_owned();
            ListingProblem::Unreadable(InputError::new(name.clone(), name, error).into())
        };
        match rdb_source::expand(path, recursive, store, stop) {
            Ok(expansion) => {
                for error in expansion.unreadable {
                    problem(unreadable(error));
                }
                for found in expansion.found {
                    let (identity, length) = look(&found.path);
                    let has_shard = shard.is_some();
                    let input = Input::from_listing(found, shard.clone(), length);
                    listing.add(Listed { input, has_shard }, identity, &mut problem)?;
                }
            }
            Err(_) if stop.load(Ordering::Relaxed) => {
                problem(ListingProblem::Interrupted);
                break;
            }
            Err(error) => problem(unreadable(error)),
        }
    }
    Ok(listing.inputs.into_iter().map(|listed| listed.input).collect())
}

/// The inputs so far, in the order in which they are first named.
#[derive(Default)]
struct Listing {
    inputs: Vec<Listed>,
    /// Position of each file in `inputs`.
    known: HashMap<Identity, usize>,
}

/// An input in the list.
struct Listed {
    input: Input,
    /// Whether its first name came with a shard.
    has_shard: bool,
}

/// The identity by which two paths are the same input.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// Device and inode of the file, links followed.
    #[cfg(unix)]
    File(u64, u64),
    /// The text of a URL, or of the path of a missing file.
    Name(PathBuf),
}

impl Listing {
    fn add(
        &mut self,
        listed: Listed,
        identity: Identity,
        problem: &mut impl FnMut(ListingProblem),
    ) -> Result<(), ScanError> {
        let at = match self.known.entry(identity) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(self.inputs.len());
                self.inputs.push(listed);
                return Ok(());
            }
        };
        let Some(earlier) = self.inputs.get_mut(at) else { return Ok(()) };
        let Listed { input: again, has_shard } = listed;
        let first = &mut earlier.input;
        let is_same_path = first.name == again.name;
        if let (Some(one), Some(other)) = (&first.shard, &again.shard)
            && one != other
        {
            let files = if is_same_path { again.name } else { format!("{} and {}", first.name, again.name) };
            return Err(ScanError::ShardConflict { files, first: one.clone(), second: other.clone() });
        }
        // `--shard NODE=FILE FILE` assigns a shard to an input, so FILE is not redundant.
        let is_annotation = is_same_path && earlier.has_shard != has_shard;
        if !is_annotation {
            problem(if is_same_path {
                ListingProblem::NamedAgain { path: again.name }
            } else {
                ListingProblem::SameFile { path: again.name, listed: first.name.clone() }
            });
        }
        if first.shard.is_none() {
            first.shard = again.shard;
        }
        // Only the name of the manifest tells about the increments.
        if first.increments.is_none() {
            first.increments = again.increments;
        }
        Ok(())
    }
}

/// The identity of an input, and its length in bytes where the file system reports it.
fn look(path: &Path) -> (Identity, Option<u64>) {
    if rdb_source::is_remote(path) {
        return (Identity::Name(path.to_owned()), None);
    }
    // Standard input may be redirected from a file that is named, too.
    let file = if path == Path::new(STDIN) { Path::new("/dev/stdin") } else { path };
    let metadata = fs::metadata(file).ok();
    let identity = metadata.as_ref().and_then(Identity::of_file);
    let name = || fs::canonicalize(file).unwrap_or_else(|_| path.to_owned());
    let length = metadata.filter(|metadata| metadata.is_file() && metadata.len() > 0);
    (identity.unwrap_or_else(|| Identity::Name(name())), length.map(|metadata| metadata.len()))
}

impl Identity {
    #[cfg(unix)]
    fn of_file(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        // Some network file systems have no inode numbers.
        (metadata.ino() != 0).then(|| Self::File(metadata.dev(), metadata.ino()))
    }

    #[cfg(not(unix))]
    fn of_file(_: &Metadata) -> Option<Self> {
        None
    }
}
