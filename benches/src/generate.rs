//! Generates inputs of several shapes. A fixed seed gives the same bytes on every machine.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rdb_parser::resume::Crc64;

/// Bytes of each input at scale 1.
const BYTES: f64 = 200e6;

/// Milliseconds since 1970 at which all inputs were written.
const NOW_MS: i64 = 1_750_000_000_000;

/// Opcodes of Dragonfly.
const LZ4_BLOB: u8 = 202;
const END_OF_BLOB: u8 = 203;

/// Bytes of records in a blob of Dragonfly.
const BLOB_BYTES: usize = 1 << 20;

/// The directory to which inputs are written.
pub(crate) fn inputs_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench-inputs")
}

/// Entries of a stream's node, and their fields.
const ENTRIES: u8 = 100;
const FIELDS: u8 = 2;

/// Adds one key record.
type AddKey = fn(&mut Vec<u8>, u64, &mut SmallRng);

/// A shape of input.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) records: Records,
}

/// What a file is made of.
#[derive(Clone, Copy)]
pub(crate) enum Records {
    Keys(AddKey),
    /// In LZ4 blobs of Dragonfly.
    Blobs(AddKey),
    /// What this function writes, of about as many bytes.
    Values(fn(&mut Summed, u64, &mut SmallRng) -> anyhow::Result<()>),
}

/// All shapes of small and long keys.
pub(crate) const SHAPES: [Shape; 6] = [
    Shape { name: "small-strings", records: Records::Keys(small_string) },
    Shape { name: "mixed", records: Records::Keys(mixed) },
    Shape { name: "big-values", records: Records::Keys(big_value) },
    Shape { name: "collections", records: Records::Keys(collection) },
    Shape { name: "streams", records: Records::Keys(stream) },
    Shape { name: "dragonfly-lz4", records: Records::Blobs(mixed) },
];

/// Writes the inputs to `dir`, but for those that are there; returns their paths.
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn all(dir: &Path, scale: f64) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir)?;
    SHAPES.iter().map(|shape| write(shape, dir, scale, 1)).collect()
}

/// Writes an input of a shape to `dir`, if it is not there; returns its path. Another seed gives
/// another file of the same kind.
///
/// # Errors
///
/// If the file cannot be written.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length, positive and small")]
pub(crate) fn write(shape: &Shape, dir: &Path, scale: f64, seed: u64) -> anyhow::Result<PathBuf> {
    let bytes = (BYTES * scale) as u64;
    let of_seed = if seed == 1 { String::new() } else { format!("-{seed}") };
    let path = dir.join(format!("{}-{bytes}{of_seed}.rdb", shape.name));
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(dir)?;
    let unfinished = path.with_extension("part");
    let mut out = Summed { file: BufWriter::new(File::create(&unfinished)?), sum: Crc64::new(), bytes: 0 };
    let mut header = b"REDIS0010".to_vec();
    let in_blobs = matches!(shape.records, Records::Blobs(_));
    let (name, version) = if in_blobs { ("df-ver", "1.30.0") } else { ("redis-ver", "7.2.4") };
    for (name, value) in [(name, version), ("ctime", &(NOW_MS / 1000).to_string())] {
        header.push(0xfa);
        string(&mut header, name.as_bytes());
        string(&mut header, value.as_bytes());
    }
    header.extend([0xfe, 0]);
    out.write(&header)?;
    let mut rng = SmallRng::seed_from_u64(seed);
    match shape.records {
        Records::Values(write) => write(&mut out, bytes, &mut rng)?,
        Records::Keys(add_key) | Records::Blobs(add_key) => {
            write_keys(&mut out, add_key, in_blobs, bytes, &mut rng)?;
        }
    }
    out.write(&[0xff])?;
    let sum = out.sum.value().to_le_bytes();
    out.file.write_all(&sum)?;
    out.file.flush()?;
    std::fs::rename(&unfinished, &path)?;
    Ok(path)
}

fn write_keys(
    out: &mut Summed,
    add_key: AddKey,
    in_blobs: bool,
    bytes: u64,
    rng: &mut SmallRng,
) -> anyhow::Result<()> {
    let mut records = Vec::new();
    let mut number = 0;
    while out.bytes < bytes {
        records.clear();
        while records.len() < BLOB_BYTES && out.bytes + (records.len() as u64) < bytes {
            add_key(&mut records, number, rng);
            number += 1;
        }
        if in_blobs {
            out.write(&blob(&records)?)?;
        } else {
            out.write(&records)?;
        }
    }
    Ok(())
}

/// A file and the checksum of what was written.
pub(crate) struct Summed {
    file: BufWriter<File>,
    sum: Crc64,
    bytes: u64,
}

impl Summed {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.sum.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

fn blob(records: &[u8]) -> anyhow::Result<Vec<u8>> {
    let info = lz4_flex::frame::FrameInfo::new().content_size(Some(records.len() as u64 + 1));
    let mut frame = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    frame.write_all(records)?;
    frame.write_all(&[END_OF_BLOB])?;
    let mut out = vec![LZ4_BLOB];
    string(&mut out, &frame.finish()?);
    Ok(out)
}

/// A fifth of the keys expires; a tenth of the values are integers.
pub(crate) fn small_string(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    if rng.random_bool(0.2) {
        out.push(0xfc);
        out.extend((NOW_MS + rng.random_range(-1_000_000..3_000_000_000_i64)).to_le_bytes());
    }
    key(out, 0, "session", number);
    if rng.random_bool(0.1) {
        out.push(0xc2);
        out.extend(rng.random::<i32>().to_le_bytes());
    } else {
        let len = rng.random_range(5..60);
        string(out, &text(rng, len));
    }
}

fn mixed(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    match rng.random_range(0..20) {
        0..9 => small_string(out, number, rng),
        9..13 => {
            key(out, 0, "page", number);
            compressed(out, rng);
        }
        13..17 => packed(out, 16, "user", number, rng),
        17..19 => packed(out, 17, "board", number, rng),
        _ => table(out, number, rng, 200),
    }
}

fn big_value(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    key(out, 0, "blob", number);
    let unit = text(rng, 1024);
    string(out, &unit.repeat(rng.random_range(16..256)));
}

fn collection(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    let elements = rng.random_range(1000..30_000);
    table(out, number, rng, elements);
}

/// A hash, set or sorted set of about `elements` elements, stored one by one.
fn table(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng, elements: u64) {
    let value_type = [2, 4, 5][usize::try_from(number % 3).unwrap_or_default()];
    key(out, value_type, ["set", "hash", "zset"][usize::try_from(number % 3).unwrap_or_default()], number);
    length(out, elements);
    for element in 0..elements {
        string(out, format!("member:{element:08}").as_bytes());
        match value_type {
            4 => {
                let len = rng.random_range(1..60);
                string(out, &text(rng, len));
            }
            5 => out.extend(rng.random_range(0.0..1e6_f64).to_le_bytes()),
            _ => {}
        }
    }
}

/// Pairs in a listpack.
fn packed(out: &mut Vec<u8>, value_type: u8, prefix: &str, number: u64, rng: &mut SmallRng) {
    key(out, value_type, prefix, number);
    let mut entries = Listpack::default();
    for field in 0..rng.random_range(2..30_u8) {
        entries.text(format!("field{field}").as_bytes());
        if value_type == 17 {
            entries.number(field);
        } else {
            let len = rng.random_range(1..40);
            entries.text(&text(rng, len));
        }
    }
    string(out, &entries.finish());
}

/// A stream as Redis 7.0 writes it, of nodes of a hundred entries with the fields of the first.
fn stream(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    key(out, 19, "events", number);
    let nodes = rng.random_range(1..20_u64);
    length(out, nodes);
    for node in 0..nodes {
        stream_node(out, node, rng);
    }
    stream_tail(out, nodes);
}

/// A node of a stream, of a hundred entries.
pub(crate) fn stream_node(out: &mut Vec<u8>, node: u64, rng: &mut SmallRng) {
    let mut id = Vec::new();
    id.extend((NOW_MS.unsigned_abs() + node * 1000).to_be_bytes());
    id.extend(0_u64.to_be_bytes());
    string(out, &id);
    let mut entries = Listpack::default();
    for number in [ENTRIES, 0, FIELDS] {
        entries.number(number);
    }
    entries.text(b"kind");
    entries.text(b"body");
    entries.number(0);
    for entry in 0..ENTRIES {
        // The fields of the first; then the difference to its id.
        for number in [2, entry, 0] {
            entries.number(number);
        }
        entries.text(b"click");
        let len = rng.random_range(1..40);
        entries.text(&text(rng, len));
        entries.number(FIELDS + 3);
    }
    string(out, &entries.finish());
}

/// What follows the nodes of a stream.
pub(crate) fn stream_tail(out: &mut Vec<u8>, nodes: u64) {
    let entries = nodes * u64::from(ENTRIES);
    let last_ms = NOW_MS.unsigned_abs() + (nodes - 1) * 1000 + u64::from(ENTRIES) - 1;
    // Entries, last id, first id, last deleted id, entries ever added, groups.
    for number in [entries, last_ms, 0, NOW_MS.unsigned_abs(), 0, 0, 0, entries, 0] {
        length(out, number);
    }
}

/// A string of LZF data: 32 bytes, repeated.
fn compressed(out: &mut Vec<u8>, rng: &mut SmallRng) {
    const UNIT: u8 = 32;
    let copies = rng.random_range(1..8_u64);
    let mut data = vec![UNIT - 1];
    data.extend(text(rng, usize::from(UNIT)));
    for _ in 0..copies {
        // A long reference: 7 + 2 + 247 bytes from 32 bytes before.
        data.extend([7 << 5, 247, UNIT - 1]);
    }
    out.push(0xc3);
    length(out, data.len() as u64);
    length(out, u64::from(UNIT) + copies * 256);
    out.extend(data);
}

/// Entries of a listpack: texts of less than 64 bytes and numbers below 128.
#[derive(Default)]
pub(crate) struct Listpack {
    entries: Vec<u8>,
    count: u16,
}

impl Listpack {
    pub(crate) fn text(&mut self, text: &[u8]) {
        let len = u8::try_from(text.len()).unwrap_or(63);
        self.entries.push(0x80 | len);
        self.entries.extend(text);
        self.entries.push(1 + len);
        self.count += 1;
    }

    fn number(&mut self, number: u8) {
        self.entries.extend([number, 1]);
        self.count += 1;
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let bytes = u32::try_from(self.entries.len() + 7).unwrap_or(u32::MAX);
        let mut out = bytes.to_le_bytes().to_vec();
        out.extend(self.count.to_le_bytes());
        out.extend(self.entries);
        out.push(0xff);
        out
    }
}

pub(crate) fn key(out: &mut Vec<u8>, value_type: u8, prefix: &str, number: u64) {
    out.push(value_type);
    string(out, format!("{prefix}:{number}").as_bytes());
}

pub(crate) fn text(rng: &mut SmallRng, len: usize) -> Vec<u8> {
    (0..len).map(|_| rng.random_range(b'a'..=b'z')).collect()
}

pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    length(out, text.len() as u64);
    out.extend(text);
}

#[allow(clippy::cast_possible_truncation, reason = "each arm has as many bytes as it writes")]
pub(crate) fn length(out: &mut Vec<u8>, value: u64) {
    match value {
        0..64 => out.push(value as u8),
        64..16384 => out.extend((0x4000 | value as u16).to_be_bytes()),
        _ => {
            out.push(0x81);
            out.extend(value.to_be_bytes());
        }
    }
}
