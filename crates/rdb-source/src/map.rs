//! Mapping a file.

use std::fs::File;
use std::io;
use std::ops::Deref;

/// The bytes of a mapped file.
#[derive(Debug)]
pub struct Mapping(memmap2::Mmap);

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Maps all of `file` for reading from front to back.
pub(crate) fn map(file: &File) -> io::Result<Mapping> {
    // SAFETY: a shared mapping is sound only while nobody changes or shortens the file, which no
    // program can guarantee. The risk is accepted: a backup is a finished file, the readers of the
    // mapping treat every byte as hostile and never rely on reading the same byte twice as equal, and
    // whoever must read a file that others write to uses `--io read`. A file that is cut while it is
    // mapped ends the process with SIGBUS; docs/shortcomings.md says so.
    #[expect(unsafe_code, reason = "mapping is what makes reading large files cheap; see above")]
    let mapping = unsafe { memmap2::Mmap::map(file)? };
    // Only advice: read ahead far, drop behind early.
    #[cfg(unix)]
    let _ = mapping.advise(memmap2::Advice::Sequential);
    Ok(Mapping(mapping))
}
