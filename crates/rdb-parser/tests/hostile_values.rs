//! Hostile values: damaged blobs, collections and streams in files that are otherwise sound.
//!
//! The case numbers are those of the table of cases in `docs/format-notes.md`.

mod support;

use rdb_parser::{ErrorKind, Warning};
use support::hostile::{damage, error_of, good, shallow_damage, warnings_of};
use support::{
    Content, compressed, file, intset, key, len, listpack, listpack_entry, listpack_of, long_len, lzf,
    lzf_string, stream, stream_node, string, ziplist,
};

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
    // Without the number of fields, the end of values that follow one by one is not known.
    let broken = [&[0][..], &string([7, 0, 0, 0, 1, 0, 0]), &string("x")].concat();
    error_of("REDIS0015", key(31, "k", broken));
    // A compressed name that is damaged.
    let name = [&[0xc3, 2, 10][..], &[0xe0, 0]].concat();
    damage("REDIS0015", key(29, "k", [&[1, 1][..], &name, &string(listpack(&["0", "x"]))].concat()));
}
