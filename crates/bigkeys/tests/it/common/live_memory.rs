//! A dataset for the memory model, in a server that has loaded it from its dump.
//!
//! Keys of every type in every encoding, of sizes around each limit and far beyond, and what makes
//! a server's memory differ from that of a fresh one: collections that shrank, hashes with one long
//! value, streams with deleted entries, groups and pending entries, keys with expiry.

use std::path::Path;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use rdb_analysis::{Allocator, Assumptions};
use redis::{Connection, Pipeline, cmd};

use super::configuration::{Configuration, ProgramVersion};
use super::memory_support::Truth;
use super::server::Server;

/// Keys besides the large tables.
const KEYS: u32 = 1200;

/// Hashes that share their field names, where the server has such.
const TEMPLATED: u32 = 200;

/// Elements of the large tables: around a doubling, and far from one.
const LARGE: [usize; 4] = [10_000, 65_536, 65_537, 200_000];

/// Slots of a cluster.
const SLOTS: u32 = 16_384;

/// Commands sent at once.
const BATCH: usize = 500;

/// What a server answered, and how.
pub(crate) struct Live {
    pub(crate) dump: Vec<u8>,
    pub(crate) allocator: Allocator,
    /// Name and version, as INFO tells them.
    pub(crate) version: String,
    pub(crate) truths: Vec<Truth>,
    configuration: Configuration,
    /// Whether another server wrote the dump, so that a user has to state this one.
    pub(crate) is_foreign: bool,
}

impl Live {
    /// What a user states of the server.
    pub(crate) fn assumptions(&self) -> Assumptions {
        let mut assumptions = self.configuration.assumptions();
        assumptions.allocator = self.allocator;
        if self.is_foreign {
            assumptions.server = Some(self.version.to_lowercase().parse().expect("a version"));
        }
        assumptions
    }

    /// Types and encodings that the dataset has at least.
    #[allow(dead_code, reason = "not every program that has this module uses all of it")]
    pub(crate) fn least_encodings(&self) -> usize {
        if self.is_foreign { 5 } else { 11 }
    }
}

/// Fills a server of `program`, lets it save, start again and load, and asks it for every key.
pub(crate) fn measure(program: &Path, configuration: Configuration, seed: u64) -> Live {
    let version = ProgramVersion::of(program);
    let server = Server::start_with(program, &configuration.options(version));
    let mut connection = server.connect();
    if configuration == Configuration::Cluster {
        let slots: Vec<u32> = (0..SLOTS).collect();
        cmd("CLUSTER").arg("ADDSLOTS").arg(slots).exec(&mut connection).expect("accepted");
        wait_for_cluster(&mut connection);
    }
    fill(&mut connection, &mut SmallRng::seed_from_u64(seed), version);
    cmd("SAVE").exec(&mut connection).expect("saved");
    let server = server.restart();
    if configuration == Configuration::Cluster {
        wait_for_cluster(&mut server.connect());
    }
    let dump = std::fs::read(server.dump()).expect("the dump");
    let live = ask(&server);
    Live { dump, configuration, ..live }
}

/// Lets a server of `program` load `dump`, which another server wrote, and asks it for every key.
#[allow(dead_code, reason = "not every program that has this module uses all of it")]
pub(crate) fn load(dump: &[u8], program: &Path) -> Live {
    let live = ask(&Server::start_from(dump, program, &[]));
    Live { dump: dump.to_vec(), is_foreign: true, ..live }
}

fn ask(server: &Server) -> Live {
    let mut connection = server.connect();
    let info: String = cmd("INFO").query(&mut connection).expect("an answer");
    let fact = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("INFO tells {name}")).trim().to_owned()
    };
    let allocator = if fact("mem_allocator:") == "libc" {
        // Distributions build jemalloc with this quantum.
        let preloads = std::env::var("LD_PRELOAD").is_ok_and(|library| library.contains("jemalloc"));
        if preloads { Allocator::JemallocQ16 } else { Allocator::Glibc }
    } else {
        let stats: String = cmd("MEMORY").arg("MALLOC-STATS").query(&mut connection).expect("an answer");
        let quantum = stats.lines().find_map(|line| line.strip_prefix("Quantum size:"));
        match quantum.expect("jemalloc tells its quantum").trim() {
            "8" => Allocator::JemallocQ8,
            "16" => Allocator::JemallocQ16,
            other => panic!("a quantum of {other}"),
        }
    };
    let version = info.lines().find_map(|line| line.strip_prefix("valkey_version:"));
    let version = match version {
        Some(version) => format!("Valkey {}", version.trim()),
        None => format!("Redis {}", fact("redis_version:")),
    };
    let truths = ask_for_keys(&mut connection);
    Live {
        dump: Vec::new(),
        allocator,
        version,
        truths,
        configuration: Configuration::Defaults,
        is_foreign: false,
    }
}

/// Waits until a node that was started accepts commands: two seconds.
fn wait_for_cluster(connection: &mut Connection) {
    for _ in 0..100 {
        let info: String = cmd("CLUSTER").arg("INFO").query(connection).expect("an answer");
        if info.contains("cluster_state:ok") {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the node serves no slots");
}

fn ask_for_keys(connection: &mut Connection) -> Vec<Truth> {
    let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query(connection).expect("an answer");
    let mut truths = Vec::new();
    for keys in keys.chunks(BATCH) {
        let mut pipeline = Pipeline::new();
        for key in keys {
            pipeline.cmd("TYPE").arg(key);
            pipeline.cmd("OBJECT").arg("ENCODING").arg(key);
            pipeline.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        }
        let answers: Vec<redis::Value> = pipeline.query(connection).expect("answers");
        for (key, answer) in keys.iter().zip(answers.chunks(3)) {
            let text = |at: usize| redis::from_redis_value_ref::<String>(&answer[at]).expect("text");
            let memory_usage = redis::from_redis_value_ref(&answer[2]).expect("a number");
            truths.push(Truth::new(0, key, text(0), text(1), memory_usage));
        }
    }
    truths
}

fn fill(connection: &mut Connection, rng: &mut SmallRng, version: ProgramVersion) {
    let mut batch = Batch { connection, pipeline: Pipeline::new(), commands: 0 };
    for i in 0..KEYS {
        let key = key(rng, i);
        let len = length(rng);
        match rng.random_range(0..8) {
            0..2 => batch.send("SET", &key, [element(rng)]),
            2 => list(&mut batch, rng, &key, len),
            3 => set(&mut batch, rng, &key, len),
            4 => zset(&mut batch, rng, &key, len),
            5 if version.has_field_expiry() && rng.random_range(0..3) == 0 => {
                hash_with_expiry(&mut batch, rng, &key, len);
            }
            5 if version.has_templates_and_arrays() && rng.random_range(0..8) == 0 => {
                array(&mut batch, rng, &key, len);
            }
            5 => hash(&mut batch, rng, &key, len),
            6 => hash_with_a_long_value(&mut batch, rng, &key, len),
            _ => stream(&mut batch, rng, &key, len),
        }
        if rng.random_range(0..4) == 0 {
            batch.send("PEXPIREAT", &key, [b"4000000000000".to_vec()]);
        }
    }
    for len in LARGE {
        let name = |kind: &str| format!("large:{kind}:{len}").into_bytes();
        set(&mut batch, rng, &name("set"), len);
        zset(&mut batch, rng, &name("zset"), len);
        hash(&mut batch, rng, &name("hash"), len);
        list(&mut batch, rng, &name("list"), len / 10);
    }
    batch.flush();
    if version.has_templates_and_arrays() {
        // Templates are on for these keys only: a server takes quadratic time for those of many fields.
        let set_min_entries = |connection: &mut Connection, entries: u32| {
            cmd("CONFIG").arg("SET").arg("hash-min-template-entries").arg(entries).exec(connection)
        };
        set_min_entries(batch.connection, 3).expect("accepted");
        for i in 0..TEMPLATED {
            let fields = rng.random_range(3..40);
            let pairs = (0..fields).flat_map(|field| [format!("field{field}").into_bytes(), element(rng)]);
            let pairs: Vec<Vec<u8>> = pairs.collect();
            batch.send("HSET", format!("templated:{i}").as_bytes(), pairs);
        }
        batch.flush();
        set_min_entries(batch.connection, 0).expect("accepted");
    }
}

/// Commands on their way.
struct Batch<'c> {
    connection: &'c mut Connection,
    pipeline: Pipeline,
    commands: usize,
}

impl Batch<'_> {
    fn send(&mut self, command: &str, key: &[u8], arguments: impl IntoIterator<Item = Vec<u8>>) {
        self.pipeline.cmd(command).arg(key);
        for argument in arguments {
            self.pipeline.arg(argument);
        }
        self.pipeline.ignore();
        self.commands += 1;
        if self.commands == BATCH {
            self.flush();
        }
    }

    /// A command with many arguments, as several.
    fn send_all(&mut self, command: &str, key: &[u8], arguments: &[Vec<u8>]) {
        for part in arguments.chunks(1000) {
            self.send(command, key, part.iter().cloned());
        }
    }

    fn flush(&mut self) {
        self.pipeline.exec(self.connection).expect("accepted");
        self.pipeline = Pipeline::new();
        self.commands = 0;
    }
}

fn key(rng: &mut SmallRng, i: u32) -> Vec<u8> {
    let mut key = format!("{i}:").into_bytes();
    let len = match rng.random_range(0..10) {
        0..7 => rng.random_range(0..40),
        7..9 => rng.random_range(100..300),
        _ => rng.random_range(0..20_000),
    };
    key.resize(key.len() + len, b'k');
    key
}

/// Sizes around the limits at which encodings change, and where arrays double.
fn length(rng: &mut SmallRng) -> usize {
    match rng.random_range(0..20) {
        0..7 => rng.random_range(1..20),
        7..11 => rng.random_range(100..140),
        11..14 => rng.random_range(500..530),
        14..18 => rng.random_range(200..1500),
        _ => rng.random_range(2000..6000),
    }
}

/// Strings of the kinds that encodings and sizes tell apart.
fn element(rng: &mut SmallRng) -> Vec<u8> {
    match rng.random_range(0..12) {
        0..3 => (rng.random::<i64>() >> rng.random_range(0..64)).to_string().into_bytes(),
        3..7 => vec![rng.random_range(b'a'..=b'z'); rng.random_range(0..70)],
        7 => (0..rng.random_range(0..300)).map(|_| rng.random()).collect(),
        8 => vec![b'r'; rng.random_range(250..260)],
        9 => vec![b'l'; rng.random_range(0..9000)],
        10 => format!("0{}", rng.random::<u16>()).into_bytes(),
        _ => format!("user:{}:name", rng.random::<u32>()).into_bytes(),
    }
}

/// Distinct elements of one kind: integers of one width or another, text of one length or another.
fn members(rng: &mut SmallRng, len: usize) -> Vec<Vec<u8>> {
    let kind = rng.random_range(0..6);
    let width = rng.random_range(0..60);
    let start: u32 = rng.random_range(0..1000);
    (start..)
        .take(len)
        .map(|i| match kind {
            0 => i.to_string().into_bytes(),
            1 => (i64::from(i) * 70_000).to_string().into_bytes(),
            2 => (i64::from(i) << 40).to_string().into_bytes(),
            3 => format!("m{i}").into_bytes(),
            4 => format!("{i:0>width$}x").into_bytes(),
            _ => {
                let mut member = element(rng);
                member.truncate(200);
                member.extend(format!(":{i}").bytes());
                member
            }
        })
        .collect()
}

fn list(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let items: Vec<Vec<u8>> = (0..len).map(|_| element(rng)).collect();
    batch.send_all("RPUSH", key, &items);
}

fn set(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let mut members = members(rng, len);
    if rng.random_range(0..4) == 0 {
        // Integers, and then one that is none; or the other way round.
        let at = rng.random_range(0..members.len());
        members[at] = b"not a number".to_vec();
    }
    batch.send_all("SADD", key, &members);
    shrink(batch, rng, "SREM", key, &members);
}

fn zset(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let members = members(rng, len);
    let kind = rng.random_range(0..3);
    let mut scored = Vec::new();
    for member in &members {
        let score = match kind {
            0 => f64::from(rng.random::<i16>()),
            1 => rng.random::<f64>(),
            _ => rng.random::<f64>() * 1e20,
        };
        scored.push(score.to_string().into_bytes());
        scored.push(member.clone());
    }
    batch.send_all("ZADD", key, &scored);
    shrink(batch, rng, "ZREM", key, &members);
}

fn hash(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let fields = members(rng, len);
    let pairs: Vec<Vec<u8>> = fields.iter().flat_map(|field| [field.clone(), element(rng)]).collect();
    batch.send_all("HSET", key, &pairs);
    shrink(batch, rng, "HDEL", key, &fields);
}

/// Cells side by side, some apart, or in slices far from each other.
fn array(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let step = [1, 1, 3, 500, 100_000, 30_000_000][rng.random_range(0..6)];
    let mut index = rng.random_range(0..5000u64);
    for _ in 0..len.min(300) {
        let cell = if rng.random_range(0..4) == 0 {
            (rng.random::<f64>() * 1e6).to_string().into_bytes()
        } else {
            element(rng)
        };
        batch.send("ARSET", key, [index.to_string().into_bytes(), cell]);
        index += rng.random_range(1..=step);
    }
}

/// Some fields expire: at times near each other, or far.
fn hash_with_expiry(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let fields = members(rng, len);
    let pairs: Vec<Vec<u8>> = fields.iter().flat_map(|field| [field.clone(), element(rng)]).collect();
    batch.send_all("HSET", key, &pairs);
    let one_in = [1, 2, 20][rng.random_range(0..3)];
    let bits = rng.random_range(1..38);
    for field in fields.into_iter().filter(|_| rng.random_range(0..one_in) == 0).collect::<Vec<_>>() {
        let at_ms = 4_000_000_000_000 + (rng.random::<u64>() >> (64 - bits));
        let [fields, one] = ["FIELDS", "1"].map(|word| word.as_bytes().to_vec());
        batch.send("HPEXPIREAT", key, [at_ms.to_string().into_bytes(), fields, one, field]);
    }
}

/// Converts half-way through loading.
fn hash_with_a_long_value(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], len: usize) {
    let len = len % 512 + 1;
    let long = rng.random_range(0..len);
    for i in 0..len {
        let value = vec![b'v'; if i == long { 100 } else { 10 }];
        batch.send("HSET", key, [format!("f{i}").into_bytes(), value]);
    }
}

/// Removes most members now and then, so that a small collection is left in a table.
fn shrink(batch: &mut Batch<'_>, rng: &mut SmallRng, command: &str, key: &[u8], members: &[Vec<u8>]) {
    if members.len() < 6000 && rng.random_range(0..4) == 0 {
        let kept = rng.random_range(1..200).min(members.len());
        batch.send_all(command, key, &members[kept..]);
    }
}

fn stream(batch: &mut Batch<'_>, rng: &mut SmallRng, key: &[u8], entries: usize) {
    let mut ids = Vec::new();
    let (mut ms, mut seq) = (1u64, 1u64);
    for _ in 0..entries {
        if rng.random_range(0..3) == 0 {
            seq += 1;
        } else {
            ms += 1 << rng.random_range(0..20);
            seq = rng.random_range(1..300);
        }
        let id = format!("{ms}-{seq}").into_bytes();
        let mut value = element(rng);
        value.truncate(120);
        batch.send("XADD", key, [id.clone(), b"field".to_vec(), value]);
        ids.push(id);
    }
    for group in (0..rng.random_range(0..4)).map(|group| format!("group{group}")) {
        let group = group.as_bytes();
        batch.send("XGROUP", b"CREATE", [key.to_vec(), group.to_vec(), b"0".to_vec()]);
        for consumer in ["a", "bob", "a consumer with a long name"].iter().take(rng.random_range(0..4)) {
            let count = rng.random_range(1..200).to_string();
            let words: [&[u8]; 7] =
                [group, consumer.as_bytes(), b"COUNT", count.as_bytes(), b"STREAMS", key, b">"];
            batch.send("XREADGROUP", b"GROUP", words.map(<[u8]>::to_vec));
        }
        let acknowledged = ids.iter().filter(|_| rng.random_range(0..3) == 0).take(100).cloned();
        let words: Vec<Vec<u8>> = [group.to_vec()].into_iter().chain(acknowledged).collect();
        if words.len() > 1 {
            batch.send("XACK", key, words);
        }
    }
    let deleted: Vec<Vec<u8>> = ids.iter().filter(|_| rng.random_range(0..6) == 0).cloned().collect();
    if !deleted.is_empty() {
        batch.send_all("XDEL", key, &deleted);
    }
}
