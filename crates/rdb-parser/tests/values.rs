//! Values and records that the fixtures of today's servers do not hold, byte by byte.

use rdb_parser::outline::Packed;
use rdb_parser::{
    Checksum, Detail, Dialect, Error, Event, Flavour, KeyMeta, Layout, ModuleId, Outline, Parser, RdbString,
    Role, SliceInput, ValueType, Visitor, Window,
};

/// Collects all that a visitor is shown.
#[derive(Default)]
struct Strings {
    deep: bool,
    seen: Vec<(Role, Vec<u8>)>,
}

impl Visitor for Strings {
    fn string(&mut self, role: Role, string: RdbString<'_>) {
        let bytes = match string {
            RdbString::Skipped { decoded_len } => format!("<{decoded_len} bytes>").into_bytes(),
            shown => shown.decode(&mut Vec::new()).expect("valid").to_vec(),
        };
        self.seen.push((role, bytes));
    }

    fn needs_packed(&self) -> bool {
        self.deep
    }
}

/// An entry without its borrows.
#[derive(Debug, PartialEq)]
struct Key {
    db: u64,
    name: Vec<u8>,
    value_type: ValueType,
    meta: KeyMeta,
    rdb_bytes: u64,
    span: std::ops::Range<u64>,
    outline: Outline,
}

#[derive(Debug, PartialEq)]
struct Read {
    keys: Vec<Key>,
    strings: Vec<(Role, Vec<u8>)>,
    checksum: Option<Checksum>,
    flavour: Flavour,
    overhead_bytes: u64,
}

fn read_from<I: rdb_parser::Input>(input: I, deep: bool) -> Result<Read, Error> {
    let mut parser = Parser::new(input, rdb_parser::Options::default())?;
    let mut visitor = Strings { deep, seen: Vec::new() };
    let mut keys = Vec::new();
    let mut checksum = None;
    while let Some(event) = parser.next_event_with(&mut visitor)? {
        match event {
            Event::Entry(entry) => keys.push(Key {
                db: entry.db,
                name: entry.key.decode(&mut Vec::new()).expect("valid").to_vec(),
                value_type: entry.value_type,
                meta: entry.meta,
                rdb_bytes: entry.rdb_bytes,
                span: entry.span,
                outline: entry.outline,
            }),
            Event::End { checksum: found } => checksum = Some(found),
            _ => {}
        }
    }
    let total: u64 = keys.iter().map(|key| key.rdb_bytes).sum::<u64>() + parser.overhead_bytes();
    assert_eq!(total, parser.position(), "every byte belongs to a key or to the overhead");
    Ok(Read {
        keys,
        strings: visitor.seen,
        checksum,
        flavour: parser.flavour(),
        overhead_bytes: parser.overhead_bytes(),
    })
}

/// Gives one byte at a time.
struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let (Some((&first, rest)), Some(slot)) = (self.0.split_first(), out.first_mut()) else {
            return Ok(0);
        };
        *slot = first;
        self.0 = rest;
        Ok(1)
    }
}

/// Reads a file from memory and byte by byte through a window, which must not differ.
fn read(file: &[u8], deep: bool) -> Read {
    let from_slice = read_from(SliceInput::new(file), deep).expect("valid");
    let from_window = read_from(Window::new(Trickle(file), None), deep).expect("valid");
    assert_eq!(from_slice, from_window);
    from_slice
}

/// A file with one record: a type byte, the name `k`, a value.
fn one(version: &str, value_type: u8, value: &[u8]) -> Vec<u8> {
    let mut file = [version.as_bytes(), &[value_type, 1, b'k'], value, &[0xff]].concat();
    if version > "REDIS0004" {
        file.extend([0; 8]);
    }
    file
}

/// The outline of the value of such a file, walked deep and not, and its strings.
fn value(version: &str, value_type: u8, bytes: &[u8]) -> (Outline, Vec<(Role, Vec<u8>)>) {
    let file = one(version, value_type, bytes);
    let plain = read(&file, false);
    let deep = read(&file, true);
    assert_eq!(plain.keys[0].outline.elements, deep.keys[0].outline.elements);
    assert_eq!(deep.keys.len(), 1);
    (deep.keys[0].outline, deep.strings)
}

fn strings(role: Role, texts: &[&str]) -> Vec<(Role, Vec<u8>)> {
    texts.iter().map(|text| (role, text.as_bytes().to_vec())).collect()
}

fn pairs(texts: &[&str]) -> Vec<(Role, Vec<u8>)> {
    let roles = [Role::Field, Role::Value].into_iter().cycle();
    texts.iter().zip(roles).map(|(text, role)| (role, text.as_bytes().to_vec())).collect()
}

#[test]
fn lists_and_sets_item_by_item() {
    let (outline, seen) = value("REDIS0002", 1, b"\x03\x01a\xc0\x07\xc3\x05\x10\x00\x61\xe0\x06\x00");
    assert_eq!(
        (outline.elements, outline.value_bytes, outline.largest_element_bytes),
        (Some(3), Some(18), Some(16))
    );
    assert_eq!(outline.layout, Layout::Elements { longest_string_bytes: 16 });
    assert_eq!(seen, strings(Role::Item, &["a", "7", "aaaaaaaaaaaaaaaa"]));
    let (outline, seen) = value("REDIS0002", 2, b"\x02\x01a\xc1\x39\x30");
    assert_eq!((outline.elements, outline.value_bytes), (Some(2), Some(6)));
    assert_eq!(seen, strings(Role::Member, &["a", "12345"]));
}

#[test]
fn sorted_sets_with_scores_as_text_and_as_doubles() {
    let (outline, seen) = value("REDIS0003", 3, b"\x04\x01a\x033.5\x02bb\xfd\x01c\xfe\x01d\xff");
    assert_eq!(
        (outline.elements, outline.value_bytes, outline.largest_element_bytes),
        (Some(4), Some(5), Some(2))
    );
    assert_eq!(seen, strings(Role::Member, &["a", "bb", "c", "d"]));
    let mut binary = b"\x01\x01m".to_vec();
    binary.extend(1.5f64.to_le_bytes());
    let (outline, seen) = value("REDIS0008", 5, &binary);
    assert_eq!((outline.elements, outline.value_bytes), (Some(1), Some(1)));
    assert_eq!(seen, strings(Role::Member, &["m"]));
}

#[test]
fn hashes_field_by_field_with_and_without_expiry() {
    let expected = (Some(2), Some(8), Some(5));
    let measures = |outline: Outline| (outline.elements, outline.value_bytes, outline.largest_element_bytes);
    let fields = pairs(&["f", "vvvv", "g", "ww"]);
    let (outline, seen) = value("REDIS0002", 4, b"\x02\x01f\x04vvvv\x01g\x02ww");
    assert_eq!((measures(outline), &seen), (expected, &fields));

    // 24: the first expiry, then each field's relative to it, plus one; 0 is none.
    let (outline, seen) =
        value("REDIS0012", 24, b"\x00\x00\x00\x00\x01\x00\x00\x00\x02\x01\x01f\x04vvvv\x00\x01g\x02ww");
    assert_eq!((measures(outline), &seen), (expected, &fields));

    // 22 of the Redis release candidates: the expiry first.
    let pre_release = b"\x02\x81\x00\x00\x01\x00\x00\x00\x00\x00\x01f\x04vvvv\x00\x01g\x02ww";
    let (outline, seen) = value("REDIS0012", 22, pre_release);
    assert_eq!((measures(outline), &seen), (expected, &fields));

    // 22 of Valkey: eight bytes behind.
    let valkey =
        b"\x02\x01f\x04vvvv\x00\x00\x00\x00\x00\x01\x00\x00\x01g\x02ww\xff\xff\xff\xff\xff\xff\xff\xff";
    let (outline, seen) = value("VALKEY080", 22, valkey);
    assert_eq!((measures(outline), &seen), (expected, &fields));
}

/// `blob` as a string of the file.
fn string(blob: &[u8]) -> Vec<u8> {
    [&[u8::try_from(blob.len()).expect("short")], blob].concat()
}

/// A ziplist of one-letter strings.
fn ziplist(letters: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (i, letter) in letters.bytes().enumerate() {
        body.extend([if i == 0 { 0 } else { 3 }, 1, letter]);
    }
    let total = u32::try_from(body.len() + 11).expect("short");
    let count = u16::try_from(letters.len()).expect("short");
    let last = if letters.is_empty() { 10 } else { total - 4 };
    [&total.to_le_bytes()[..], &last.to_le_bytes(), &count.to_le_bytes(), &body, &[0xff]].concat()
}

/// A listpack of one-letter strings and small numbers (written as digits).
fn listpack(entries: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries.bytes() {
        match entry {
            b'0'..=b'9' => body.extend([entry - b'0', 1]),
            letter => body.extend([0x81, letter, 2]),
        }
    }
    let total = u32::try_from(body.len() + 7).expect("short");
    let count = u16::try_from(entries.len()).expect("short");
    [&total.to_le_bytes()[..], &count.to_le_bytes(), &body, &[0xff]].concat()
}

/// LZF data that is all literals.
fn lzf(blob: &[u8]) -> Vec<u8> {
    let compressed: Vec<u8> = blob
        .chunks(32)
        .flat_map(|run| [&[u8::try_from(run.len() - 1).expect("short")], run].concat())
        .collect();
    let len = |bytes: &[u8]| u8::try_from(bytes.len()).expect("short");
    [&[0xc3, len(&compressed), len(blob)], &compressed[..]].concat()
}

#[test]
fn packed_values_of_every_type_plain_and_compressed() {
    let both = |roles: [Role; 2], texts: &str| -> Vec<(Role, Vec<u8>)> {
        texts.bytes().zip(roles.into_iter().cycle()).map(|(text, role)| (role, vec![text])).collect()
    };
    let zipmap = b"\x02\x01a\x01\x02b##\x01c\x01\x00d\xff".to_vec();
    let intset =
        [&2u32.to_le_bytes()[..], &2u32.to_le_bytes(), &(-5i16).to_le_bytes(), &700i16.to_le_bytes()]
            .concat();
    for (value_type, blob, packed, elements, value_bytes, seen) in [
        (9, zipmap, Packed::Zipmap, 2, 4, both([Role::Field, Role::Value], "abcd")),
        (10, ziplist("abc"), Packed::Ziplist, 3, 3, both([Role::Item, Role::Item], "abc")),
        (11, intset, Packed::Intset, 2, 5, strings(Role::Member, &["-5", "700"])),
        (12, ziplist("a1b2"), Packed::Ziplist, 2, 2, both([Role::Member, Role::Score], "a1b2")),
        (13, ziplist("abcd"), Packed::Ziplist, 2, 4, both([Role::Field, Role::Value], "abcd")),
        (16, listpack("a7b8"), Packed::Listpack, 2, 4, both([Role::Field, Role::Value], "a7b8")),
        (17, listpack("a7b8"), Packed::Listpack, 2, 2, both([Role::Member, Role::Score], "a7b8")),
        (20, listpack("a7b"), Packed::Listpack, 3, 3, both([Role::Member, Role::Member], "a7b")),
        (10, ziplist(""), Packed::Ziplist, 0, 0, Vec::new()),
    ] {
        for stored in [string(&blob), lzf(&blob)] {
            let (outline, found) = value("REDIS0006", value_type, &stored);
            assert_eq!(
                (outline.elements, outline.value_bytes),
                (Some(elements), Some(value_bytes)),
                "type {value_type}"
            );
            assert_eq!(outline.layout, Layout::Blob { packed, blob_bytes: blob.len() as u64 });
            assert_eq!(found, seen, "type {value_type}");
        }
    }
}

#[test]
fn packed_hashes_with_expiry_have_three_entries_a_field() {
    let blob = listpack("a15b26");
    let roles = [Role::Field, Role::Value, Role::Expiry].into_iter().cycle();
    let seen: Vec<_> = "a15b26".bytes().zip(roles).map(|(text, role)| (role, vec![text])).collect();
    for (value_type, head) in [(23, &b""[..]), (25, &[9, 9, 9, 9, 9, 0, 0, 0])] {
        let (outline, found) = value("REDIS0012", value_type, &[head, &string(&blob)].concat());
        assert_eq!(
            (outline.elements, outline.value_bytes, outline.largest_element_bytes),
            (Some(2), Some(4), Some(2))
        );
        assert_eq!(found, seen);
    }
}

#[test]
fn lists_of_nodes() {
    let nodes = [&[2][..], &string(&ziplist("ab")), &lzf(&ziplist("c"))].concat();
    let (outline, seen) = value("REDIS0007", 14, &nodes);
    assert_eq!((outline.elements, outline.value_bytes), (Some(3), Some(3)));
    assert_eq!(outline.layout, Layout::Nodes { packed_nodes: 2, plain_nodes: 0, longest_node_bytes: 17 });
    assert_eq!(seen, strings(Role::Item, &["a", "b", "c"]));

    let nodes = [&[2, 1][..], b"\x05plain", &[2], &string(&listpack("ab"))].concat();
    let (outline, seen) = value("REDIS0010", 18, &nodes);
    assert_eq!(
        (outline.elements, outline.value_bytes, outline.largest_element_bytes),
        (Some(3), Some(7), Some(5))
    );
    assert_eq!(outline.layout, Layout::Nodes { packed_nodes: 1, plain_nodes: 1, longest_node_bytes: 13 });
    assert_eq!(seen, strings(Role::Item, &["plain", "a", "b"]));
}

#[test]
fn streams_of_three_generations() {
    let id = [7u8; 16];
    for (value_type, version) in [(15u8, "REDIS0009"), (19, "REDIS0010"), (21, "REDIS0011")] {
        let mut bytes = vec![1];
        bytes.extend(string(&id));
        bytes.extend(string(&listpack("101f0200v4")));
        bytes.push(42); // entries, whatever the node says
        bytes.extend([1, 1]); // last id
        if value_type >= 19 {
            bytes.extend([1, 0, 0, 0, 43]); // first id, largest deleted id, entries ever added
        }
        bytes.push(1); // groups
        bytes.extend(b"\x02g1\x01\x01");
        if value_type >= 19 {
            bytes.extend([0x81, 255, 255, 255, 255, 255, 255, 255, 255]); // entries read: unknown
        }
        bytes.push(2); // pending
        for _ in 0..2 {
            bytes.extend(id);
            bytes.extend([0; 8]);
            bytes.push(3);
        }
        bytes.push(1); // consumers
        bytes.extend(b"\x05alice");
        bytes.extend([0; 8]);
        if value_type >= 21 {
            bytes.extend([0xff; 8]);
        }
        bytes.push(2);
        bytes.extend([id, id].concat());
        let (outline, _) = value(version, value_type, &bytes);
        assert_eq!(outline.elements, Some(42));
        let Layout::Stream(shape) = outline.layout else { panic!("not a stream: {outline:?}") };
        assert_eq!((shape.nodes, shape.groups, shape.consumers, shape.pending), (1, 1, 1, 2));
    }
}

#[test]
fn modules_are_skipped_and_named() {
    let mut bytes = vec![0x81];
    bytes.extend(0x45e2_5238_df91_2c03u64.to_be_bytes());
    bytes.extend(b"\x01\x07\x02\x40\xff\x03abcd\x04abcdefgh\x05\x03str\x00");
    let (outline, _) = value("REDIS0009", 7, &bytes);
    assert_eq!(outline.elements, None);
    let Layout::Module(id) = outline.layout else { panic!("not a module: {outline:?}") };
    assert_eq!((id.to_string().as_str(), id.encoding_version()), ("ReJSON-RL", 3));
}

#[test]
fn records_that_are_no_keys() {
    let mut file = b"REDIS0012".to_vec();
    file.extend(b"\xfa\x09redis-ver\x057.4.1");
    file.extend(b"\xf7\x81\x00\x00\x00\x00\x00\x00\x00\x01\x02\x01\x05\x01x\x00");
    file.extend(b"\xf5\x10#!lua name=lib\n.");
    file.extend(b"\xf6\x01n\x03LUA\x01\x04desc\x04code");
    file.extend(b"\xfe\x05\xfb\x03\x01\xf4\x43\xe8\x02\x01");
    file.extend(b"\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    let mut parser = Parser::from_slice(&file).expect("valid");
    let mut found = Vec::new();
    while let Some(event) = parser.next_event().expect("valid") {
        found.push(match event {
            Event::Aux { name, value } => format!("aux {name:?} {value:?}"),
            Event::ModuleAux { module } => format!("module aux {module}"),
            Event::Function { source } => format!("function of {} bytes", source.decoded_len()),
            Event::SelectDb { db } => format!("db {db}"),
            Event::ResizeDb { keys, expires } => format!("resize {keys} {expires}"),
            Event::SlotInfo { slot, keys, expires } => format!("slot {slot} {keys} {expires}"),
            Event::Entry(entry) => format!("key in db {} slot {:?}", entry.db, entry.meta.slot),
            Event::End { checksum } => format!("end {checksum:?}"),
            other => panic!("unexpected {other:?}"),
        });
    }
    let aux = format!("aux {:?} {:?}", RdbString::Raw(b"redis-ver"), RdbString::Raw(b"7.4.1"));
    assert_eq!(
        found,
        [
            aux.as_str(),
            "module aux AAAAAAAAA",
            "function of 16 bytes",
            "function of 4 bytes",
            "db 5",
            "resize 3 1",
            "slot 1000 2 1",
            "key in db 5 slot Some(1000)",
            "end Absent"
        ]
    );
    assert_eq!(ModuleId(0).to_string(), "AAAAAAAAA");
}

#[test]
fn prefix_opcodes_apply_to_the_next_key_whatever_lies_between() {
    let mut file = b"REDIS0009".to_vec();
    file.extend(b"\xfc\x01\x02\x00\x00\x00\x00\x00\x00\xf8\x40\xff\xf9\x07");
    file.extend(b"\xfe\x03\xfa\x0bmvcc-tstamp\x0212\xfb\x01\x01");
    file.extend(b"\x00\x01a\x01v");
    file.extend(b"\xfd\xff\xff\xff\xff\x00\x01b\x01v\x00\x01c\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    let read = read(&file, false);
    let [a, b, c] = &read.keys[..] else { panic!("three keys: {:?}", read.keys) };
    assert_eq!((a.meta.expires_at_ms, a.meta.idle_seconds, a.meta.freq), (Some(513), Some(255), Some(7)));
    assert_eq!((a.db, a.span.start, a.rdb_bytes), (3, 9, 9 + 3 + 2 + 5));
    assert_eq!((b.meta.expires_at_ms, b.meta.idle_seconds), (Some(-1000), None));
    assert_eq!(c.meta, KeyMeta::default());
    assert_eq!(read.flavour, Flavour::KeyDb);
}

#[test]
fn the_slot_of_valkey_comes_from_an_aux_field_and_ends_with_the_database() {
    let mut file = b"VALKEY080".to_vec();
    file.extend(b"\xfa\x09slot-info\x09449,1,0,0\x00\x01a\x01v\xfe\x01\x00\x01b\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00");
    let read = read(&file, false);
    assert_eq!((read.keys[0].meta.slot, read.keys[1].meta.slot), (Some(449), None));
    assert_eq!(read.flavour, Flavour::Valkey);
}

#[test]
fn magic_and_aux_fields_show_the_kind_of_server() {
    for (aux, flavour) in [
        (&b"\xfa\x0avalkey-ver\x058.0.1"[..], Flavour::Valkey),
        (b"\xfa\x06df-ver\x01v", Flavour::Dragonfly),
        (b"\xfa\x0ckeydb-foobar\x01v", Flavour::KeyDb),
        (b"\xfa\x09redis-ver\x05255.9", Flavour::Redis),
    ] {
        let file = [b"REDIS0011", aux, b"\xff\x00\x00\x00\x00\x00\x00\x00\x00"].concat();
        assert_eq!(read(&file, false).flavour, flavour);
    }
    let header = Parser::from_slice(b"VALKEY080\xff").expect("valid").header();
    assert_eq!((header.dialect, header.version), (Dialect::Valkey, 80));
}

#[test]
fn complete_files_of_two_servers_verify() {
    // A file of Redis 7.0.15 and one of Valkey 9.1.2, each with the one key `k` of value `v`.
    let redis = "524544495330303130fa0972656469732d76657206372e302e3135fa0a72656469732d62697473c040fa056374696d65c2\
                 1702056bfa08757365642d6d656dc298150f00fa08616f662d62617365c000fe00fb010000016b0176ff5b9b4e03d9ea9dcb";
    let valkey = "56414c4b4559303830fa0a76616c6b65792d76657205392e312e32fa0a72656469732d62697473c040fa056374696d65c2\
                  1b02056bfa08757365642d6d656dc2d0041100fa08616f662d62617365c000fe00fb010000016b0176fff87fe51036bb1b90";
    for (hex, flavour) in [(redis, Flavour::Redis), (valkey, Flavour::Valkey)] {
        let mut file: Vec<u8> =
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect();
        assert_eq!(file.len(), 99);
        let found = read(&file, false);
        assert_eq!((found.checksum, found.flavour, found.keys.len()), (Some(Checksum::Verified), flavour, 1));
        file[96] ^= 1;
        assert!(matches!(read(&file, false).checksum, Some(Checksum::Mismatch { .. })));
    }
}

#[test]
fn before_version_5_there_is_no_checksum() {
    assert_eq!(read(&one("REDIS0004", 0, b"\x01v"), false).checksum, Some(Checksum::Absent));
    assert!(read_from(SliceInput::new(b"REDIS0005\xff"), false).is_err(), "from 5 on there must be");
}

#[test]
fn errors_say_what_where_and_in_which_key() {
    let fails = |file: &[u8]| read_from(SliceInput::new(file), false).expect_err("invalid").to_string();
    assert_eq!(
        fails(b"REDIS0003\x00\x01k\x05vvv"),
        "the data ends inside a string value, in key \"k\", at offset 16 (0x10)"
    );
    assert_eq!(fails(b"REDIS0003\x63"), "unknown opcode or value type 99 (0x63), at offset 9 (0x9)");
    assert_eq!(
        fails(b"REDIS0003\x04\x01\x1b\x02"),
        "the data ends inside the elements of a collection, in key \"\\x1b\", at offset 13 (0xd)"
    );
    assert_eq!(
        fails(b"REDIS0003\x00\x01k\x01v"),
        "the data ends inside the file: there is no end of file opcode, at offset 14 (0xe)"
    );
    assert!(fails(b"REDIS0003\x06\x01k").contains("cannot be skipped"));
    assert!(fails(b"hello world").contains("not an RDB file"));
    assert!(fails(b"REDIS0000\xff").contains("version"));
    assert!(fails(b"VALKEY079\xff").contains("version"));
    assert!(fails(b"REDIS  12\xff").contains("version"));
}

#[test]
fn damage_inside_a_value_costs_only_that_key() {
    let broken = [&listpack("ab")[..12], &[0]].concat(); // no terminator
    let mut file = b"REDIS0003\x00\x01a\x01v".to_vec();
    file.extend([&[16, 1, b'x'], &string(&broken)[..]].concat());
    file.extend(b"\x00\x01z\x01v\xff");
    for deep in [false, true] {
        let mut parser = Parser::from_slice(&file).expect("valid");
        let mut visitor = Strings { deep, seen: Vec::new() };
        assert!(matches!(parser.next_event_with(&mut visitor), Ok(Some(Event::Entry(_)))));
        let error = parser.next_event_with(&mut visitor).expect_err("damaged");
        assert!(error.is_contained() && error.key() == Some(b"x"), "{error}");
        match parser.next_event_with(&mut visitor).expect("goes on") {
            Some(Event::Entry(entry)) => assert_eq!(entry.key, RdbString::Raw(b"z")),
            other => panic!("expected a key: {other:?}"),
        }
        assert!(matches!(parser.next_event_with(&mut visitor), Ok(Some(Event::End { .. }))));
        assert!(matches!(parser.next_event_with(&mut visitor), Ok(None)));
    }
}

/// Needs the strings of the first elements, the integers of those that follow, and then lengths.
#[derive(Default)]
struct Weary {
    strings: usize,
    integers: usize,
    fields: usize,
    elements: Vec<Pair>,
}

/// The lengths of field and value, and which are integers.
type Pair = ([u64; 2], Option<[Option<i64>; 2]>);

impl Visitor for Weary {
    fn string(&mut self, role: Role, _: RdbString<'_>) {
        self.fields += usize::from(role == Role::Field);
    }

    fn detail(&self) -> Detail {
        if self.elements.len() < self.strings {
            Detail::Strings
        } else if self.elements.len() < self.strings + self.integers {
            Detail::Integers
        } else {
            Detail::Lengths
        }
    }

    fn element<const STRINGS: usize>(
        &mut self,
        roles: &'static [Role; STRINGS],
        lengths: &[u64; STRINGS],
        integers: Option<&[Option<i64>; STRINGS]>,
    ) {
        assert_eq!(roles[..], [Role::Field, Role::Value]);
        self.elements.push(([lengths[0], lengths[1]], integers.map(|integers| [integers[0], integers[1]])));
    }
}

#[test]
fn a_visitor_may_need_the_strings_of_the_first_elements_only() {
    fn read<I: rdb_parser::Input>(input: I, visitor: &mut Weary) -> Option<u64> {
        let mut parser = Parser::new(input, rdb_parser::Options::default()).expect("valid");
        match parser.next_event_with(visitor) {
            Ok(Some(Event::Entry(entry))) => entry.outline.value_bytes,
            other => panic!("{other:?}"),
        }
    }
    let file = b"REDIS0003\x04\x01h\x05\x01a\x01b\x02-1\x01b\x03aaa\xc0\x0c\x04aaaa\x00\x05aaaaa\x017\xff";
    let whole = [
        ([1, 1], [None, None]),
        ([2, 1], [Some(-1), None]),
        ([3, 2], [None, Some(12)]),
        ([4, 0], [None, None]),
        ([5, 1], [None, Some(7)]),
    ];
    for (strings, integers) in (0..7).flat_map(|strings| (0..7).map(move |integers| (strings, integers))) {
        let expected: Vec<Pair> = whole
            .iter()
            .enumerate()
            .map(|(index, &(lengths, values))| (lengths, (index < strings + integers).then_some(values)))
            .collect();
        for window in [false, true] {
            let mut visitor = Weary { strings, integers, ..Weary::default() };
            let value_bytes = if window {
                read(Window::new(Trickle(file), None), &mut visitor)
            } else {
                read(SliceInput::new(file), &mut visitor)
            };
            assert_eq!(value_bytes, Some(20), "{strings} {integers}");
            assert_eq!(visitor.fields, strings.min(5));
            assert_eq!(visitor.elements, expected, "{strings} {integers}");
        }
    }
}
