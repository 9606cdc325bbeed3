//! Aggregates that grow by one key at a time and merge in any order.

mod bounded;
mod cells;
mod collecting;
mod collector;
mod expiry;
mod filtered;
mod group;
mod groups;
mod names;
mod prefixes;
mod rank;
mod sums;
mod top_keys;

pub(crate) use cells::CellId;
pub(crate) use collecting::Collecting;
pub use collector::{Collector, EndOfSource, Observe, PlaceUse, RangeStart};
pub use expiry::ExpiryBucket;
pub use filtered::Filtered;
pub use group::{DbGroup, EncodingGroup, ExpiryGroup, Group, TypeGroup};
pub use groups::{ByDatabase, ByEncoding, ByExpiry, ByType, GroupTables, Groups, Totals};
pub use names::{
    ByName, GroupKind, MAX_GROUP_DEPTH, NameGroup, NameGroups, NameRule, NameTree, SizePercentiles,
};
pub use prefixes::{PrefixGroup, Prefixes};
pub use rank::Rank;
pub(crate) use sums::Sums;
pub(crate) use top_keys::TopLists;
pub use top_keys::{KeyRecord, TopKeys};
