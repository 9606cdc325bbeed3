//! The JSON of groups by name: see `docs/schema/`.

use serde::Serialize;

use super::contents::Report;
use super::json::{KeysAs, NameJson, SCHEMA_VERSION, provenance};
use crate::collect::{Group, NameGroup, NameTree, SizePercentiles};

/// Groups by name, and the sources whose keys they have. `report` is over the same keys.
pub fn groups_json<'a>(report: &'a Report, tree: &'a NameTree, keys_as: KeysAs) -> impl Serialize + 'a {
    GroupsJson {
        schema_version: SCHEMA_VERSION,
        provenance: provenance(report, keys_as),
        depth: tree.depth,
        is_shortened: tree.is_shortened,
        root: group(&tree.root, keys_as),
    }
}

#[derive(Serialize)]
struct GroupsJson<'a, P> {
    schema_version: u32,
    #[serde(flatten)]
    provenance: P,
    depth: usize,
    is_shortened: bool,
    root: GroupJson<'a>,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    kind: &'static str,
    #[serde(flatten)]
    path: NameJson<'a>,
    #[serde(flatten)]
    group: Group,
    types: &'a [&'static str],
    sizes: SizePercentiles,
    #[serde(flatten)]
    largest_key: NameJson<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    folded_groups: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<Self>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is that of serde")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn group(of: &NameGroup, keys_as: KeysAs) -> GroupJson<'_> {
    GroupJson {
        kind: of.kind.name(),
        path: NameJson::new("path", &of.path, keys_as),
        group: of.group,
        types: &of.types,
        sizes: of.sizes,
        largest_key: NameJson::new("largest_key", &of.largest_key, keys_as),
        folded_groups: of.folded_groups,
        children: of.children.iter().map(|child| group(child, keys_as)).collect(),
    }
}
