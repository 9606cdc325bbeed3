//! The store by itself: what it keeps, drops, refuses and survives.

use std::sync::Arc;

use jiff::Timestamp;

use super::*;
use crate::results;
use crate::store::{
    AnalysisKind, Begun, Deleted, MAX_TASKS_PER_INSTANCE, NewTask, Origin, ReportForm, ResultSummary,
    Schedule, Seal, ShardEnding, ShardTarget, Submitted, TaskEnding, TaskRow,
};
use dcs_bigkeys::{ScanType, Status};

const INSTANCE: &str = "5560df16cebf447395c4d1b573c16e79";

async fn database(dir: &tempfile::TempDir) -> SqliteDatabase {
    SqliteDatabase::open(&dir.path().join("tasks.db"), Synchronous::Normal).await.expect("opens")
}

async fn open(dir: &tempfile::TempDir) -> TaskStore {
    TaskStore::new(database(dir).await, 2, Seal::default())
}

/// The first shard of a task.
fn shard(task: &str) -> ShardId {
    ShardId { task: task.to_owned(), number: 0 }
}

fn new_task() -> NewTask {
    NewTask {
        kind: AnalysisKind::Bigkeys,
        instance: INSTANCE.to_owned(),
        node: None,
        backup: None,
        scan_type: ScanType::Manual,
        shards: shards(),
        origin: Origin::default(),
    }
}

fn shards() -> Vec<ShardTarget> {
    ["a", "b"].map(|node| ShardTarget { node: node.to_owned(), backup: None }).to_vec()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

async fn create(store: &TaskStore, second: i64) -> TaskRow {
    match store.submit(new_task(), at(second)).await.expect("stored") {
        Submitted::Created(task) => task,
        Submitted::Running => panic!("another is unfinished"),
    }
}

async fn find(store: &TaskStore, id: &str) -> (TaskRow, Option<String>) {
    let found = store.find(AnalysisKind::Bigkeys, INSTANCE, id).await.expect("read");
    let (row, stored_bytes) = found.expect("there");
    let body = store.body(&row).await.expect("read");
    assert_eq!(body.as_ref().map(|body| body.len() as u64), stored_bytes);
    (row, body)
}

fn success() -> TaskEnding {
    TaskEnding {
        body: Some("[]".to_owned()),
        report: Some("{}".to_owned()),
        page: Some("<p>".to_owned()),
        ..TaskEnding::default()
    }
}

#[tokio::test]
async fn a_task_passes_through_its_states_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let task = create(&store, 10).await;
    assert!(matches!(store.submit(new_task(), at(11)).await, Ok(Submitted::Running)));
    assert!(matches!(store.delete(AnalysisKind::Bigkeys, INSTANCE, &task.id).await, Ok(Deleted::Unfinished)));
    assert!(matches!(store.begin(&shard(&task.id), at(12)).await, Ok(Begun::Scan(..))));
    assert_eq!(store.unfinished().await.expect("read"), (0, 1));
    assert!(matches!(store.submit(new_task(), at(13)).await, Ok(Submitted::Running)));
    store.finish(&task.id, &success(), at(14)).await.expect("stored");
    let failed = TaskEnding { failure: Some("late".to_owned()), ..TaskEnding::default() };
    store.finish(&task.id, &failed, at(15)).await.expect("stored");
    let (row, body) = find(&store, &task.id).await;
    assert_eq!((row.status, row.started_at, row.finished_at), (Status::Success, Some(at(12)), Some(at(14))));
    assert_eq!((row.failure, body.as_deref()), (None, Some("[]")), "the first end counts");
    assert!(matches!(store.begin(&shard(&task.id), at(16)).await, Ok(Begun::Nothing)));
    assert!(matches!(store.delete(AnalysisKind::Bigkeys, INSTANCE, &task.id).await, Ok(Deleted::Task(..))));
    assert!(matches!(store.delete(AnalysisKind::Bigkeys, INSTANCE, &task.id).await, Ok(Deleted::Unknown)));
    assert_eq!(store.find_any(&task.id, ReportForm::Json).await.expect("read"), None);
}

#[tokio::test]
async fn kinds_and_instances_do_not_see_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let task = create(&store, 10).await;
    let offline = NewTask { kind: AnalysisKind::Offline, ..new_task() };
    assert!(matches!(store.submit(offline, at(11)).await, Ok(Submitted::Created(_))));
    let other = NewTask { instance: "another".to_owned(), ..new_task() };
    assert!(matches!(store.submit(other, at(11)).await, Ok(Submitted::Created(_))));
    assert_eq!(store.find(AnalysisKind::Offline, INSTANCE, &task.id).await.expect("read"), None);
    assert_eq!(store.find(AnalysisKind::Bigkeys, "another", &task.id).await.expect("read"), None);
    assert_eq!(store.list(AnalysisKind::Bigkeys, INSTANCE, None, 0, 10).await.expect("read").0, 1);
}

#[tokio::test]
async fn a_hundred_tasks_are_kept_and_listed_newest_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let readers = database.readers.clone();
    let store = TaskStore::new(database, 2, Seal::default());
    let mut ids = Vec::new();
    for second in 0..105 {
        let task = create(&store, second).await;
        store.begin(&shard(&task.id), at(second)).await.expect("stored");
        let ending = if second % 2 == 0 {
            success()
        } else {
            TaskEnding { failure: Some("no".to_owned()), ..success() }
        };
        store.finish(&task.id, &ending, at(second)).await.expect("stored");
        ids.insert(0, task.id);
    }
    let (count, all) = store.list(AnalysisKind::Bigkeys, INSTANCE, None, 0, 1000).await.expect("read");
    assert_eq!(count, MAX_TASKS_PER_INSTANCE);
    let listed: Vec<_> = all.iter().map(|task| task.id.clone()).collect();
    assert_eq!(listed, ids[..100]);
    let (count, page) =
        store.list(AnalysisKind::Bigkeys, INSTANCE, Some(Status::Failed), 3, 2).await.expect("read");
    assert_eq!((count, page.len()), (50, 2));
    assert_eq!(page[0].id, all.iter().filter(|task| task.status == Status::Failed).nth(3).expect("there").id);
    let (count, page) = store.list(AnalysisKind::Bigkeys, INSTANCE, None, 100, 10).await.expect("read");
    assert_eq!((count, page.len()), (100, 0));
    let results: i64 =
        sqlx::query_scalar("SELECT count(*) FROM result").fetch_one(&readers).await.expect("read");
    assert_eq!(results, 100, "results go with their tasks");
}

#[tokio::test]
async fn a_task_that_ends_its_worker_twice_is_failed_and_one_given_back_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let task = create(&open(&dir).await, 10).await;
    for _ in 0..5 {
        let store = open(&dir).await;
        assert!(matches!(store.begin(&shard(&task.id), at(11)).await, Ok(Begun::Scan(..))));
        store.give_back(&shard(&task.id)).await.expect("stored");
    }
    for _ in 0..2 {
        let store = open(&dir).await;
        assert!(matches!(store.begin(&shard(&task.id), at(12)).await, Ok(Begun::Scan(..))));
    }
    let store = open(&dir).await;
    assert!(matches!(store.begin(&shard(&task.id), at(13)).await, Ok(Begun::Nothing)));
    let other = ShardId { number: 1, ..shard(&task.id) };
    assert!(matches!(store.begin(&other, at(13)).await, Ok(Begun::Scan(..))), "the others go on");
    assert!(store.end_shard(&other, &ShardEnding::default()).await.expect("stored"), "the last one");
    let shards = store.begin_join(&task.id).await.expect("stored").expect("to be joined");
    assert_eq!(shards[1].failure, None);
    store.finish(&task.id, &results::join(AnalysisKind::Bigkeys, shards), at(14)).await.expect("stored");
    let (row, _) = find(&store, &task.id).await;
    assert_eq!(row.status, Status::Failed);
    assert!(row.failure.expect("a reason").contains("ended 2 times"));
}

#[tokio::test]
async fn a_shard_ends_once_and_the_last_one_is_reported() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let task = create(&store, 10).await;
    let [a, b] = [0, 1].map(|number| ShardId { number, ..shard(&task.id) });
    let ending = |text: &str| ShardEnding { failure: None, result: Some(text.to_owned()) };
    store.begin(&a, at(11)).await.expect("stored");
    assert!(!store.end_shard(&a, &ending("first")).await.expect("stored"));
    assert!(!store.end_shard(&a, &ending("again")).await.expect("stored"));
    assert!(matches!(store.begin(&a, at(12)).await, Ok(Begun::Nothing)), "another is open");
    assert!(store.begin_join(&task.id).await.expect("stored").is_none());
    assert!(store.end_shard(&b, &ending("second")).await.expect("stored"));
    // As after the end of the worker that received it.
    assert!(matches!(store.begin(&a, at(12)).await, Ok(Begun::Join(_))));
    let shards = store.begin_join(&task.id).await.expect("stored").expect("to be joined");
    let results: Vec<_> = shards.iter().filter_map(|shard| shard.result.as_deref()).collect();
    assert_eq!(results, ["first", "second"]);
    store.begin_join(&task.id).await.expect("stored").expect("to be joined");
    let gave_up = store.begin_join(&task.id).await.expect("stored").expect("to be ended");
    assert_eq!(gave_up.len(), 1);
    assert!(gave_up[0].failure.as_deref().is_some_and(|reason| reason.contains("ended 2 times")));
    let ending = results::join(AnalysisKind::Bigkeys, gave_up);
    assert!(store.finish(&task.id, &ending, at(13)).await.expect("stored"));
    assert_eq!(find(&store, &task.id).await.0.status, Status::Failed);
}

#[tokio::test]
async fn a_second_process_and_a_newer_version_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("tasks.db");
    let store = database(&dir).await;
    let error = SqliteDatabase::open(&path, Synchronous::Normal).await.expect_err("in use").to_string();
    assert!(error.contains("another process"), "{error}");
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&store.writer).await.expect("set");
    drop(store);
    let error = SqliteDatabase::open(&path, Synchronous::Normal).await.expect_err("newer").to_string();
    assert!(error.contains("version 99"), "{error}");
}

#[tokio::test]
async fn writes_are_synced_as_configured() {
    let dir = tempfile::tempdir().expect("a directory");
    for (synchronous, level) in [(Synchronous::Normal, 1), (Synchronous::Full, 2)] {
        let path = dir.path().join(format!("{level}.db"));
        let database = SqliteDatabase::open(&path, synchronous).await.expect("opens");
        let found: i64 =
            sqlx::query_scalar("PRAGMA synchronous").fetch_one(&database.writer).await.expect("read");
        assert_eq!(found, level);
    }
}

/// Columns that version 3 of the database has more than version 2, and version 4 more than version 3.
const NEW_IN_3: [(&str, &str); 8] = [
    ("task", "backup"),
    ("task", "caller"),
    ("task", "peer"),
    ("task", "request_id"),
    ("shard", "mac"),
    ("shard", "backup"),
    ("result", "body_mac"),
    ("result", "report_mac"),
];
const NEW_IN_4: [(&str, &str); 3] = [("task", "summary"), ("result", "page"), ("result", "page_mac")];

#[tokio::test]
async fn a_database_of_an_earlier_version_keeps_its_tasks() {
    for version in [2, 3] {
        let dir = tempfile::tempdir().expect("a directory");
        let database = database(&dir).await;
        let writer = database.writer.clone();
        let store = TaskStore::new(database, 2, Seal::default());
        let task = create(&store, 10).await;
        let new_in_3 = if version == 2 { &NEW_IN_3[..] } else { &[] };
        // SQLite edits the text of the table, so the last columns go last.
        for (table, column) in NEW_IN_4.iter().chain(new_in_3) {
            let statement = format!("ALTER TABLE {table} DROP COLUMN {column}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&writer).await.expect("dropped");
        }
        let statement = format!("PRAGMA user_version = {version}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&writer).await.expect("set");
        drop((store, writer));
        let store = open(&dir).await;
        assert_eq!(find(&store, &task.id).await.0, task);
        assert!(matches!(store.begin(&shard(&task.id), at(12)).await, Ok(Begun::Scan(..))));
        let origin = Origin { caller: Some("key".to_owned()), ..Origin::default() };
        let other = NewTask { instance: "another".to_owned(), origin: origin.clone(), ..new_task() };
        let Ok(Submitted::Created(other)) = store.submit(other, at(13)).await else { panic!("not stored") };
        let (found, _) = store.find_any(&other.id, ReportForm::Json).await.expect("read").expect("there");
        assert_eq!(found.origin, origin);
        assert!(store.finish(&other.id, &success(), at(14)).await.expect("stored"));
        let page = store.report(&other, ReportForm::Page).await.expect("read");
        assert_eq!(page.as_deref(), Some("<p>"), "version {version}");
    }
}

#[tokio::test]
async fn a_summary_that_is_forged_or_too_long_is_left_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let writer = database.writer.clone();
    let store = TaskStore::new(database, 2, Seal::default());
    let task = create(&store, 10).await;
    let summary = ResultSummary { keys: 7, rdb_bytes: 8, memory_bytes: None, prefixes: Vec::new() };
    let ending = TaskEnding { summary: Some(summary.clone()), ..success() };
    assert!(store.finish(&task.id, &ending, at(11)).await.expect("stored"));
    assert_eq!(find(&store, &task.id).await.0.summary, Some(summary));
    for forged in ["'x'".to_owned(), "'{\"keys\":' || printf('%9000d', 1) || '}'".to_owned()] {
        let statement = format!("UPDATE task SET summary = {forged}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&writer).await.expect("set");
        assert_eq!(find(&store, &task.id).await.0.summary, None, "{forged}");
    }
}

#[tokio::test]
async fn no_decision_depends_on_the_number_of_open_shards_in_the_row() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let writer = database.writer.clone();
    let store = TaskStore::new(database, 2, Seal::default());
    let task = create(&store, 10).await;
    for number in [0, 7, -1] {
        let statement = format!("UPDATE task SET open_shards = {number}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&writer).await.expect("set");
        assert_eq!(store.begin_join(&task.id).await.expect("read"), None, "two shards are open");
    }
    let ids = [0, 1].map(|number| ShardId { task: task.id.clone(), number });
    assert!(!store.end_shard(&ids[0], &ShardEnding::default()).await.expect("stored"));
    assert_eq!(find(&store, &task.id).await.0.open_shards, 1);
    assert!(store.end_shard(&ids[1], &ShardEnding::default()).await.expect("stored"), "the last");
    let ended = store.begin_join(&task.id).await.expect("stored");
    assert_eq!(ended, Some(vec![ShardEnding::default(); 2]));
}

#[tokio::test]
async fn a_result_that_is_not_signed_with_the_secret_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let writer = database.writer.clone();
    let store = TaskStore::new(database, 2, Seal::new(Some(b"the secret of results".to_vec())));
    let task = create(&store, 10).await;
    let ids = [0, 1].map(|number| ShardId { task: task.id.clone(), number });
    let ending = ShardEnding { failure: None, result: Some("a result".to_owned()) };
    for id in &ids {
        store.end_shard(id, &ending).await.expect("stored");
    }
    sqlx::raw_sql("UPDATE shard SET result = 'forged' WHERE number = 1").execute(&writer).await.expect("set");
    let ended = store.begin_join(&task.id).await.expect("stored").expect("to be joined");
    assert_eq!(ended[0], ending);
    assert_eq!(ended[1].result, None);
    assert!(ended[1].failure.as_deref().is_some_and(|reason| reason.contains("not signed")));
    assert!(store.finish(&task.id, &success(), at(12)).await.expect("stored"));
    assert!(!store.finish(&task.id, &success(), at(13)).await.expect("stored"), "it has ended");
    assert_eq!(store.body(&task).await.expect("read").as_deref(), Some("[]"));
    assert_eq!(store.report(&task, ReportForm::Json).await.expect("read").as_deref(), Some("{}"));
    assert_eq!(store.report(&task, ReportForm::Page).await.expect("read").as_deref(), Some("<p>"));
    sqlx::raw_sql("UPDATE result SET body = '[1]', report_mac = body_mac, page = report")
        .execute(&writer)
        .await
        .expect("set");
    assert!(matches!(store.body(&task).await, Err(StoreError::Unsigned { .. })));
    for form in [ReportForm::Json, ReportForm::Page] {
        assert!(matches!(store.report(&task, form).await, Err(StoreError::Unsigned { .. })), "{form:?}");
    }
    let deleted = store.delete(AnalysisKind::Bigkeys, INSTANCE, &task.id).await;
    assert!(matches!(deleted, Ok(Deleted::Task(_, None))), "{deleted:?}");
}

#[tokio::test]
async fn a_task_that_lost_a_shard_and_one_whose_backup_is_unreadable_are_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let writer = database.writer.clone();
    let store = TaskStore::new(database, 2, Seal::default());
    let task = create(&store, 10).await;
    sqlx::raw_sql("UPDATE shard SET backup = 'x' WHERE number = 0").execute(&writer).await.expect("set");
    assert!(matches!(store.begin(&shard(&task.id), at(11)).await, Ok(Begun::Nothing)), "another is open");
    sqlx::raw_sql("DELETE FROM shard WHERE number = 1").execute(&writer).await.expect("set");
    assert!(matches!(store.begin(&shard(&task.id), at(11)).await, Ok(Begun::Join(_))));
    let ended = store.begin_join(&task.id).await.expect("stored").expect("to be ended");
    assert_eq!(ended.len(), 1);
    assert!(ended[0].failure.as_deref().is_some_and(|reason| reason.contains("all of its shards")));
}

#[tokio::test]
async fn tasks_that_ended_before_a_time_are_deleted_and_no_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let mut ids = Vec::new();
    for second in [10, 20] {
        let task = create(&store, second).await;
        store.finish(&task.id, &success(), at(second)).await.expect("stored");
        ids.push(task.id);
    }
    let unfinished = create(&store, 5).await;
    assert_eq!(store.delete_ended_before(at(20)).await.expect("stored"), 1);
    assert_eq!(store.find_any(&ids[0], ReportForm::Json).await.expect("read"), None);
    for id in [&ids[1], &unfinished.id] {
        assert!(store.find_any(id, ReportForm::Json).await.expect("read").is_some());
    }
}

#[tokio::test]
async fn a_file_that_is_not_or_no_longer_a_database_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    // Closed to the end: what a dropped store still writes would heal the damage.
    let store = database(&dir).await;
    for pool in [&store.writer, &store.readers] {
        pool.close().await;
    }
    drop(store);
    for name in ["noise", "tasks.db"] {
        let path = dir.path().join(name);
        std::fs::write(&path, [b'x'; 4096]).expect("written");
        let error =
            SqliteDatabase::open(&path, Synchronous::Normal).await.expect_err("no database").to_string();
        assert!(error.contains("not a database"), "{error}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_new_tasks_and_heals() {
    let dir = tempfile::tempdir().expect("a directory");
    let database = database(&dir).await;
    let writer = database.writer.clone();
    let store = TaskStore::new(database, 2, Seal::default());
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&writer).await.expect("read");
    let limit = |pages: i64| sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")));
    limit(pages).execute(&writer).await.expect("set");
    let mut refused = None;
    for number in 0..1000 {
        let task = NewTask { instance: format!("{number}"), ..new_task() };
        if let Err(error) = store.submit(task, at(number)).await {
            refused = Some((number, error.to_string()));
            break;
        }
    }
    let (number, error) = refused.expect("the disk is full");
    assert!(error.contains("full"), "{error}");
    assert_eq!(store.unfinished().await.expect("still read"), (number, 0));
    limit(1 << 30).execute(&writer).await.expect("set");
    let task = NewTask { instance: number.to_string(), ..new_task() };
    let healed = store.submit(task, at(0)).await;
    assert!(matches!(healed, Ok(Submitted::Created(_))), "{healed:?}");
}

#[tokio::test]
async fn a_schedule_fires_once_and_not_beside_an_unfinished_task() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let schedule = Schedule {
        instance: INSTANCE.to_owned(),
        enabled: true,
        times: vec!["21:00".to_owned(), "09:00".to_owned()],
        updated_at: at(5),
        fired_at: at(5),
    };
    store.set_schedule(&schedule).await.expect("stored");
    assert_eq!(store.schedule(INSTANCE).await.expect("read"), Some(schedule.clone()));
    let fired = store.fire(&schedule, at(10), Some(shards()), at(10)).await.expect("stored").expect("a task");
    assert_eq!(fired.scan_type, ScanType::Auto);
    assert_eq!(
        store.fire(&schedule, at(10), Some(shards()), at(10)).await.expect("stored"),
        None,
        "somebody did"
    );
    let schedule = store.schedule(INSTANCE).await.expect("read").expect("there");
    assert_eq!(schedule.fired_at, at(10));
    assert_eq!(
        store.fire(&schedule, at(20), Some(shards()), at(20)).await.expect("stored"),
        None,
        "one is unfinished"
    );
    let schedule = store.schedule(INSTANCE).await.expect("read").expect("there");
    assert_eq!(schedule.fired_at, at(20), "that run is skipped");
    assert_eq!(store.list(AnalysisKind::Bigkeys, INSTANCE, None, 0, 10).await.expect("read").0, 1);
    let off = Schedule { enabled: false, times: vec![], ..schedule };
    store.set_schedule(&off).await.expect("stored");
    assert_eq!(store.schedules().await.expect("read"), []);
}

#[tokio::test]
async fn a_due_time_is_handled_once_by_several_processes() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(&dir).await;
    let times = vec!["21:00".to_owned()];
    let instance = INSTANCE.to_owned();
    let schedule = Schedule { instance, enabled: true, times, updated_at: at(5), fired_at: at(5) };
    store.set_schedule(&schedule).await.expect("stored");
    let task = store.fire(&schedule, at(10), Some(shards()), at(10)).await.expect("stored").expect("a task");
    store.finish(&task.id, &success(), at(11)).await.expect("stored");
    // Another node looked before the first acted, and acts when nothing is unfinished any more.
    assert_eq!(store.fire(&schedule, at(10), Some(shards()), at(12)).await.expect("stored"), None);
    assert_eq!(store.list(AnalysisKind::Bigkeys, INSTANCE, None, 0, 10).await.expect("read").0, 1);
}

/// Passes ids on.
struct Delivered(tokio::sync::mpsc::UnboundedSender<ShardId>);

impl super::super::Work for Delivered {
    fn work(&self, shard: ShardId) -> BoxFuture<'static, ()> {
        let _ = self.0.send(shard);
        Box::pin(async {})
    }
}

#[tokio::test]
async fn workers_are_woken_for_new_tasks_at_once_and_for_old_ones_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = create(&open(&dir).await, 1).await;
    let store = open(&dir).await;
    let (end, shutdown) = tokio::sync::watch::channel(false);
    let (tell, mut delivered) = tokio::sync::mpsc::unbounded_channel();
    let work = tokio::spawn(store.work(1, Handler(Arc::new(Delivered(tell))), shutdown));
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let shard = delivered.recv().await.expect("a shard");
        assert_eq!(shard.task, old.id);
        numbers.push(shard.number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1], "in any order");
    let began = std::time::Instant::now();
    let shards = (0..10).map(|node| ShardTarget { node: node.to_string(), backup: None }).collect();
    let other = NewTask { instance: "another".to_owned(), shards, ..new_task() };
    let Ok(Submitted::Created(new)) = store.submit(other, at(2)).await else { panic!("not stored") };
    for _ in 0..10 {
        assert_eq!(delivered.recv().await.expect("a shard").task, new.id);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "no second for each");
    end.send(true).expect("they listen");
    work.await.expect("they end");
}
