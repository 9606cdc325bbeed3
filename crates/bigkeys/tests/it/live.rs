//! A random dataset in a real server against what the program reads from its dump.
//!
//! Needs a `redis-server`, see `scripts/test`.

use std::collections::BTreeMap;

use crate::common::{json_lines, stdout, text};
use crate::server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use redis::{Cmd, Connection, cmd};

const SEED: u64 = 20_261_124;
const KEYS: u32 = 1500;

/// A stream with entries of more than 64 KiB.
const LONG_STREAM: &str = "a long stream";

/// What a server says of a key.
#[derive(Debug, PartialEq)]
struct Truth {
    data_type: String,
    encoding: String,
    count: u64,
    expires_at_ms: Option<i64>,
}

/// Strings of the kinds that encodings tell apart: integers, short and long text, bytes,
/// repetitions.
fn element(rng: &mut SmallRng) -> Vec<u8> {
    match rng.random_range(0..10) {
        0..3 => (rng.random::<i64>() >> rng.random_range(0..64)).to_string().into_bytes(),
        3..6 => {
            let len = rng.random_range(0..66);
            (0..len).map(|_| rng.random_range(b'a'..=b'z')).collect()
        }
        6 => (0..rng.random_range(0..100)).map(|_| rng.random()).collect(),
        7 => vec![b'r'; rng.random_range(0..3000)],
        8 => format!("0{}", rng.random::<u16>()).into_bytes(),
        _ => format!("user:{}:name", rng.random::<u32>()).into_bytes(),
    }
}

/// Mostly small, sometimes beyond every limit at which an encoding changes.
fn length(rng: &mut SmallRng) -> usize {
    match rng.random_range(0..20) {
        0..12 => rng.random_range(1..20),
        12..18 => rng.random_range(100..140),
        18 => rng.random_range(500..530),
        _ => rng.random_range(2000..3000),
    }
}

/// Elements of a collection: of one kind in half of the cases, so that intsets and lists of short
/// strings occur.
fn elements(rng: &mut SmallRng) -> Vec<Vec<u8>> {
    let len = length(rng);
    match rng.random_range(0..4) {
        0 => (0..len).map(|_| rng.random_range(-70_000..70_000).to_string().into_bytes()).collect(),
        1 => (0..len).map(|i| format!("m{i}").into_bytes()).collect(),
        _ => (0..len).map(|_| element(rng)).collect(),
    }
}

fn send(command: &Cmd, connection: &mut Connection) {
    command.exec(connection).unwrap_or_else(|error| panic!("{error}"));
}

fn fill(connection: &mut Connection, rng: &mut SmallRng) {
    for i in 0..KEYS {
        if i % 100 == 0 {
            send(cmd("SELECT").arg([0, 1, 0, 15][i as usize / 100 % 4]), connection);
        }
        let mut key = element(rng);
        key.extend(format!(":{i}").bytes());
        match rng.random_range(0..7) {
            0..2 => send(cmd("SET").arg(&key).arg(element(rng)), connection),
            2 => send(cmd("RPUSH").arg(&key).arg(elements(rng)), connection),
            3 => send(cmd("SADD").arg(&key).arg(elements(rng)), connection),
            4 => {
                let mut command = cmd("ZADD");
                command.arg(&key);
                for member in elements(rng) {
                    let score = if rng.random() { f64::from(rng.random::<i16>()) } else { rng.random() };
                    command.arg(score).arg(member);
                }
                send(&command, connection);
            }
            5 => {
                let mut command = cmd("HSET");
                command.arg(&key);
                for field in elements(rng) {
                    command.arg(field).arg(element(rng));
                }
                send(&command, connection);
            }
            _ => fill_stream(connection, rng, &key),
        }
        if rng.random_range(0..3) == 0 {
            let at = 4_000_000_000_000i64 + i64::from(rng.random::<u32>());
            send(cmd("PEXPIREAT").arg(&key).arg(at), connection);
        }
    }
}

fn fill_stream(connection: &mut Connection, rng: &mut SmallRng, key: &[u8]) {
    let entries = length(rng).min(300);
    for i in 0..entries {
        send(cmd("XADD").arg(key).arg(format!("{}-1", i + 1)).arg(b"field").arg(element(rng)), connection);
    }
    for i in 0..entries {
        if rng.random_range(0..5) == 0 {
            send(cmd("XDEL").arg(key).arg(format!("{}-1", i + 1)), connection);
        }
    }
    for group in ["g1", "g2"].iter().take(rng.random_range(0..3)) {
        send(cmd("XGROUP").arg("CREATE").arg(key).arg(group).arg("0"), connection);
        for consumer in ["alice", "bob"] {
            let read = ["GROUP", group, consumer, "COUNT", "7", "STREAMS"];
            send(cmd("XREADGROUP").arg(&read[..]).arg(key).arg(">"), connection);
        }
    }
}

fn ask<T: redis::FromRedisValue>(command: &Cmd, connection: &mut Connection) -> T {
    command.query(connection).unwrap_or_else(|error| panic!("{error}"))
}

fn truth(connection: &mut Connection) -> BTreeMap<(u64, Vec<u8>), Truth> {
    let mut truths = BTreeMap::new();
    for db in [0u64, 1, 15] {
        send(cmd("SELECT").arg(db), connection);
        let keys: Vec<Vec<u8>> = ask(cmd("KEYS").arg("*"), connection);
        for key in keys {
            let data_type: String = ask(cmd("TYPE").arg(&key), connection);
            let counting = match data_type.as_str() {
                "string" => "STRLEN",
                "list" => "LLEN",
                "set" => "SCARD",
                "zset" => "ZCARD",
                "hash" => "HLEN",
                "stream" => "XLEN",
                other => panic!("unknown type {other}"),
            };
            let expiry: i64 = ask(cmd("PEXPIRETIME").arg(&key), connection);
            let truth = Truth {
                data_type,
                encoding: ask(cmd("OBJECT").arg("ENCODING").arg(&key), connection),
                count: ask(cmd(counting).arg(&key), connection),
                expires_at_ms: (expiry >= 0).then_some(expiry),
            };
            truths.insert((db, key), truth);
        }
    }
    truths
}

fn read(dump: &std::path::Path) -> BTreeMap<(u64, Vec<u8>), Truth> {
    let rows = json_lines(&stdout(&["keys", "--keys-as", "base64", text(dump)], 0));
    let count = rows.len();
    let read: BTreeMap<_, _> = rows
        .into_iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().expect("text").to_owned();
            let counted = if row["type"] == "string" { "value_bytes" } else { "elements" };
            let truth = Truth {
                data_type: text("type"),
                encoding: text("encoding"),
                count: row[counted].as_u64().expect("known"),
                expires_at_ms: row["expires_at_ms"].as_i64(),
            };
            (
                (row["db"].as_u64().expect("a number"), STANDARD.decode(text("key_b64")).expect("base64")),
                truth,
            )
        })
        .collect();
    assert_eq!(read.len(), count, "no key twice");
    read
}

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn every_key_of_a_random_dataset_is_what_the_server_says() {
    let server = Server::start();
    let mut connection = server.connect();
    fill(&mut connection, &mut SmallRng::seed_from_u64(SEED));
    send(&cmd("SAVE"), &mut connection);
    // The program promises what the server answers after loading: shrunk and grown values convert
    // then.
    send(cmd("DEBUG").arg("RELOAD").arg("NOSAVE"), &mut connection);
    let truth = truth(&mut connection);
    let read = read(&server.dump());
    assert_eq!(read.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>());
    for (id, want) in &truth {
        assert_eq!(&read[id], want, "{id:?}");
    }
    let encodings: std::collections::BTreeSet<_> =
        truth.values().map(|truth| (truth.data_type.as_str(), truth.encoding.as_str())).collect();
    assert!(encodings.len() >= 11, "the dataset reaches the encodings: {encodings:?}");
}

/// The commands in RESP.
fn commands(output: &[u8]) -> Vec<Cmd> {
    let mut rest = output;
    let mut number = |mark: u8| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        assert_eq!(rest[0], mark);
        let number: usize = std::str::from_utf8(&rest[1..end]).expect("digits").parse().expect("a number");
        rest = &rest[end + 2..];
        if mark == b'*' {
            return Some((number, Vec::new()));
        }
        let argument = rest[..number].to_vec();
        rest = &rest[number + 2..];
        Some((number, argument))
    };
    let mut found = Vec::new();
    while let Some((arguments, _)) = number(b'*') {
        let mut command = Cmd::new();
        for _ in 0..arguments {
            command.arg(number(b'$').expect("an argument").1);
        }
        found.push(command);
    }
    found
}

#[test]
#[ignore = "needs a redis-server: scripts/test runs it"]
fn the_commands_of_dump_make_the_same_keys_in_another_server() {
    let (server, copy) = (Server::start(), Server::start());
    let (mut connection, mut other) = (server.connect(), copy.connect());
    let mut rng = SmallRng::seed_from_u64(SEED);
    fill(&mut connection, &mut rng);
    // Strings that are longer than visitors usually see, in listpacks: stored, and compressed in the file.
    let stored: Vec<u8> = (0..200_000).map(|_| rng.random()).collect();
    for value in [stored, vec![b'r'; 200_000], vec![b'r'; 3 << 20]] {
        send(cmd("XADD").arg(LONG_STREAM).arg("*").arg("field").arg(value), &mut connection);
    }
    send(&cmd("SAVE"), &mut connection);
    let dump = server.dump();
    let keys = json_lines(&stdout(&["keys", "--keys-as", "base64", text(&dump)], 0));
    let mut types = std::collections::BTreeSet::new();
    let mut has_long = false;
    for (index, key) in keys.iter().enumerate() {
        let name = STANDARD.decode(key["key_b64"].as_str().expect("base64")).expect("base64");
        let is_long = name == LONG_STREAM.as_bytes();
        if index % 5 != 0 && !is_long {
            continue;
        }
        has_long |= is_long;
        let (db, shown) =
            (key["db"].to_string(), rdb_parser::escape::Escaped::for_terminal(&name).to_string());
        let arguments = ["dump", "--format", "resp", "--db", &db, "--", &shown, text(&dump)];
        let resp = crate::common::output(&arguments);
        assert_eq!(resp.status.code(), Some(0), "{shown}: {}", String::from_utf8_lossy(&resp.stderr));
        for command in commands(&resp.stdout) {
            send(&command, &mut other);
        }
        send(cmd("SELECT").arg(&db), &mut connection);
        let mut digest = cmd("DEBUG");
        digest.arg("DIGEST-VALUE").arg(&name);
        let digests: [Vec<String>; 2] =
            [&mut connection, &mut other].map(|connection| digest.query(connection).expect("a digest"));
        assert_eq!(digests[0], digests[1], "{shown}: {}", key["type"]);
        types.insert(key["type"].to_string());
    }
    assert_eq!(types.len(), 6, "{types:?}");
    assert!(has_long);
}
