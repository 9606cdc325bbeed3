//! The operations of the offline full-key analysis.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::Value;

use super::answers::Shown;
use super::app::App;
use super::backups::backups_of;
use super::bigkeys::{found, json, targets};
use super::call::Call;
use super::time::dcs_time;
use crate::catalog::ListedBackup;
use crate::config::{Instance, Shard};
use crate::error::{ApiError, ErrorBody};
use crate::id;
use crate::store::{AnalysisKind, Deleted, NewTask, ShardTarget, Submitted, TaskRow};
use dcs_bigkeys::ScanType;
use dcs_bigkeys::{OfflineList, OfflineRecord, OfflineRequest, OfflineTask, OfflineTaskId};

/// Create an offline analysis of a node.
#[utoipa::path(post, path = "/v2/{project_id}/instances/{instance_id}/offline/key-analysis", tag = "offline",
    params(("project_id" = String, Path), ("instance_id" = String, Path)), request_body = OfflineRequest,
    responses((status = 200, body = OfflineTaskId), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn create(State(app): State<Arc<App>>, call: Call) -> Result<Json<OfflineTaskId>, ApiError> {
    let object = call.object()?;
    let node = object.get("node_id").and_then(Value::as_str);
    let shard = call.instance.shards.iter().find(|shard| Some(shard.node_id.as_str()) == node);
    let shard = shard.ok_or(ApiError::parameter("node_id"))?;
    let backup = match object.get("backup_id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(named(&app, shard, id).await?),
        Some(_) => return Err(ApiError::parameter("backup_id")),
    };
    let missing = ApiError::OFFLINE_UNSUPPORTED;
    let shards = match backup.clone() {
        None => targets(&app, vec![shard.clone()], missing).await?,
        Some(backup) => {
            let (of_shard, limit) = (shard.clone(), app.runner.limits.max_backup_bytes);
            let marked = app.search(move |catalog| catalog.mark(&of_shard, &backup, limit)).await?;
            vec![ShardTarget { node: shard.node_id.clone(), backup: Some(found(marked, missing)?) }]
        }
    };
    let task = NewTask {
        kind: AnalysisKind::Offline,
        instance: call.instance.key.clone(),
        node: Some(shard.node_id.clone()),
        backup: backup.map(|backup| backup.id),
        scan_type: ScanType::Manual,
        shards,
        origin: call.origin.clone(),
    };
    match app.store.submit(task, Timestamp::now()).await? {
        Submitted::Created(task) => Ok(Json(OfflineTaskId { task_id: task.id })),
        Submitted::Running => Err(ApiError::OFFLINE_RUNNING),
    }
}

/// The backup of a node that a request names.
async fn named(app: &App, shard: &Shard, id: &str) -> Result<ListedBackup, ApiError> {
    let id = id::normalize(id);
    let mut backups = backups_of(app, vec![shard.clone()]).await?.into_iter();
    backups.find(|backup| id::normalize(&backup.id) == id).ok_or(ApiError::parameter("backup_id"))
}

/// List the offline analyses of an instance.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/offline/key-analysis", tag = "offline",
    params(("project_id" = String, Path), ("instance_id" = String, Path),
        ("offset" = Option<i64>, Query, minimum = 0), ("limit" = Option<i64>, Query, minimum = 0, maximum = 1000),
        ("status" = Option<dcs_bigkeys::Status>, Query)),
    responses((status = 200, body = OfflineList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn list(State(app): State<Arc<App>>, call: Call) -> Result<Json<OfflineList>, ApiError> {
    let page = call.page(0)?;
    let (total, rows) = app
        .store
        .list(AnalysisKind::Offline, &call.instance.key, page.status, page.offset, page.limit)
        .await?;
    Ok(Json(OfflineList {
        instance_id: call.instance.id.clone(),
        total: i32::try_from(total).unwrap_or(i32::MAX),
        records: rows
            .into_iter()
            .map(|row| OfflineRecord {
                id: row.id,
                status: row.status,
                created_at: dcs_time(row.created_at),
                started_at: row.started_at.map(dcs_time),
                finished_at: row.finished_at.map(dcs_time),
            })
            .collect(),
    }))
}

/// Show an offline analysis and its result.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/offline/key-analysis/{task_id}", tag = "offline",
    params(("project_id" = String, Path), ("instance_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = OfflineTask), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn show(State(app): State<Arc<App>>, call: Call) -> Result<Response, ApiError> {
    let id = call.task()?;
    let task = app.store.find(AnalysisKind::Offline, &call.instance.key, &id).await?;
    let (row, stored_bytes) = task.ok_or(ApiError::NO_OFFLINE_TASK)?;
    let Some(stored_bytes) = stored_bytes else {
        return Ok(Json(body(&call.instance, row, None)?).into_response());
    };
    let render = async {
        let result = app.store.body(&row).await?;
        json(&body(&call.instance, row, result)?)
    };
    app.answers.answer(Shown::Result, &id, stored_bytes, render).await
}

/// The contract's object of a task. `result` is the stored result.
fn body(instance: &Instance, row: TaskRow, result: Option<String>) -> Result<OfflineTask, ApiError> {
    let result = result.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
        tracing::error!(%error, task = row.id, "a stored result is damaged");
        ApiError::INTERNAL
    })?;
    let node_id = row.node.unwrap_or_default();
    let index = instance.shards.iter().position(|shard| shard.node_id == node_id);
    let address = index.and_then(|index| instance.shards.get(index)).and_then(|shard| shard.address);
    Ok(OfflineTask {
        id: row.id,
        instance_id: instance.id.clone(),
        node_id,
        backup_id: row.backup,
        group_name: index.map_or_else(String::new, |index| format!("group-{index}")),
        node_ip: address.map(|address| address.ip().to_string()),
        analysis_type: "old_backup".to_owned(),
        started_at: row.started_at.map(dcs_time),
        finished_at: row.finished_at.map(dcs_time),
        result,
    })
}

/// Delete an offline analysis that has ended.
#[utoipa::path(delete, path = "/v2/{project_id}/instances/{instance_id}/offline/key-analysis/{task_id}", tag = "offline",
    params(("project_id" = String, Path), ("instance_id" = String, Path), ("task_id" = String, Path)),
    responses((status = 200, body = OfflineTaskId), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn delete(State(app): State<Arc<App>>, call: Call) -> Result<Json<OfflineTaskId>, ApiError> {
    let id = call.task()?;
    match app.store.delete(AnalysisKind::Offline, &call.instance.key, &id).await? {
        Deleted::Task(row, _) => Ok(Json(OfflineTaskId { task_id: row.id })),
        Deleted::Unfinished => Err(ApiError::TASK_STATE),
        Deleted::Unknown => Err(ApiError::NO_OFFLINE_TASK),
    }
}
