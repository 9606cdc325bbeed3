//! Hostile files, each of which once cost more time or memory than its length justifies.
//!
//! Also used by the tests of `bigkeys`.

use std::io::Write as _;

/// A hostile file: its name, a length that is enough to show its cost, and how to make it.
pub struct Hostile {
    /// What it is.
    pub name: &'static str,
    /// Its length, roughly.
    pub bytes: usize,
    /// Makes it.
    pub make: fn(usize) -> Vec<u8>,
}

/// All of them.
pub const ALL: [Hostile; 20] = [
    Hostile { name: "zeros, which are keys without a name", bytes: 16 << 20, make: zeros },
    Hostile { name: "strings of quiet sound", bytes: 64 << 20, make: quiet_sound },
    Hostile { name: "strings of seven zeros and a length", bytes: 64 << 20, make: zeros_and_lengths },
    Hostile { name: "a long version, then databases", bytes: 465_000, make: long_version },
    Hostile { name: "versions in turns", bytes: 3_600_000, make: alternating_versions },
    Hostile { name: "databases in turns", bytes: 8 << 20, make: alternating_databases },
    Hostile { name: "module types in every database", bytes: 24 << 20, make: module_types },
    Hostile { name: "Dragonfly blobs of one key", bytes: 1 << 20, make: small_blobs },
    Hostile { name: "LZ4 frames of a few bytes", bytes: 620_000, make: small_frames },
    Hostile { name: "compressed names of 1 MiB", bytes: 4 << 20, make: compressed_names },
    Hostile { name: "keys with empty names, compressed values", bytes: 8 << 20, make: compressed_values },
    Hostile { name: "damaged names before large sets", bytes: 64 << 20, make: damaged_names },
    Hostile { name: "chunked values that are complete at the end", bytes: 64 << 20, make: open_chunks },
    Hostile { name: "keys of 13 bytes, names counted up", bytes: 128 << 20, make: counted_names },
    Hostile { name: "short prefixes, each once", bytes: 24 << 20, make: short_prefixes },
    Hostile { name: "prefixes of 1,000 bytes, each once", bytes: 32 << 20, make: long_prefixes },
    Hostile { name: "a set whose members are files", bytes: 64 << 20, make: set_of_files },
    Hostile { name: "a set whose members look like records", bytes: 64 << 20, make: set_of_records },
    Hostile { name: "a hash of strings that all look alike", bytes: 64 << 20, make: ambiguous_hash },
    Hostile { name: "hashes with other lengths in each half", bytes: 64 << 20, make: changing_hashes },
];

const HEADER: &[u8] = b"REDIS0011";
const END: &[u8] = b"\xff\0\0\0\0\0\0\0\0";

/// A file to which `write` adds groups of records until it has its length.
fn file(bytes: usize, mut write: impl FnMut(&mut Vec<u8>, u32)) -> Vec<u8> {
    let mut file = HEADER.to_vec();
    let mut i = 0;
    while file.len() < bytes {
        write(&mut file, i);
        i += 1;
    }
    file.extend(END);
    file
}

fn long_length(file: &mut Vec<u8>, length: usize) {
    file.push(0x80);
    file.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn string(file: &mut Vec<u8>, bytes: &[u8]) {
    match u8::try_from(bytes.len()) {
        Ok(length @ 0..64) => file.push(length),
        _ => long_length(file, bytes.len()),
    }
    file.extend(bytes);
}

fn zeros(bytes: usize) -> Vec<u8> {
    [HEADER, &vec![0; bytes / 3 * 3], END].concat()
}

/// Values of 1 MiB, each of the bytes that `value` repeats.
fn large_values(bytes: usize, value: &[u8]) -> Vec<u8> {
    let value = value.repeat((1 << 20) / value.len());
    file(bytes, |file, i| {
        file.push(0);
        string(file, format!("vector:{i}").as_bytes());
        string(file, &value);
    })
}

fn quiet_sound(bytes: usize) -> Vec<u8> {
    // Samples of quiet sound: 16 bits each, near zero.
    let mut state = 1u32;
    let samples = (0..100_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u16::try_from(state >> 24).unwrap_or(0).wrapping_sub(128)
    });
    large_values(bytes, &samples.flat_map(u16::to_le_bytes).collect::<Vec<_>>())
}

fn zeros_and_lengths(bytes: usize) -> Vec<u8> {
    large_values(bytes, b"\0\0\0\0\0\0\0\x40")
}

fn long_version(bytes: usize) -> Vec<u8> {
    let version = "7".repeat(60_000);
    let mut is_first = true;
    file(bytes, |file, i| {
        if std::mem::take(&mut is_first) {
            file.push(0xfa);
            string(file, b"redis-ver");
            string(file, version.as_bytes());
        }
        file.extend([0xfe, u8::try_from(i % 16).unwrap_or(0)]);
    })
}

fn alternating_versions(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        file.push(0xfa);
        string(file, b"valkey-ver");
        string(file, [&b"8.1.8"[..], b"9.1.2"][(i % 2) as usize]);
    })
}

fn alternating_databases(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        file.push(0xfe);
        long_length(file, (i.wrapping_mul(2_654_435_761) >> 8) as usize);
        file.push(0);
        string(file, format!("{i:07}").as_bytes());
        file.extend(b"\x01v");
    })
}

fn module_types(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        if i % 1024 == 0 {
            file.push(0xfe);
            long_length(file, (i / 1024) as usize);
        }
        file.push(7);
        string(file, b"key");
        file.push(0x81);
        file.extend((u64::from(i % 1024) << 10 | 1).to_be_bytes());
        file.push(0);
    })
}

fn lz4(content: &[u8], info: lz4_flex::frame::FrameInfo) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    // Into memory, which does not fail.
    let written = encoder.write_all(content).is_ok();
    encoder.finish().ok().filter(|_| written).unwrap_or_default()
}

fn large_blocks() -> lz4_flex::frame::FrameInfo {
    lz4_flex::frame::FrameInfo::new().block_size(lz4_flex::frame::BlockSize::Max4MB)
}

fn small_blobs(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        let key = format!("\0\x0akey:{i:06}\x01v");
        let blob = lz4(key.as_bytes(), large_blocks().content_size(Some(key.len() as u64)));
        file.push(202);
        string(file, &blob);
    })
}

fn small_frames(bytes: usize) -> Vec<u8> {
    let mut frames = lz4(HEADER, large_blocks());
    let frame = lz4(b"\0\x01k\x01v", large_blocks());
    while frames.len() < bytes {
        frames.extend(&frame);
    }
    frames.extend(lz4(END, large_blocks()));
    frames
}

/// `length` bytes, the same one again and again, as LZF data: a string of 32 bytes and copies of
/// the byte before.
fn compressed(file: &mut Vec<u8>, byte: u8, length: usize) {
    let mut data = vec![31];
    data.extend([byte; 32]);
    let mut left = length - 32;
    while left >= 3 {
        let copied = left.min(264);
        match u8::try_from(copied - 2) {
            Ok(short @ 0..7) => data.extend([short << 5, 0]),
            _ => data.extend([7 << 5, u8::try_from(copied - 9).unwrap_or(255), 0]),
        }
        left -= copied;
    }
    file.push(0xc3);
    long_length(file, data.len());
    long_length(file, length - left);
    file.extend(data);
}

/// Among short names, so that keys are short on average.
fn compressed_names(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        file.push(0);
        // Longer and longer, up to 1 MiB, so that each is the largest so far.
        compressed(file, b'a' + u8::try_from(i % 26).unwrap_or(0), (1 << 20) - 2000 + (i as usize).min(1990));
        file.extend(b"\x01v");
        for short in 0..30 {
            file.push(0);
            string(file, format!("{:08}", 30 * i + short).as_bytes());
            file.extend(b"\x02xy");
        }
    })
}

fn compressed_values(bytes: usize) -> Vec<u8> {
    file(bytes, |file, _| {
        file.extend([2, 0, 1]);
        compressed(file, b'v', 40_000);
    })
}

/// Names whose LZF data refers to bytes before the first, then a set that takes long to walk.
fn damaged_names(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        for j in 0..1000u16 {
            let [low, high] = j.to_le_bytes();
            file.extend([0, 0xc3, 3, 10, 0xe0 | high, low, 255, 0]);
        }
        file.push(2);
        string(file, format!("set:{i}").as_bytes());
        long_length(file, 4 << 20);
        for member in 0..4u32 << 20 {
            file.extend([1, member.to_le_bytes()[0]]);
        }
    })
}

/// The first chunks of values among blobs, and the second chunks at the end.
fn open_chunks(bytes: usize) -> Vec<u8> {
    let mut id = 0u8;
    let chunk = |file: &mut Vec<u8>, id, content: &[u8]| {
        file.extend([224, id, 0, 0, 0]);
        file.extend(u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
        file.extend(content);
    };
    let mut file = file(bytes, |file, i| {
        if i == 0 {
            file.push(0xfa);
            string(file, b"df-ver");
            string(file, b"1.30.0");
        }
        if i % 32 == 0 && id < 200 {
            id += 1;
            chunk(file, id, b"\x02\x01p\x02\x01a");
        }
        let mut keys = Vec::new();
        for j in 0..2000 {
            keys.push(0);
            string(&mut keys, format!("key:{i}:{j}").as_bytes());
            keys.extend(b"\x02xy");
        }
        let info = lz4_flex::frame::FrameInfo::new().content_size(Some(keys.len() as u64));
        file.push(202);
        string(file, &lz4(&keys, info));
    });
    file.truncate(file.len() - END.len());
    (1..=id).for_each(|id| chunk(&mut file, id, b"\x01b"));
    file.extend(END);
    file
}

fn counted_names(bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        file.push(0);
        string(file, format!("{i:08}").as_bytes());
        file.extend(b"\x02xy");
    })
}

/// A file of a few keys and one value of `value_type`, whose elements `add` writes.
fn one_value(bytes: usize, value_type: u8, mut add: impl FnMut(&mut Vec<u8>, u32)) -> Vec<u8> {
    let (mut elements, mut body) = (0, Vec::new());
    while body.len() < bytes {
        add(&mut body, elements);
        elements += 1;
    }
    let mut file = HEADER.to_vec();
    for i in 0..20 {
        file.push(0);
        string(&mut file, format!("key:{i}").as_bytes());
        string(&mut file, b"value");
    }
    file.push(value_type);
    string(&mut file, b"key:value");
    long_length(&mut file, usize::try_from(elements).unwrap_or(0));
    file.extend(body);
    file.extend(END);
    file
}

/// Keys whose names have a prefix that no other name has.
fn prefixes(bytes: usize, prefix_bytes: usize) -> Vec<u8> {
    file(bytes, |file, i| {
        // A multiplication by an odd number gives each number once, in no order.
        let number = format!("{:x}", i.wrapping_mul(2_654_435_761));
        file.push(0);
        string(file, format!("{number:x<prefix_bytes$}:").as_bytes());
        string(file, b"v");
    })
}

fn short_prefixes(bytes: usize) -> Vec<u8> {
    prefixes(bytes, 0)
}

fn long_prefixes(bytes: usize) -> Vec<u8> {
    prefixes(bytes, 1000)
}

fn set_of_files(bytes: usize) -> Vec<u8> {
    let small = file(500, |file, i| {
        file.push(0);
        string(file, format!("key:{i}").as_bytes());
        string(file, b"value");
    });
    one_value(bytes, 2, |body, _| string(body, &small))
}

/// Every other member has five bytes, and its length is also the type of a sorted set. What follows
/// can be read as a name, a count and elements.
fn set_of_records(bytes: usize) -> Vec<u8> {
    one_value(bytes, 2, |body, i| {
        if i % 2 == 0 { string(body, b"\x05key:") } else { string(body, format!("{i:06}").as_bytes()) }
    })
}

fn ambiguous_hash(bytes: usize) -> Vec<u8> {
    one_value(bytes, 4, |body, i| {
        string(body, format!("{i:016}").as_bytes());
        string(body, format!("{i:016}").as_bytes());
    })
}

/// Fields and values are long in turns, so that what was learned of the first half misleads.
fn changing_hashes(bytes: usize) -> Vec<u8> {
    let mut written = 0;
    one_value(bytes, 4, |body, i| {
        let (field, value) = if written < bytes / 2 { (8, 40) } else { (40, 8) };
        string(body, format!("{i:0field$}").as_bytes());
        string(body, format!("{i:0value$}").as_bytes());
        written += field + value + 2;
    })
}
