//! Starts tasks at the configured times of day.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

use super::catalog::Catalog;
use super::config::{Instance, Shard};
use super::store::{Schedule, ShardTarget, Shutdown, TaskStore, ended};

/// Interval between two checks of the schedules.
const TICK: Duration = Duration::from_secs(5);

/// A due time that was missed by more than this time, because the service was down, is skipped.
const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// A last due time that is further in the future was set by a wrong clock.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// Time limit for the search for the backups of a scheduled task.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether `text` is `HH:MM`.
pub(crate) fn is_time_of_day(text: &str) -> bool {
    time_of_day(text).is_some()
}

fn time_of_day(text: &str) -> Option<civil::Time> {
    let [h1, h2, b':', m1, m2] = *text.as_bytes() else { return None };
    let number = |tens: u8, ones: u8| {
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number.then(|| ((tens - b'0') * 10 + (ones - b'0')).cast_signed())
    };
    civil::Time::new(number(h1, h2)?, number(m1, m2)?, 0, 0).ok()
}

/// Follows all schedules until `shutdown`.
pub(crate) async fn follow(store: Arc<TaskStore>, catalog: Arc<Catalog>, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = ended(shutdown.clone()) => return,
            () = tokio::time::sleep(TICK) => {}
        }
        let schedules = match store.schedules().await {
            Ok(schedules) => schedules,
            Err(error) => {
                tracing::error!(%error, "the schedules cannot be read");
                continue;
            }
        };
        for schedule in schedules {
            let now = Timestamp::now();
            let Some(due) = due(&schedule, now) else { continue };
            // Another machine may have the instance in its configuration.
            let Some(instance) = catalog.find(&schedule.instance).await else { continue };
            let shards = if due.is_timely { Some(targets(&store, &catalog, instance).await) } else { None };
            match store.fire(&schedule, due.at, shards, now).await {
                Ok(Some(task)) => {
                    tracing::info!(task = task.id, instance = task.instance, "a scheduled task is queued");
                }
                Ok(None) => tracing::info!(
                    instance = schedule.instance,
                    "a scheduled time is skipped: a task is unfinished, or the time was missed"
                ),
                Err(error) => tracing::error!(%error, "a scheduled task cannot be queued"),
            }
        }
    }
}

/// What a scheduled task scans. A shard without a backup fails its task, which has the reason.
async fn targets(store: &TaskStore, catalog: &Arc<Catalog>, instance: Instance) -> Vec<ShardTarget> {
    let (catalog, is_shared) = (Arc::clone(catalog), store.is_shared());
    let any = |shard: &Shard| ShardTarget { node: shard.node_id.clone(), backup: None };
    let without_marks = instance.shards.iter().map(any).collect();
    if !is_shared {
        return without_marks;
    }
    let find = move || {
        let target = |shard| catalog.target(shard, None, true).unwrap_or_else(|_| any(shard));
        instance.shards.iter().map(target).collect()
    };
    // A file system may not answer, and other schedules must not wait for it. Then, and after a panic,
    // the workers take what is there.
    match tokio::time::timeout(SEARCH_TIMEOUT, tokio::task::spawn_blocking(find)).await {
        Ok(Ok(targets)) => targets,
        Ok(Err(_)) | Err(_) => without_marks,
    }
}

/// A due time that has started no task yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    at: Timestamp,
    /// Whether the time is recent enough to start a task.
    is_timely: bool,
}

/// The last due time up to `now`, if it is later than the last one that was handled.
fn due(schedule: &Schedule, now: Timestamp) -> Option<Due> {
    // Otherwise a clock that once was years ahead would stop the schedule for years.
    if schedule.fired_at.duration_since(now) > CLOCK_SLACK {
        return Some(Due { at: now, is_timely: false });
    }
    let today = TimeZone::UTC.to_datetime(now).date();
    let days = [today.yesterday().ok()?, today];
    let times = days.into_iter().flat_map(|day| {
        schedule.times.iter().filter_map(move |text| {
            let time = time_of_day(text)?;
            TimeZone::UTC.to_timestamp(day.to_datetime(time)).ok()
        })
    });
    let at = times.filter(|at| *at <= now).max()?;
    (at > schedule.fired_at).then(|| Due { at, is_timely: now.duration_since(at) <= GRACE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn schedule(times: &[&str], fired_at: &str) -> Schedule {
        Schedule {
            instance: String::new(),
            enabled: true,
            times: times.iter().map(|time| (*time).to_owned()).collect(),
            updated_at: at("2026-01-01T00:00:00Z"),
            fired_at: at(fired_at),
        }
    }

    #[test]
    fn times_of_day_have_two_digits_and_a_colon() {
        for good in ["00:00", "21:00", "23:59"] {
            assert!(is_time_of_day(good), "{good}");
        }
        for bad in ["", "24:00", "12:60", "9:00", "09:00:00", "ab:cd", "-1:00", "21.00", "２1:00"] {
            assert!(!is_time_of_day(bad), "{bad}");
        }
    }

    #[test]
    fn each_time_is_due_once() {
        let times = ["21:00", "09:00"];
        let before = schedule(&times, "2026-03-01T10:00:00Z");
        assert_eq!(due(&before, at("2026-03-01T20:59:59Z")), None);
        let nine = Due { at: at("2026-03-01T21:00:00Z"), is_timely: true };
        assert_eq!(due(&before, at("2026-03-01T21:00:03Z")), Some(nine));
        let after = schedule(&times, "2026-03-01T21:00:00Z");
        assert_eq!(due(&after, at("2026-03-01T21:00:08Z")), None);
        let next = Due { at: at("2026-03-02T09:00:00Z"), is_timely: true };
        assert_eq!(due(&after, at("2026-03-02T09:10:00Z")), Some(next));
    }

    #[test]
    fn a_time_missed_for_long_is_skipped_also_across_midnight() {
        let slept = schedule(&["23:55"], "2026-03-01T23:55:00Z");
        let late = due(&slept, at("2026-03-03T00:05:00Z"));
        assert_eq!(late, Some(Due { at: at("2026-03-02T23:55:00Z"), is_timely: true }));
        let too_late = due(&slept, at("2026-03-03T12:00:00Z"));
        assert_eq!(too_late, Some(Due { at: at("2026-03-02T23:55:00Z"), is_timely: false }));
    }

    #[test]
    fn a_clock_set_back_fires_nothing_twice_and_one_that_was_years_ahead_stops_nothing() {
        let fired = schedule(&["21:00"], "2026-03-01T21:00:00Z");
        assert_eq!(due(&fired, at("2026-03-01T20:30:00Z")), None);
        assert_eq!(due(&fired, at("2026-03-01T21:00:10Z")), None);
        let ahead = schedule(&["21:00"], "2031-03-01T21:00:00Z");
        let now = at("2026-03-01T20:30:00Z");
        assert_eq!(due(&ahead, now), Some(Due { at: now, is_timely: false }));
    }
}
