//! The objects of the contract, field by field.
//!
//! Source: the DCS API reference of Huawei Cloud, operations `CreateBigkeyScanTask`,
//! `ShowBigkeyScanTaskDetails` and `DeleteBigkeyScanTask` of version 2. A field that the reference
//! calls "null, not returned" is omitted here; both are accepted when reading.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Created.
    Waiting,
    /// A worker scans.
    Running,
    /// Ended with a result.
    Success,
    /// Ended without a result, or with an incomplete result.
    Failed,
}

/// The trigger of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ScanType {
    /// A request.
    Manual,
    /// The schedule.
    Auto,
}

/// An analysis of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Id of the task, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// State of the task.
    pub status: Status,
    /// The trigger of the task.
    pub scan_type: ScanType,
    /// Time of creation.
    pub created_at: DcsTime,
    /// Start of the scan. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// End of the task. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
    /// Number of big keys: the length of `keys`, or 0. Always written, although examples of the
    /// reference leave it out.
    #[serde(default)]
    pub num: i32,
    /// The big keys. Not returned until there is a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<BigkeysBody>>,
}

/// A big key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BigkeysBody {
    /// Name of the key.
    pub name: String,
    /// Type of the key.
    #[serde(rename = "type")]
    pub key_type: KeyType,
    /// Shard of the key, `ip:port`. Only for instances with several shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Logical database of the key.
    pub db: i32,
    /// Size of the value, in `unit`.
    pub size: i64,
    /// Unit of `size`: bytes for a string, elements for other types.
    pub unit: Unit,
}

/// Types of keys in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// A string.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    Zset,
    /// A hash.
    Hash,
}

/// Unit of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Byte,
    /// Elements.
    Count,
}

/// A time in the contract's format: UTC, three fractional digits, `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct DcsTime(Timestamp);

impl DcsTime {
    /// The current time.
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// The time in milliseconds since 1970. A time out of the years -9999 to 9999 is the nearest
    /// time in them.
    pub fn at_ms(ms: i64) -> Self {
        let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
        Self(Timestamp::from_millisecond(ms).unwrap_or(nearest))
    }
}

/// Reads the format of RFC 3339.
impl FromStr for DcsTime {
    type Err = DcsTimeError;

    fn from_str(text: &str) -> Result<Self, DcsTimeError> {
        text.parse().map(Self).map_err(DcsTimeError)
    }
}

/// A text that is not a [`DcsTime`].
#[derive(Clone, Debug)]
pub struct DcsTimeError(jiff::Error);

impl fmt::Display for DcsTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DcsTimeError {}

impl Serialize for DcsTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

impl<'de> Deserialize<'de> for DcsTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
