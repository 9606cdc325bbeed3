//! Collectors of sums: over all keys, by type, by database, by encoding and by time to expiry.

use super::collector::{Collector, RangeStart};
use super::group::{DbGroup, EncodingGroup, ExpiryGroup, Group, TypeGroup};
use super::sums::Sums;

/// What [`Groups`] gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GroupTables {
    /// Over all keys.
    pub totals: Group,
    /// By type.
    pub by_type: Vec<TypeGroup>,
    /// By logical database.
    pub by_db: Vec<DbGroup>,
    /// By type and encoding.
    pub by_encoding: Vec<EncodingGroup>,
    /// By time to expiry; every bucket, empty ones too.
    pub expiry: Vec<ExpiryGroup>,
}

impl From<Sums> for GroupTables {
    fn from(sums: Sums) -> Self {
        Self {
            totals: sums.totals(),
            by_type: sums.by_type(),
            by_db: sums.by_db(),
            by_encoding: sums.by_encoding(),
            expiry: sums.by_expiry(),
        }
    }
}

/// Declares a collector whose child is [`Sums`].
macro_rules! collector_of_sums {
    ($(#[$doc:meta])* $name:ident -> $output:ty, $finish:expr) => {
        $(#[$doc])*
        ///
        /// Several of these in one tuple count each key several times; [`Groups`] gives all for the
        /// cost of one.
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Collector for $name {
            type Child = Sums;
            type Output = $output;

            fn child(&self, _: RangeStart) -> Sums {
                Sums::default()
            }

            fn merge(&self, all: &mut Sums, child: Sums) {
                all.merge(child);
            }

            fn finish(&self, all: Sums) -> $output {
                $finish(&all)
            }
        }
    };
}

collector_of_sums! {
    /// Collects the sums over all keys.
    Totals -> Group, Sums::totals
}
collector_of_sums! {
    /// Collects sums by type, in the order of [`DataType`](crate::DataType).
    ByType -> Vec<TypeGroup>, Sums::by_type
}
collector_of_sums! {
    /// Collects sums by type and encoding.
    ByEncoding -> Vec<EncodingGroup>, Sums::by_encoding
}
collector_of_sums! {
    /// Collects sums by logical database, in ascending order. The 1,024 smallest numbers have sums
    /// of their own.
    ByDatabase -> Vec<DbGroup>, Sums::by_db
}
collector_of_sums! {
    /// Collects sums by time to expiry, one group for every [`ExpiryBucket`](crate::ExpiryBucket).
    ByExpiry -> Vec<ExpiryGroup>, Sums::by_expiry
}

/// Collects the sums over all keys, by type, by database, by encoding and by time to expiry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Groups;

impl Collector for Groups {
    type Child = Sums;
    type Output = GroupTables;

    fn child(&self, _: RangeStart) -> Sums {
        Sums::default()
    }

    fn merge(&self, all: &mut Sums, child: Sums) {
        all.merge(child);
    }

    fn finish(&self, all: Sums) -> GroupTables {
        all.into()
    }
}
