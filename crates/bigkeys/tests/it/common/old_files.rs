//! A dump of types that only old servers wrote, byte by byte: no server of today writes them.

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

/// Values of each kind.
const VALUES: u32 = 40;

/// Types of the format.
const LIST: u8 = 1;
const SET: u8 = 2;
const HASH_ZIPMAP: u8 = 9;
const LIST_ZIPLIST: u8 = 10;
const ZSET_ZIPLIST: u8 = 12;
const HASH_ZIPLIST: u8 = 13;
const LIST_QUICKLIST: u8 = 14;

/// A dump in version 6 of the format, as Redis 2.6 wrote it, with a type of Redis 3.2 besides.
pub(crate) fn dump(seed: u64) -> Vec<u8> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut file = b"REDIS0006\xfe\x00".to_vec();
    for i in 0..VALUES {
        let elements = match i % 4 {
            0 => rng.random_range(1..8),
            1 => rng.random_range(8..60),
            2 => rng.random_range(60..128),
            _ => rng.random_range(200..500),
        };
        let items: Vec<Vec<u8>> = (0..elements).map(|_| text(&mut rng, 120)).collect();
        let short: Vec<Vec<u8>> = (0..elements).map(|index| unique(&mut rng, index, 50)).collect();
        let pairs: Vec<Vec<u8>> =
            short.iter().flat_map(|field| [field.clone(), text(&mut rng, 60)]).collect();
        let members = short.iter().take(128).enumerate();
        let scored: Vec<Vec<u8>> =
            members.flat_map(|(index, member)| [member.clone(), score(index)]).collect();

        add(&mut file, LIST, i, &counted(&items));
        add(&mut file, LIST_ZIPLIST, i, &string(&ziplist(&items)));
        let nodes: Vec<Vec<u8>> = items.chunks(60).map(ziplist).collect();
        add(&mut file, LIST_QUICKLIST, i, &counted(&nodes));
        add(&mut file, HASH_ZIPLIST, i, &string(&ziplist(&pairs)));
        add(&mut file, ZSET_ZIPLIST, i, &string(&ziplist(&scored)));
        let zipped: Vec<Vec<u8>> = match i % 2 {
            0 => pairs.iter().take(200).cloned().collect(),
            _ => pairs.iter().take(200).cloned().chain([b"long".to_vec(), vec![b'l'; 100]]).collect(),
        };
        add(&mut file, HASH_ZIPMAP, i, &string(&zipmap(&zipped)));

        let integers = rng.random_range(0..elements.min(100));
        let integers = (0..integers).map(|index| (index << rng.random_range(0..20)).to_string().into_bytes());
        let mut members: Vec<Vec<u8>> = integers.collect();
        members.sort();
        members.dedup();
        members.extend(short.into_iter().take(100));
        add(&mut file, SET, i, &counted(&members));
    }
    for len in [8000, 8180, 8193, 20_000] {
        add(&mut file, LIST, len, &counted(&[vec![b'x'; len as usize]]));
        add(&mut file, LIST_ZIPLIST, len, &string(&ziplist(&[vec![b'x'; len as usize], b"1".to_vec()])));
    }
    // Without a checksum, which is allowed.
    file.push(0xff);
    file.extend([0; 8]);
    file
}

/// A text of up to `max` bytes, sometimes an integer.
fn text(rng: &mut SmallRng, max: usize) -> Vec<u8> {
    if rng.random_range(0..4) == 0 {
        return (rng.random::<i64>() >> rng.random_range(0..64)).to_string().into_bytes();
    }
    vec![rng.random_range(b'a'..=b'z'); rng.random_range(0..=max)]
}

/// The same, another one for every index.
fn unique(rng: &mut SmallRng, index: u32, max: usize) -> Vec<u8> {
    [format!("{index}:").into_bytes(), vec![b'm'; rng.random_range(0..max)]].concat()
}

/// A score as old servers wrote it, with 17 digits.
fn score(index: usize) -> Vec<u8> {
    [&b"3"[..], b"1.1000000000000001", b"-70000", b"0.5"][index % 4].to_vec()
}

fn add(file: &mut Vec<u8>, value_type: u8, number: u32, value: &[u8]) {
    file.push(value_type);
    file.extend(string(format!("{value_type}:{number}").as_bytes()));
    file.extend(value);
}

fn len(len: usize) -> Vec<u8> {
    let len = u32::try_from(len).expect("short");
    [&[0x80][..], &len.to_be_bytes()].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&len(bytes.len())[..], bytes].concat()
}

fn counted(strings: &[Vec<u8>]) -> Vec<u8> {
    strings.iter().fold(len(strings.len()), |value, next| [value, string(next)].concat())
}

fn ziplist(entries: &[Vec<u8>]) -> Vec<u8> {
    let (mut body, mut last, mut previous) = (Vec::new(), 10, 0);
    for entry in entries {
        last = 10 + body.len();
        match u8::try_from(previous) {
            Ok(short @ ..254) => body.push(short),
            _ => body.extend([&[254][..], &u32::try_from(previous).expect("short").to_le_bytes()].concat()),
        }
        let begin = body.len();
        match std::str::from_utf8(entry).ok().and_then(|text| text.parse::<i64>().ok()) {
            Some(value) if value.to_string().as_bytes() == entry => ziplist_integer(&mut body, value),
            _ => {
                let len = u16::try_from(entry.len()).expect("short");
                match u8::try_from(len) {
                    Ok(short @ ..64) => body.push(short),
                    _ if len < 1 << 14 => body.extend((0x4000 | len).to_be_bytes()),
                    _ => body.extend([&[0x80][..], &u32::from(len).to_be_bytes()].concat()),
                }
                body.extend(entry);
            }
        }
        let link = if previous < 254 { 1 } else { 5 };
        previous = link + body.len() - begin;
    }
    let total = u32::try_from(body.len() + 11).expect("short");
    let last = u32::try_from(last).expect("short");
    let count = u16::try_from(entries.len()).expect("few");
    [&total.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
}

fn ziplist_integer(body: &mut Vec<u8>, value: i64) {
    let bytes = value.to_le_bytes();
    match value {
        0..=12 => body.push(0xf1 + bytes[0]),
        -0x80..=0x7f => body.extend([0xfe, bytes[0]]),
        -0x8000..=0x7fff => body.extend([&[0xc0], &bytes[..2]].concat()),
        -0x80_0000..=0x7f_ffff => body.extend([&[0xf0], &bytes[..3]].concat()),
        -0x8000_0000..=0x7fff_ffff => body.extend([&[0xd0], &bytes[..4]].concat()),
        _ => body.extend([&[0xe0], &bytes[..]].concat()),
    }
}

fn zipmap(strings: &[Vec<u8>]) -> Vec<u8> {
    let mut map = vec![u8::try_from(strings.len() / 2).expect("few")];
    for pair in strings.chunks(2) {
        map.push(u8::try_from(pair[0].len()).expect("short"));
        map.extend(&pair[0]);
        // No unused bytes.
        map.extend([u8::try_from(pair[1].len()).expect("short"), 0]);
        map.extend(&pair[1]);
    }
    map.push(0xff);
    map
}
