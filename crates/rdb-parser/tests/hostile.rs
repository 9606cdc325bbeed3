//! Files that an attacker, a broken disk or a broken writer may produce. The numbers are those of
//! the table in `docs/format-notes.md`. Cases 42 and 43 are in `dragonfly.rs`.

mod support;

use rdb_parser::{Checksum, ErrorKind, Parser, SliceInput, Warning, Window};
use support::{
    Content, aux, compressed, file, intset, key, len, listpack, listpack_entry, listpack_of, long_len, lzf,
    lzf_string, stream, stream_node, string, trace, ziplist,
};

/// A sound key.
fn good(name: &str) -> Vec<u8> {
    key(0, name, string("v"))
}

/// Reads `record` between two good keys, of which the first must be read. Returns the error.
#[track_caller]
fn error_of(magic: &str, record: impl AsRef<[u8]>) -> rdb_parser::Error {
    let bytes = file(magic, [&good("before"), record.as_ref(), &good("after")].concat());
    let mut content = Content::of(&bytes, true);
    assert_eq!(content.names().first().map(String::as_str), Some("before"));
    assert_eq!(content.errors.len(), 1, "{:?} {:?}", content.errors, content.names());
    content.errors.remove(0)
}

/// As [`error_of`], for damage after which the next key must be read.
#[track_caller]
fn damage(magic: &str, record: impl AsRef<[u8]>) -> rdb_parser::Error {
    let bytes = file(magic, [&good("before"), record.as_ref(), &good("after")].concat());
    let mut content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["before", "after"], "{:?}", content.errors);
    assert!(content.adds_up, "every byte belongs to a key or to none");
    assert_eq!(content.checksum, Some(Checksum::Verified));
    assert_eq!(content.errors.len(), 1, "{:?}", content.errors);
    let error = content.errors.remove(0);
    assert!(error.is_contained());
    error
}

/// Damage that is also found without a walk of a packed value.
#[track_caller]
fn shallow_damage(magic: &str, record: impl AsRef<[u8]>) {
    damage(magic, &record);
    let bytes = file(magic, [record.as_ref(), &good("after")].concat());
    let content = Content::of(&bytes, false);
    assert_eq!((content.names(), content.errors.len()), (vec!["after".to_owned()], 1));
}

/// Reads a record that is irregular but readable; returns its warnings.
#[track_caller]
fn warnings_of(magic: &str, record: impl AsRef<[u8]>) -> Vec<Warning> {
    let bytes = file(magic, [record.as_ref(), &good("after")].concat());
    let content = Content::of(&bytes, true);
    assert!(content.errors.is_empty(), "{:?}", content.errors);
    assert!(content.adds_up);
    content.keys.first().map(|key| key.warnings.iter().collect()).unwrap_or_default()
}

#[test]
fn case_01_no_header() {
    let kind = |bytes: &[u8]| match Parser::from_slice(bytes) {
        Ok(_) => "fine",
        Err(error) => match error.kind() {
            ErrorKind::BadMagic => "magic",
            ErrorKind::BadVersion => "version",
            ErrorKind::Truncated(_) => "truncated",
            ErrorKind::Unsupported(_) => "unsupported",
            other => panic!("{other}"),
        },
    };
    for (bytes, expected) in [
        (&b""[..], "truncated"),
        (b"REDIS001", "truncated"),
        (b"VALKEY", "truncated"),
        (b"REDID0011", "magic"),
        (b"\n$512\r\nREDIS0011", "magic"),
        (b"REDIS0000", "version"),
        (b"REDIS  12", "version"),
        (b"REDIS00x1", "version"),
        (b"VALKEY079", "version"),
        (b"REDIS0001", "fine"),
        (b"VALKEY080", "fine"),
        (b"VCS\x01\x01\x00\x01\x04\x22\x4d\x18", "unsupported"),
    ] {
        assert_eq!(kind(bytes), expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn case_02_the_end_inside_any_field() {
    let body = [
        aux("redis-ver", "8.2.3"),
        vec![0xfe, 1, 0xfb, 5, 1],
        good("a"),
        [&[0xfc][..], &[1; 8], &key(2, "set", [&[2][..], &string("m1"), &string("m2")].concat())].concat(),
        key(21, "stream", stream(&stream_node(), 2)),
        key(
            18,
            "list",
            [&[2, 1][..], &string("plain"), &[2], &compressed(&listpack(&["aaaaaaaaaaaaaaaaaaaa"]))].concat(),
        ),
        key(
            7,
            "module",
            [&long_len(0xbde7_2da2_bb1e_b400)[..], &[2, 3, 2, 1, 5, 1, b'x', 5, 1, b'v', 0]].concat(),
        ),
    ]
    .concat();
    let whole = file("REDIS0012", body);
    let keys_of = |trace: &[String]| -> Vec<String> {
        trace.iter().filter(|line| line.starts_with("Entry")).cloned().collect()
    };
    let all = keys_of(&trace(SliceInput::new(&whole), true));
    assert_eq!(all.len(), 5);
    for end in 9..whole.len() {
        let content = Content::of(&whole[..end], true);
        assert!(matches!(content.error().kind(), ErrorKind::Truncated(_) | ErrorKind::BadLength(_)), "{end}");
        assert!(!content.error().is_contained());
        assert!(content.error().offset() <= end as u64);
        let found = keys_of(&trace(SliceInput::new(&whole[..end]), true));
        assert_eq!(found, all[..found.len()], "the keys before the truncation stay");
    }
}

#[test]
fn case_03_no_end_of_file_opcode() {
    let content = Content::of(&[b"REDIS0009", &good("a")[..]].concat(), true);
    assert!(matches!(content.error().kind(), ErrorKind::Truncated(_)));
    assert_eq!(content.names(), ["a"]);
}

#[test]
fn case_04_part_of_the_checksum() {
    let whole = file("REDIS0009", good("a"));
    for missing in 1..=8 {
        let content = Content::of(&whole[..whole.len() - missing], true);
        assert!(matches!(content.error().kind(), ErrorKind::Truncated(_)));
    }
    assert_eq!(Content::of(b"REDIS0004\xff", true).checksum, Some(Checksum::Absent));
}

#[test]
fn case_05_checksum_mismatch() {
    let mut bytes = file("REDIS0009", good("a"));
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["a"]);
    assert!(matches!(content.checksum, Some(Checksum::Mismatch { .. })));
    bytes[last - 7..].fill(0);
    assert_eq!(Content::of(&bytes, true).checksum, Some(Checksum::Absent));
}

#[test]
fn case_06_reserved_length_bytes() {
    for byte in 0x82..=0xbf {
        for record in [vec![0xfe, byte], key(0, "k", [byte]), key(1, "k", [byte]), vec![0, byte]] {
            let error = error_of("REDIS0009", [record, vec![0; 20]].concat());
            assert!(matches!(error.kind(), ErrorKind::BadLength(_)), "{byte:02x} {error}");
        }
    }
}

#[test]
fn case_07_a_string_encoding_where_a_length_is_due() {
    for byte in [0xc0, 0xc3, 0xff] {
        for record in [
            vec![0xfe, byte],                                 // database
            vec![0xf8, byte],                                 // idle time
            key(1, "k", [byte]),                              // count
            key(18, "k", [byte]),                             // nodes
            key(18, "k", [1, byte]),                          // kind
            key(24, "k", [&[0; 8][..], &[1, byte]].concat()), // ttl
            key(7, "k", [byte]),                              // module id
            key(15, "k", [byte]),                             // stream nodes
            key(15, "k", [0, byte]),                          // stream length
        ] {
            let error = error_of("REDIS0012", [record, vec![0; 40]].concat());
            assert!(matches!(error.kind(), ErrorKind::BadLength(_)), "{error}");
        }
    }
}

#[test]
fn case_08_unknown_string_encodings() {
    for byte in 0xc4..=0xff {
        for record in [vec![0, byte], key(0, "k", [byte]), key(16, "k", [byte]), vec![0xfa, byte]] {
            let error = error_of("REDIS0012", [record, vec![0; 20]].concat());
            assert!(matches!(error.kind(), ErrorKind::BadString(_)), "{error}");
        }
    }
}

#[test]
fn case_09_a_string_longer_than_the_file() {
    for length in [100, 1 << 31, 1 << 62, u64::MAX - 1, u64::MAX] {
        for value_type in [0, 9, 10, 11, 12, 13, 16, 17, 20] {
            let error = error_of("REDIS0012", key(value_type, "k", long_len(length)));
            assert!(!error.is_contained());
        }
        error_of("REDIS0012", [&[0][..], &long_len(length)].concat());
        error_of("REDIS0012", [&[0xfa][..], &long_len(length)].concat());
    }
}

#[test]
fn case_10_products_of_counts_overflow() {
    let group = |pending: u64, consumers: &[u8]| {
        [&[0, 0, 0, 0, 1][..], &string("g"), &[0, 0], &len(pending), consumers].concat()
    };
    for count in [1 << 60, 1 << 61, u64::MAX] {
        let consumer = [&[1][..], &string("c"), &[0; 8], &long_len(count)].concat();
        for value in [group(count, &[]), group(0, &long_len(count)), group(0, &consumer)] {
            error_of("REDIS0009", key(15, "k", value));
        }
        for value_type in [1, 2, 3, 4, 5, 14, 18, 15, 22, 28, 19, 27] {
            error_of("REDIS0015", key(value_type, "k", long_len(count)));
        }
    }
}

#[test]
fn case_11_more_elements_than_fit() {
    // 30 bytes follow each of these counts.
    for (value_type, count) in
        [(1, 40), (2, 40), (4, 20), (5, 6), (3, 20), (18, 20), (14, 40), (15, 3), (28, 14)]
    {
        let error = error_of("REDIS0015", key(value_type, "k", [&len(count)[..], &[0; 12]].concat()));
        assert!(matches!(error.kind(), ErrorKind::Truncated(_)), "{value_type} {error}");
    }
}

#[test]
fn case_12_a_pipe_does_not_tell_its_length() {
    for value_type in [1, 2, 3, 4, 5, 14, 15, 18, 22, 24, 28] {
        let body = key(value_type, "k", [&long_len(1 << 60)[..], &vec![1; 300_000]].concat());
        let bytes = [b"REDIS0014", &body[..]].concat();
        let lines = trace(Window::new(&bytes[..], None), true);
        assert!(lines.iter().any(|line| line.starts_with("error")), "{value_type}");
    }
}

#[test]
fn case_13_counts_of_zero() {
    for value_type in [1, 2, 3, 4, 5, 14, 18] {
        assert_eq!(warnings_of("REDIS0012", key(value_type, "k", [0])), [Warning::EmptyCollection]);
    }
    for (value_type, blob) in [
        (10, ziplist(&[])),
        (12, ziplist(&[])),
        (13, ziplist(&[])),
        (16, listpack(&[])),
        (17, listpack(&[])),
        (20, listpack(&[])),
        (11, intset(&[])),
    ] {
        let record = key(value_type, "k", string(blob));
        assert_eq!(warnings_of("REDIS0012", record), [Warning::EmptyCollection], "{value_type}");
    }
    let zipmap = Content::of(&file("REDIS0012", key(9, "k", string([0, 0xff]))), true);
    assert!(zipmap.error().is_contained(), "servers refuse a zipmap without pairs");
    assert!(warnings_of("REDIS0012", key(15, "k", [0, 0, 0, 0, 0])).is_empty(), "a stream may be empty");
    assert!(warnings_of("REDIS0012", key(0, "k", [0])).is_empty(), "a string too");
}

#[test]
fn case_14_hints_are_not_capacities() {
    let huge = long_len(u64::MAX);
    let body = [
        &[0xfb][..],
        &huge,
        &huge,
        &[0xf4, 5],
        &huge,
        &huge,
        &good("a"), // sizes of a database and of a slot
    ]
    .concat();
    assert_eq!(Content::of(&file("REDIS0012", body), true).names(), ["a"]);
    error_of("REDIS0015", [&[242, 0][..], &huge].concat());
}

#[test]
fn case_15_lzf_that_promises_too_much() {
    for decoded_len in [88 * 5 + 1, 1 << 40, u64::MAX] {
        let value = [&[0xc3, 5][..], &long_len(decoded_len), b"\x00a\xe0\x06\x00"].concat();
        for value_type in [0, 16, 11] {
            let error = error_of("REDIS0012", key(value_type, "k", &value));
            assert!(matches!(error.kind(), ErrorKind::BadLzf(_)), "{error}");
        }
    }
    error_of("REDIS0012", key(0, "k", lzf_string(&[], 1)));
}

#[test]
fn case_16_malformed_lzf() {
    let blob = listpack(&["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b"]);
    let packed = lzf(&blob);
    let decoded = blob.len() as u64;
    assert!(warnings_of("REDIS0012", key(20, "k", lzf_string(&packed, decoded))).is_empty());
    let damaged: [(&[u8], u64); 6] = [
        (&packed[..packed.len() - 1], decoded),         // truncated
        (&packed, decoded + 1),                         // shorter than it says
        (&packed, decoded - 1),                         // longer than it says
        (&[&packed[..], &[0, b'x']].concat(), decoded), // a token left over
        (&[0x20, 0x00, 0, b'x'], 4),                    // a distance before the start
        (&[0x1f, b'x'], 20),                            // a literal run past the end
    ];
    for (bytes, decoded_len) in damaged {
        damage("REDIS0012", key(20, "k", lzf_string(bytes, decoded_len)));
    }
}

#[test]
fn case_17_many_small_blobs_that_expand_much() {
    let item = "a".repeat(20_000);
    let blob = listpack(&[&item]);
    let value = compressed(&blob);
    assert!(value.len() * 60 < blob.len());
    let keys: Vec<u8> = (0..500).flat_map(|i| key(20, format!("k{i}"), &value)).collect();
    let content = Content::of(&file("REDIS0012", keys), true);
    assert_eq!(content.keys.len(), 500);
    assert!(content.keys.iter().all(|key| key.outline.value_bytes == Some(20_000)));
}

#[test]
fn case_18_blobs_shorter_than_their_headers() {
    for (value_type, limit) in [(16, 7), (20, 7), (17, 7), (13, 11), (10, 11), (12, 11), (11, 8), (9, 2)] {
        for length in 0..limit {
            shallow_damage("REDIS0012", key(value_type, "k", string(vec![0xff; length])));
        }
        // A number where a blob is due.
        shallow_damage("REDIS0012", key(value_type, "k", [0xc0, 5]));
    }
}

#[test]
fn case_19_another_total_length() {
    for wrong in [0, 6, 200, u32::MAX] {
        let mut blob = listpack(&["a", "b"]);
        blob[..4].copy_from_slice(&wrong.to_le_bytes());
        shallow_damage("REDIS0012", key(16, "k", string(&blob)));
        shallow_damage("REDIS0012", key(16, "k", compressed(&blob)));
        let mut blob = ziplist(&["a", "b"]);
        blob[..4].copy_from_slice(&wrong.to_le_bytes());
        shallow_damage("REDIS0012", key(13, "k", string(&blob)));
        shallow_damage("REDIS0012", key(14, "k", [&[1][..], &string(&blob)].concat()));
    }
}

#[test]
fn case_20_no_terminator() {
    for (value_type, mut blob) in [(16, listpack(&["a", "b"])), (13, ziplist(&["a", "b"]))] {
        *blob.last_mut().expect("not empty") = 0;
        shallow_damage("REDIS0012", key(value_type, "k", string(&blob)));
        damage("REDIS0012", key(value_type, "k", compressed(&blob)));
    }
    damage("REDIS0012", key(9, "k", string(b"\x01\x01f\x01\x00v\x00")));
}

#[test]
fn case_21_an_entry_reaches_past_the_end() {
    for entry in [&b"\xbf"[..], b"\xf0\xff\xff\xff\xff", b"\xef\xff", b"\xf4\x01", b"\x83abc\x7f"] {
        damage("REDIS0012", key(20, "k", string(listpack_of(entry, 1))));
        damage("REDIS0012", key(20, "k", compressed(&listpack_of(entry, 1))));
    }
    let with_entry = |entry: &[u8]| {
        let mut blob = ziplist(&["aaaaaa"]);
        blob.splice(11..18, entry.iter().copied());
        let total = u32::try_from(blob.len()).expect("short");
        blob[..4].copy_from_slice(&total.to_le_bytes());
        blob
    };
    for entry in [&b"\x3f"[..], b"\x7f\xff", b"\x80\xff\xff\xff\xff", b"\xe0\x01"] {
        damage("REDIS0012", key(10, "k", string(with_entry(entry))));
    }
}

#[test]
fn case_22_a_terminator_in_the_wrong_place() {
    let entries = [&listpack_entry("a")[..], &[0xff], &listpack_entry("b")].concat();
    damage("REDIS0012", key(20, "k", string(listpack_of(&entries, 2))));
    let mut blob = ziplist(&["a", "b"]);
    blob[13] = 0xff;
    damage("REDIS0012", key(10, "k", string(&blob)));
}

#[test]
fn case_23_another_number_of_entries() {
    for count in [0, 1, 3] {
        let entries = [listpack_entry("a"), listpack_entry("b")].concat();
        damage("REDIS0012", key(20, "k", string(listpack_of(&entries, count))));
    }
    // More than fit is noticed without a walk.
    shallow_damage("REDIS0012", key(20, "k", string(listpack_of(&listpack_entry("a"), 2))));
    let mut blob = ziplist(&["a", "b"]);
    blob[8] = 9;
    shallow_damage("REDIS0012", key(10, "k", string(&blob)));
}

#[test]
fn case_24_unknown_entry_encodings() {
    for byte in 0xf5..=0xfe {
        damage("REDIS0012", key(20, "k", string(listpack_of(&[byte, 0, 1], 1))));
    }
    for byte in [0xc1, 0xcf, 0xd1, 0xe1, 0xff] {
        let mut blob = ziplist(&["aaaaaaaaaa"]);
        blob[11] = byte;
        damage("REDIS0012", key(10, "k", string(&blob)));
    }
    let mut blob = ziplist(&["a", "b"]);
    blob[10] = 0xff;
    damage("REDIS0012", key(10, "k", string(&blob)));
}

#[test]
fn case_25_half_a_pair() {
    for (value_type, blob, elements) in [
        (16, listpack(&["f", "v", "g"]), 1),
        (17, listpack(&["m", "1", "n"]), 1),
        (13, ziplist(&["f", "v", "g"]), 1),
    ] {
        let bytes = file("REDIS0012", key(value_type, "k", string(blob)));
        for deep in [false, true] {
            let content = Content::of(&bytes, deep);
            assert_eq!(content.key().outline.elements, Some(elements));
            assert!(content.key().warnings.contains(Warning::OddEntryCount));
        }
    }
    let triplet = listpack(&["f", "v", "0", "g"]);
    let record = key(25, "k", [&[0; 8][..], &string(triplet)].concat());
    assert_eq!(warnings_of("REDIS0012", record), [Warning::OddEntryCount]);
}

#[test]
fn case_26_intsets() {
    for header in [[3u32, 1], [0, 1], [2, 5], [8, 1], [2, u32::MAX], [8, u32::MAX]] {
        let blob: Vec<u8> = header.iter().flat_map(|n| n.to_le_bytes()).chain([1, 0, 2, 0]).collect();
        shallow_damage("REDIS0012", key(11, "k", string(blob)));
    }
    assert_eq!(warnings_of("REDIS0012", key(11, "k", string(intset(&[2, 1])))), [Warning::UnsortedIntset]);
    assert_eq!(warnings_of("REDIS0012", key(11, "k", string(intset(&[1, 1])))), [Warning::UnsortedIntset]);
    assert!(warnings_of("REDIS0012", key(11, "k", string(intset(&[-1, 1])))).is_empty());
}

#[test]
fn case_27_zipmaps() {
    for blob in [
        &b"\x01\x09f\x01\x00v\xff"[..],   // field past the end
        b"\x01\x01f\x09\x00v\xff",        // value past the end
        b"\x01\x01f\x01\x09v\xff",        // free bytes past the end
        b"\x01\xfe\x01\xff",              // a long length without its bytes
        b"\x01\x01f\xfe\xff\xff\xff\xff", // a long length that is too long
        b"\x01\x01f\xff\x00v\xff",        // a terminator where a length is due
        b"\x02\x01f\x01\x00v\xff",        // another count
    ] {
        damage("REDIS0006", key(9, "k", string(blob)));
    }
}

#[test]
fn case_28_unknown_kinds_of_nodes() {
    for kind in [0, 3, 64, u64::MAX] {
        let record = key(18, "k", [&[1][..], &len(kind), &string(listpack(&["a"]))].concat());
        assert!(!error_of("REDIS0012", record).is_contained());
    }
}

#[test]
fn case_29_streams() {
    let node_id = |id: &[u8]| [&[1][..], &string(id), &string(stream_node()), &[2, 0, 0, 0]].concat();
    for id in [&[0; 15][..], &[0; 17], &[]] {
        shallow_damage("REDIS0009", key(15, "k", node_id(id)));
    }
    shallow_damage(
        "REDIS0009",
        key(15, "k", [&[1, 0xc0, 5][..], &string(stream_node()), &[2, 0, 0, 0]].concat()),
    );
    shallow_damage("REDIS0012", key(21, "k", stream(&listpack(&[]), 0)));
    for node in [
        listpack(&["2", "0"]),                                         // ends early
        listpack(&["x", "0", "0", "0"]),                               // no integer
        listpack(&["-1", "0", "0", "0"]),                              // a negative count
        listpack(&["1", "0", "9999999999", "f", "0"]),                 // more fields than there are
        listpack(&["1", "0", "1", "f", "7"]),                          // the master entry's end
        listpack(&["1", "0", "1", "f", "0", "2", "0", "0", "v", "5"]), // length of an entry
        listpack(&["1", "0", "1", "f", "0", "0", "0", "0", "-1"]),     // a negative number of fields
        listpack(&["1", "0", "1", "f", "0", "0", "0", "0", "4611686018427387905", "f"]),
        listpack(&["1", "0", "1", "f", "0", "2", "0", "0", "v"]), // ends inside an entry
    ] {
        damage("REDIS0012", key(21, "k", stream(&node, 1)));
        damage(
            "REDIS0012",
            key(21, "k", [&[1][..], &string([0; 16]), &compressed(&node), &[1], &[0; 8]].concat()),
        );
    }
}

#[test]
fn case_30_another_number_of_stream_entries() {
    let record = |length| key(21, "k", stream(&stream_node(), length));
    assert!(warnings_of("REDIS0012", record(2)).is_empty());
    assert_eq!(warnings_of("REDIS0012", record(3)), [Warning::StreamLength]);
    let content = Content::of(&file("REDIS0012", record(120)), true);
    assert_eq!(content.key().outline.elements, Some(120), "the length stated is what servers answer");
    let node = listpack(&["5", "0", "1", "field", "0", "2", "0", "0", "a", "4"]);
    assert_eq!(warnings_of("REDIS0012", key(21, "k", stream(&node, 1))), [Warning::StreamLength]);
}

#[test]
fn case_31_scores_that_are_none() {
    let text = |score: &[u8]| key(3, "k", [&[1][..], &string("m"), score].concat());
    assert!(warnings_of("REDIS0003", text(b"\x041e10")).is_empty());
    assert!(warnings_of("REDIS0003", text(&[254])).is_empty());
    assert_eq!(warnings_of("REDIS0003", text(&[253])), [Warning::NotANumber]);
    assert_eq!(warnings_of("REDIS0003", text(b"\x03nan")), [Warning::NotANumber]);
    assert_eq!(warnings_of("REDIS0003", text(b"\x00")), [Warning::UnreadableScore]);
    assert_eq!(warnings_of("REDIS0003", text(b"\x02\xff\xff")), [Warning::UnreadableScore]);
    let binary = |score: f64| key(5, "k", [&[1][..], &string("m"), &score.to_le_bytes()].concat());
    assert!(warnings_of("REDIS0009", binary(f64::NEG_INFINITY)).is_empty());
    assert_eq!(warnings_of("REDIS0009", binary(f64::NAN)), [Warning::NotANumber]);
    let packed = |score| key(17, "k", string(listpack(&["m", score])));
    assert!(warnings_of("REDIS0012", packed("-inf")).is_empty());
    assert_eq!(warnings_of("REDIS0012", packed("nan")), [Warning::NotANumber]);
    assert_eq!(warnings_of("REDIS0012", packed("high")), [Warning::UnreadableScore]);
}

#[test]
fn case_32_a_key_twice() {
    let content = Content::of(&file("REDIS0012", [good("a"), good("a")].concat()), true);
    assert_eq!(content.names(), ["a", "a"], "each occurrence is a key");
}

#[test]
fn case_33_a_member_twice() {
    let record = key(2, "k", [&[2][..], &string("m"), &string("m")].concat());
    let content = Content::of(&file("REDIS0012", record), true);
    assert_eq!(content.key().outline.elements, Some(2), "counted as written");
}

#[test]
fn case_34_expiries_of_fields_out_of_range() {
    let relative = |first: i64, ttl: u64| {
        let pair = [string("f"), string("v")].concat();
        key(24, "k", [&first.to_le_bytes()[..], &[1], &len(ttl), &pair].concat())
    };
    assert!(warnings_of("REDIS0012", relative(1_700_000_000_000, 1)).is_empty());
    assert!(warnings_of("REDIS0012", relative(0, 0)).is_empty());
    for (first, ttl) in
        [(-1, 0), (i64::MIN, 1), ((1 << 48) + 1, 0), (1, 1 << 48), ((1 << 48) - 1, 2), (1, u64::MAX)]
    {
        damage("REDIS0012", relative(first, ttl));
    }
    let packed = |first: i64, ttl: &str| {
        key(25, "k", [&first.to_le_bytes()[..], &string(listpack(&["f", "v", ttl]))].concat())
    };
    assert!(warnings_of("REDIS0012", packed(0, "1700000000000")).is_empty());
    for ttl in ["-1", "281474976710657", "soon"] {
        damage("REDIS0012", packed(0, ttl));
    }
    let valkey =
        |expiry: i64| key(22, "k", [&[1][..], &string("f"), &string("v"), &expiry.to_le_bytes()].concat());
    assert!(warnings_of("VALKEY080", valkey(-1)).is_empty());
    assert_eq!(warnings_of("VALKEY080", valkey(-2)), [Warning::NegativeFieldExpiry]);
}

#[test]
fn case_35_what_cannot_be_skipped() {
    for byte in [6, 8, 34, 63, 65, 99, 101, 102, 120, 192, 203, 241] {
        let bytes = file("REDIS0012", [&good("a")[..], &[byte, 1, b'k', 1, b'v']].concat());
        let content = Content::of(&bytes, true);
        assert_eq!(content.names(), ["a"]);
        let error = content.error();
        assert!(!error.is_contained());
        assert_eq!(error.offset(), 9 + 5, "the offset of the byte");
        match byte {
            6 | 101 | 102 => assert!(matches!(error.kind(), ErrorKind::Unskippable(_)), "{error}"),
            _ => assert!(matches!(error.kind(), ErrorKind::UnknownOpcode(b) if *b == byte), "{error}"),
        }
    }
    let error = error_of("VALKEY081", [200]);
    assert!(
        matches!(error.kind(), ErrorKind::Unsupported(_)),
        "says that Valkey 9.2 is not known well: {error}"
    );
}

#[test]
fn case_36_module_data() {
    let id = long_len(0x45e2_5238_df91_2c03);
    for data in [&[9][..], &[6, 0], &[5, 200], &[2, 0x90]] {
        error_of("REDIS0012", key(7, "k", [&id, data, &[0x99; 5]].concat()));
    }
    let content =
        Content::of(&[b"REDIS0012", &key(7, "k", [&id[..], &[2, 1, 2, 1]].concat())[..]].concat(), true);
    assert!(matches!(content.error().kind(), ErrorKind::Truncated(_)), "no end");
}

#[test]
fn case_37_module_data_of_no_key() {
    let record = |first: u8| [&[0xf7][..], &long_len(7), &[first, 2, 2, 5, 0]].concat();
    assert!(warnings_of("REDIS0012", record(2)).is_empty());
    for first in [0, 1, 3, 5] {
        error_of("REDIS0012", record(first));
    }
}

#[test]
fn case_38_key_metadata() {
    let metadata = |classes: u8| {
        let class = [0, 0, 0, 0, 2, 5, 0];
        [&[243, classes][..], &class.repeat(usize::from(classes))].concat()
    };
    assert_eq!(
        warnings_of("REDIS0013", [metadata(7), good("k")].concat()),
        [Warning::ProvisionalKeyMetadata]
    );
    error_of("REDIS0013", [metadata(8), good("k")].concat());
    error_of("REDIS0013", [metadata(1), vec![0xfe, 0], good("k")].concat());
    let content = Content::of(&file("REDIS0013", metadata(1)), true);
    assert!(!content.error().is_contained(), "the end of the file behind it");
}

#[test]
fn case_39_slot_imports() {
    let record = |name: usize, ranges: &[u8]| [&[243][..], &string("j".repeat(name)), ranges].concat();
    let fine = file("VALKEY080", [record(40, &[1, 3, 9]), good("k")].concat());
    let content = Content::of(&fine, true);
    assert_eq!((content.names(), content.opcodes), (vec!["k".to_owned()], vec![243]));
    assert_eq!(content.warnings, [(Warning::ProvisionalSlotImport, 9)]);
    error_of("VALKEY080", record(39, &[0]));
    error_of("VALKEY080", record(40, &[1, 9, 3]));
    error_of("VALKEY080", record(40, &[&[1, 3][..], &len(16_384)].concat()));
    error_of("VALKEY080", record(40, &long_len(u64::MAX)));
}

#[test]
fn case_40_hash_templates() {
    let template = |id: u64, fields: &[&str]| {
        let names: Vec<u8> = fields.iter().flat_map(string).collect();
        [&[242][..], &len(id), &len(fields.len() as u64), &names].concat()
    };
    let by_id = |id: u64, values: &[&str]| {
        let values: Vec<u8> = values.iter().flat_map(string).collect();
        key(32, "k", [len(id), values].concat())
    };
    let two = template(1 << 40, &["a", "bb"]);
    assert_eq!(
        warnings_of("REDIS0015", [two.clone(), by_id(1 << 40, &["x", "y"])].concat()),
        [Warning::ProvisionalHashTemplate]
    );
    error_of("REDIS0015", template(1, &[]));
    error_of("REDIS0015", [template(1, &["a"]), template(1, &["a"])].concat());
    let error = error_of("REDIS0015", by_id(7, &["x"]));
    assert!(matches!(error.kind(), ErrorKind::Unskippable(_)), "its end is not known: {error}");

    // In a listpack the end is known.
    let packed = |entries: &[&str]| key(30, "k", string(listpack(entries)));
    let id = (1u64 << 40).to_string();
    assert_eq!(
        warnings_of("REDIS0015", [two.clone(), packed(&[&id, "x", "y"])].concat()),
        [Warning::ProvisionalHashTemplate]
    );
    damage("REDIS0015", packed(&[&id, "x", "y"]));
    damage("REDIS0015", [two.clone(), packed(&[&id, "x"])].concat());
    damage("REDIS0015", [two, packed(&["name", "x", "y"])].concat());
    damage("REDIS0015", packed(&[]));
    // And one that brings its template along.
    let own = |entries: &[&str]| {
        key(29, "k", [&[0][..], &string(listpack(&["a", "bb"])), &string(listpack(entries))].concat())
    };
    assert_eq!(warnings_of("REDIS0015", own(&["0", "x", "y"])), [Warning::ProvisionalHashTemplate]);
    damage("REDIS0015", own(&["0", "x"]));
    error_of("REDIS0015", key(29, "k", [2, 0, 0]));
}

#[test]
fn case_41_nothing_behind_a_key_opcode() {
    let content = Content::of(&file("REDIS0012", [&[0xfc][..], &[1; 8]].concat()), true);
    assert!(content.errors.is_empty());
    assert_eq!(content.warnings, [(Warning::DanglingPrefix, 9)]);
    assert_eq!(content.checksum, Some(Checksum::Verified));
    assert!(content.adds_up);
    // A value type with the end of the file where its key should be.
    let content = Content::of(&file("REDIS0012", [0]), true);
    assert!(!content.error().is_contained());
}

#[test]
fn case_44_databases_without_end() {
    let body = [&[0xfe][..], &long_len(u64::MAX), &good("a")].concat();
    let content = Content::of(&file("REDIS0012", body), true);
    assert_eq!(content.key().db, u64::MAX);
}

#[test]
fn case_45_names_of_all_kinds() {
    let long = vec![b'k'; 3 << 20];
    let body = [
        key(0, "", string("v")),
        key(0, b"\xff\xfe\x1b[2J\n", string("v")),
        key(0, &long, string("v")),
        [&[0][..], &compressed(&long), &string("v")].concat(),
        [&[0, 0xc0, 0x85][..], &string("v")].concat(),
    ]
    .concat();
    let content = Content::of(&file("REDIS0012", body), true);
    assert!(content.adds_up);
    let lengths: Vec<_> = content.keys.iter().map(|key| (key.name.len(), key.name_bytes)).collect();
    let (kept, whole) = (64 << 10, 3 << 20);
    assert_eq!(lengths[..3], [(0, 0), (7, 7), (kept, whole)]);
    assert_eq!(lengths[3].1, whole);
    assert!(lengths[3].0 > kept, "what the kept bytes expand to");
    assert!(content.keys[3].name.iter().all(|&byte| byte == b'k'));
    assert_eq!(content.keys[4].name, b"-123");
}

#[test]
fn case_46_bytes_behind_the_end() {
    let whole = file("REDIS0012", good("a"));
    let bytes = [&whole[..], b"0123456789012345678901234567890123456789"].concat();
    let mut parser = Parser::from_slice(&bytes).expect("a header");
    while parser.next_event().expect("valid").is_some() {}
    assert_eq!(parser.position(), whole.len() as u64);
    assert_eq!(parser.skip_trailing().expect("in memory"), 40);
}
