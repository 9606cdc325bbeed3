//! The objects of the contract, field by field.
//!
//! Source: the DCS API reference of Huawei Cloud, operations `CreateBigkeyScanTask`,
//! `ShowBigkeyScanTaskDetails` and `DeleteBigkeyScanTask` of version 2. A field that the reference
//! calls "null, not returned" is omitted here; both are accepted when reading.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Created.
    Waiting,
    /// Being worked on.
    Running,
    /// Ended with a result.
    Success,
    /// Ended without one, or with an incomplete one.
    Failed,
}

/// What started a task.
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
    /// Its id, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Its state.
    pub status: Status,
    /// What started it.
    pub scan_type: ScanType,
    /// When it was created.
    pub created_at: DcsTime,
    /// When work on it began. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// When it ended. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
    /// Number of big keys: the length of `keys`, or 0. Examples of the reference leave it out where the
    /// field table has it; it is always written.
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
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub key_type: KeyType,
    /// Its shard, `ip:port`. Only for instances of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// Its logical database.
    pub db: i32,
    /// The size of its value, in `unit`.
    pub size: i64,
    /// What `size` counts: bytes for a string, elements for everything else.
    pub unit: Unit,
}

/// Types of keys that the contract knows.
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

/// What a size counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Byte,
    /// Elements.
    Count,
}

/// A time as the contract writes it: UTC, three fractional digits, `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema), schema(value_type = String, format = DateTime))]
pub struct DcsTime(pub Timestamp);

impl Serialize for DcsTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

impl<'de> Deserialize<'de> for DcsTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}
