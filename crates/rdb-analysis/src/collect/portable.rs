//! Children of collectors that are carried to another machine.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::collector::{Collector, RangeStart};

/// A collector whose children can be carried to another machine, beside a
/// [`Partial`](crate::Partial).
///
/// The child of a source becomes its [`Wire`](Self::Wire), which serde writes and reads. Children that
/// were carried are merged like any others. Both sides have the same version of this crate:
/// [`Partial::from_json`](crate::Partial::from_json) refuses another one.
pub trait Portable: Collector {
    /// The serialised form of a child.
    type Wire: Serialize + DeserializeOwned;

    /// Converts a child to its serialised form. Forgets the sums that only a long list would show.
    fn to_wire(&self, child: Self::Child) -> Self::Wire;

    /// The child that was carried. What this version does not know, such as a type, is left out.
    fn child_of(&self, wire: Self::Wire) -> Self::Child;
}

/// A child without keys.
pub(super) fn empty_child<C: Collector>(collector: &C) -> C::Child {
    collector.child(RangeStart { source: 0, is_place_known: true })
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))+) => {$(
        impl<$($name: Portable),+> Portable for ($($name,)+) {
            type Wire = ($($name::Wire,)+);

            fn to_wire(&self, child: Self::Child) -> Self::Wire {
                ($(self.$index.to_wire(child.$index),)+)
            }

            fn child_of(&self, wire: Self::Wire) -> Self::Child {
                ($(self.$index.child_of(wire.$index),)+)
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collect::{Cluster, Distributions, NameGroups, NameRule};
    use crate::{Partial, ReportCollector, ScanOptions, Source, analyze};

    /// A file of strings and lists, some with an expiry.
    fn file(keys: &[(String, u8)]) -> Vec<u8> {
        let mut file = b"REDIS0009\xfa\x05ctime\xc0\x00".to_vec();
        for (name, value_bytes) in keys {
            if value_bytes % 3 == 0 {
                file.push(0xfc);
                file.extend((i64::from(*value_bytes) << 20).to_le_bytes());
            }
            file.push(value_bytes % 2);
            file.extend([u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            if value_bytes % 2 == 1 {
                file.push(1);
            }
            file.push(*value_bytes);
            file.extend(vec![b'v'; usize::from(*value_bytes)]);
        }
        file.push(0xff);
        file.extend([0; 8]);
        file
    }

    fn names() -> impl Strategy<Value = Vec<(String, u8)>> {
        proptest::collection::vec(("[ab]:[0-9{}x]{0,4}:?[yz]?|\\PC{0,8}", 0u8..60), 0..60)
    }

    proptest! {
        #[test]
        fn children_that_were_carried_give_the_result_of_one_scan(
            files in proptest::collection::vec(names(), 1..4),
            max_groups in 1usize..40,
        ) {
            let files: Vec<_> = files.iter().map(|keys| file(keys)).collect();
            let groups = NameGroups::new(NameRule::new(b":")).max_groups(max_groups);
            let collector = (groups, Distributions, Cluster::new(5));
            let (options, stop) = (ScanOptions::default(), false.into());
            let path = |index: usize| format!("{index}.rdb");
            let source = |index: usize| Source::from_bytes(path(index), &files[index]);
            let all = (0..files.len()).map(source).collect();
            let (tree, distributions, cluster) =
                analyze(all, collector.clone(), &options, &(), &stop).expect("scanned").output;

            let mut merged = empty_child(&collector);
            let reports = ReportCollector::default();
            for index in 0..files.len() {
                let (_, child) =
                    Partial::scan_with(source(index), &reports, &collector, &options, &(), &stop).expect("an RDB file");
                let text = serde_json::to_string(&collector.to_wire(child)).expect("written");
                collector.merge(&mut merged, collector.child_of(serde_json::from_str(&text).expect("read")));
            }
            let carried = collector.finish(merged);
            prop_assert_eq!(carried.0, tree);
            prop_assert_eq!(carried.1, distributions);
            prop_assert_eq!(carried.2, cluster);
        }
    }

    #[test]
    fn a_forged_histogram_is_no_panic() {
        let text = r#"{"types":[[null,{"bytes":{"histogram":[[255,1],[3,18446744073709551615],[3,18446744073709551615],[4,18446744073709551615]],"max":1},"elements":{"histogram":[],"max":0}}]],
            "idle_seconds":{"histogram":[],"max":0},"freq":{"histogram":[],"max":0},"expiry":[[1,1]]}"#;
        let child = Distributions.child_of(serde_json::from_str(text).expect("read"));
        assert_eq!(Distributions.finish(child).by_type.len(), 1);
    }
}
