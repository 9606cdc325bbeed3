//! Files of records of all kinds, and strategies that generate them.

use proptest::prelude::*;

/// Writes files of RDB 11, with a checksum.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    fn new() -> Self {
        let mut file = b"REDIS0011".to_vec();
        file.extend(b"\xfa\x09redis-ver\x057.2.6\xfa\x05ctime\xc2\x00\x00\x00\x66\xfe\x00\xfb\x40\x10\x03");
        Self(file)
    }

    fn string(&mut self, text: &[u8]) {
        match u32::try_from(text.len()).expect("short") {
            len @ 0..64 => self.0.push(u8::try_from(len).expect("six bits")),
            len => {
                self.0.push(0x80);
                self.0.extend(len.to_be_bytes());
            }
        }
        self.0.extend(text);
    }

    fn length(&mut self, len: usize) {
        self.0.push(0x80);
        self.0.extend(u32::try_from(len).expect("short").to_be_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(0xff);
        let mut sum = rdb_parser::resume::Crc64::new();
        sum.update(&self.0);
        self.0.extend(sum.value().to_le_bytes());
        self.0
    }
}

/// A record of any kind that moves state or holds keys.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    String(Vec<u8>, Vec<u8>),
    Set(Vec<u8>, Vec<Vec<u8>>),
    Hash(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>),
    Expiry(i64),
    Freq(u8),
    SelectDb(u64),
    Slot(u8),
    Aux(&'static [u8], &'static [u8]),
    /// A value of the module with this number.
    Module(Vec<u8>, u32),
    /// Bytes as they are: prefix opcodes, and records of other servers.
    Raw(&'static [u8]),
    /// A record in the bytes that a test has made.
    Bytes(Vec<u8>),
    /// A compressed blob of Dragonfly whose frame is this.
    Frame(Vec<u8>),
    /// As many databases with a key each, from this number on.
    Databases(u64, u16),
    /// As many values of different modules, from this number on.
    Modules(u32, u8),
    Function,
    /// A hash in a listpack without its terminator: damage to one key.
    Damaged(Vec<u8>),
    /// Records in a frame, as Dragonfly has them, and whether one of its bytes is wrong.
    Blob {
        records: Vec<Record>,
        is_zstd: bool,
        is_damaged: bool,
    },
    /// The first or the second chunk of a set of two members, with this id.
    Chunk(u8, bool),
}

pub(crate) fn write(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.records(records);
    writer.finish()
}

impl Writer {
    fn records(&mut self, records: &[Record]) {
        for record in records {
            self.record(record);
        }
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::String(key, value) => {
                self.0.push(0);
                self.string(key);
                self.string(value);
            }
            Record::Set(key, members) => {
                self.0.push(2);
                self.string(key);
                self.length(members.len());
                for member in members {
                    self.string(member);
                }
            }
            Record::Hash(key, pairs) => {
                self.0.push(4);
                self.string(key);
                self.length(pairs.len());
                for (field, value) in pairs {
                    self.string(field);
                    self.string(value);
                }
            }
            Record::Expiry(ms) => {
                self.0.push(0xfc);
                self.0.extend(ms.to_le_bytes());
            }
            Record::Freq(freq) => self.0.extend([0xf9, *freq]),
            Record::SelectDb(db) => {
                self.0.extend([0xfe, 0x81]);
                self.0.extend(db.to_be_bytes());
            }
            Record::Module(key, id) => {
                self.0.push(7);
                self.string(key);
                self.0.push(0x81);
                self.0.extend((u64::from(*id) << 10 | 1).to_be_bytes());
                self.0.push(0);
            }
            Record::Bytes(bytes) => self.0.extend(bytes),
            Record::Raw(bytes) => self.0.extend(*bytes),
            Record::Frame(frame) => {
                self.0.push(202);
                self.string(frame);
            }
            Record::Databases(first, count) => {
                for db in (*first..).take(usize::from(*count)) {
                    self.record(&Record::SelectDb(db));
                    let key = format!("key:{db}").into_bytes();
                    self.record(&Record::String(key, vec![b'v'; (db % 7) as usize]));
                }
            }
            Record::Modules(first, count) => {
                for id in (*first..).take(usize::from(*count)) {
                    self.record(&Record::Module(format!("module:{id}").into_bytes(), id));
                }
            }
            Record::Slot(slot) => self.0.extend([0xf4, slot & 63, 1, 0]),
            Record::Aux(name, value) => {
                self.0.push(0xfa);
                self.string(name);
                self.string(value);
            }
            Record::Function => {
                self.0.push(0xf5);
                self.string(b"#!lua name=lib");
            }
            Record::Damaged(key) => {
                self.0.push(16);
                self.string(key);
                self.string(b"\x07\x00\x00\x00\x00\x00\x00");
            }
            Record::Blob { records, is_zstd, is_damaged } => {
                let mut inside = Writer(Vec::new());
                inside.records(records);
                let mut frame = if *is_zstd { zstd_frame(&inside.0) } else { lz4_frame(&inside.0) };
                if *is_damaged {
                    let middle = frame.len() / 2;
                    frame[middle] ^= 0x55;
                }
                self.0.push(if *is_zstd { 201 } else { 202 });
                self.string(&frame);
            }
            Record::Chunk(id, is_first) => {
                let content = if *is_first { &b"\x02\x06pieces\x02\x01a"[..] } else { b"\x01b" };
                self.0.push(224);
                self.0.extend(u32::from(*id).to_le_bytes());
                self.0.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
                self.0.extend(content);
            }
        }
    }
}

pub(crate) fn zstd_frame(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).expect("in memory")
}

pub(crate) fn lz4_frame(content: &[u8]) -> Vec<u8> {
    let info =
        lz4_flex::frame::FrameInfo::new().content_size(Some(content.len() as u64)).content_checksum(true);
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    std::io::Write::write_all(&mut encoder, content).expect("in memory");
    encoder.finish().expect("in memory")
}

/// Bytes that look like records, opcodes and whole files.
pub(crate) fn fake_records() -> impl Strategy<Value = Vec<u8>> {
    let chunk = prop_oneof![
        Just(b"\x00\x03key\x05value".to_vec()),
        Just(b"\x00\x01k\x01v".repeat(20)),
        Just(b"\xfc\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01k\x01v".to_vec()),
        Just(b"REDIS0011\xfa\x09redis-ver\x058.0.0\xfe\x07".to_vec()),
        Just(b"\xfe\x09\xfb\x01\x01".to_vec()),
        Just(b"\xff\x00\x00\x00\x00\x00\x00\x00\x00".to_vec()),
        Just(b"\x04\x01h\x03\x01a\x01b\x01c\x01d\x01e\x01f".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::collection::vec(chunk, 0..12).prop_map(|chunks| chunks.concat())
}

pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-z0-9:]{1,30}".prop_map(String::into_bytes),
        2 => fake_records(),
        1 => (0usize..3000).prop_map(|n| vec![b'x'; n]),
        1 => Just(Vec::new()),
    ]
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let key = || "[a-z]{1,8}:[0-9]{1,6}".prop_map(String::into_bytes);
    prop_oneof![
        12 => (key(), text()).prop_map(|(key, value)| Record::String(key, value)),
        2 => (text(), text()).prop_map(|(key, value)| Record::String(key, value)),
        3 => (key(), proptest::collection::vec(text(), 0..20)).prop_map(|(key, members)| Record::Set(key, members)),
        3 => (key(), proptest::collection::vec((text(), text()), 0..10)).prop_map(|(key, pairs)| Record::Hash(key, pairs)),
        4 => (1_700_000_000_000..1_900_000_000_000i64).prop_map(Record::Expiry),
        1 => any::<u8>().prop_map(Record::Freq),
        1 => prop_oneof![(0..4u64).boxed(), any::<u64>().boxed()].prop_map(Record::SelectDb),
        1 => (key(), 0..100u32).prop_map(|(key, id)| Record::Module(key, id)),
        1 => any::<u8>().prop_map(Record::Slot),
        1 => prop_oneof![
            Just(Record::Aux(b"mvcc-tstamp", b"12345")),
            Just(Record::Aux(b"lua", b"return 1")),
            Just(Record::Aux(b"redis-ver", b"6.2.5")),
            Just(Record::Aux(b"ctime", b"1750000000")),
            Just(Record::Aux(b"ctime", b"soon")),
            Just(Record::Aux(b"used-mem", b"123456")),
            Just(Record::Aux(b"slot-info", b"77,1,0")),
        ],
        1 => Just(Record::Function),
        1 => key().prop_map(Record::Damaged),
    ]
}

/// A record that contradicts what others tell of the file, stands where servers write none, or is
/// one of more than a report tells apart.
pub(crate) fn odd_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        20 => record(),
        2 => prop_oneof![
            Just(Record::Aux(b"df-ver", b"1.30.0")),
            Just(Record::Aux(b"valkey-ver", b"8.1.8")),
            Just(Record::Aux(b"valkey-ver", b"9.1.2")),
            Just(Record::Aux(b"redis-ver", b"7.0.15")),
            Just(Record::Aux(b"redis-ver", b"8.2.3")),
            Just(Record::Aux(b"redis-ver", b"no version")),
            Just(Record::Aux(b"ctime", b"-1")),
            Just(Record::Aux(b"ctime", b"9223372036854775807")),
            Just(Record::Aux(b"used-mem", b"none")),
        ],
        2 => prop_oneof![
            // Flags of a key, the end of a synchronisation, a place in the journal: all of
            // Dragonfly.
            Just(Record::Raw(b"\xdc\x00\x00\x00\x00")),
            Just(Record::Raw(b"\xc8\x00\x00\x00\x00\x00\x00\x00\x00")),
            Just(Record::Raw(b"\xd3\x00\x00\x00\x00\x00\x00\x00\x00")),
            // An idle time, an expiry in seconds, a slot of Redis Enterprise.
            Just(Record::Raw(b"\xf8\x05")),
            Just(Record::Raw(b"\xfd\x01\x02\x03\x04")),
            Just(Record::Raw(b"\x79\x05")),
        ],
        1 => (0..2000u64, 0..1100u16).prop_map(|(first, count)| Record::Databases(first, count)),
        1 => (0..200u32, 0..90u8).prop_map(|(first, count)| Record::Modules(first, count)),
    ]
}

/// Bytes behind the end of a file.
pub(crate) fn trailing() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => Just(Vec::new()),
        2 => fake_records(),
        1 => proptest::collection::vec(record(), 0..40).prop_map(|records| write(&records)),
    ]
}

/// A record of a file of Dragonfly.
pub(crate) fn dragonfly_record() -> impl Strategy<Value = Record> {
    let blob = (proptest::collection::vec(record(), 0..30), any::<bool>(), proptest::bool::weighted(0.02))
        .prop_map(|(records, is_zstd, is_damaged)| Record::Blob { records, is_zstd, is_damaged });
    prop_oneof![
        6 => blob,
        2 => record(),
        1 => (1..3u8, any::<bool>()).prop_map(|(id, is_first)| Record::Chunk(id, is_first)),
    ]
}

/// A record of a Dragonfly file with chunked values. Blobs hold chunks, too, and one blob in four
/// is damaged.
pub(crate) fn chunked_record() -> impl Strategy<Value = Record> {
    let chunk = || (1..4u8, any::<bool>()).prop_map(|(id, is_first)| Record::Chunk(id, is_first));
    let small = || (text(), text()).prop_map(|(key, value)| Record::String(key, value));
    let damaged = || "[a-z]{1,8}".prop_map(|key| Record::Damaged(key.into_bytes()));
    let inside = prop_oneof![6 => small(), 3 => chunk(), 1 => damaged(), 1 => Just(Record::Set(Vec::new(), Vec::new()))];
    let blob = (proptest::collection::vec(inside, 0..6), any::<bool>(), proptest::bool::weighted(0.25))
        .prop_map(|(records, is_zstd, is_damaged)| Record::Blob { records, is_zstd, is_damaged });
    prop_oneof![6 => blob, 2 => small(), 1 => damaged(), 1 => (1..4u8).prop_map(|id| Record::Chunk(id, true))]
}
