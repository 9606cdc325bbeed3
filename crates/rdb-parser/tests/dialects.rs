//! What newer and other servers write: Redis 8.6 to 8.10, Valkey 9, KeyDB, Redis Enterprise; and
//! dump payloads.

mod support;

use rdb_parser::{Checksum, Dialect, ErrorKind, Flavour, Layout, Parser, ValueType, Warning, dump};
use support::{Content, aux, compressed, file, key, len, listpack, long_len, stream_node, string};

/// A stream of two entries with the parts that each version added; no groups.
fn stream_head(groups: &[u8]) -> Vec<u8> {
    [&[1][..], &string([0; 16]), &string(stream_node()), &[2], &[0; 7], groups].concat()
}

#[test]
fn a_version_from_the_future_is_read_with_a_warning() {
    for (magic, known) in [
        ("REDIS0015", true),
        ("REDIS0016", false),
        ("REDIS9999", false),
        ("VALKEY080", true),
        ("VALKEY081", true),
        ("VALKEY999", false),
    ] {
        let content = Content::of(&file(magic, key(0, "k", string("v"))), true);
        assert_eq!(content.names(), ["k"]);
        let expected: &[_] = if known { &[] } else { &[(Warning::UnknownVersion, 0)] };
        assert_eq!(content.warnings, expected, "{magic}");
        assert_eq!(content.checksum, Some(Checksum::Verified));
    }
}

#[test]
fn streams_of_redis_8_6_and_8_8() {
    let group = [
        &[1][..],
        &string("group"),
        &[0, 0],
        &long_len(u64::MAX), // read: unknown
        &[1],
        &[0; 16],
        &[0; 8],
        &[3], // a pending entry
        &[1],
        &string("consumer"),
        &[0; 16],
        &[1],
        &[0; 16],
    ]
    .concat();
    let producers = [
        &[40, 10, 1][..],
        &string("producer"),
        &[2],
        &string("i1"),
        &[5, 6],
        &string("i2"),
        &[5, 7],
        &[2, 0],
    ]
    .concat();
    let nacked = [&[1][..], &[0; 16]].concat();
    for (value_type, groups, rest, warned) in [
        (26, &group[..], &producers[..], true),
        (26, &[0], &[0, 0, 0, 0, 0], true),
        (27, &[0], &[0x40, 0x64, 0x40, 0x64, 0, 0, 0], false), // the tail of a file of 8.9.241
        (27, &[&group[..], &nacked].concat(), &producers, true),
        (27, &[&group[..], &[0]].concat(), &[1, 1, 0, 0, 0], false),
    ] {
        let record = key(value_type, "k", [&stream_head(groups), rest].concat());
        let content = Content::of(&file("REDIS0014", record), true);
        let found = content.key();
        assert_eq!(found.outline.elements, Some(2));
        assert_eq!(found.outline.value_bytes, Some(12), "two times `field` and one byte");
        let Layout::Stream(shape) = found.outline.layout else { panic!("not a stream") };
        let in_groups = u64::from(groups.len() > 1);
        assert_eq!(
            (shape.nodes, shape.groups, shape.consumers, shape.pending),
            (1, in_groups, in_groups, in_groups)
        );
        assert_eq!(found.warnings.contains(Warning::ProvisionalStream), warned);
        assert!(content.adds_up);
    }
}

#[test]
fn arrays() {
    // As a file of Redis 8.9.241 has it.
    let record = key(28, "lab:array", [&[1, 0, 0, 0][..], &string("array-value")].concat());
    let content = Content::of(&file("REDIS0014", record), true);
    let found = content.key();
    assert_eq!((found.outline.elements, found.outline.value_bytes), (Some(1), Some(11)));
    assert!(found.warnings.is_empty());

    let cells = [
        &[4, 1, 9][..],
        &len(5),
        &[0],
        &string("four"),
        &len(70_000),
        &[1],
        &(-12i64).to_le_bytes(), // text, integer
        &[8, 3],
        &string("xy"),
        &[9, 2],
        &1.5f64.to_le_bytes(), // short text, double
    ]
    .concat();
    let content = Content::of(&file("REDIS0014", key(28, "k", cells)), true);
    let found = content.key();
    let bytes = "four-12xy1.5".len() as u64;
    assert_eq!((found.outline.elements, found.outline.value_bytes), (Some(4), Some(bytes)));
    assert!(found.warnings.is_empty());
    // Servers refuse the index of no cell, and a long short string. What follows can be read.
    let no_cell = [&[1, 0, 0x81][..], &[0xff; 8], &[0, 1, b'x']].concat();
    for refused in [&no_cell[..], &[&[1, 0, 0, 3][..], &string("12345678")].concat()] {
        assert!(Content::of(&file("REDIS0014", key(28, "k", refused)), true).error().is_contained());
    }
    for broken in [&[1, 2, 0, 0, 1, b'x'][..], &[1, 0, 0, 4, 1, b'x']] {
        assert!(!Content::of(&file("REDIS0014", key(28, "k", broken)), true).error().is_contained());
    }
}

#[test]
fn hashes_with_templates() {
    let template = |id: u64, fields: &[&str]| {
        [&[242][..], &len(id), &len(fields.len() as u64), &fields.iter().flat_map(string).collect::<Vec<_>>()]
            .concat()
    };
    // The server's own test vectors of types 29 and 31, without what is around them.
    let body = [
        template(0, &["a", "bb", "ccc"]),
        template(u64::MAX, &["x"]),
        key(
            29,
            "packed",
            [&[0][..], &string(listpack(&["field1", "field2"])), &string(listpack(&["7", "one", "two"]))]
                .concat(),
        ),
        key(30, "packed:ref", string(listpack(&["0", "1", "22", "333"]))),
        key(30, "packed:lzf", compressed(&listpack(&["0", "aaaaaaaaaaaaaaaaaaaa", "22", "333"]))),
        key(31, "array", [&[1, 2][..], &string("field1"), &string("field2"), &[0xc0, 1, 0xc0, 2]].concat()),
        key(32, "array:ref", [len(0), string("1"), string("22"), string("333")].concat()),
        key(32, "array:far", [long_len(u64::MAX), string("v")].concat()),
    ]
    .concat();
    let bytes = file("REDIS0015", body);
    for deep in [false, true] {
        let content = Content::of(&bytes, deep);
        assert!(content.errors.is_empty(), "{:?}", content.errors);
        assert!(content.adds_up);
        assert_eq!(content.opcodes, [242, 242]);
        let found: Vec<_> =
            content.keys.iter().map(|key| (key.outline.elements, key.outline.value_bytes)).collect();
        let seen = |bytes| deep.then_some(bytes);
        assert_eq!(
            found,
            [
                (Some(2), seen(18)),
                (Some(3), seen(12)),
                (Some(3), seen(31)),
                (Some(2), Some(14)),
                (Some(3), Some(12)),
                (Some(1), Some(2)),
            ]
        );
        assert!(content.keys.iter().all(|key| key.warnings.contains(Warning::ProvisionalHashTemplate)));
    }
}

#[test]
fn rate_limiters_only_where_the_version_has_them() {
    let record = key(33, "k", long_len(1 << 50));
    let content = Content::of(&file("REDIS0015", &record), true);
    assert_eq!((content.key().value_type, content.key().outline.elements), (ValueType::Gcra, Some(1)));
    assert!(matches!(
        Content::of(&file("REDIS0014", record), true).error().kind(),
        ErrorKind::UnknownOpcode(33)
    ));
}

#[test]
fn key_metadata_belongs_to_the_key() {
    let class = [1, 2, 3, 4, 5, 1, b'x', 0];
    let body =
        [&[0xfc][..], &[9; 8], &[243, 1], &class, &key(0, "k", string("v")), &key(0, "plain", string("v"))]
            .concat();
    let content = Content::of(&file("REDIS0013", body), true);
    assert_eq!(content.keys[0].rdb_bytes, 9 + 10 + 5);
    assert_eq!(content.keys[0].meta.expires_at_ms, Some(i64::from_le_bytes([9; 8])));
    assert!(content.keys[0].warnings.contains(Warning::ProvisionalKeyMetadata));
    assert!(content.keys[1].warnings.is_empty());
    assert!(content.adds_up);
}

#[test]
fn hashes_of_paths() {
    let value = [
        &[2][..],
        &string("$.a"),
        &[1],
        &string("f"),
        &string("v"), // one field
        &string("$.b"),
        &[2],
        &string("f"),
        &string("v"),
        &string("g"),
        &string("w"),
    ]
    .concat();
    let content = Content::of(&file("VALKEY081", key(23, "k", value)), true);
    let found = content.key();
    assert_eq!((found.outline.elements, found.outline.value_bytes), (Some(3), Some(6)));
    assert!(found.warnings.contains(Warning::ProvisionalHashPaths));
}

#[test]
fn keydb() {
    let body = [
        aux("mvcc-tstamp", "1"),
        [&[0xfc][..], &[9; 8]].concat(),
        aux("mvcc-tstamp", "1700000000000"),
        key(2, "set", [&[1][..], &string("m")].concat()),
        aux("keydb-subexpire-key", "m"),
        aux("keydb-subexpire-when", "1700000000000"),
        key(
            64,
            "job",
            [&string("return 1")[..], &[0; 16], &[1], &string("key"), &[2], &string("a"), &string("b")]
                .concat(),
        ),
    ]
    .concat();
    let bytes = file("REDIS0009", body);
    let content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["set", "job"]);
    assert_eq!(
        content.keys[0].meta.expires_at_ms,
        Some(i64::from_le_bytes([9; 8])),
        "over the field between"
    );
    assert_eq!(content.keys[0].rdb_bytes, 9 + 1 + 4 + 3);
    assert_eq!((content.keys[1].value_type, content.keys[1].outline.elements), (ValueType::Cron, None));
    assert!(content.keys[1].warnings.contains(Warning::ProvisionalCron));
    assert!(content.adds_up);
    let mut parser = Parser::from_slice(&bytes).expect("a header");
    while parser.next_event().expect("valid").is_some() {}
    assert_eq!(parser.flavour(), Flavour::KeyDb);
}

#[test]
fn redis_enterprise() {
    let body = [&[121][..], &len(300), &[107], &len(5000), &key(0, "k", string("v"))].concat();
    let content = Content::of(&file("REDIS0009", body), true);
    assert_eq!((content.names(), content.opcodes.clone()), (vec!["k".to_owned()], vec![121]));
    assert_eq!(content.warnings, [(Warning::ProvisionalEnterprise, 9)]);
    assert!(content.keys[0].warnings.contains(Warning::ProvisionalEnterprise));
    assert!(content.adds_up);
}

#[test]
fn vector_sets_say_how_many_elements_they_have() {
    let set = |dimension, elements: usize| {
        let element = [5, 1, b'x', 5, 2, 0, 1, 2, 9].repeat(elements);
        let head = [&long_len(0xbde7_2da2_bb1e_b400)[..], &[2, dimension, 2], &len(100), &[2, 1]].concat();
        Content::of(&file("REDIS0012", key(7, "k", [head, element, vec![0]].concat())), true)
    };
    assert_eq!(set(8, 100).key().outline.elements, Some(100));
    for damaged in [set(0, 100), set(8, 99), set(8, 151)] {
        assert!(damaged.error().is_contained(), "{:?}", damaged.errors);
    }
    let other = [&long_len(0x45e2_5238_df91_2c03)[..], &[2, 8, 2], &len(100), &[0]].concat();
    assert_eq!(Content::of(&file("REDIS0012", key(7, "k", other)), true).key().outline.elements, None);
}

#[test]
fn large_compressed_values_are_walked_a_piece_at_a_time() {
    let item = "a".repeat(900);
    let texts = vec![item.as_str(); 2000];
    let blob = listpack(&texts);
    assert!(blob.len() as u64 > rdb_parser::limits::MAX_EXPANDED_BLOB_BYTES);
    let stored = compressed(&blob);
    let content = Content::of(&file("REDIS0012", key(20, "k", &stored)), true);
    assert_eq!(content.key().outline.value_bytes, Some(2000 * 900));
    // Damage in it is contained.
    let mut damaged = stored.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 40].fill(0xfe);
    let bytes = file("REDIS0012", [key(20, "k", damaged), key(0, "behind", string("v"))].concat());
    let content = Content::of(&bytes, true);
    assert_eq!(content.names(), ["behind"]);
    assert!(content.error().is_contained());
    // A truncated payload is not.
    let whole = [b"REDIS0012", &key(20, "k", &stored)[..]].concat();
    let content = Content::of(&whole[..whole.len() - 5], true);
    assert!(matches!(content.error().kind(), ErrorKind::Truncated(_)), "{:?}", content.errors);
}

#[test]
fn dump_payloads() {
    let payload = |body: &[u8], version: u16| {
        let summed = [body, &version.to_le_bytes()].concat();
        let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Redis, &summed);
        [&summed[..], &crc.to_le_bytes()].concat()
    };
    let text = payload(&[&[0][..], &string("hello")].concat(), 9);
    let found = dump::parse(&text).expect("valid");
    assert_eq!((found.value_type, found.rdb_version, found.dialect), (ValueType::String, 9, Dialect::Redis));
    assert_eq!((found.checksum, found.outline.value_bytes), (Checksum::Verified, Some(5)));

    let valkey = [&[22, 1][..], &string("f"), &string("v"), &[0xff; 8]].concat();
    let found = dump::parse(&payload(&valkey, 80)).expect("valid");
    assert_eq!((found.value_type, found.dialect), (ValueType::HashExpiryValkey, Dialect::Valkey));

    let with_metadata = [&[243, 1, 0, 0, 0, 0, 0, 0][..], &string("v")].concat();
    let found = dump::parse(&payload(&with_metadata, 13)).expect("valid");
    assert!(found.warnings.contains(Warning::ProvisionalKeyMetadata));

    let template = [&[31, 1, 2][..], &string("field1"), &string("field2"), &[0xc0, 1, 0xc0, 2]].concat();
    assert_eq!(dump::parse(&payload(&template, 15)).expect("valid").outline.elements, Some(2));

    let json = [&[30][..], &string("{}")].concat();
    let found = dump::parse_with(&payload(&json, 9), Some(Dialect::Dragonfly), &mut ()).expect("valid");
    assert_eq!(found.value_type, ValueType::Json);

    let mut damaged = text.clone();
    damaged[3] ^= 1;
    assert!(matches!(dump::parse(&damaged).expect("readable").checksum, Checksum::Mismatch { .. }));
    let unsummed = [&text[..text.len() - 8], &[0; 8]].concat();
    assert_eq!(dump::parse(&unsummed).expect("valid").checksum, Checksum::Absent);
    for cut in 0..text.len() {
        assert!(dump::parse(&text[..cut]).is_err(), "{cut}");
    }
    for body in [&[][..], &[0, 1, b'x', 0], &[0xff], &[0xfe, 0], &[200], &[101], &[30, 0]] {
        assert!(dump::parse(&payload(body, 12)).is_err(), "{body:?}");
    }
}
