//! One value of each kind that is read in parts, each a fifth of the file.

use rand::Rng as _;
use rand::rngs::SmallRng;

use crate::generate::{
    Listpack, Records, Shape, Summed, key, length, small_string, stream_node, stream_tail, string, text,
};

/// One hash, one set, one sorted set, one list and one stream.
pub(crate) const GIANTS: Shape = Shape { name: "giants", records: Records::Values(write) };

/// Small keys between the values.
const SMALL_KEYS: u64 = 20;

/// Entries of a list's node, which is about 8 KiB long.
const NODE_ENTRIES: usize = 200;

/// Adds an element.
type AddElement = fn(&mut Vec<u8>, u64, &mut SmallRng);

const VALUES: [(u8, &str, AddElement); 5] = [
    (4, "hash", pair),
    (2, "set", member),
    (5, "zset", scored),
    (18, "list", node),
    (19, "stream", stream_node),
];

/// Writes the values, of about `bytes` bytes together.
fn write(out: &mut Summed, bytes: u64, rng: &mut SmallRng) -> anyhow::Result<()> {
    let each = usize::try_from(bytes)? / VALUES.len();
    let mut number = 0;
    for (value_type, name, add_element) in VALUES {
        small_keys(out, &mut number, rng)?;
        let (mut elements, mut body) = (0, Vec::with_capacity(each));
        while body.len() < each {
            add_element(&mut body, elements, rng);
            elements += 1;
        }
        let mut head = Vec::new();
        key(&mut head, value_type, name, 1);
        length(&mut head, elements);
        if value_type == 19 {
            stream_tail(&mut body, elements);
        }
        out.write(&head)?;
        out.write(&body)?;
    }
    small_keys(out, &mut number, rng)
}

fn small_keys(out: &mut Summed, number: &mut u64, rng: &mut SmallRng) -> anyhow::Result<()> {
    let mut records = Vec::new();
    for _ in 0..SMALL_KEYS {
        small_string(&mut records, *number, rng);
        *number += 1;
    }
    Ok(out.write(&records)?)
}

fn pair(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    string(out, format!("field:{number}").as_bytes());
    let len = rng.random_range(10..200);
    string(out, &text(rng, len));
}

fn member(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    let mut member = format!("member:{number}:").into_bytes();
    let len = rng.random_range(0..24);
    member.extend(text(rng, len));
    string(out, &member);
}

fn scored(out: &mut Vec<u8>, number: u64, rng: &mut SmallRng) {
    member(out, number, rng);
    out.extend(rng.random_range(0.0..1e6_f64).to_le_bytes());
}

/// A node of a list as Redis 7 writes it: its kind and a listpack.
fn node(out: &mut Vec<u8>, _: u64, rng: &mut SmallRng) {
    out.push(2);
    let mut entries = Listpack::default();
    for _ in 0..NODE_ENTRIES {
        let len = rng.random_range(20..60);
        entries.text(&text(rng, len));
    }
    string(out, &entries.finish());
}
