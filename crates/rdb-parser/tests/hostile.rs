//! Hostile files: damaged headers, lengths, opcodes and records.
//!
//! The case numbers are those of the table of cases in `docs/format-notes.md`. Damaged values are in
//! `hostile_values.rs`; cases 42 and 43 are in `dragonfly.rs`.

mod support;

use rdb_parser::{Checksum, ErrorKind, Parser, SliceInput, Warning, Window};
use support::hostile::{error_of, good, warnings_of};
use support::{
    Content, aux, compressed, file, key, len, listpack, long_len, stream, stream_node, string, trace,
};

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
fn case_12_a_pipe_has_no_known_length() {
    for value_type in [1, 2, 3, 4, 5, 14, 15, 18, 22, 24, 28] {
        let body = key(value_type, "k", [&long_len(1 << 60)[..], &vec![1; 300_000]].concat());
        let bytes = [b"REDIS0014", &body[..]].concat();
        let lines = trace(Window::new(&bytes[..], None), true);
        assert!(lines.iter().any(|line| line.starts_with("error")), "{value_type}");
    }
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
