//! Rows of the tables as the service's types.

use jiff::Timestamp;

use super::database::Row;
use super::model::{AnalysisKind, Origin, ResultSummary, Schedule, StoreError, TaskRow};
use dcs_bigkeys::{ScanType, Status};

/// Maximum length of a summary in bytes: three prefixes of 160 characters, whatever the characters are.
const MAX_SUMMARY_BYTES: usize = 8 << 10;

pub(super) fn task(row: &Row) -> Result<TaskRow, StoreError> {
    let time = |name| row.integer_or_null(name).map(milliseconds).transpose();
    let unknown = |column| StoreError::Unknown { column };
    Ok(TaskRow {
        id: row.text("id")?,
        kind: AnalysisKind::of(&row.text("family")?).ok_or_else(|| unknown("family"))?,
        instance: row.text("instance")?,
        node: row.text_or_null("node"),
        backup: row.text_or_null("backup"),
        scan_type: scan_type_of(&row.text("scan_type")?).ok_or_else(|| unknown("scan_type"))?,
        status: status_of(&row.text("status")?).ok_or_else(|| unknown("status"))?,
        created_at: milliseconds(row.integer("created_ms")?)?,
        started_at: time("started_ms")?,
        finished_at: time("finished_ms")?,
        shards: row.integer("shards")?,
        open_shards: row.integer("open_shards")?,
        num: i32::try_from(row.integer("num")?).map_err(|_| unknown("num"))?,
        failure: row.text_or_null("failure"),
        origin: Origin {
            caller: row.text_or_null("caller"),
            peer: row.text_or_null("peer"),
            request_id: row.text_or_null("request_id"),
        },
        // An unreadable summary is left out.
        summary: row.text_or_null("summary").and_then(|text| summary(&text)),
    })
}

/// A summary that is no longer than one that this program writes.
fn summary(text: &str) -> Option<ResultSummary> {
    (text.len() <= MAX_SUMMARY_BYTES).then(|| serde_json::from_str(text).ok())?
}

pub(super) fn schedule(row: &Row) -> Result<Schedule, StoreError> {
    Ok(Schedule {
        instance: row.text("instance")?,
        enabled: row.integer("enabled")? != 0,
        times: row.text("schedule")?.split_ascii_whitespace().map(str::to_owned).collect(),
        updated_at: milliseconds(row.integer("updated_ms")?)?,
        fired_at: milliseconds(row.integer("fired_ms")?)?,
    })
}

pub(super) fn milliseconds(time: i64) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millisecond(time)?)
}

pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Running => "running",
        Status::Success => "success",
        Status::Failed => "failed",
    }
}

fn status_of(name: &str) -> Option<Status> {
    [Status::Waiting, Status::Running, Status::Success, Status::Failed]
        .into_iter()
        .find(|status| status_name(*status) == name)
}

pub(super) fn scan_type_name(scan_type: ScanType) -> &'static str {
    match scan_type {
        ScanType::Manual => "manual",
        ScanType::Auto => "auto",
    }
}

fn scan_type_of(name: &str) -> Option<ScanType> {
    [ScanType::Manual, ScanType::Auto].into_iter().find(|known| scan_type_name(*known) == name)
}
