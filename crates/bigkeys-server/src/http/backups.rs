//! The backups of an instance, which an offline analysis can name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::app::App;
use super::call::{Authenticated, Call};
use super::time::dcs_time;
use crate::catalog::ListedBackup;
use crate::config::Shard;
use crate::error::{ApiError, ErrorBody};
use dcs_bigkeys::{BackupList, BackupRecord};

/// Form of a time in the query.
const TIME_FORM: &str = "%Y%m%d%H%M%S";

/// List the backups of an instance that are files.
#[utoipa::path(get, path = "/v2/{project_id}/instances/{instance_id}/backups", tag = "offline",
    params(("project_id" = String, Path), ("instance_id" = String, Path),
        ("begin_time" = Option<String>, Query, example = "20260601000000"),
        ("end_time" = Option<String>, Query, example = "20260630235959"),
        ("offset" = Option<i64>, Query, minimum = 0), ("limit" = Option<i64>, Query, minimum = 0, maximum = 1000)),
    responses((status = 200, body = BackupList), (status = "4XX", body = ErrorBody), (status = "5XX", body = ErrorBody)))]
pub(crate) async fn list(State(app): State<Arc<App>>, call: Call) -> Result<Json<BackupList>, ApiError> {
    let page = call.page(0)?;
    let begin = time(&call, "begin_time")?.unwrap_or(i64::MIN);
    // The whole of the last second.
    let end = time(&call, "end_time")?.map_or(i64::MAX, |end| end + 999);
    let mut backups = backups_of(&app, call.instance.shards.clone()).await?;
    backups.retain(|backup| (begin..=end).contains(&backup.modified_ms));
    let total_num = i32::try_from(backups.len()).unwrap_or(i32::MAX);
    let skipped = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let taken = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let records = backups.into_iter().skip(skipped).take(taken).filter_map(|backup| {
        let modified_at = dcs_time(Timestamp::from_millisecond(backup.modified_ms).ok()?);
        let instance_id = call.instance.id.clone();
        Some(BackupRecord::of_file(backup.id, backup.name, instance_id, backup.bytes, modified_at))
    });
    Ok(Json(BackupList { total_num, backup_record_response: records.collect() }))
}

/// The backups of shards, newest first.
pub(crate) async fn backups_of(app: &App, shards: Vec<Shard>) -> Result<Vec<ListedBackup>, ApiError> {
    app.search(move |catalog| catalog.backups(&shards)).await
}

/// A time of the query in milliseconds since 1970.
fn time(request: &Authenticated, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = request.query(name)? else { return Ok(None) };
    let time = DateTime::strptime(TIME_FORM, &text).and_then(|time| TimeZone::UTC.to_timestamp(time));
    time.map(|time| Some(time.as_millisecond())).map_err(|_| ApiError::parameter(name))
}
