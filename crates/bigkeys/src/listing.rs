//! Lists the inputs that the arguments name, each file once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use rdb_source::{Found, STDIN, display_name};

use crate::args::InputArgs;
use crate::messages::{self, Messages};

/// An input that is to be opened.
pub(crate) struct NamedInput {
    pub(crate) found: Found,
    /// The node that wrote it.
    pub(crate) shard: Option<String>,
    /// Its length in bytes, where the file system tells it.
    pub(crate) length: Option<u64>,
    /// Whether `--shard` named it, not INPUT.
    is_shard_option: bool,
}

/// The inputs, in the order in which they are first named.
pub(crate) struct Listing {
    pub(crate) inputs: Vec<NamedInput>,
    /// Number of names and entries of directories that cannot be read. They are reported already.
    pub(crate) failures: usize,
}

/// What makes two paths the same input.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// Device and inode of the file that opens, links followed.
    #[cfg(unix)]
    File(u64, u64),
    /// The text: of a URL, of a file that is not there.
    Name(PathBuf),
}

/// Lists the inputs without opening them. A file that is named several times counts once, with a warning.
///
/// # Errors
///
/// Two `--shard` name different nodes for the same file.
pub(crate) fn list(args: &InputArgs, stop: &Arc<AtomicBool>, messages: &Messages) -> anyhow::Result<Listing> {
    let inputs = args.inputs.iter().map(|path| (path, None));
    let shards = args.shards.iter().map(|shard| (&shard.path, Some(shard.node.to_string())));
    let mut listing = Listing { inputs: Vec::new(), failures: 0 };
    let mut known = HashMap::new();
    for (path, shard) in inputs.chain(shards) {
        match rdb_source::expand(path, args.recursive, stop) {
            Ok(expansion) => {
                for error in &expansion.unreadable {
                    messages::error(error);
                    listing.failures += 1;
                }
                for found in expansion.found {
                    let (identity, length) = look(&found.path);
                    let is_shard_option = shard.is_some();
                    let input = NamedInput { found, shard: shard.clone(), length, is_shard_option };
                    listing.add(input, identity, &mut known, messages)?;
                }
            }
            Err(_) if stop.load(Ordering::Relaxed) => {
                listing.failures += 1;
                break;
            }
            Err(error) => {
                messages::error(&error);
                listing.failures += 1;
            }
        }
    }
    Ok(listing)
}

impl Listing {
    fn add(
        &mut self,
        input: NamedInput,
        identity: Identity,
        known: &mut HashMap<Identity, usize>,
        messages: &Messages,
    ) -> anyhow::Result<()> {
        let at = match known.entry(identity) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                entry.insert(self.inputs.len());
                self.inputs.push(input);
                return Ok(());
            }
        };
        let Some(first) = self.inputs.get_mut(at) else { return Ok(()) };
        let (path, again) = (display_name(&first.found.path), display_name(&input.found.path));
        if let (Some(one), Some(other)) = (&first.shard, &input.shard)
            && one != other
        {
            let files = if path == again { path } else { format!("{path} and {again}").into() };
            bail!("{files}: --shard names two nodes for one file, {one} and {other}; remove one");
        }
        // `--shard NODE=FILE FILE` is how a shard is given to an input.
        let is_annotation = path == again && first.is_shard_option != input.is_shard_option;
        if !is_annotation {
            messages.warning(&if path == again {
                format!("{path}: named more than once; the file counts once")
            } else {
                format!("{again}: the same file as {path}; it counts once")
            });
        }
        if first.shard.is_none() {
            first.shard = input.shard;
        }
        // Only the manifest knows of them.
        if first.found.increments.is_none() {
            first.found.increments = input.found.increments;
        }
        Ok(())
    }
}

/// What identifies an input, and its length in bytes where the file system tells it.
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
