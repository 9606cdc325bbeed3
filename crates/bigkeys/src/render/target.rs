//! Where results go: standard output, or a file that appears when it is complete.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use anyhow::Context as _;
use rdb_parser::escape::Escaped;
use tempfile::NamedTempFile;

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 64 << 10;

/// Where a result goes.
pub(crate) enum Target {
    /// Standard output, with colours only where they are allowed.
    Stdout(BufWriter<AutoStream<io::Stdout>>),
    /// A file, which has a temporary name until [`finish`](Self::finish).
    File { file: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Target {
    pub(crate) fn stdout(color: ColorChoice) -> Self {
        Self::Stdout(BufWriter::with_capacity(BUFFER_BYTES, AutoStream::new(io::stdout(), color)))
    }

    /// A file at `path`. A file that is there stays as it is until the new one is complete.
    pub(crate) fn file(path: &Path) -> anyhow::Result<Self> {
        let describe = || cannot_write(path);
        if path.metadata().is_ok_and(|there| !there.is_file()) {
            anyhow::bail!("{}: it is not a regular file", describe());
        }
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".bigkeys-").suffix(".tmp");
        // As for any new file: the process takes its mask from them.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(directory).with_context(describe)?;
        Ok(Self::File { file: BufWriter::with_capacity(BUFFER_BYTES, file), path: path.to_owned() })
    }

    /// Writes what is buffered, and gives a file its name.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush()?,
            Self::File { file, path } => {
                let describe = || cannot_write(&path);
                let file = file.into_inner().map_err(io::IntoInnerError::into_error);
                file.with_context(describe)?
                    .persist(&path)
                    .map_err(|error| error.error)
                    .with_context(describe)?;
            }
        }
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", Escaped::for_terminal(path.as_os_str().as_encoded_bytes()))
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}
