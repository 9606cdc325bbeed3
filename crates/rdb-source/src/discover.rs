//! Which inputs a name stands for: itself, the files of a directory, those that match a pattern, the
//! base file of a multi-part append-only file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::sniff::{Content, Nature};
use crate::{OpenError, STDIN, is_remote};

/// Ends of the names of files that are taken for RDB files of a directory whatever they hold, so that a
/// damaged one is reported and not passed over.
const EXTENSIONS: [&str; 2] = ["rdb", "dfs"];
const COMPRESSED_EXTENSIONS: [&str; 4] = ["gz", "zst", "zstd", "lz4"];

/// End of the name of a manifest, and its largest length that is read.
const MANIFEST_EXTENSION: &str = "manifest";
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// An input to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// What to [open](crate::open).
    pub path: PathBuf,
    /// The files that hold what was written after it, if it is the base of a multi-part append-only
    /// file. They are not read.
    pub increments: Option<Increments>,
}

/// Parts of an append-only file behind its base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Increments {
    /// Number of files.
    pub files: u64,
    /// Their length together, in bytes, as far as they are there.
    pub bytes: u64,
}

/// The inputs that `input` stands for, in the order of their names.
///
/// * A directory stands for the files in it that begin as an RDB file (also inside compression or a
///   capture) or are named like one, and for the base files of multi-part append-only files in it or
///   right below it; with `recursive`, for those of all directories below it, too. Links to directories
///   are not followed.
/// * The manifest of a multi-part append-only file stands for its base file.
///   Of an append-only file, the other parts are left out.
/// * A name that does not exist and has one of `*?[` in it is a pattern; what it matches is expanded in
///   turn.
/// * Anything else stands for itself.
///
/// # Errors
///
/// [`OpenError`], if nothing is found, or a directory or manifest cannot be read. A directory below the
/// one named that cannot be read is among the results, for [`open`](crate::open) to complain about.
pub fn expand(input: &Path, recursive: bool) -> Result<Vec<Found>, OpenError> {
    if input == Path::new(STDIN) || is_remote(input) {
        return Ok(vec![Found::plain(input)]);
    }
    match fs::metadata(input) {
        Ok(metadata) if metadata.is_dir() => {
            let mut found = Vec::new();
            directory(input, if recursive { Depth::All } else { Depth::AppendOnlyBelow }, &mut found)
                .map_err(|error| OpenError::Io { path: input.to_owned(), error })?;
            if found.is_empty() {
                let what = "there is no RDB file in this directory".to_owned();
                return Err(OpenError::Nothing { path: input.to_owned(), what });
            }
            Ok(found)
        }
        Ok(metadata) if metadata.is_file() && is_manifest(input) => Ok(vec![Manifest::read(input)?.base]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match pattern(input) {
            Some(paths) => matches(input, paths, recursive),
            None => Ok(vec![Found::plain(input)]),
        },
        _ => Ok(vec![Found::plain(input)]),
    }
}

impl Found {
    fn plain(path: &Path) -> Self {
        Self { path: path.to_owned(), increments: None }
    }
}

/// What a pattern matches; `None` if `input` is no pattern.
fn pattern(input: &Path) -> Option<glob::Paths> {
    let text = input.to_str()?;
    text.contains(['*', '?', '[']).then(|| glob::glob(text).ok())?
}

fn matches(input: &Path, paths: glob::Paths, recursive: bool) -> Result<Vec<Found>, OpenError> {
    let mut found = Vec::new();
    for path in paths {
        match path {
            Ok(path) if path.is_dir() => match expand(&path, recursive) {
                Err(OpenError::Nothing { .. }) => {}
                expanded => found.extend(expanded?),
            },
            // What a pattern matches is no pattern itself.
            Ok(path) if is_manifest(&path) => found.push(Manifest::read(&path)?.base),
            Ok(path) => found.push(Found::plain(&path)),
            Err(error) => found.push(Found::plain(error.path())),
        }
    }
    if found.is_empty() {
        let what = "no file matches this pattern".to_owned();
        return Err(OpenError::Nothing { path: input.to_owned(), what });
    }
    Ok(found)
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

fn directory(path: &Path, depth: Depth, found: &mut Vec<Found>) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut manifests = Vec::new();
    for entry in &entries {
        let path = entry.path();
        if is_manifest(&path) {
            match Manifest::read(&path) {
                Ok(manifest) => manifests.push(manifest),
                // Let opening it say what is wrong.
                Err(_) => found.push(Found::plain(&path)),
            }
        }
    }
    for entry in &entries {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            match depth {
                Depth::All if directory(&path, depth, found).is_err() => found.push(Found::plain(&path)),
                Depth::AppendOnlyBelow if holds_manifest(&path) => {
                    let _ = directory(&path, Depth::Here, found);
                }
                _ => {}
            }
        } else if !manifests.iter().any(|manifest| manifest.parts.contains(&path))
            // Not the metadata of the entry: a link to a file is a file.
            && fs::metadata(&path).is_ok_and(|metadata| metadata.is_file())
            && (is_named_like_rdb(&path) || begins_like_rdb(&path))
        {
            found.push(Found::plain(&path));
        }
    }
    found.extend(manifests.into_iter().map(|manifest| manifest.base));
    Ok(())
}

fn is_named_like_rdb(path: &Path) -> bool {
    let is_in = |path: &Path, list: &[&str]| {
        path.extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| list.iter().any(|known| extension.eq_ignore_ascii_case(known)))
    };
    is_in(path, &EXTENSIONS)
        || is_in(path, &COMPRESSED_EXTENSIONS)
            && path.file_stem().is_some_and(|stem| is_in(Path::new(stem), &EXTENSIONS))
}

fn begins_like_rdb(path: &Path) -> bool {
    File::open(path)
        .and_then(|file| Nature::of(Box::new(file), |layer| Ok(Box::new(layer))))
        .is_ok_and(|(nature, _)| matches!(nature.content, Content::Rdb(_)))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == MANIFEST_EXTENSION)
}

fn holds_manifest(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|entries| entries.flatten().any(|entry| is_manifest(&entry.path())))
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
            Some(path) => Ok(Self { base: Found { path, increments: Some(increments) }, parts }),
            None => Err(nothing("this append-only file has no base file, so there is no snapshot to read")),
        }
    }
}

/// Name and type of the file in a line of a manifest, such as `file appendonly.aof.1.base.rdb seq 1 type b`.
///
/// Source: `aofLoadManifestFromFile` in `aof.c` of Redis. The name may be in double quotes with escapes,
/// which only names have that nobody gives; it may not lead out of the directory.
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
}
