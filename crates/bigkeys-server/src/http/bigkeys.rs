//! The operations of the big-key analysis.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::answers::Shown;
use super::app::App;
use super::call::Call;
use super::time::dcs_time;
use crate::autoscan::is_time_of_day;
use crate::catalog::{BackupError, Catalog};
use crate::config::{Instance, Shard};
use crate::error::{ApiError, ErrorBody};
use crate::store::{AnalysisKind, Deleted, NewTask, Origin, Schedule, ShardTarget, Submitted, TaskRow};
use dcs_bigkeys::{Autoscan, AutoscanRequest, TaskList, TaskRecord};
use dcs_bigkeys::{BigkeysBody, ScanType, Task};

/// Maximum number of times in a schedule: every minute of a day.
const MAX_TIMES: usize = 24 * 60;

/// An instance that exists. The Terraform provider waits for its status.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InstanceBody {
    instance_id: String,
    name: String,
    /// Always `Redis`.
    engine: &'static str,
    /// Always `RUNNING`.
    status: &'static str,
    /// `single` or `cluster`.
    cache_mode: &'static str,
}

/// Show an instance.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}", tag = "instances",
    params(("project_id" = String, Path), ("instance_id" = String, Path)),
    responses((status = 200, body = InstanceBody), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn show_instance(call: Call) -> Json<InstanceBody> {
    Json(InstanceBody {
        instance_id: call.instance.id.clone(),
        name: call.instance.name.clone(),
        engine: "Redis",
        status: "RUNNING",
        cache_mode: if call.instance.is_cluster { "cluster" } else { "single" },
    })
}

/// Create a big-key analysis.
#[utoipa::path(post, path = "/v2/{project_id}/instances/{instance_id}/bigkey-task", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path)),
    responses((status = 200, body = Task), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn create(State(app): State<Arc<App>>, call: Call) -> Result<Json<Task>, ApiError> {
    call.expect_no_body()?;
    let task = submit(&app, &call.instance, call.origin.clone()).await?;
    Ok(Json(body(&call.instance, task, None)?))
}

/// Starts an analysis of an instance.
pub(crate) async fn submit(app: &App, instance: &Instance, origin: Origin) -> Result<TaskRow, ApiError> {
    let shards = instance.shards.clone();
    let task = NewTask {
        kind: AnalysisKind::Bigkeys,
        instance: instance.key.clone(),
        node: None,
        backup: None,
        scan_type: ScanType::Manual,
        shards: targets(app, shards, ApiError::UNSUPPORTED).await?,
        origin,
    };
    match app.store.submit(task, Timestamp::now()).await? {
        Submitted::Created(task) => Ok(task),
        Submitted::Running => Err(ApiError::BIGKEYS_RUNNING),
    }
}

/// What a task scans of these shards.
///
/// # Errors
///
/// `missing`, if one of them has no backup.
pub(crate) async fn targets(
    app: &App,
    shards: Vec<Shard>,
    missing: ApiError,
) -> Result<Vec<ShardTarget>, ApiError> {
    let (is_shared, limit) = (app.store.is_shared(), app.runner.limits.max_backup_bytes);
    let search = move |catalog: &Catalog| {
        shards.iter().map(|shard| catalog.target(shard, limit, is_shared)).collect::<Result<_, _>>()
    };
    found(app.search(search).await?, missing)
}

/// What a search for backups found. Logs the reason if it found nothing.
pub(crate) fn found<T>(searched: Result<T, BackupError>, missing: ApiError) -> Result<T, ApiError> {
    searched.map_err(|error| {
        tracing::warn!(%error, "an instance cannot be analysed");
        missing
    })
}

/// List the big-key analyses of an instance.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/bigkey-tasks", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path),
        ("offset" = Option<i64>, Query, minimum = 0), ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000),
        ("status" = Option<dcs_bigkeys::Status>, Query)),
    responses((status = 200, body = TaskList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn list(State(app): State<Arc<App>>, call: Call) -> Result<Json<TaskList>, ApiError> {
    let page = call.page(1)?;
    let (count, rows) = app
        .store
        .list(AnalysisKind::Bigkeys, &call.instance.key, page.status, page.offset, page.limit)
        .await?;
    Ok(Json(TaskList {
        instance_id: call.instance.id.clone(),
        count: i32::try_from(count).unwrap_or(i32::MAX),
        records: rows
            .into_iter()
            .map(|row| TaskRecord {
                id: row.id,
                status: row.status,
                scan_type: row.scan_type,
                created_at: dcs_time(row.created_at),
                started_at: row.started_at.map(dcs_time),
                finished_at: row.finished_at.map(dcs_time),
            })
            .collect(),
    }))
}

/// Show a big-key analysis and its result.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/bigkey-task/{bigkey_id}", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path), ("bigkey_id" = String, Path)),
    responses((status = 200, body = Task), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn show(State(app): State<Arc<App>>, call: Call) -> Result<Response, ApiError> {
    let id = call.task()?;
    let found = app.store.find(AnalysisKind::Bigkeys, &call.instance.key, &id).await?;
    let (row, stored_bytes) = found.ok_or(ApiError::NO_BIGKEYS_TASK)?;
    let Some(stored_bytes) = stored_bytes else {
        return Ok(Json(body(&call.instance, row, None)?).into_response());
    };
    let render = async {
        let keys = app.store.body(&row).await?;
        json(&body(&call.instance, row, keys)?)
    };
    app.answers.answer(Shown::Result, &id, stored_bytes, render).await
}

/// Delete a big-key analysis that has ended.
#[utoipa::path(delete, path = "/v2/{project_id}/instances/{instance_id}/bigkey-task/{bigkey_id}", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path), ("bigkey_id" = String, Path)),
    responses((status = 200, body = Task), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn delete(State(app): State<Arc<App>>, call: Call) -> Result<Json<Task>, ApiError> {
    let id = call.task()?;
    match app.store.delete(AnalysisKind::Bigkeys, &call.instance.key, &id).await? {
        Deleted::Task(row, keys) => Ok(Json(body(&call.instance, *row, keys)?)),
        Deleted::Unfinished => Err(ApiError::TASK_STATE),
        Deleted::Unknown => Err(ApiError::NO_BIGKEYS_TASK),
    }
}

/// Show the schedule of an instance.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/bigkey/autoscan", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path)),
    responses((status = 200, body = Autoscan), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn show_autoscan(
    State(app): State<Arc<App>>,
    call: Call,
) -> Result<Json<Autoscan>, ApiError> {
    let schedule = app.store.schedule(&call.instance.key).await?;
    Ok(Json(autoscan(&call.instance, schedule)))
}

/// Replace the schedule of an instance.
#[utoipa::path(put, path = "/v2/{project_id}/instances/{instance_id}/bigkey/autoscan", tag = "bigkeys",
    params(("project_id" = String, Path), ("instance_id" = String, Path)), request_body = AutoscanRequest,
    responses((status = 200, body = Autoscan), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn update_autoscan(
    State(app): State<Arc<App>>,
    call: Call,
) -> Result<Json<Autoscan>, ApiError> {
    let mut object = call.object()?;
    let enabled = object.get("enable_auto_scan").and_then(Value::as_bool);
    let enabled = enabled.ok_or(ApiError::parameter("enable_auto_scan"))?;
    let Some(Value::Array(times)) = object.remove("schedule_at") else {
        return Err(ApiError::parameter("schedule_at"));
    };
    if times.len() > MAX_TIMES || (enabled && times.is_empty()) {
        return Err(ApiError::parameter("schedule_at"));
    }
    let times = times.into_iter().map(|time| match time {
        Value::String(text) if is_time_of_day(&text) => Ok(text),
        _ => Err(ApiError::parameter("schedule_at")),
    });
    let now = Timestamp::now();
    let schedule = Schedule {
        instance: call.instance.key.clone(),
        enabled,
        times: times.collect::<Result<_, _>>()?,
        updated_at: now,
        fired_at: now,
    };
    app.store.set_schedule(&schedule).await?;
    Ok(Json(autoscan(&call.instance, Some(schedule))))
}

fn autoscan(instance: &Instance, schedule: Option<Schedule>) -> Autoscan {
    let instance_id = instance.id.clone();
    match schedule {
        None => Autoscan { instance_id, enable_auto_scan: false, schedule_at: Vec::new(), updated_at: None },
        Some(schedule) => Autoscan {
            instance_id,
            enable_auto_scan: schedule.enabled,
            schedule_at: schedule.times,
            updated_at: Some(dcs_time(schedule.updated_at)),
        },
    }
}

/// An answer as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(answer).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        ApiError::INTERNAL
    })
}

/// The contract's object of a task. `keys` is the stored result.
fn body(instance: &Instance, row: TaskRow, keys: Option<String>) -> Result<Task, ApiError> {
    let keys = keys.map(|text| serde_json::from_str::<Vec<BigkeysBody>>(&text)).transpose();
    let keys = keys.map_err(|error| {
        tracing::error!(%error, task = row.id, "a stored result is damaged");
        ApiError::INTERNAL
    })?;
    Ok(Task {
        id: row.id,
        instance_id: instance.id.clone(),
        status: row.status,
        scan_type: row.scan_type,
        created_at: dcs_time(row.created_at),
        started_at: row.started_at.map(dcs_time),
        finished_at: row.finished_at.map(dcs_time),
        num: row.num,
        keys,
    })
}
