//! The JSON against the contract's own examples.

use dcs_bigkeys::{DcsTime, KeyType, MAX_DB, MAX_KEYS_PER_TYPE, Status, Task, TaskInfo, Unit};
use rdb_analysis::{Rank, ReportCollector, ScanOptions, Source, analyze};
use serde_json::{Value, json};

/// The example of the details operation, with the nulls that the raw form of other examples has.
fn documented_example() -> Value {
    json!({
        "id": "cf3f4a6c-1d2e-4d5e-8f3a-0d5c1a2b3c4d",
        "instance_id": "5560df16-cebf-4473-95c4-d1b573c16e79",
        "status": "success",
        "scan_type": "manual",
        "created_at": "2020-06-15T02:21:18.669Z",
        "started_at": "2020-06-15T02:21:18.669Z",
        "finished_at": "2020-06-15T02:21:20.005Z",
        "num": 2,
        "keys": [
            {"name": "key1", "type": "string", "shard": "192.168.23.1:6379", "db": 0, "size": 3000, "unit": "byte"},
            {"name": "key2", "type": "list", "db": 1, "size": 12, "unit": "count"}
        ]
    })
}

#[test]
fn the_documented_example_reads_and_writes_unchanged() {
    let task: Task = serde_json::from_value(documented_example()).expect("the example is valid");
    let keys = task.keys.as_ref().expect("it has keys");
    assert_eq!((keys[0].key_type, keys[0].size, keys[0].unit), (KeyType::String, 3000, Unit::Byte));
    assert_eq!(serde_json::to_value(&task).expect("writes"), documented_example());
}

#[test]
fn a_missing_value_is_null_or_absent_when_read_and_absent_when_written() {
    let created = json!({
        "id": "cf3f4a6c-1d2e-4d5e-8f3a-0d5c1a2b3c4d",
        "instance_id": "5560df16-cebf-4473-95c4-d1b573c16e79",
        "status": "waiting",
        "scan_type": "manual",
        "created_at": "2020-06-15T02:21:18.669Z",
        "num": 0
    });
    let mut with_nulls = created.clone();
    for field in ["started_at", "finished_at", "keys"] {
        with_nulls[field] = Value::Null;
    }
    for example in [&created, &with_nulls] {
        let task: Task = serde_json::from_value(example.clone()).expect("valid");
        assert_eq!(serde_json::to_value(&task).expect("writes"), created);
    }
}

#[test]
fn an_unknown_field_or_name_is_refused() {
    let mut extra = documented_example();
    extra["reason"] = json!("none");
    assert!(serde_json::from_value::<Task>(extra).is_err());
    let mut stream = documented_example();
    stream["keys"][0]["type"] = json!("stream");
    assert!(serde_json::from_value::<Task>(stream).is_err());
}

#[test]
fn times_have_three_digits_and_a_z() {
    for (time, text) in [
        ("2020-06-15T02:21:18.669Z", "\"2020-06-15T02:21:18.669Z\""),
        ("2020-06-15T02:21:18Z", "\"2020-06-15T02:21:18.000Z\""),
        ("2020-06-15T04:21:18.1234567+02:00", "\"2020-06-15T02:21:18.123Z\""),
    ] {
        let time: DcsTime = time.parse().expect("a time");
        assert_eq!(serde_json::to_string(&time).expect("writes"), text);
    }
}

/// A file with `n` strings of 1 to `n` bytes, as many lists, a name that is not UTF-8, and a
/// database that the contract cannot number.
fn file(n: u8) -> Vec<u8> {
    let mut file = b"REDIS0003\xfe\x03".to_vec();
    for i in 1..=n {
        file.extend([0, 3, b's', b'0' + i / 10, b'0' + i % 10, i]);
        file.extend(vec![b'v'; usize::from(i)]);
        file.extend([1, 3, b'l', b'0' + i / 10, b'0' + i % 10, i]);
        file.extend([1, b'v'].repeat(usize::from(i)));
    }
    file.extend(b"\x02\x04a\\\xff\n\x01\x01m");
    file.extend(b"\xfe\x81\x00\x00\x00\x01\x00\x00\x00\x00\x04\x01h\x01\x01f\x01v\xff");
    file
}

fn task(file: &[u8], shard: Option<&str>) -> Task {
    task_of(file, shard, 50, u64::MAX)
}

/// The task of a report that lists `top` keys of each type, of databases up to `max_db`.
fn task_of(file: &[u8], shard: Option<&str>, top: usize, max_db: u64) -> Task {
    let source = Source::from_bytes("dump.rdb", file).shard(shard.map(str::to_owned));
    let collector = ReportCollector::default().rank(Rank::Natural).top(top).max_db(max_db);
    let options = ScanOptions::default();
    let outcome = analyze(vec![source], collector, &options, &(), &false.into()).expect("threads");
    let time: DcsTime = "2026-01-02T03:04:05.006Z".parse().expect("a time");
    let info = TaskInfo {
        id: "i".to_owned(),
        instance_id: "n".to_owned(),
        created_at: time,
        started_at: time,
        finished_at: time,
    };
    Task::finished(info, &outcome.output)
}

#[test]
fn a_report_becomes_lists_of_twenty_by_type_and_size() {
    let task = task(&file(30), None);
    let keys = task.keys.as_ref().expect("a result");
    assert_eq!(task.status, Status::Success);
    assert_eq!(task.num, 41);
    assert_eq!(keys.len(), 2 * MAX_KEYS_PER_TYPE + 1);
    let sizes: Vec<i64> = keys[..20].iter().map(|key| key.size).collect();
    assert_eq!(sizes, (11..=30).rev().collect::<Vec<i64>>());
    assert!(keys[..20].iter().all(|key| key.key_type == KeyType::String && key.unit == Unit::Byte));
    assert!(keys[20..40].iter().all(|key| key.key_type == KeyType::List && key.unit == Unit::Count));
    assert!(
        keys.iter().all(|key| key.db == 3 && key.shard.is_none()),
        "the hash's database has no number here"
    );
    assert_eq!(keys[40].name, "a\\\\xff\n");
}

#[test]
fn keys_of_databases_without_a_number_in_the_contract_take_no_place_in_the_lists() {
    let mut file = b"REDIS0003".to_vec();
    // 30 strings of 40 bytes each in database 2^31, then 30 of one byte in 2^31 - 1.
    for (db, bytes) in [(1u32 << 31, 40u8), ((1 << 31) - 1, 1)] {
        file.extend([0xfe, 0x80]);
        file.extend(db.to_be_bytes());
        for i in 0..30u8 {
            file.extend([0, 2, b'0' + i / 10, b'0' + i % 10, bytes]);
            file.extend(vec![b'v'; usize::from(bytes)]);
        }
    }
    file.push(0xff);
    let keys = task_of(&file, None, MAX_KEYS_PER_TYPE, MAX_DB).keys.expect("a result");
    assert_eq!(keys.len(), MAX_KEYS_PER_TYPE);
    assert!(keys.iter().all(|key| key.db == i32::MAX && key.size == 1));
}

#[test]
fn the_shard_is_the_one_that_the_user_gave() {
    let task = task(&file(1), Some("10.0.0.1:6379"));
    let keys = task.keys.expect("a result");
    assert!(keys.iter().all(|key| key.shard.as_deref() == Some("10.0.0.1:6379")));
}

#[test]
fn no_key_at_all_is_an_empty_list() {
    let task = task(b"REDIS0003\xff", None);
    let written = serde_json::to_value(&task).expect("writes");
    assert_eq!((&written["num"], &written["keys"]), (&json!(0), &json!([])));
}

#[test]
fn a_damaged_file_gives_a_failed_task() {
    let whole = file(3);
    assert_eq!(task(&whole[..whole.len() - 1], None).status, Status::Failed);
}
