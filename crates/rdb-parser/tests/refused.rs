//! What every server refuses when it loads a file is damage to the key, found where it can be
//! without holding more.

mod support;

use support::{Content, file, key, len, listpack, string};

/// The file has this one damaged key, and the reading goes on behind it.
fn damage(version: &str, record: Vec<u8>) {
    let content = Content::of(&file(version, [record, key(0, "behind", string("v"))].concat()), true);
    assert!(content.error().is_contained(), "{:?}", content.errors);
    assert_eq!(content.names(), ["behind"]);
}

fn sound(version: &str, record: Vec<u8>) {
    let content = Content::of(&file(version, record), true);
    assert!(content.errors.is_empty(), "{:?}", content.errors);
}

#[test]
fn a_plain_node_of_a_list_is_not_empty() {
    let list = |item: &str| key(18, "k", [&[1, 1][..], &string(item)].concat());
    sound("REDIS0012", list("x"));
    damage("REDIS0012", list(""));
}

#[test]
fn the_fields_of_a_template_stand_in_order_and_once() {
    let names = |fields: &[&str]| -> Vec<u8> { fields.iter().flat_map(string).collect() };
    let one_by_one = |fields: &[&str]| {
        let values = names(&vec!["v"; fields.len()]);
        key(31, "k", [&[1][..], &len(fields.len() as u64), &names(fields), &values].concat())
    };
    let in_listpack = |fields: &[&str]| {
        let values = [&["0"][..], &vec!["v"; fields.len()]].concat();
        key(29, "k", [&[0][..], &string(listpack(fields)), &string(listpack(&values))].concat())
    };
    for good in [&["a", "b"][..], &["b", "aa"], &["", "a"], &["only"]] {
        sound("REDIS0015", one_by_one(good));
        sound("REDIS0015", in_listpack(good));
    }
    for bad in [&["b", "a"][..], &["aa", "b"], &["a", "a"], &["", ""], &["a", "c", "b"]] {
        damage("REDIS0015", one_by_one(bad));
        damage("REDIS0015", in_listpack(bad));
        let template = [&[242, 1][..], &len(bad.len() as u64), &names(bad)].concat();
        let content = Content::of(&file("REDIS0015", template), true);
        assert!(!content.error().is_contained(), "hashes that use it cannot be read");
    }
}

#[test]
fn the_nodes_of_a_stream_are_in_the_order_of_their_ids() {
    let stream = |ids: [u8; 2]| {
        let node = |id: u8| [string([&[0; 15][..], &[id]].concat()), string(support::stream_node())].concat();
        key(15, "k", [vec![2], node(ids[0]), node(ids[1]), vec![4, 0, 0, 0]].concat())
    };
    sound("REDIS0009", stream([1, 2]));
    damage("REDIS0009", stream([2, 2]));
    damage("REDIS0009", stream([2, 1]));
}

#[test]
fn the_expiry_of_a_field_is_below_2_to_the_48() {
    let hash =
        |expiry: u64| key(22, "k", [&[1][..], &len(expiry), &string("field"), &string("value")].concat());
    sound("REDIS0012", hash((1 << 48) - 1));
    damage("REDIS0012", hash(1 << 48));
}

/// A hash in a table (type 24) whose one field has the `relative` expiry; 0 is none.
fn hash_with_first_expiry(first: u64, relative: u64) -> Vec<u8> {
    let field = [len(relative), string("field"), string("value")].concat();
    key(24, "k", [&first.to_le_bytes()[..], &[1], &field].concat())
}

#[test]
fn a_first_field_expiry_of_2_to_the_48_means_none_and_loads() {
    sound("REDIS0012", hash_with_first_expiry(1 << 48, 0));
    damage("REDIS0012", hash_with_first_expiry((1 << 48) + 1, 0));
    damage("REDIS0012", hash_with_first_expiry(u64::MAX, 0));
    // The expiry of the field itself must be lower.
    sound("REDIS0012", hash_with_first_expiry((1 << 48) - 1, 1));
    damage("REDIS0012", hash_with_first_expiry((1 << 48) - 1, 2));
    damage("REDIS0012", hash_with_first_expiry(1 << 48, 1));
}

#[test]
fn the_first_field_expiry_of_a_hash_in_a_listpack_is_ignored_and_that_of_a_field_may_be_2_to_the_48() {
    let hash = |first: u64, expiry: &str| {
        let fields = string(listpack(&["field", "value", expiry]));
        key(25, "k", [&first.to_le_bytes()[..], &fields].concat())
    };
    for first in [0, 1 << 48, (1 << 48) + 1, u64::MAX] {
        sound("REDIS0012", hash(first, "281474976710655"));
        sound("REDIS0012", hash(first, "281474976710656"));
        damage("REDIS0012", hash(first, "281474976710657"));
    }
}
