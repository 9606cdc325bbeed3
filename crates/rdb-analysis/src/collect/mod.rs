//! Aggregates that grow by one key at a time and merge in any order.

mod bounded;
mod cells;
mod cluster;
mod collecting;
mod collector;
mod distributions;
mod expiry;
mod expiry_seconds;
mod filtered;
mod group;
mod groups;
mod heavy;
mod names;
mod portable;
mod prefixes;
mod raised_limits;
mod rank;
mod sums;
mod top_keys;

pub(crate) use cells::CellId;
pub use cluster::{Cluster, ClusterTable, ShardGroup, Skew, SlotGroup, SlotOwners};
pub(crate) use collecting::Collecting;
pub use collector::{Collector, EndOfSource, Observe, PlaceUse, RangeStart};
pub use distributions::{DistributionTable, Distributions, ForecastRow, Quantiles, TypeDistribution};
pub use expiry::ExpiryBucket;
pub use expiry_seconds::{ExpirySecond, ExpirySeconds};
pub use filtered::Filtered;
pub use group::{DbGroup, EncodingGroup, ExpiryGroup, Group, TypeGroup};
pub use groups::{ByDatabase, ByEncoding, ByExpiry, ByType, GroupTables, Groups, Totals};
pub use names::{
    ByName, GroupKind, HistogramBucket, MAX_GROUP_DEPTH, NameGroup, NameGroups, NameRule, NameTree,
    SizePercentiles,
};
pub use portable::Portable;
pub(crate) use prefixes::PrefixSums;
pub use prefixes::{PrefixGroup, PrefixTable, Prefixes};
pub(crate) use raised_limits::LongestPacked;
pub use raised_limits::RaisedLimit;
pub use rank::Rank;
pub(crate) use sums::Sums;
pub use top_keys::{KeyRecord, TopKeys};
pub(crate) use top_keys::{TopKey, TopLists};
