//! Time to expiry, in buckets.

use serde::Serialize;

const MILLISECONDS: [(ExpiryBucket, i64); 5] = [
    (ExpiryBucket::WithinHour, 3_600_000),
    (ExpiryBucket::WithinDay, 86_400_000),
    (ExpiryBucket::WithinWeek, 7 * 86_400_000),
    (ExpiryBucket::WithinMonth, 30 * 86_400_000),
    (ExpiryBucket::Later, i64::MAX),
];

/// Time to expiry, from the time the file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExpiryBucket {
    /// The key has no expiry.
    Never,
    /// The key had expired and was not deleted.
    Expired,
    /// Up to an hour.
    WithinHour,
    /// Up to 24 hours.
    WithinDay,
    /// Up to seven days.
    WithinWeek,
    /// Up to thirty days.
    WithinMonth,
    /// More.
    Later,
}

impl ExpiryBucket {
    pub(crate) const ALL: [Self; 7] = [
        Self::Never,
        Self::Expired,
        Self::WithinHour,
        Self::WithinDay,
        Self::WithinWeek,
        Self::WithinMonth,
        Self::Later,
    ];

    #[inline]
    pub(super) fn of(now_ms: i64, expires_at_ms: i64) -> Self {
        let left = expires_at_ms.saturating_sub(now_ms);
        if left <= 0 {
            return Self::Expired;
        }
        MILLISECONDS.iter().find(|(_, limit)| left <= *limit).map_or(Self::Later, |(bucket, _)| *bucket)
    }
}
