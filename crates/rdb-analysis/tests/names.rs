//! Groups by name, and filters: on any number of threads, and for sources in any order.

use proptest::prelude::*;
use rdb_analysis::{
    Filtered, Group, GroupKind, KeyView, NameGroup, NameGroups, NameRule, NameTree, ScanOptions, Source,
    Totals, analyze,
};

/// A file of string keys with values of the given lengths, below 16 KiB.
fn file(keys: &[(String, usize)]) -> Vec<u8> {
    let mut file = b"REDIS0003".to_vec();
    for (name, value_bytes) in keys {
        file.push(0);
        for (len, byte) in [(name.len(), None), (*value_bytes, Some(b'v'))] {
            file.extend((0x4000 | u16::try_from(len).expect("short")).to_be_bytes());
            match byte {
                Some(byte) => file.extend(std::iter::repeat_n(byte, len)),
                None => file.extend(name.as_bytes()),
            }
        }
    }
    file.push(0xff);
    file
}

fn tree(files: &[Vec<u8>], groups: NameGroups, threads: usize, range_bytes: Option<u64>) -> NameTree {
    let sources = files.iter().map(|file| Source::from_bytes("f", file)).collect();
    let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
    analyze(sources, groups, &options, &(), &false.into()).expect("threads").output
}

/// Checks that every group is the sum over its children.
fn assert_adds_up(group: &NameGroup) {
    if group.children.is_empty() {
        return;
    }
    let numbers = |group: &Group| {
        [
            group.keys,
            group.keys_with_expiry,
            group.elements,
            group.value_bytes,
            group.rdb_bytes,
            group.memory_bytes.unwrap_or(0),
        ]
    };
    let mut sum = [0; 6];
    for child in &group.children {
        assert_adds_up(child);
        sum.iter_mut().zip(numbers(&child.group)).for_each(|(sum, number)| *sum += number);
        assert!(child.path.starts_with(&group.path), "{:?} in {:?}", child.path, group.path);
        assert!(child.sizes.max_bytes <= group.sizes.max_bytes);
    }
    assert_eq!(sum, numbers(&group.group), "{:?}", String::from_utf8_lossy(&group.path));
    let shown = group.children.iter().filter(|child| child.kind != GroupKind::Folded);
    assert!(shown.is_sorted_by_key(|child| std::cmp::Reverse(child.bytes())));
}

fn name() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        3 => "[a-c]{1,2}",
        2 => "[0-9]{1,4}",
        1 => "\\{[a-c]:?[0-9]\\}",
        1 => "[a-f0-9]{8,10}",
        1 => "",
    ];
    proptest::collection::vec(segment, 1..5).prop_map(|segments| segments.join(":"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn groups_add_up_and_do_not_depend_on_threads_or_the_order_of_sources(
        keys in proptest::collection::vec((name(), 0usize..300), 0..120),
        depth in 0usize..6,
        is_literal: bool,
        max_groups in prop_oneof![Just(1usize), 1usize..40, Just(1 << 18)],
        parts in 1usize..4,
        min_share in prop_oneof![Just(0.0), 0.0f64..0.5],
    ) {
        let rule = NameRule::new(b":").literal(is_literal);
        let groups = NameGroups::new(rule).depth(depth).max_groups(max_groups).min_share(min_share);
        let mut files: Vec<_> = keys.chunks(keys.len() / parts + 1).map(file).collect();
        let whole = tree(&files, groups.clone(), 1, None);
        assert_adds_up(&whole.root);
        prop_assert_eq!(whole.root.group.keys, keys.len() as u64);
        for (threads, range_bytes) in [(1, 1), (2, 64), (3, 500)] {
            let split = tree(&files, groups.clone(), threads, Some(range_bytes));
            prop_assert_eq!(&whole, &split, "{} threads", threads);
        }
        files.reverse();
        prop_assert_eq!(&whole, &tree(&files, groups, 2, Some(100)));
    }
}

#[test]
fn paths_are_shortened_to_the_greatest_depth_that_has_few_enough_groups() {
    let keys: Vec<_> = (0..100).map(|i| (format!("word:{}:x", "abcdefghij".repeat(i % 50 + 1)), 9)).collect();
    // There are 50 groups. They are too many for one limit, and their paths too long for the other.
    for (max_groups, depth) in [(49, 1), (50, 1), (51, 1), (200, 4)] {
        let groups = NameGroups::new(NameRule::new(b":")).max_groups(max_groups);
        let tree = tree(&[file(&keys)], groups, 2, Some(100));
        assert_eq!((tree.depth, tree.is_shortened), (depth, depth < 4), "{max_groups}");
        assert_eq!(tree.root.children[0].path, b"word:");
        assert_eq!(tree.root.children[0].group.keys, 100);
    }
}

#[test]
fn keys_that_a_rule_names_form_a_group_of_their_own() {
    let keys = [("user:1", 10), ("user:2", 20), ("cart:1", 1000), ("plain", 5)];
    let keys = keys.map(|(name, bytes)| (name.to_owned(), bytes));
    let named = |name: &[u8]| name.ends_with(b":2").then(|| "twos".into());
    let tree = tree(&[file(&keys)], NameGroups::new(NameRule::new(b":")).named_by(named), 1, None);
    let groups: Vec<_> = tree
        .root
        .children
        .iter()
        .map(|group| (group.kind.name(), String::from_utf8_lossy(&group.path).into_owned(), group.group.keys))
        .collect();
    assert_eq!(
        groups,
        [
            ("segments", "cart:".to_owned(), 1),
            ("named", "twos".to_owned(), 1),
            ("segments", "user:".to_owned(), 1),
            ("no_separator", String::new(), 1),
        ]
    );
    assert_eq!(tree.root.largest_key, b"cart:1");
    assert_eq!(tree.root.types, ["string"]);
}

#[test]
fn every_fixture_adds_up_to_its_totals() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/fixtures");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("fixtures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "rdb") {
            continue;
        }
        let file = std::fs::read(&path).expect("a file");
        let source = Source::from_bytes("f", &file);
        let groups = NameGroups::new(NameRule::new(b":_"));
        let outcome = analyze(vec![source], (Totals, groups), &ScanOptions::default(), &(), &false.into());
        let (totals, tree) = outcome.expect("threads").output;
        assert_eq!(tree.root.group, totals, "{}", path.display());
        assert_adds_up(&tree.root);
        files += 1;
    }
    assert!(files > 0);
}

#[test]
fn a_filter_that_looks_at_databases_gives_the_same_in_ranges() {
    let mut file = b"REDIS0003".to_vec();
    for db in 0..40u8 {
        file.extend([0xfe, db % 4]);
        for key in 0..20u8 {
            file.extend([0, 2, b'a' + db % 4, b'a' + key, 1, b'v']);
        }
    }
    file.push(0xff);
    let admits = |key: &KeyView<'_>, name: &[u8]| key.measure.db == 2 && name[1] < b'f';
    for (threads, range_bytes) in [(1, None), (1, Some(1)), (2, Some(30)), (3, Some(200))] {
        let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
        let sources = vec![Source::from_bytes("f", &file)];
        let filtered = Filtered::<_, _, true>::new(Totals, admits);
        let totals = analyze(sources, filtered, &options, &(), &false.into()).expect("threads").output;
        assert_eq!(totals.keys, 50, "{threads} threads, {range_bytes:?}");
    }
}
