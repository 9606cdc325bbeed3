//! The small files in `testdata/`, one for each dialect and family of encodings, and their goldens.
//!
//! `RDB_WRITE_TESTDATA=1 cargo test -p rdb-parser --test testdata` writes both anew. Without it the
//! files must give their goldens, and those that do not depend on a compressor must be what this
//! program would write.
#![cfg(feature = "dragonfly")]

mod support;

use std::path::{Path, PathBuf};

use support::{
    Content, aux, compressed, file, intset, key, len, listpack, long_len, stream, stream_node, string,
    ziplist,
};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata")
}

fn expiring(record: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0xfc][..], &1_900_000_000_000i64.to_le_bytes(), record.as_ref()].concat()
}

fn plain_records() -> Vec<u8> {
    let pairs = |n: u32| -> Vec<u8> {
        let pair = |i| [string(format!("field {i}")), string(format!("value {i}"))].concat();
        [len(u64::from(n)), (0..n).flat_map(pair).collect()].concat()
    };
    [
        vec![0xfe, 0],
        key(0, "text", string("hello")),
        key(0, "number", [0xc1, 0x39, 0x30]),
        [&[0, 0xc0, 7][..], &string("named by a number")].concat(),
        key(1, "list", [&[2][..], &string("one"), &string("two")].concat()),
        key(2, "set", [&[2][..], &string("one"), &[0xc0, 2]].concat()),
        key(4, "hash", pairs(3)),
    ]
    .concat()
}

fn listpack_records() -> Vec<u8> {
    let ttl =
        [&1_900_000_000_000i64.to_le_bytes()[..], &string(listpack(&["f", "v", "1900000000000"]))].concat();
    [
        key(16, "hash", string(listpack(&["field", "value", "n", "12345"]))),
        key(17, "zset", string(listpack(&["member", "1", "other", "2.5"]))),
        key(20, "set", compressed(&listpack(&["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b"]))),
        key(11, "intset", string(intset(&[-5, 7, 300]))),
        key(18, "list", [&[2, 1][..], &string("plain"), &[2], &string(listpack(&["a", "b"]))].concat()),
        expiring(key(21, "stream", stream(&stream_node(), 2))),
        key(25, "hash:ttl", ttl),
        key(24, "hash:ttl:table", [&[1; 6][..], &[0, 0, 1, 5], &string("f"), &string("v")].concat()),
    ]
    .concat()
}

fn template_records() -> Vec<u8> {
    [
        [&[242, 0, 2][..], &string("a"), &string("bb")].concat(),
        key(
            29,
            "own:packed",
            [&[0][..], &string(listpack(&["a", "bb"])), &string(listpack(&["0", "x", "y"]))].concat(),
        ),
        key(30, "ref:packed", string(listpack(&["0", "x", "y"]))),
        key(31, "own:array", [&[1, 2][..], &string("a"), &string("bb"), &[0xc0, 1, 0xc0, 2]].concat()),
        key(32, "ref:array", [&[0][..], &string("x"), &string("y")].concat()),
    ]
    .concat()
}

fn dragonfly(body: &[u8]) -> Vec<u8> {
    [b"REDIS0009", &aux("redis-ver", "6.2.11")[..], &aux("df-ver", "df-v1.30.0"), body, &[0xff], &[0; 8]]
        .concat()
}

fn dragonfly_records() -> Vec<u8> {
    let double = 0.5f64.to_le_bytes();
    [
        vec![0xfe, 1],
        expiring([&[220, 3, 0, 0, 0, 9, 0, 0, 0][..], &key(0, "flags", string("v"))].concat()),
        key(30, "json", string("{\"a\":1}")),
        key(31, "hash", [&[1][..], &string("f"), &string("v"), &string("-1")].concat()),
        key(32, "set", [&[1][..], &string("m"), &string("1900000000")].concat()),
        key(33, "bloom", [&[0][..], &double, &double, &[1, 2, 9, 1, 7], &string([1; 20])].concat()),
        key(
            34,
            "bloom:pieces",
            [&[0][..], &double, &double, &[1, 2, 9, 1, 7, 5, 3, 1, 1, 1, 2, 1, 1]].concat(),
        ),
        key(35, "cms", [&[2, 3, 9][..], &[0; 48]].concat()),
        key(36, "topk", [&[0, 5, 2, 3][..], &double, &[1], &string("top"), &[9], &string([0; 24])].concat()),
        key(37, "cuckoo", [2, 20, 1, 4, 3, 0, 2, 3, 1, 1, 2, 1, 1, 1, 1, 1]),
    ]
    .concat()
}

fn chunk(id: u32, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).expect("short");
    [&[224][..], &id.to_le_bytes(), &size.to_le_bytes(), content].concat()
}

fn chunks() -> Vec<u8> {
    [
        chunk(1, &expiring(key(2, "set", [&[3][..], &string("one")].concat()))),
        key(0, "between", string("v")),
        chunk(2, &key(18, "list", [&[2, 2][..], &string(listpack(&["a", "b"]))].concat())),
        chunk(1, &[string("two"), string("three")].concat()),
        chunk(2, &[&[1][..], &string("large")].concat()),
    ]
    .concat()
}

fn lz4(content: &[u8]) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new().content_size(Some(content.len() as u64));
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, content).expect("in memory");
    [&[202][..], &string(encoder.finish().expect("in memory"))].concat()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    [&[201][..], &string(zstd::bulk::compress(content, 2).expect("in memory"))].concat()
}

#[allow(clippy::too_many_lines, reason = "a list")]
/// Name, content, and whether the content is the same whatever the version of a compressor.
fn files() -> Vec<(&'static str, Vec<u8>, bool)> {
    let text_scores = key(
        3,
        "zset",
        [
            &[4][..],
            &string("a"),
            b"\x031.5",
            &string("b"),
            &[254],
            &string("c"),
            &[255],
            &string("d"),
            b"\x012",
        ]
        .concat(),
    );
    let zipmap = key(9, "hash", string(b"\x02\x01f\x01\x00v\x01g\x02\x01wx\xaa\xff"));
    let group = [
        &[1][..],
        &string("group"),
        &[1, 0, 2, 1],
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
    let stream_head = [&[1][..], &string([0; 16]), &string(stream_node()), &[2], &[0; 7]].concat();
    let producers = [&[40, 10, 1][..], &string("producer"), &[1], &string("iid"), &[5, 6, 2, 0]].concat();
    let cells = [&[3, 1, 9][..], &[5, 0], &string("five"), &[7, 1], &[9; 8], &[8, 2], &[0; 8]].concat();
    let records = dragonfly_records();
    vec![
        ("all_plain_v03", file("REDIS0003", [plain_records(), text_scores].concat()), true),
        ("hash_zipmap_v02", file("REDIS0002", zipmap), true),
        (
            "all_ziplist_v09",
            file(
                "REDIS0009",
                [
                    aux("redis-ver", "6.2.5"),
                    vec![0xfe, 0, 0xfb, 4, 1],
                    key(10, "list:old", string(ziplist(&["a", "b"]))),
                    expiring(key(12, "zset", string(ziplist(&["m", "1.5"])))),
                    key(
                        13,
                        "hash",
                        compressed(&ziplist(&["field", "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"])),
                    ),
                    key(
                        14,
                        "list",
                        [&[2][..], &string(ziplist(&["a"])), &string(ziplist(&["b", "c"]))].concat(),
                    ),
                    key(
                        15,
                        "stream",
                        [&[1][..], &string([0; 16]), &string(stream_node()), &[2, 0, 0, 0]].concat(),
                    ),
                ]
                .concat(),
            ),
            true,
        ),
        ("all_listpack_v12", file("REDIS0012", listpack_records()), true),
        (
            "overhead_records_v12",
            file(
                "REDIS0012",
                [
                    aux("redis-ver", "8.2.3"),
                    [&[0xf7][..], &long_len(0xbde7_2da2_bb1e_b400), &[2, 2, 1, 5, 5, 1, b'x', 0]].concat(),
                    [&[0xf5][..], &string("#!lua name=lib\n")].concat(),
                    [&[0xf6][..], &string("old"), &string("LUA"), &[1], &string("what"), &string("code")]
                        .concat(),
                    vec![0xfe, 0, 0xfb, 2, 0, 0xf4, 5, 2, 0, 0xf8, 60],
                    key(
                        7,
                        "vectors",
                        [
                            &long_len(0xbde7_2da2_bb1e_b400)[..],
                            &[2, 3, 2, 1, 5, 1, b'x', 5, 2, 7, 7, 4],
                            &[0; 8],
                            &[0],
                        ]
                        .concat(),
                    ),
                    [&[0xf9, 200][..], &key(5, "zset", [&[1][..], &string("m"), &[0; 8]].concat())].concat(),
                    [&[0xfd][..], &[1; 4], &key(0, "seconds", string("v"))].concat(),
                ]
                .concat(),
            ),
            true,
        ),
        (
            "stream_producers_v13",
            file("REDIS0013", key(26, "k", [stream_head.clone(), group.clone(), producers.clone()].concat())),
            true,
        ),
        (
            "stream_nacked_v14",
            file("REDIS0014", key(27, "k", [&stream_head[..], &group, &[1], &[0; 16], &producers].concat())),
            true,
        ),
        (
            "key_metadata_v13",
            file("REDIS0013", [&[243, 1, 1, 2, 3, 4, 2, 5, 0][..], &key(0, "k", string("v"))].concat()),
            true,
        ),
        ("array_cells_v14", file("REDIS0014", key(28, "k", cells)), true),
        (
            "hash_template_v15",
            file("REDIS0015", [template_records(), key(33, "limiter", len(99))].concat()),
            true,
        ),
        (
            "hash_expiry_v80",
            file(
                "VALKEY080",
                [
                    [&[243][..], &string("j".repeat(40)), &[1, 3, 9]].concat(),
                    key(22, "hash", [&[1][..], &string("f"), &string("v"), &[0xff; 8]].concat()),
                ]
                .concat(),
            ),
            true,
        ),
        (
            "hash_paths_v81",
            file(
                "VALKEY081",
                key(23, "k", [&[1][..], &string("$.a"), &[1], &string("f"), &string("v")].concat()),
            ),
            true,
        ),
        (
            "keydb_cron_v09",
            file(
                "REDIS0009",
                [
                    expiring(aux("mvcc-tstamp", "1900000000000")),
                    key(2, "set", [&[1][..], &string("m")].concat()),
                    aux("keydb-subexpire-key", "m"),
                    aux("keydb-subexpire-when", "1900000000000"),
                    key(
                        64,
                        "job",
                        [&string("return 1")[..], &[0; 16], &[1], &string("key"), &[1], &string("arg")]
                            .concat(),
                    ),
                ]
                .concat(),
            ),
            true,
        ),
        (
            "enterprise_opcodes_v09",
            file("REDIS0009", [&[121, 5, 107, 9][..], &key(0, "k", string("v"))].concat()),
            true,
        ),
        ("dragonfly_plain_v09", dragonfly(&records), true),
        ("dragonfly_chunks_v09", dragonfly(&chunks()), true),
        (
            "dragonfly_lz4_v09",
            dragonfly(&[lz4(&records), lz4(&chunks()), key(0, "behind", string("v"))].concat()),
            false,
        ),
        (
            "dragonfly_zstd_v09",
            dragonfly(&[zstd(&records), zstd(&chunks()), key(0, "behind", string("v"))].concat()),
            false,
        ),
    ]
}

#[test]
fn files_give_their_goldens() {
    let write = std::env::var_os("RDB_WRITE_TESTDATA").is_some();
    for (name, content, is_fixed) in files() {
        let path = directory().join(name).with_extension("rdb");
        let golden_path = path.with_extension("golden");
        if write {
            std::fs::write(&path, &content).expect("a writable directory");
            std::fs::write(&golden_path, golden(&content)).expect("a writable directory");
        }
        let stored = std::fs::read(&path).expect("a file");
        assert!(!is_fixed || stored == content, "{name} is not what is written today");
        assert_eq!(golden(&stored), std::fs::read_to_string(&golden_path).expect("a golden"), "{name}");
    }
}

/// What the file holds, a line for each key, then what else there is.
fn golden(bytes: &[u8]) -> String {
    let content = Content::of(bytes, true);
    assert!(content.errors.is_empty() && content.adds_up, "{:?}", content.errors);
    let mut lines: Vec<String> = content
        .keys
        .iter()
        .map(|key| {
            format!(
                "db {} {} {:?}: elements {:?}, value_bytes {:?}, rdb_bytes {}, span {:?}, expires_at_ms {:?}, {:?}",
                key.db,
                key.name.escape_ascii(),
                key.value_type,
                key.outline.elements,
                key.outline.value_bytes,
                key.rdb_bytes,
                key.span,
                key.meta.expires_at_ms,
                key.warnings
            )
        })
        .collect();
    lines.push(format!("warnings {:?}", content.warnings));
    lines.push(format!("other opcodes {:?}", content.opcodes));
    lines.push(format!("checksum {:?}", content.checksum.expect("an end")));
    lines.join("\n") + "\n"
}
