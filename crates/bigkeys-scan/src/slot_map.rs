//! Which shard of a cluster has which slots, from a file.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rdb_analysis::{SLOTS, SlotOwners};
use serde::Deserialize;

/// A file that does not say which shard has which slots.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SlotMapError {
    /// The text has none of the formats.
    #[error(
        "the text is neither the answer of CLUSTER NODES or CLUSTER SHARDS nor TOML such as \
         \"10.0.0.1:6379\" = \"0-5460\""
    )]
    Format,
    /// A text is no list of slots.
    #[error("`{text}` is no list of slots such as 0-5460,5470")]
    Slots {
        /// The text.
        text: String,
    },
    /// No shard has a slot.
    #[error("no shard in it has a slot")]
    Empty,
}

type Shards = BTreeMap<String, Vec<RangeInclusive<u16>>>;

/// Reads which shard has which slots: the answer of `CLUSTER NODES`, that of `CLUSTER SHARDS` as
/// `redis-cli` or `redis-cli --json` prints it, or a TOML file of nodes and slots. The name of a
/// shard is `ip:port` of its master.
///
/// # Errors
///
/// The text has none of these formats.
pub fn parse_slot_map(text: &str) -> Result<SlotOwners, SlotMapError> {
    let parsed = json(text).or_else(|| nodes(text)).or_else(|| shards(text));
    let shards = match parsed {
        Some(shards) => shards,
        None => toml(text)?,
    };
    if shards.values().all(Vec::is_empty) {
        return Err(SlotMapError::Empty);
    }
    Ok(SlotOwners::new(shards))
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first <= last && last < SLOTS).then_some(first..=last)
}

/// `"10.0.0.1:6379" = "0-5460,5470"`, or a list of such texts.
fn toml(text: &str) -> Result<Shards, SlotMapError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Slots {
        Text(String),
        List(Vec<String>),
    }
    let shards: BTreeMap<String, Slots> = toml::from_str(text).map_err(|_| SlotMapError::Format)?;
    let ranges = |slots: Slots| {
        let texts = match slots {
            Slots::Text(text) => vec![text],
            Slots::List(texts) => texts,
        };
        let parts = texts.iter().flat_map(|text| text.split(','));
        let parsed =
            parts.map(|part| range(part.trim()).ok_or_else(|| SlotMapError::Slots { text: part.to_owned() }));
        parsed.collect::<Result<Vec<_>, _>>()
    };
    shards.into_iter().map(|(shard, slots)| Ok((shard, ranges(slots)?))).collect()
}

/// Lines of `CLUSTER NODES`: id, address, flags, master, times, epoch, link, slots.
/// Source: the command reference of `CLUSTER NODES`.
fn nodes(text: &str) -> Option<Shards> {
    let mut shards = Shards::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut fields = line.split_whitespace();
        let (_id, address, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let is_master = flags.split(',').any(|flag| flag == "master");
        if !is_master
            && !flags.split(',').any(|flag| matches!(flag, "slave" | "replica" | "noaddr" | "handshake"))
        {
            return None;
        }
        // A slot in brackets is one that migrates, and its owner has it elsewhere in the line.
        let slots = fields.skip(5).filter(|slots| !slots.starts_with('['));
        let ranges: Option<Vec<_>> = slots.map(range).collect();
        if is_master {
            // The address of the bus and the name of the host follow.
            let node = address.split(['@', ',']).next()?;
            shards.entry(node.to_owned()).or_default().extend(ranges?);
        }
    }
    (!shards.is_empty()).then_some(shards)
}

/// `CLUSTER SHARDS` as `redis-cli --json` prints it.
fn json(text: &str) -> Option<Shards> {
    #[derive(Deserialize)]
    struct Shard {
        slots: Vec<u16>,
        nodes: Vec<Node>,
    }
    #[derive(Deserialize)]
    struct Node {
        ip: String,
        port: Option<u16>,
        #[serde(rename = "tls-port")]
        tls_port: Option<u16>,
        role: String,
    }
    let list: Vec<Shard> = serde_json::from_str(text).ok()?;
    let mut shards = Shards::new();
    for shard in list {
        let master = shard.nodes.iter().find(|node| node.role == "master")?;
        let name = format!("{}:{}", master.ip, master.port.or(master.tls_port)?);
        let ranges = shard.slots.chunks_exact(2).map(|pair| pair[0]..=pair[1]);
        shards.entry(name).or_default().extend(ranges);
    }
    Some(shards)
}

/// `CLUSTER SHARDS` as `redis-cli` prints it: names and values, a line each, or numbered and quoted
/// on a terminal.
fn shards(text: &str) -> Option<Shards> {
    let lines: Vec<&str> = text.lines().map(value_of_line).filter(|line| !line.is_empty()).collect();
    if lines.first() != Some(&"slots") {
        return None;
    }
    let mut shards = Shards::new();
    for shard in lines.split(|&line| line == "slots").skip(1) {
        let end = shard.iter().position(|&line| line == "nodes")?;
        let (slots, nodes) = shard.split_at(end);
        let slots: Vec<u16> = slots.iter().map(|slot| slot.parse().ok()).collect::<Option<_>>()?;
        let master = nodes.split(|&line| line == "id").find(|node| field(node, "role") == Some("master"))?;
        let port = field(master, "port").or_else(|| field(master, "tls-port"))?;
        let name = format!("{}:{port}", field(master, "ip")?);
        let ranges = slots.chunks_exact(2).map(|pair| pair[0]..=pair[1]);
        shards.entry(name).or_default().extend(ranges);
    }
    Some(shards)
}

fn field<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    let at = lines.iter().position(|&line| line == name)?;
    lines.get(at + 1).copied()
}

/// A line without its numbers, such as `1) 2) "ip"`, `(integer) 6379`, or `   1# "slots" =>`.
fn value_of_line(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some((number, after)) = rest.split_once(") ")
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
    {
        rest = after.trim_start();
    }
    rest.strip_prefix("(integer) ").unwrap_or(rest).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
07c37df 127.0.0.1:30004@31004,hostname4 slave e7d1eec 0 1426238317239 4 connected
67ed2db 127.0.0.1:30002@31002,hostname2 master - 0 1426238316232 2 connected 5461-10922
292f8b3 127.0.0.1:30003@31003,hostname3 master - 0 1426238318243 3 connected 10923-16383
e7d1eec 127.0.0.1:30001@31001,hostname1 myself,master - 0 0 1 connected 0-5458 5459 5460 [93-<-292f8b3]
";

    const SHARDS: &str = "slots\n0\n5460\nnodes\nid\nabc\nport\n30001\nip\n127.0.0.1\nendpoint\n127.0.0.1\nrole\nmaster\n\
replication-offset\n72156\nhealth\nonline\nid\ndef\nport\n30004\nip\n127.0.0.1\nrole\nreplica\nhealth\nonline\n\
slots\n5461\n10922\nnodes\nid\nghi\nport\n30002\nip\n127.0.0.1\nrole\nmaster\nhealth\nonline\n\
slots\n10923\n16383\nnodes\nid\njkl\nrole\nreplica\nport\n1\nip\nx\nid\nmno\nport\n30003\nip\n127.0.0.1\nrole\nmaster\n";

    fn owners(text: &str) -> Vec<Option<String>> {
        let owners = parse_slot_map(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        [0, 5459, 5460, 5461, 10_922, 16_383]
            .iter()
            .map(|&slot| owners.owner(slot).map(str::to_owned))
            .collect()
    }

    #[test]
    fn every_format_says_which_shard_has_which_slots() {
        let expected = [1, 1, 1, 2, 2, 3].map(|node| Some(format!("127.0.0.1:3000{node}")));
        assert_eq!(owners(NODES), expected);
        assert_eq!(owners(SHARDS), expected);
        let json = r#"[
            {"slots":[0,5459,5460,5460],"nodes":[{"id":"a","port":30001,"ip":"127.0.0.1","role":"master"}]},
            {"slots":[5461,10922],"nodes":[{"id":"b","tls-port":30002,"ip":"127.0.0.1","role":"master"}]},
            {"slots":[10923,16383],"nodes":[{"port":7,"ip":"x","role":"replica"},
                {"port":30003,"ip":"127.0.0.1","role":"master"}]}]"#;
        assert_eq!(owners(json), expected);
        let toml = "\"127.0.0.1:30001\" = \"0-5460\"\n\"127.0.0.1:30002\" = [\"5461-6000\", \"6001-10922\"]\n\
                    \"127.0.0.1:30003\" = \"10923-16000,16001-16383\"\n";
        assert_eq!(owners(toml), expected);
    }

    #[test]
    fn a_terminal_s_numbers_are_left_out() {
        let numbered: String = SHARDS
            .lines()
            .map(|line| match line.parse::<u64>() {
                Ok(number) => format!("   2) (integer) {number}\n"),
                Err(_) => format!("1) 1) \"{line}\"\n"),
            })
            .collect();
        assert_eq!(owners(&numbered), owners(SHARDS));
    }

    #[test]
    fn another_text_is_refused() {
        for text in [
            "",
            "slots",
            "a b c",
            "[]",
            "{}",
            "\"a\" = \"0-16384\"",
            "\"a\" = \"5-2\"",
            "\"a\" = 5",
            NODES.split_at(300).0,
        ] {
            assert!(parse_slot_map(text).is_err(), "{text}");
        }
    }
}
