//! The LZF decoder beside a plain byte loop, on the compressed strings of a file.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdb_parser::{Parser, RdbString, Role, Visitor};

/// Compressed bytes that are taken from a file.
const MAX_TAKEN_BYTES: usize = 64 << 20;

/// Least output that is timed. The strings are decompressed as often as that takes.
const MIN_DECODED_BYTES: u64 = 256 << 20;

/// A compressed string and its length once decoded.
type Stored = (Vec<u8>, u64);

#[derive(Default)]
struct Taken {
    strings: Vec<Stored>,
    bytes: usize,
}

impl Visitor for Taken {
    fn string(&mut self, _: Role, string: RdbString<'_>) {
        if let RdbString::Lzf { compressed, decoded_len } = string
            && self.bytes < MAX_TAKEN_BYTES
        {
            self.bytes += compressed.len();
            self.strings.push((compressed.to_vec(), decoded_len));
        }
    }
}

/// Prints both decoders' medians over `rounds`, in which they take turns.
///
/// # Errors
///
/// If the file cannot be read or holds no compressed string.
pub(crate) fn print(path: &Path, rounds: usize) -> anyhow::Result<()> {
    let mut parser = Parser::from_reader(std::fs::File::open(path)?)?;
    let mut taken = Taken::default();
    while taken.bytes < MAX_TAKEN_BYTES && parser.next_event_with(&mut taken)?.is_some() {}
    let decoded: u64 = taken.strings.iter().map(|(_, len)| len).sum();
    ensure!(decoded > 0, "{} holds no compressed string", path.display());
    let passes = MIN_DECODED_BYTES.div_ceil(decoded);
    let mut out = Vec::new();
    for (compressed, len) in &taken.strings {
        let ours = RdbString::Lzf { compressed, decoded_len: *len }.decode(&mut out)?.to_vec();
        byte_loop(compressed, *len, &mut out).context("the byte loop fails")?;
        ensure!(ours == out, "the decoders differ");
    }

    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds.max(1) {
        ours.push(time(passes, &taken.strings, |compressed, len| {
            RdbString::Lzf { compressed, decoded_len: len }.decode(&mut out).is_ok()
        })?);
        plain.push(time(passes, &taken.strings, |compressed, len| {
            byte_loop(compressed, len, &mut out).is_some()
        })?);
    }
    let gigabytes = (passes * decoded) as f64 / 1e9;
    println!(
        "\n{}: {} strings, {:.1} MB from {:.1} MB",
        path.display(),
        taken.strings.len(),
        decoded as f64 / 1e6,
        taken.bytes as f64 / 1e6
    );
    for (name, times) in [("this decoder", &mut ours), ("plain byte loop", &mut plain)] {
        times.sort();
        let speed = |time: Option<&Duration>| time.map_or(0.0, |time| gigabytes / time.as_secs_f64());
        println!(
            "{name:>16}: {:.2} GB/s ({:.2}–{:.2})",
            speed(times.get(times.len() / 2)),
            speed(times.last()),
            speed(times.first())
        );
    }
    Ok(())
}

fn time(
    passes: u64,
    strings: &[Stored],
    mut decode: impl FnMut(&[u8], u64) -> bool,
) -> anyhow::Result<Duration> {
    let start = Instant::now();
    for _ in 0..passes {
        for (compressed, len) in strings {
            ensure!(decode(compressed, *len), "a string that was decoded cannot be");
        }
    }
    Ok(start.elapsed())
}

/// LZF by its description: byte by byte.
fn byte_loop(compressed: &[u8], decoded_len: u64, out: &mut Vec<u8>) -> Option<()> {
    out.clear();
    out.reserve(usize::try_from(decoded_len).ok()?);
    let mut bytes = compressed.iter();
    while let Some(&control) = bytes.next() {
        if control < 32 {
            for _ in 0..=control {
                out.push(*bytes.next()?);
            }
            continue;
        }
        let mut length = usize::from(control >> 5) + 2;
        if length == 9 {
            length += usize::from(*bytes.next()?);
        }
        let distance = (usize::from(control & 31) << 8 | usize::from(*bytes.next()?)) + 1;
        let from = out.len().checked_sub(distance)?;
        for at in from..from + length {
            out.push(*out.get(at)?);
        }
    }
    (out.len() as u64 == decoded_len).then_some(())
}
