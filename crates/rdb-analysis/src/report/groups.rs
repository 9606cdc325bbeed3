//! The JSON of groups by name: see `docs/schema/`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::contents::Report;
use super::json::{KeysAs, SCHEMA_VERSION, SourceJson, ToolJson, source};
use crate::collect::{Group, NameGroup, NameTree, SizePercentiles};

/// Groups by name, and the sources whose keys they have. `report` is over the same keys.
pub fn groups_json<'a>(report: &'a Report, tree: &'a NameTree, keys_as: KeysAs) -> impl Serialize + 'a {
    GroupsJson {
        schema_version: SCHEMA_VERSION,
        tool: ToolJson::THIS,
        sources: report.sources.iter().map(|facts| source(facts, keys_as)).collect(),
        filter: report.filter.as_deref(),
        depth: tree.depth,
        is_shortened: tree.is_shortened,
        root: group(&tree.root, keys_as),
    }
}

#[derive(Serialize)]
struct GroupsJson<'a> {
    schema_version: u32,
    tool: ToolJson,
    sources: Vec<SourceJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    depth: usize,
    is_shortened: bool,
    root: GroupJson<'a>,
}

#[derive(Serialize)]
struct GroupJson<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
    #[serde(flatten)]
    group: Group,
    types: &'a [&'static str],
    sizes: SizePercentiles,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_key_b64: Option<String>,
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
    let text_of = |bytes| match keys_as {
        KeysAs::Auto => std::str::from_utf8(bytes).ok(),
        KeysAs::Base64 => None,
    };
    let (path, largest_key) = (text_of(&of.path), text_of(&of.largest_key));
    GroupJson {
        kind: of.kind.name(),
        path,
        path_b64: path.is_none().then(|| STANDARD.encode(&of.path)),
        group: of.group,
        types: &of.types,
        sizes: of.sizes,
        largest_key,
        largest_key_b64: largest_key.is_none().then(|| STANDARD.encode(&of.largest_key)),
        folded_groups: of.folded_groups,
        children: of.children.iter().map(|child| group(child, keys_as)).collect(),
    }
}
