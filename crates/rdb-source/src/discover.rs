//! Which inputs a name stands for: itself, the files of a directory, those that match a pattern,
//! the base file of a multi-part append-only file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::blocking;
use crate::error::OpenError;
#[cfg(feature = "remote")]
use crate::name::display_name;
use crate::name::{STDIN, has_extension, is_named_like_rdb, is_remote};
#[cfg(feature = "remote")]
use crate::remote;
use crate::sniff::{Content, Nature};

/// File extensions of other data. An entry of a directory that cannot be read and has one of them
/// is skipped: its name says that it is no RDB file.
const OTHER_EXTENSIONS: [&str; 22] = [
    "cfg", "conf", "crt", "csv", "html", "ini", "json", "key", "lock", "log", "md", "pem", "pid", "py", "sh",
    "so", "sock", "toml", "txt", "xml", "yaml", "yml",
];

/// Default name of the directory of a multi-part append-only file (`appenddirname` of
/// `redis.conf`).
const APPEND_ONLY_DIRECTORY: &str = "appendonlydir";

/// End of the name of a manifest, and its largest length that is read.
const MANIFEST_EXTENSION: &str = "manifest";
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// An input to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// What to [open](crate::open()).
    pub path: PathBuf,
    /// The files that hold what was written after it, if it is the base of a multi-part append-only
    /// file. They are not read.
    pub increments: Option<Increments>,
    /// Length in bytes, of an object that a store has listed.
    pub length: Option<u64>,
}

/// Parts of an append-only file after its base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Increments {
    /// Number of files.
    pub files: u64,
    /// Their length together, in bytes, as far as they are there.
    pub bytes: u64,
}

/// What a name stands for.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Expansion {
    /// The inputs, in the order of their names.
    pub found: Vec<Found>,
    /// Entries of directories that may hold RDB data and cannot be read: links whose target is
    /// missing, files and directories without permission.
    pub unreadable: Vec<OpenError>,
}

/// Lists the inputs that `input` stands for, in the order of their names.
///
/// * A directory stands for the regular files in it that begin as an RDB file (also inside
///   compression or a capture) or are named like one, and for the base files of multi-part
///   append-only files in it or right below it; with `recursive`, for those of all directories
///   below it, too. Links to directories are not followed.
/// * The manifest of a multi-part append-only file stands for its base file.
///   Of an append-only file, the other parts are left out.
/// * A name that does not exist and has one of `*?[` in it is a pattern. It stands for the regular
///   files that it matches, and for those of the directories that it matches.
/// * A URL of an object store whose path has one of `*[` in it is a pattern, too. It stands for the
///   objects that it matches, or for itself if there are none. `store` has settings of the store, as in
///   [`OpenOptions`](crate::OpenOptions). Web servers do not list, so their URLs are no patterns.
/// * Anything else stands for itself, a FIFO or a device too.
///
/// A link to a regular file is a regular file. FIFOs, sockets and devices in a directory, or that a
/// pattern matches, are never opened.
///
/// Stops waiting for the file system soon after `stop` is set.
///
/// # Errors
///
/// [`OpenError`], if nothing is found, or a directory, manifest or store cannot be read.
pub fn expand(
    input: &Path,
    recursive: bool,
    store: &[(String, String)],
    stop: &Arc<AtomicBool>,
) -> Result<Expansion, OpenError> {
    if input == Path::new(STDIN) {
        return Ok(Expansion::plain(input));
    }
    if is_remote(input) {
        return remote_matches(input, store, stop);
    }
    let path = input.to_owned();
    blocking::unless_stopped(stop, move || expand_now(&path, recursive))
        .unwrap_or_else(|error| Err(OpenError::Io { path: input.to_owned(), error }))
}

fn expand_now(input: &Path, recursive: bool) -> Result<Expansion, OpenError> {
    match fs::metadata(input) {
        Ok(metadata) if metadata.is_dir() => {
            let mut all = Expansion::default();
            directory(input, if recursive { Depth::All } else { Depth::AppendOnlyBelow }, &mut all)
                .map_err(|error| OpenError::Io { path: input.to_owned(), error })?;
            if all.is_empty() {
                let what = "there is no RDB file in this directory".to_owned();
                return Err(OpenError::Nothing { path: input.to_owned(), what });
            }
            Ok(all)
        }
        Ok(metadata) if metadata.is_file() && is_manifest(input) => {
            Ok(Expansion { found: vec![Manifest::read(input)?.base], ..Expansion::default() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => match pattern(input) {
            Some(paths) => matches(input, paths, recursive),
            None => Ok(Expansion::plain(input)),
        },
        _ => Ok(Expansion::plain(input)),
    }
}

/// The objects that a URL stands for.
#[cfg(feature = "remote")]
fn remote_matches(
    input: &Path,
    store: &[(String, String)],
    stop: &Arc<AtomicBool>,
) -> Result<Expansion, OpenError> {
    let url = input.to_str().unwrap_or_default();
    let matched = remote::list(url, store, stop).map_err(|error| {
        let path = PathBuf::from(display_name(input).into_owned());
        OpenError::Io { path, error }
    })?;
    if matched.is_empty() {
        return Ok(Expansion::plain(input));
    }
    let found = matched.into_iter().map(|(url, length)| Found {
        path: url.into(),
        increments: None,
        length: Some(length),
    });
    Ok(Expansion { found: found.collect(), unreadable: Vec::new() })
}

/// Returns the URL itself. Opening it fails with the reason.
#[cfg(not(feature = "remote"))]
#[allow(clippy::unnecessary_wraps, reason = "listing a store may fail")]
fn remote_matches(input: &Path, _: &[(String, String)], _: &Arc<AtomicBool>) -> Result<Expansion, OpenError> {
    Ok(Expansion::plain(input))
}

impl Expansion {
    fn plain(path: &Path) -> Self {
        Self { found: vec![Found::plain(path)], unreadable: Vec::new() }
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.unreadable.is_empty()
    }

    /// Notes that `path` could not be read, unless its name says that it holds no RDB data.
    fn cannot_read(&mut self, path: PathBuf, error: io::Error) {
        if may_be_rdb(&path) {
            self.unreadable.push(unreadable(path, error));
        }
    }
}

/// The error of an entry. A link whose target is missing is named as such: the entry itself is
/// there.
fn unreadable(path: PathBuf, error: io::Error) -> OpenError {
    match fs::read_link(&path) {
        Ok(target) if error.kind() == io::ErrorKind::NotFound => {
            let what = format!("this link points to {}, which does not exist", target.display());
            OpenError::Nothing { path, what }
        }
        _ => OpenError::Io { path, error },
    }
}

impl Found {
    fn plain(path: &Path) -> Self {
        Self { path: path.to_owned(), increments: None, length: None }
    }
}

/// What a pattern matches; `None` if `input` is no pattern.
fn pattern(input: &Path) -> Option<glob::Paths> {
    let text = input.to_str()?;
    text.contains(['*', '?', '[']).then(|| glob::glob(text).ok())?
}

fn matches(input: &Path, paths: glob::Paths, recursive: bool) -> Result<Expansion, OpenError> {
    let mut all = Expansion::default();
    let mut is_any_special = false;
    for path in paths {
        // What a pattern matches is no pattern itself.
        let path = match path {
            Ok(path) => path,
            Err(error) => {
                let path = error.path().to_owned();
                all.unreadable.push(OpenError::Io { path, error: error.into() });
                continue;
            }
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match expand_now(&path, recursive) {
                Err(OpenError::Nothing { .. }) => {}
                Err(error) => all.unreadable.push(error),
                Ok(below) => {
                    all.found.extend(below.found);
                    all.unreadable.extend(below.unreadable);
                }
            },
            Ok(metadata) if !metadata.is_file() => is_any_special = true,
            Ok(_) if is_manifest(&path) => match Manifest::read(&path) {
                Ok(manifest) => all.found.push(manifest.base),
                Err(error) => all.unreadable.push(error),
            },
            Ok(_) => all.found.push(Found::plain(&path)),
            Err(error) => all.unreadable.push(unreadable(path, error)),
        }
    }
    if all.is_empty() {
        let what = if is_any_special {
            "this pattern matches no regular file; name a FIFO or device itself to read it"
        } else {
            "no file matches this pattern"
        };
        return Err(OpenError::Nothing { path: input.to_owned(), what: what.to_owned() });
    }
    Ok(all)
}

/// How far below a directory to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Into directories right below that hold an append-only file.
    AppendOnlyBelow,
    /// Not at all.
    Here,
    /// Everywhere.
    All,
}

fn directory(path: &Path, depth: Depth, all: &mut Expansion) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut manifests = Vec::new();
    for entry in &entries {
        let path = entry.path();
        if is_manifest(&path) && fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            match Manifest::read(&path) {
                Ok(manifest) => manifests.push(manifest),
                Err(error) => all.unreadable.push(error),
            }
        }
    }
    for entry in &entries {
        let path = entry.path();
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            // It was there a moment ago, and nobody named it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                all.cannot_read(path, error);
                continue;
            }
        };
        if kind.is_dir() {
            if let Err(error) = subdirectory(&path, depth, all) {
                all.unreadable.push(OpenError::Io { path, error });
            }
            continue;
        }
        if manifests.iter().any(|manifest| manifest.parts.contains(&path)) {
            continue;
        }
        // Not the metadata of the entry: a link to a file is a file.
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() && !is_manifest(&path) => {
                match is_named_like_rdb(&path) {
                    true => all.found.push(Found::plain(&path)),
                    // Empty, or one of `/proc`, where reading may never end.
                    false if metadata.len() == 0 => {}
                    false => add_if_rdb(&path, begins_like_rdb(&path), all),
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !kind.is_symlink() => {}
            Err(error) => all.cannot_read(path, error),
        }
    }
    all.found.extend(manifests.into_iter().map(|manifest| manifest.base));
    Ok(())
}

/// Adds what `path`, a directory in a directory, stands for.
///
/// # Errors
///
/// The directory cannot be read although it would have been searched.
fn subdirectory(path: &Path, depth: Depth, all: &mut Expansion) -> io::Result<()> {
    match depth {
        Depth::All => directory(path, depth, all),
        Depth::Here => Ok(()),
        Depth::AppendOnlyBelow => match holds_manifest(path) {
            Ok(true) => directory(path, Depth::Here, all),
            Err(error) if path.ends_with(APPEND_ONLY_DIRECTORY) => Err(error),
            // Other directories are not searched, so an unreadable one makes no difference.
            Ok(false) | Err(_) => Ok(()),
        },
    }
}

/// Adds `path` if it holds RDB data or cannot be read.
fn add_if_rdb(path: &Path, is_rdb: io::Result<bool>, all: &mut Expansion) {
    match is_rdb {
        Ok(true) => all.found.push(Found::plain(path)),
        Ok(false) => {}
        Err(error) => all.cannot_read(path.to_owned(), error),
    }
}

/// Whether the name leaves it open that the file holds RDB data.
fn may_be_rdb(path: &Path) -> bool {
    !has_extension(path, &OTHER_EXTENSIONS)
}

/// Whether a file begins like RDB data, plain or compressed.
///
/// # Errors
///
/// The file cannot be opened or read. A file with damaged compression is not RDB data, and no
/// error.
pub fn begins_like_rdb(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    match Nature::of(Box::new(file), |layer| Ok(Box::new(layer))) {
        Ok((nature, _)) => Ok(matches!(nature.content, Content::Rdb(_))),
        Err(error) if error.raw_os_error().is_some() => Err(error),
        Err(_) => Ok(false),
    }
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == MANIFEST_EXTENSION)
}

fn holds_manifest(path: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(path)?.flatten().any(|entry| is_manifest(&entry.path())))
}

/// What a manifest names.
struct Manifest {
    base: Found,
    /// All files, the base and those that wait for their deletion among them.
    parts: Vec<PathBuf>,
}

impl Manifest {
    fn read(path: &Path) -> Result<Self, OpenError> {
        let nothing = |what: &str| OpenError::Nothing { path: path.to_owned(), what: what.to_owned() };
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_MANIFEST_BYTES).read_to_end(&mut text))
            .map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut base = None;
        let mut parts = Vec::new();
        let mut increments = Increments::default();
        let lines = text.split(|&byte| byte == b'\n');
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")) {
            let Some((name, kind)) = manifest_line(line) else {
                return Err(nothing("this is no valid manifest of an append-only file"));
            };
            let part = directory.join(name);
            match kind {
                b'b' => base = Some(part.clone()),
                b'i' => {
                    increments.files += 1;
                    increments.bytes += fs::metadata(&part).map_or(0, |metadata| metadata.len());
                }
                // History: files that wait for their deletion.
                _ => {}
            }
            parts.push(part);
        }
        match base {
            Some(path) => {
                Ok(Self { base: Found { path, increments: Some(increments), length: None }, parts })
            }
            None => Err(nothing("this append-only file has no base file, so there is no snapshot to read")),
        }
    }
}

/// Name and type of the file in a line of a manifest, such as `file appendonly.aof.1.base.rdb seq 1
/// type b`.
///
/// Source: `aofLoadManifestFromFile` in `aof.c` of Redis. The name may be in double quotes with
/// escapes, which only names have that nobody gives; it may not lead out of the directory.
fn manifest_line(line: &[u8]) -> Option<(String, u8)> {
    let line = std::str::from_utf8(line).ok()?;
    let (name, rest) = match line.strip_prefix("file ")?.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => line.strip_prefix("file ")?.split_once(' ')?,
    };
    if name.is_empty() || name.contains(['/', '\\', '\0']) || name == ".." {
        return None;
    }
    let mut words = rest.split_ascii_whitespace();
    while let (Some(field), Some(value)) = (words.next(), words.next()) {
        if field == "type" {
            return Some((name.to_owned(), *value.as_bytes().first()?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;
    use crate::decompress::tests::compress;

    fn expand(input: &Path, recursive: bool) -> Result<Vec<Found>, OpenError> {
        let all = super::expand(input, recursive, &[], &Arc::default())?;
        assert!(all.unreadable.is_empty(), "{:?}", all.unreadable);
        Ok(all.found)
    }

    /// The messages about what cannot be read in `directory`, without its name, and the names of
    /// the inputs.
    fn unreadable(directory: &Path, recursive: bool) -> (Vec<String>, Vec<String>) {
        let all = super::expand(directory, recursive, &[], &Arc::default()).expect("something is there");
        let prefix = format!("{}/", directory.display());
        let said = all.unreadable.iter().map(|error| error.to_string().replace(&prefix, "")).collect();
        (said, names(&all.found, directory))
    }

    fn names(found: &[Found], under: &Path) -> Vec<String> {
        let relative =
            |found: &Found| found.path.strip_prefix(under).expect("under it").to_string_lossy().into_owned();
        found.iter().map(relative).collect()
    }

    /// A data directory as a server with everything switched on leaves it.
    fn data_directory() -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, content: &[u8]| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("one")).expect("made");
            fs::write(path, content).expect("written");
        };
        write("dump.rdb", b"REDIS0011");
        write("broken.rdb", b"nothing");
        write("backup", b"VALKEY080");
        write("packed.bin", &compress(Compression::Zstd, b"REDIS0011"));
        write("empty.rdb.gz", b"");
        write("nodes.conf", b"some text");
        write("appendonlydir/a.aof.2.base.rdb", b"REDIS0011");
        write("appendonlydir/a.aof.1.base.rdb", b"");
        write("appendonlydir/a.aof.1.incr.aof", b"12345");
        write("appendonlydir/a.aof.2.incr.aof", b"1234567");
        write(
            "appendonlydir/a.aof.manifest",
            b"file a.aof.2.base.rdb seq 2 type b\nfile a.aof.1.base.rdb seq 1 type h\n\
              file a.aof.1.incr.aof seq 1 type i\nfile \"a.aof.2.incr.aof\" seq 2 type i\n",
        );
        write("older/dump.rdb", b"REDIS0011");
        dir
    }

    #[test]
    fn a_directory_stands_for_the_rdb_files_in_it() {
        let dir = data_directory();
        let found = expand(dir.path(), false).expect("found");
        assert_eq!(
            names(&found, dir.path()),
            [
                "appendonlydir/a.aof.2.base.rdb",
                "backup",
                "broken.rdb",
                "dump.rdb",
                "empty.rdb.gz",
                "packed.bin"
            ]
        );
        assert_eq!(found[0].increments, Some(Increments { files: 2, bytes: 12 }));
        assert!(found.iter().enumerate().all(|(i, found)| i == 0 || found.increments.is_none()));
        let all = names(&expand(dir.path(), true).expect("found"), dir.path());
        assert!(all.contains(&"older/dump.rdb".to_owned()) && all.len() == found.len() + 1);
    }

    #[test]
    fn a_pattern_is_expanded_and_a_file_of_that_name_is_not() {
        let dir = data_directory();
        let found = expand(&dir.path().join("*.rdb"), false).expect("found");
        assert_eq!(names(&found, dir.path()), ["broken.rdb", "dump.rdb"]);
        let found = expand(&dir.path().join("*/*.manifest"), false).expect("found");
        assert_eq!(names(&found, dir.path()), ["appendonlydir/a.aof.2.base.rdb"]);
        assert!(matches!(expand(&dir.path().join("x*"), false), Err(OpenError::Nothing { .. })));
        fs::write(dir.path().join("a[1].rdb"), b"x").expect("written");
        assert_eq!(
            names(&expand(&dir.path().join("a[1].rdb"), false).expect("itself"), dir.path()),
            ["a[1].rdb"]
        );
        assert_eq!(
            expand(Path::new("none.rdb"), false).expect("itself"),
            [Found::plain(Path::new("none.rdb"))]
        );
    }

    #[test]
    fn a_manifest_is_read_with_suspicion() {
        let dir = tempfile::tempdir().expect("a directory");
        let manifest = dir.path().join("x.manifest");
        for bad in [
            "file ../../etc/passwd seq 1 type b\n",
            "file /etc/passwd seq 1 type b\n",
            "file a.rdb seq 1\n",
            "hello\n",
            "file  seq 1 type b\n",
            "\u{0}\n",
            "file a.incr.aof seq 1 type i\n",
            "",
        ] {
            fs::write(&manifest, bad).expect("written");
            assert!(matches!(expand(&manifest, false), Err(OpenError::Nothing { .. })), "{bad:?}");
        }
        fs::write(&manifest, "# a comment\nfile a.rdb startoffset 5 seq 1 type b\n").expect("written");
        assert_eq!(expand(&manifest, false).expect("valid")[0].path, dir.path().join("a.rdb"));
    }

    #[test]
    fn an_empty_directory_says_so() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(matches!(expand(dir.path(), true), Err(OpenError::Nothing { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_link_is_reported_where_it_may_be_an_rdb_file() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("good.rdb"), b"REDIS0011").expect("written");
        for name in ["a.rdb", "b.rdb.gz", "latest", "c.bak", "d.txt", "redis.sock", "e.JSON"] {
            std::os::unix::fs::symlink("gone", dir.path().join(name)).expect("linked");
        }
        std::os::unix::fs::symlink("good.rdb", dir.path().join("z.rdb")).expect("linked");
        let missing = |name: &str| format!("{name}: this link points to gone, which does not exist");
        let (said, found) = unreadable(dir.path(), false);
        assert_eq!(said, ["a.rdb", "b.rdb.gz", "c.bak", "latest"].map(missing));
        assert_eq!(found, ["good.rdb", "z.rdb"]);
        // A pattern names what it matches, whatever the extension is.
        let all = super::expand(&dir.path().join("*.txt"), false, &[], &Arc::default()).expect("it matches");
        assert_eq!((all.found.len(), all.unreadable.len()), (0, 1));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_reported_unless_its_name_is_that_of_other_data() {
        let denied = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let mut all = Expansion::default();
        for name in ["a.rdb", "backup", "dump.2026-01-01", "redis.conf", "server.LOG"] {
            add_if_rdb(Path::new(name), denied(), &mut all);
        }
        let said: Vec<_> = all.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["a.rdb: permission denied", "backup: permission denied", "dump.2026-01-01: permission denied"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_or_directory_without_permission_is_reported() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = data_directory();
        let take = |name: &str| {
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o000)).expect("changed");
        };
        for name in ["backup", "older", "appendonlydir", "nodes.conf"] {
            take(name);
        }
        let is_root = fs::read_dir(dir.path().join("older")).is_ok();
        if !is_root {
            let (said, _) = unreadable(dir.path(), false);
            assert_eq!(said.len(), 2, "{said:?}");
            let (said, _) = unreadable(dir.path(), true);
            assert!(said.len() == 3 && said.iter().all(|said| said.contains("ermission denied")), "{said:?}");
        }
        for name in ["older", "appendonlydir"] {
            fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o700)).expect("changed");
        }
    }

    /// Not even root reads the memory of a process from its beginning.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_fails_at_its_first_byte_is_unreadable_and_damaged_compression_is_no_rdb_data() {
        assert!(begins_like_rdb(Path::new("/proc/self/mem")).is_err());
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("packed");
        fs::write(&path, b"\x1f\x8b\x08\x00").expect("written");
        assert!(!begins_like_rdb(&path).expect("readable"));
    }

    #[cfg(unix)]
    #[test]
    fn directories_and_patterns_open_regular_files_only() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.rdb"), b"REDIS0011").expect("written");
        for name in ["fifo.rdb", "fifo", "fifo.manifest"] {
            let made = std::process::Command::new("mkfifo").arg(dir.path().join(name)).status();
            assert!(made.expect("mkfifo runs").success());
        }
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket.rdb")).expect("bound");
        std::os::unix::fs::symlink("/dev/null", dir.path().join("null.rdb")).expect("linked");
        for input in [dir.path().to_owned(), dir.path().join("*.rdb"), dir.path().join("*")] {
            assert_eq!(names(&expand(&input, true).expect("found"), dir.path()), ["a.rdb"]);
        }
        let error = expand(&dir.path().join("fifo*"), false).expect_err("nothing regular");
        assert!(error.to_string().contains("no regular file"), "{error}");
        let fifo = dir.path().join("fifo.rdb");
        assert_eq!(expand(&fifo, false).expect("itself"), [Found::plain(&fifo)]);
    }
}
