//! Dragonfly: its types, compressed blobs, and chunked values.
//!
//! No file of a server was available: these are written from the description in
//! `docs/format-notes.md`.
#![cfg(feature = "dragonfly")]

mod support;

use rdb_parser::{Checksum, ErrorKind, Flavour, Parser, ValueType, Warning};
use support::{Content, aux, file, key, len, listpack, long_len, stream_node, string};

/// A file as Dragonfly writes it: an old version, its AUX field, and no checksum.
fn dragonfly(body: impl AsRef<[u8]>) -> Vec<u8> {
    [
        b"REDIS0009",
        &aux("redis-ver", "6.2.11")[..],
        &aux("df-ver", "df-v1.30.0"),
        body.as_ref(),
        &[0xff],
        &[0; 8],
    ]
    .concat()
}

fn zstd_blob(content: &[u8]) -> Vec<u8> {
    blob(201, &zstd::bulk::compress(content, 2).expect("in memory"))
}

fn lz4_frame(content: &[u8]) -> Vec<u8> {
    let info =
        lz4_flex::frame::FrameInfo::new().content_size(Some(content.len() as u64)).content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, content).expect("in memory");
    encoder.finish().expect("in memory")
}

fn lz4_blob(content: &[u8]) -> Vec<u8> {
    blob(202, &lz4_frame(content))
}

fn blob(opcode: u8, frame: &[u8]) -> Vec<u8> {
    [&[opcode][..], &string(frame)].concat()
}

/// A chunk of a value, with its opcode.
fn chunk(id: u32, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let size = u32::try_from(content.len()).expect("short");
    [&[224][..], &id.to_le_bytes(), &size.to_le_bytes(), content].concat()
}

/// Key opcodes: an expiry, and the flags of memcached.
fn prefix() -> Vec<u8> {
    [&[0xfc][..], &1_700_000_000_000i64.to_le_bytes(), &[220, 3, 0, 0, 0, 9, 0, 0, 0]].concat()
}

/// A type byte, what it is, elements and value bytes, and a value.
type Sample = (u8, ValueType, Option<u64>, Option<u64>, Vec<u8>);

fn value_types() -> Vec<Sample> {
    let double = 0.5f64.to_le_bytes();
    let bloom_head = [&[0][..], &double, &double, &[1, 2, 9, 2]].concat();
    vec![
        (20, ValueType::Json, Some(1), Some(7), string("{\"a\":1}")),
        (30, ValueType::Json, Some(1), Some(2), string("{}")),
        (
            31,
            ValueType::HashExpiryDragonfly,
            Some(2),
            Some(6),
            [
                &[2][..],
                &string("f"),
                &string("vv"),
                &string("-1"),
                &string("g"),
                &string("ww"),
                &string("99"),
            ]
            .concat(),
        ),
        (
            32,
            ValueType::SetExpiryDragonfly,
            Some(2),
            Some(4),
            [&[2][..], &string("mm"), &string("-1"), &string("nn"), &string("1700000000")].concat(),
        ),
        (
            33,
            ValueType::Bloom,
            None,
            None,
            [&bloom_head[..], &[7], &string([1; 64]), &[8], &string([2; 10])].concat(),
        ),
        (
            34,
            ValueType::BloomChunked,
            None,
            None,
            [&bloom_head[..], &[7, 5, 3, 1, 1, 1, 2, 1, 1], &[8, 1, 1, 1]].concat(),
        ),
        (35, ValueType::CountMin, None, None, [&[2, 3, 9][..], &[0; 48]].concat()),
        (
            36,
            ValueType::TopK,
            None,
            None,
            [&[0, 5, 2, 3][..], &double, &[1], &string("top"), &[9], &string([0; 24])].concat(),
        ),
        (37, ValueType::Cuckoo, None, None, vec![2, 20, 1, 4, 3, 0, 2, 3, 1, 1, 2, 1, 1, 1, 1, 1]),
    ]
}

#[test]
fn every_type_of_its_own_is_measured() {
    for (byte, value_type, elements, value_bytes, value) in value_types() {
        let bytes = dragonfly([prefix(), key(byte, "k", value)].concat());
        let content = Content::of(&bytes, true);
        let found = content.key();
        assert_eq!((found.value_type, found.outline.elements), (value_type, elements), "{byte}");
        assert_eq!(found.outline.value_bytes, value_bytes, "{byte}");
        assert_eq!(found.meta.expires_at_ms, Some(1_700_000_000_000));
        assert_eq!(content.checksum, Some(Checksum::Absent));
        assert!(content.adds_up);
    }
}

#[test]
fn records_without_keys_are_passed_over() {
    let vector_index = [
        &[222][..],
        &string("idx"),
        &[0, 1], // one node
        &7u32.to_le_bytes(),
        &8u64.to_le_bytes(),
        &1u32.to_le_bytes(), // of level 1
        &2u32.to_le_bytes(),
        &[0; 8],
        &0u32.to_le_bytes(),
    ]
    .concat();
    let body = [
        &[210, 3][..],
        &string("commands"),
        &[211],
        &[0; 8],
        &vector_index, // journal and vectors
        &[223, 2],
        &string("idx"),
        &[1],
        &string("doc"),
        &[5],
        &[200],
        &[0; 8], // documents, end of sync
        &key(0, "k", string("v")),
    ]
    .concat();
    let content = Content::of(&dragonfly(body), true);
    assert_eq!(content.names(), ["k"]);
    assert_eq!(content.opcodes, [210, 211, 222, 223, 200]);
    assert!(content.adds_up);
}

#[test]
fn a_file_that_does_not_say_who_wrote_it_is_recognised_by_its_records() {
    let bytes =
        file("REDIS0009", [zstd_blob(&key(0, "a", string("v"))), key(30, "j", string("{}"))].concat());
    let content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["a", "j"]);
    assert_eq!(content.warnings, [(Warning::InferredDragonfly, 9)]);
    let mut parser = Parser::from_slice(&bytes).expect("a header");
    while parser.next_event().expect("valid").is_some() {}
    assert_eq!(parser.flavour(), Flavour::Dragonfly);
}

#[test]
fn blobs_hold_records_like_any_other() {
    let big = "x".repeat(300_000);
    let inside = [
        vec![0xfe, 3],
        prefix(),
        key(0, "expiring", string("v")),
        key(0, "big", string(&big)),
        key(18, "list", [&[1, 2][..], &string(listpack(&["a", "b"]))].concat()),
    ]
    .concat();
    for make in [zstd_blob, lz4_blob] {
        let packed = make(&inside);
        let bytes = dragonfly([&packed[..], &key(0, "behind", string("v")), &packed, &make(&[])].concat());
        let content = Content::of(&bytes, true);
        assert!(content.errors.is_empty(), "{:?}", content.errors);
        assert_eq!(content.names(), ["expiring", "big", "list", "behind", "expiring", "big", "list"]);
        assert!(content.keys.iter().all(|key| key.db == 3), "the database stays selected behind a blob");
        assert_eq!(content.keys[0].meta.expires_at_ms, Some(1_700_000_000_000));
        assert_eq!(content.keys[1].outline.value_bytes, Some(300_000));
        // A key's bytes are its share of the blob; the blob is where it is found.
        assert!(content.adds_up);
        let start = content.keys[0].span.start;
        assert_eq!(bytes[usize::try_from(start).expect("short")], packed[0]);
        assert_eq!(content.keys[0].span, start..start + packed.len() as u64);
        assert_eq!(content.keys[2].span, content.keys[0].span);
        assert!(content.keys[1].rdb_bytes > content.keys[0].rdb_bytes);
    }
}

#[test]
fn damage_in_a_blob_costs_no_more_than_the_rest_of_it() {
    let good = key(0, "good", string("v"));
    let bad_key = key(16, "bad", string("short"));
    let lost = [&good[..], &[99], &good].concat();
    let bytes = dragonfly(
        [lz4_blob(&[bad_key, good.clone()].concat()), lz4_blob(&lost), zstd_blob(&good[..5]), good.clone()]
            .concat(),
    );
    let content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["good", "good", "good"]);
    assert_eq!(content.errors.len(), 3, "{:?}", content.errors);
    assert!(content.errors.iter().all(rdb_parser::Error::is_contained));
    assert!(content.adds_up);
    assert_eq!(content.checksum, Some(Checksum::Absent));
}

#[test]
fn case_42_blobs() {
    let content = key(0, "inside", string("v".repeat(100)));
    let zstd_frame = zstd::bulk::compress(&content, 2).expect("in memory");
    let frame = lz4_frame(&content);
    let streamed = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 2).expect("in memory");
        std::io::Write::write_all(&mut encoder, &content).expect("in memory");
        std::io::Write::flush(&mut encoder).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let sizeless = {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        std::io::Write::write_all(&mut encoder, &content).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let huge = |frame: &[u8], at: usize| {
        let mut frame = frame.to_vec();
        frame[at..at + 8].copy_from_slice(&(1u64 << 60).to_le_bytes());
        frame
    };
    // The header of a frame of one segment, and of one with a window of 2 GiB, of a whole exabyte.
    let zstd_huge =
        [&[0x28, 0xb5, 0x2f, 0xfd, 0xe0][..], &(1u64 << 60).to_le_bytes(), &zstd_frame[6..]].concat();
    let zstd_window =
        [&[0x28, 0xb5, 0x2f, 0xfd, 0xc0, 21 << 3][..], &100u64.to_le_bytes(), &zstd_frame[6..]].concat();
    let mut damaged = frame.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("not a frame", blob(201, b"not a frame")),
        ("an empty one", blob(201, b"")),
        ("an empty one", blob(202, b"")),
        ("LZ4 for zstd", blob(201, &frame)),
        ("zstd for LZ4", blob(202, &zstd_frame)),
        ("no content size", blob(201, &streamed)),
        ("no content size", blob(202, &sizeless)),
        ("a huge content size", blob(202, &huge(&frame, 6))),
        ("a huge content size", blob(201, &zstd_huge)),
        ("a huge window", blob(201, &zstd_window)),
        ("truncated", blob(202, &frame[..frame.len() - 9])),
        ("truncated", blob(201, &zstd_frame[..zstd_frame.len() - 1])),
        ("damaged", blob(202, &damaged)),
        ("bytes behind it", blob(202, &[&frame[..], b"x"].concat())),
        ("bytes behind it", blob(201, &[&zstd_frame[..], b"x"].concat())),
        ("a blob inside", lz4_blob(&zstd_blob(&content))),
        ("the end of the file inside", lz4_blob(&[0xff])),
        ("ends inside a record", lz4_blob(&content[..20])),
        ("ends behind an expiry", lz4_blob(&prefix())),
    ];
    for (what, record) in cases {
        let bytes = dragonfly([&record[..], &key(0, "behind", string("v"))].concat());
        let found = Content::of(&bytes, true);
        assert_eq!(found.errors.len(), 1, "{what}");
        assert_eq!(found.names().last().map(String::as_str), Some("behind"), "{what}");
        assert!(found.error().is_contained(), "{what}");
        assert!(found.adds_up, "{what}");
    }
    for record in [
        [vec![201], long_len(u64::MAX)].concat(), // longer than the file
        vec![202, 0xc0, 1],                       // no raw string
        vec![203],                                // the end of a blob where none is
        [prefix(), lz4_blob(&content)].concat(),  // key opcodes before it
    ] {
        assert!(!Content::of(&dragonfly(record), true).error().is_contained());
    }
    // The mark for a blob's end is one.
    let found = Content::of(&dragonfly(lz4_blob(&[&content[..], &[203]].concat())), true);
    assert_eq!(found.names(), ["inside"]);
    assert!(found.errors.is_empty());
}

/// Values, the places at which a chunk may end, and their measures.
fn sliced() -> Vec<(u8, Vec<Vec<u8>>, Option<u64>)> {
    let double = 0.5f64.to_le_bytes();
    let member = |n: u32| string(format!("member {n}"));
    let listpack_node = [&[2][..], &string(listpack(&["a", "b"]))].concat();
    let stream_nodes = |id: u8| [string([id; 16]), string(stream_node())].concat();
    vec![
        (2, vec![vec![3], member(1), member(2), member(3)], Some(3)),
        (1, vec![vec![2], member(1), member(2)], Some(2)),
        (4, vec![vec![2], [member(1), string("v")].concat(), [member(2), string("w")].concat()], Some(2)),
        (5, vec![vec![2], [&member(1)[..], &double].concat(), [&member(2)[..], &double].concat()], Some(2)),
        (18, vec![vec![3], listpack_node.clone(), [vec![1], member(1)].concat(), listpack_node], Some(5)),
        (31, vec![vec![1], [member(1), string("v"), string("-1")].concat()], Some(1)),
        (32, vec![vec![2], [member(1), string("-1")].concat(), [member(2), string("9")].concat()], Some(2)),
        (21, vec![vec![2], stream_nodes(1), [&stream_nodes(2)[..], &len(4), &[0; 8]].concat()], Some(4)),
        (
            34,
            vec![
                [&[0][..], &double, &double, &[0, 0, 9, 1]].concat(),
                vec![7, 5],
                vec![3, 1, 1, 1],
                vec![2, 1, 1],
            ],
            None,
        ),
        (37, vec![vec![2, 20, 1, 4, 3, 0, 1], vec![3], vec![2, 1, 1], vec![1, 1]], None),
    ]
}

#[test]
fn a_chunked_value_is_one_key() {
    let between = key(0, "between", string("v"));
    for (byte, parts, elements) in sliced() {
        let whole = Content::of(&dragonfly(key(byte, "k", parts.concat())), false);
        // Chunks that end at every place, and one chunk.
        for cuts in [vec![], (1..parts.len()).collect::<Vec<_>>(), vec![1]] {
            let mut chunks = Vec::new();
            let mut from = 0;
            for &to in cuts.iter().chain([&parts.len()]) {
                chunks.push(parts[from..to].concat());
                from = to;
            }
            chunks[0] = [&[0xfc][..], &[1; 8], &[byte], &string("k"), &chunks[0]].concat();
            let body: Vec<u8> = chunks
                .iter()
                .flat_map(|part| [chunk(9, part), vec![0xfe, 4], between.clone()].concat())
                .collect();
            let bytes = dragonfly([&[0xfe, 2][..], &body].concat());
            let content = Content::of(&bytes, false);
            assert!(content.errors.is_empty(), "{byte} {cuts:?} {:?}", content.errors);
            let found: Vec<_> = content.keys.iter().filter(|key| key.name == b"k").collect();
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].db, found[0].outline.elements), (2, elements), "{byte}");
            assert_eq!(found[0].outline, whole.key().outline, "{byte} {cuts:?}");
            assert!(found[0].meta.expires_at_ms.is_some());
            assert_eq!(content.keys.len(), chunks.len() + 1);
            assert!(content.adds_up, "{byte} {cuts:?}");

            // Every chunk in its own blob.
            let body: Vec<u8> = chunks.iter().flat_map(|part| lz4_blob(&chunk(9, part))).collect();
            let content = Content::of(&dragonfly(body), false);
            assert_eq!(content.key().outline, whole.key().outline);
            assert!(content.adds_up);
        }
    }
}

#[test]
fn an_irregular_value_in_one_chunk_has_its_warning() {
    let hash = chunk(1, key(16, "k", string(listpack(&["a", "1", "b"]))));
    let content = Content::of(&dragonfly(hash), true);
    assert!(content.key().warnings.contains(Warning::OddEntryCount), "{:?}", content.key().warnings);
}

#[test]
fn pieces_of_several_values_interleave_and_ids_are_used_again() {
    let first = |name: &str| [&[2][..], &string(name), &[2], &string("m1")].concat();
    let second = string("m2");
    let body = [
        chunk(1, first("a")),
        chunk(2, first("b")),
        chunk(1, &second),
        chunk(1, first("c")),
        chunk(2, &second),
        chunk(1, &second),
        chunk(3, key(0, "whole", string("v"))),
    ]
    .concat();
    let content = Content::of(&dragonfly(body), true);
    assert_eq!(content.names(), ["a", "b", "c", "whole"]);
    assert!(content.adds_up);
}

/// The offset was once that of what the window had read.
#[test]
fn a_piece_longer_than_the_file_ends_where_the_file_ends() {
    let mut bytes = dragonfly(chunk(1, key(2, "k", [&[2][..], &string("m1")].concat())));
    let size = bytes.iter().position(|&byte| byte == 224).expect("a chunk") + 5;
    bytes[size + 1] = 0x24;
    let slice = support::trace(rdb_parser::SliceInput::new(&bytes), true);
    for seed in 0..50 {
        assert_eq!(slice, support::trace(support::window(&bytes, seed), true));
    }
    assert!(slice.iter().any(|line| line.contains(&format!("at offset {} ", bytes.len()))), "{slice:?}");
}

#[test]
fn case_43_damaged_chunks() {
    let begin = [&[2][..], &string("k"), &[2], &string("m1")].concat();
    let member = string("m2");
    for (what, body) in [
        ("id 0", chunk(0, &begin)),
        ("size 0", chunk(1, [])),
        ("an unknown id that begins with no key", chunk(1, [99, 1, 1])),
        ("unfinished", chunk(1, &begin)),
        ("truncated inside an element", [chunk(1, &begin), chunk(1, &member[..2])].concat()),
        ("truncated inside the key", chunk(1, &begin[..2])),
        ("more than its value", chunk(1, [&begin[..], &member, b"x"].concat())),
        ("a string in two chunks", chunk(1, [&[0][..], &string("k"), &[9, b'x']].concat())),
        ("longer than the file", [&[224, 1, 0, 0, 0, 255, 255, 255, 255][..], &begin].concat()),
        ("key opcodes outside", [prefix(), chunk(1, &begin)].concat()),
        ("a compressed blob inside", chunk(1, lz4_blob(&begin))),
        ("a damaged value inside", chunk(1, key(16, "k", string("short")))),
    ] {
        let bytes = dragonfly([key(0, "before", string("v")), body].concat());
        let content = Content::of(&bytes, true);
        assert_eq!(content.names(), ["before"], "{what}");
        assert!(!content.error().is_contained(), "{what}: {:?}", content.errors);
    }
    // Too many at the same time.
    let many: Vec<u8> = (1..1000).flat_map(|id| chunk(id, &begin)).collect();
    assert!(matches!(Content::of(&dragonfly(many), true).error().kind(), ErrorKind::Limit(_)));
    // After damage in a blob, the records after the blob are read, unless they are chunks.
    let lost = lz4_blob(&chunk(1, &begin[..2]));
    let content =
        Content::of(&dragonfly([lost, key(0, "behind", string("v")), chunk(2, &begin)].concat()), true);
    assert_eq!(content.names(), ["behind"]);
    assert_eq!(content.errors.iter().map(rdb_parser::Error::is_contained).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn bytes_add_up_when_a_damaged_blob_breaks_off_a_chunked_value() {
    let begin = chunk(1, [&[2][..], &string("k"), &[5], &string("m1")].concat());
    let more = chunk(1, string("m2"));
    let behind = key(0, "behind", string("v"));
    let truncated_chunk = chunk(1, &string("m2")[..2]);
    let too_long = chunk(1, string("m").repeat(5));
    let too_many: Vec<u8> =
        (2..1000).flat_map(|id| chunk(id, [&[2][..], &string("k"), &[2]].concat())).collect();
    for (what, blob) in [
        ("not a frame", blob(201, b"not a frame")),
        ("a frame that ends early", blob(202, &lz4_frame(&more)[..20])),
        ("an unknown opcode in the content", lz4_blob(&[&more[..], &[99]].concat())),
        ("an unknown opcode in zstd content", zstd_blob(&[&more[..], &[99]].concat())),
        ("a chunk that ends inside an element", lz4_blob(&truncated_chunk)),
        ("a chunk that is longer than its value", lz4_blob(&too_long)),
        ("too many values at a time", lz4_blob(&too_many)),
        ("the end of the file in the content", lz4_blob(&[&more[..], &[0xff]].concat())),
    ] {
        for chunks in [begin.clone(), [&begin[..], &more].concat(), lz4_blob(&begin)] {
            let content = Content::of(&dragonfly([&chunks[..], &blob, &behind].concat()), true);
            assert_eq!(content.names(), ["behind"], "{what}");
            assert_eq!(content.errors.len(), 1, "{what}: {:?}", content.errors);
            assert!(content.error().is_contained() && content.adds_up, "{what}");
        }
        // A later blob with chunks is skipped.
        let body = [&begin[..], &blob, &lz4_blob(&more), &behind].concat();
        let content = Content::of(&dragonfly(body), true);
        assert_eq!((content.names(), content.errors.len()), (vec!["behind".to_owned()], 2), "{what}");
        assert!(content.adds_up, "{what}");
    }
}

#[test]
fn pieces_of_a_value_that_never_ends_are_counted_up_to_the_end_of_the_file() {
    let begin = chunk(1, [&[2][..], &string("k"), &[3], &string("m1")].concat());
    for chunks in [begin.clone(), lz4_blob(&begin)] {
        let bytes = dragonfly([&key(0, "before", string("v"))[..], &chunks].concat());
        let mut parser = Parser::from_slice(&bytes).expect("a header");
        let mut key_bytes = 0;
        let error = loop {
            match parser.next_event() {
                Ok(Some(rdb_parser::Event::Entry(entry))) => key_bytes += entry.rdb_bytes,
                Ok(event) => assert!(event.is_some(), "the value is not complete"),
                Err(error) => break error,
            }
        };
        assert!(!error.is_contained());
        let end_opcode_and_checksum = 9;
        assert_eq!(key_bytes + parser.overhead_bytes() + end_opcode_and_checksum, bytes.len() as u64);
    }
}
