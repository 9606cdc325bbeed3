//! Maps a file and survives its truncation.
//!
//! Reading a byte of a mapping that the file no longer has, or that the disk cannot read, raises
//! `SIGBUS`, which ends the process by default. The handler of this module maps zeros over the missing
//! bytes and raises the [alarm](Mapping::alarm) of the mapping, and the read goes on. A reader checks
//! the alarm before it uses what it read. See `docs/adr/0004-mapped-files-that-shrink.md`.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;

/// A mapped file. Dereferences to its bytes.
#[derive(Debug)]
pub struct Mapping {
    /// Fields drop in this order: a range is given up before its addresses can be anybody else's.
    watched: Watched,
    bytes: memmap2::Mmap,
    file: File,
}

/// Reason why a mapping no longer shows the bytes of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// New length of the file in bytes, if it was truncated.
    pub offset: Option<u64>,
    /// Explanation for a message that starts with the name of the file.
    pub reason: String,
}

impl Mapping {
    /// Flag that is set before the mapping shows a byte that did not come from the file.
    pub fn alarm(&self) -> &AtomicBool {
        self.watched.alarm()
    }

    /// Checks whether the file still has all mapped bytes. `None` if it has.
    pub fn loss(&self) -> Option<Loss> {
        let mapped = self.bytes.len() as u64;
        match self.file.metadata() {
            Ok(metadata) if metadata.len() < mapped => Some(Loss {
                offset: Some(metadata.len()),
                reason: format!(
                    "the file was truncated from {mapped} to {} bytes while it was being read",
                    metadata.len()
                ),
            }),
            _ if self.alarm().load(std::sync::atomic::Ordering::Acquire) => Some(Loss {
                offset: None,
                reason: "a part of the file could not be read, or was missing for a time".to_owned(),
            }),
            _ => None,
        }
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Maps all of `file` for reading from front to back. `Ok(None)`: as many files are mapped as can
/// be watched.
pub(crate) fn map(file: File) -> io::Result<Option<Mapping>> {
    // SAFETY: a shared mapping is sound only while nobody changes or truncates the file, which no
    // program can guarantee. The handler above survives truncation. A change is accepted, because a
    // backup is a finished file, and the readers of the mapping treat every byte as hostile and never
    // rely on reading a byte twice with the same result. `--io read` reads a file that others write to.
    #[expect(unsafe_code, reason = "mapping is what makes reading large files cheap; see above")]
    let bytes = unsafe { memmap2::Mmap::map(&file)? };
    // Advice only: read far ahead, and drop pages early.
    #[cfg(unix)]
    let _ = bytes.advise(memmap2::Advice::Sequential);
    Ok(watch(&bytes)?.map(|watched| Mapping { watched, bytes, file }))
}

#[cfg(unix)]
use bus_error::{Watched, watch};
#[cfg(not(unix))]
use no_signals::{Watched, watch};

/// The handler and the table of mappings that it consults.
#[cfg(unix)]
mod bus_error {
    use std::io;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// Mappings watched at a time. The handler walks all of them, and may not allocate.
    const MAX_WATCHED: usize = 256;

    /// One mapping, in a form that a signal handler can read.
    struct Range {
        /// Set while a [`Watched`] owns this place.
        taken: AtomicBool,
        /// First address; 0 while the rest is not valid.
        start: AtomicUsize,
        /// Address after the last byte.
        end: AtomicUsize,
        alarm: AtomicBool,
    }

    static RANGES: [Range; MAX_WATCHED] = [const {
        Range {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            end: AtomicUsize::new(0),
            alarm: AtomicBool::new(false),
        }
    }; MAX_WATCHED];

    /// What the handler needs to know besides.
    struct Installed {
        page_bytes: usize,
        /// What was done on `SIGBUS` before.
        before: libc::sigaction,
    }

    static INSTALLED: OnceLock<Result<Installed, i32>> = OnceLock::new();

    /// A claim on the handler's attention, given up when dropped.
    pub(super) struct Watched(&'static Range);

    impl Watched {
        pub(super) fn alarm(&self) -> &AtomicBool {
            &self.0.alarm
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.start.store(0, Ordering::SeqCst);
            self.0.taken.store(false, Ordering::SeqCst);
        }
    }

    impl std::fmt::Debug for Watched {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_tuple("Watched").field(&self.0.alarm).finish()
        }
    }

    /// Has the handler look after `bytes`. `Ok(None)`: it has enough to do.
    pub(super) fn watch(bytes: &[u8]) -> io::Result<Option<Watched>> {
        INSTALLED.get_or_init(install).as_ref().map_err(|&code| io::Error::from_raw_os_error(code))?;
        let free = |range: &&Range| !range.taken.swap(true, Ordering::SeqCst);
        Ok(RANGES.iter().find(free).map(|range| {
            let addresses = bytes.as_ptr_range();
            range.alarm.store(false, Ordering::SeqCst);
            range.end.store(addresses.end.addr(), Ordering::SeqCst);
            range.start.store(addresses.start.addr(), Ordering::SeqCst);
            Watched(range)
        }))
    }

    fn install() -> Result<Installed, i32> {
        // SAFETY: plain calls of the system with valid pointers to values that live across them; an
        // all-zero `sigaction` is a valid one. The handler does only what a signal handler may do,
        // see there. It runs on the alternate stack where a thread has one, as the standard
        // library's handler does.
        #[expect(unsafe_code, reason = "the standard library cannot install signal handlers")]
        let (outcome, page_bytes, before) = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let mut before: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction =
                on_bus_error as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigemptyset(&raw mut action.sa_mask);
            let page_bytes = libc::sysconf(libc::_SC_PAGESIZE);
            (libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before), page_bytes, before)
        };
        match usize::try_from(page_bytes) {
            Ok(page_bytes) if outcome == 0 && page_bytes.is_power_of_two() => {
                Ok(Installed { page_bytes, before })
            }
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::ENOSYS)),
        }
    }

    /// Puts zeros in the place of what a watched mapping misses, from the page that was touched to
    /// the end of the mapping. Leaves any other error to the previous handler.
    ///
    /// Only atomics and calls that are safe in a signal handler: no allocation, no lock, no panic.
    extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
        // The handler can run before `INSTALLED` is set only for a fault that is none of ours: no
        // range is watched yet. Returning repeats the access, and with it the signal, until it is
        // set.
        let Some(Ok(installed)) = INSTALLED.get() else { return };
        // SAFETY: the system calls a handler with SA_SIGINFO with a valid `info`, whose address is
        // set for SIGBUS.
        #[expect(unsafe_code, reason = "the address of the fault is in a union")]
        let address = unsafe { (*info).si_addr() }.addr();
        let page = address & !(installed.page_bytes - 1);
        let mut end = 0;
        for range in &RANGES {
            let start = range.start.load(Ordering::SeqCst);
            let range_end = range.end.load(Ordering::SeqCst);
            if start != 0 && (start..range_end).contains(&address) {
                // Before the zeros can be seen.
                range.alarm.store(true, Ordering::SeqCst);
                end = end.max(range_end);
            }
        }
        // SAFETY: `page..end` lies in a mapping of this module, which is private to it, mapped for
        // reading only, and alive: a thread has just read from it through a borrow of it. Replacing
        // its pages by others that can be read changes bytes under that borrow exactly as a writer
        // of the file would, which is accepted where the file is mapped. `mmap` is a bare system
        // call; `sigaction` is listed as safe in handlers.
        #[expect(unsafe_code, reason = "remapping and restoring the handler are system calls")]
        unsafe {
            if end != 0 {
                let zeros = libc::mmap(
                    std::ptr::without_provenance_mut(page),
                    end - page,
                    libc::PROT_READ,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                    -1,
                    0,
                );
                if zeros != libc::MAP_FAILED {
                    return;
                }
            }
            // Not ours, or not to be helped: on return the access is repeated, and what was in
            // force before is done.
            libc::sigaction(signal, &raw const installed.before, std::ptr::null_mut());
        }
    }
}

/// Systems that refuse to truncate a mapped file.
#[cfg(not(unix))]
mod no_signals {
    use std::io;
    use std::sync::atomic::AtomicBool;

    #[derive(Debug)]
    pub(super) struct Watched(AtomicBool);

    impl Watched {
        pub(super) fn alarm(&self) -> &AtomicBool {
            &self.0
        }
    }

    pub(super) fn watch(_: &[u8]) -> io::Result<Option<Watched>> {
        Ok(Some(Watched(AtomicBool::new(false))))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::sync::atomic::Ordering;

    fn mapped(bytes: usize) -> (File, Mapping) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&vec![7; bytes]).expect("written");
        let mapping = map(file.try_clone().expect("cloned")).expect("maps").expect("is watched");
        (file, mapping)
    }

    fn sum(bytes: &[u8]) -> u64 {
        std::hint::black_box(bytes).iter().map(|&byte| u64::from(byte)).sum()
    }

    #[test]
    fn a_mapping_that_is_cut_reads_as_zeros_and_raises_its_alarm() {
        let (file, mapping) = mapped(1 << 20);
        let (_other_file, other) = mapped(1 << 20);
        assert_eq!(sum(&mapping), 7 << 20);
        assert_eq!(mapping.loss(), None);
        file.set_len(100_000).expect("truncated");
        assert_eq!(sum(&mapping), 700_000);
        assert!(mapping.alarm().load(Ordering::SeqCst));
        assert_eq!(mapping.loss().expect("noticed").offset, Some(100_000));
        // Another mapping is not concerned.
        assert_eq!(sum(&other), 7 << 20);
        assert!(!other.alarm().load(Ordering::SeqCst));
        assert_eq!(other.loss(), None);
        // Nor is a later one in the same place.
        drop(mapping);
        let (_file, later) = mapped(1 << 20);
        assert_eq!(sum(&later), 7 << 20);
        assert!(!later.alarm().load(Ordering::SeqCst));
    }

    #[test]
    fn many_threads_may_meet_the_end_at_once() {
        let (file, mapping) = mapped(1 << 20);
        file.set_len(4096).expect("truncated");
        std::thread::scope(|scope| {
            for part in mapping.chunks(1 << 17) {
                scope.spawn(move || sum(part));
            }
        });
        assert_eq!(sum(&mapping), 7 * 4096);
        assert!(mapping.alarm().load(Ordering::SeqCst));
    }

    #[test]
    fn a_cut_inside_the_last_page_is_noticed_without_a_signal() {
        let (file, mapping) = mapped(4000);
        file.set_len(10).expect("truncated");
        assert_eq!(sum(&mapping), 70);
        assert_eq!(mapping.loss().expect("noticed").offset, Some(10));
    }

    #[test]
    fn a_file_that_grows_is_no_loss() {
        let (file, mapping) = mapped(4000);
        file.set_len(1 << 20).expect("grown");
        assert_eq!((sum(&mapping), mapping.loss()), (28_000, None));
    }
}
