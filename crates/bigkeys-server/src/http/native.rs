//! The native API: instances, tasks of both analyses, reports and metrics.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::answers::Shown;
use super::app::App;
use super::backups::backups_of;
use super::bigkeys::submit;
use super::call::Authenticated;
use super::time::dcs_time;
use crate::config::Instance;
use crate::error::{ApiError, ErrorBody};
use crate::id;
use crate::metrics::Gauges;
use crate::running::Running;
use crate::store::{AnalysisKind, MAX_TASKS_PER_INSTANCE, ReportForm, ResultSummary, TaskRow};
use dcs_bigkeys::{DcsTime, ScanType, Status};

/// All instances that the sender has access to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InstanceList {
    instances: Vec<InstanceInfo>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct InstanceInfo {
    id: String,
    project: Option<String>,
    name: String,
    /// `single` or `cluster`.
    kind: &'static str,
    nodes: Vec<NodeInfo>,
    /// The last successful big-key analysis.
    last_result: Option<LastResult>,
}

/// What the last successful big-key analysis of an instance found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LastResult {
    task_id: String,
    finished_at: Option<DcsTime>,
    summary: Option<ResultSummary>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NodeInfo {
    /// The node's id in the offline analysis.
    node_id: String,
    /// `ip:port`, if it is configured.
    address: Option<String>,
}

/// The backups of an instance, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NativeBackupList {
    backups: Vec<NativeBackup>,
}

/// A backup that an offline analysis can name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NativeBackup {
    backup_id: String,
    /// The node that it is of.
    node_id: String,
    /// Name of the file.
    name: String,
    bytes: u64,
    /// Time of the last modification.
    modified_at: DcsTime,
}

/// All tasks of an instance, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TaskInfoList)]
pub(crate) struct NativeTaskList {
    tasks: Vec<NativeTask>,
}

/// A task, with fields that the contract does not have.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = TaskInfo)]
pub(crate) struct NativeTask {
    id: String,
    instance_id: String,
    /// `bigkeys` or `offline`.
    #[serde(rename = "family")]
    kind: &'static str,
    status: Status,
    scan_type: ScanType,
    created_at: DcsTime,
    started_at: Option<DcsTime>,
    finished_at: Option<DcsTime>,
    shards: i64,
    /// Number of scanned shards.
    shards_done: i64,
    /// Number of big keys.
    num: i32,
    /// The reason of a failure.
    failure: Option<String>,
    /// The backup that the request named.
    backup_id: Option<String>,
    /// Access key or name of the token that created the task. `null` for a schedule.
    caller: Option<String>,
    /// Address and port that the request came from.
    peer: Option<String>,
    /// Id of the request.
    request_id: Option<String>,
    /// Sums over the keys. `null` unless a big-key analysis succeeded.
    summary: Option<ResultSummary>,
    /// Progress of the shards that this process scans.
    progress: Option<ProgressInfo>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ProgressInfo {
    bytes: u64,
    total_bytes: u64,
    keys: u64,
}

/// Check that the process answers.
#[utoipa::path(get, path = "/api/v1/health", tag = "native", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// Check that the database can be written, so that tasks can be accepted.
#[utoipa::path(get, path = "/api/v1/ready", tag = "native", security(()),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 503, body = String, content_type = "text/plain")))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be written\n")
    }
}

/// Show metrics in the text format of Prometheus.
///
/// Metrics of instances cover those that the sender has access to. Metrics of the process are for senders
/// that have access to all projects.
#[utoipa::path(get, path = "/metrics", tag = "native",
    responses((status = 200, body = String, content_type = "text/plain"), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Response, ApiError> {
    let mut instances = app.catalog.list().await;
    instances.retain(|instance| request.may_see(instance));
    let mut text = app.instance_metrics.render(&app.store, &instances).await?;
    // What the process does for other projects is not for everybody.
    if request.scope.projects.is_none() {
        let (waiting, running) = app.store.unfinished().await?;
        text += &app.metrics.render(&Gauges {
            waiting_tasks: waiting,
            running_tasks: running,
            workers: app.runner.workers,
            busy_workers: app.runner.busy(),
            live_workers: app.store.live_workers().await?,
        });
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// List instances.
#[utoipa::path(get, path = "/api/v1/instances", tag = "native",
    responses((status = 200, body = InstanceList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn instances(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<InstanceList>, ApiError> {
    let mut last: HashMap<_, _> =
        app.store.last_successes().await?.into_iter().map(|task| (task.instance.clone(), task)).collect();
    let instances = app.catalog.list().await.into_iter().filter(|instance| request.may_see(instance));
    let instances = instances.map(|instance| InstanceInfo {
        kind: if instance.is_cluster { "cluster" } else { "single" },
        nodes: instance
            .shards
            .into_iter()
            .map(|shard| NodeInfo {
                node_id: shard.node_id,
                address: shard.address.map(|address| address.to_string()),
            })
            .collect(),
        last_result: last.remove(&instance.key).map(|task| LastResult {
            task_id: task.id,
            finished_at: task.finished_at.map(dcs_time),
            summary: task.summary,
        }),
        id: instance.id,
        project: instance.project,
        name: instance.name,
    });
    Ok(Json(InstanceList { instances: instances.collect() }))
}

/// List the backups of an instance that are files.
#[utoipa::path(get, path = "/api/v1/instances/{instance_id}/backups", tag = "native", params(("instance_id" = String, Path)),
    responses((status = 200, body = NativeBackupList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn backups(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<NativeBackupList>, ApiError> {
    let instance = request.instance(&app).await?;
    let backups = backups_of(&app, instance.shards).await?.into_iter().map(|backup| NativeBackup {
        backup_id: backup.id,
        node_id: backup.node_id,
        name: backup.name,
        bytes: backup.bytes,
        modified_at: DcsTime::at_ms(backup.modified_ms),
    });
    Ok(Json(NativeBackupList { backups: backups.collect() }))
}

/// List all tasks of an instance.
#[utoipa::path(get, path = "/api/v1/instances/{instance_id}/tasks", tag = "native", params(("instance_id" = String, Path)),
    responses((status = 200, body = NativeTaskList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn tasks(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<NativeTaskList>, ApiError> {
    let instance = request.instance(&app).await?;
    let mut tasks = Vec::new();
    for kind in [AnalysisKind::Bigkeys, AnalysisKind::Offline] {
        let (_, rows) = app.store.list(kind, &instance.key, None, 0, MAX_TASKS_PER_INSTANCE).await?;
        tasks.extend(rows);
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    Ok(Json(NativeTaskList { tasks: tasks.into_iter().map(|row| info(&app, &instance, row)).collect() }))
}

/// Start a big-key analysis.
#[utoipa::path(post, path = "/api/v1/instances/{instance_id}/tasks", tag = "native", params(("instance_id" = String, Path)),
    responses((status = 200, body = NativeTask), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<NativeTask>, ApiError> {
    let instance = request.instance(&app).await?;
    request.expect_no_body()?;
    let row = submit(&app, &instance, request.origin.clone()).await?;
    Ok(Json(info(&app, &instance, row)))
}

/// Show a task of either analysis.
#[utoipa::path(get, path = "/api/v1/tasks/{task_id}", tag = "native", params(("task_id" = String, Path)),
    responses((status = 200, body = NativeTask), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn task(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<NativeTask>, ApiError> {
    let (instance, row, _) = find(&app, &request, ReportForm::Json).await?;
    Ok(Json(info(&app, &instance, row)))
}

/// Show the full report of a task. The report of a failed task covers what was readable.
#[utoipa::path(get, path = "/api/v1/tasks/{task_id}/report", tag = "native", params(("task_id" = String, Path)),
    responses((status = 200, body = Object, content_type = "application/json"), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Response, ApiError> {
    stored_report(&app, &request, ReportForm::Json).await
}

/// Show the full report of a task as an HTML page that needs no network.
///
/// Only big-key analyses have one. The page of a failed task says so, and covers what was readable.
#[utoipa::path(get, path = "/api/v1/tasks/{task_id}/report.html", tag = "native", params(("task_id" = String, Path)),
    responses((status = 200, body = String, content_type = "text/html"), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn report_page(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Response, ApiError> {
    let mut response = stored_report(&app, &request, ReportForm::Page).await?;
    // The page has a policy of its own. Another site must not show it inside a page.
    let policy = HeaderValue::from_static("frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The report of the task in the path.
async fn stored_report(app: &App, request: &Authenticated, form: ReportForm) -> Result<Response, ApiError> {
    let (_, row, stored_bytes) = find(app, request, form).await?;
    let Some(stored_bytes) = stored_bytes else {
        // A task that has ended without a report, or before there were pages, never gets one.
        return Err(if row.is_finished() { ApiError::URL } else { ApiError::TASK_STATE });
    };
    let shown = match form {
        ReportForm::Json => Shown::Report,
        ReportForm::Page => Shown::Page,
    };
    let render = async { app.store.report(&row, form).await?.ok_or(ApiError::NO_BIGKEYS_TASK) };
    app.answers.answer(shown, &row.id, stored_bytes, render).await
}

/// Cancel an unfinished task. It fails soon after.
#[utoipa::path(post, path = "/api/v1/tasks/{task_id}/cancel", tag = "native", params(("task_id" = String, Path)),
    responses((status = 200, body = NativeTask), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    request: Authenticated,
) -> Result<Json<NativeTask>, ApiError> {
    let (instance, row, _) = find(&app, &request, ReportForm::Json).await?;
    if row.is_finished() {
        return Err(ApiError::TASK_STATE);
    }
    app.runner.cancel(&row).await?;
    let (row, _) = app.store.find_any(&row.id, ReportForm::Json).await?.ok_or(ApiError::NO_BIGKEYS_TASK)?;
    Ok(Json(info(&app, &instance, row)))
}

/// The task in the path, and the length of its report in bytes if it has one.
async fn find(
    app: &App,
    request: &Authenticated,
    form: ReportForm,
) -> Result<(Instance, TaskRow, Option<u64>), ApiError> {
    let id = id::task(request.param("task")).ok_or(ApiError::TASK_ID)?;
    let (row, stored_bytes) = app.store.find_any(&id, form).await?.ok_or(ApiError::NO_BIGKEYS_TASK)?;
    let instance = app.catalog.find(&row.instance).await.filter(|instance| request.may_see(instance));
    Ok((instance.ok_or(ApiError::NO_BIGKEYS_TASK)?, row, stored_bytes))
}

fn info(app: &App, instance: &Instance, row: TaskRow) -> NativeTask {
    let running = if row.status == Status::Running { app.runner.running(&row.id) } else { Vec::new() };
    let sum = |of: fn(&Running) -> &AtomicU64| {
        running.iter().map(|running| of(running).load(Ordering::Relaxed)).sum()
    };
    NativeTask {
        progress: (!running.is_empty()).then(|| ProgressInfo {
            bytes: sum(|running| &running.bytes),
            total_bytes: sum(|running| &running.total_bytes),
            keys: sum(|running| &running.keys),
        }),
        shards: row.shards,
        shards_done: row.shards - row.open_shards,
        id: row.id,
        instance_id: instance.id.clone(),
        kind: row.kind.name(),
        status: row.status,
        scan_type: row.scan_type,
        created_at: dcs_time(row.created_at),
        started_at: row.started_at.map(dcs_time),
        finished_at: row.finished_at.map(dcs_time),
        num: row.num,
        failure: row.failure,
        backup_id: row.backup,
        caller: row.origin.caller,
        peer: row.origin.peer,
        request_id: row.origin.request_id,
        summary: row.summary,
    }
}
