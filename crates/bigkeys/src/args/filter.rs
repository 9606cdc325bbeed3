//! Options that select keys.

use anyhow::Context as _;
use bigkeys::{Filter, NumberList, Scan, TtlCondition, parse_size};
use clap::Args;
use jiff::Timestamp;
use rdb_analysis::{DataType, Encoding};
use regex::bytes::Regex;

/// Which keys are looked at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keys (all conditions must hold)")]
pub(crate) struct FilterArgs {
    /// Only keys whose names match, such as 'user:*'
    ///
    /// Patterns are those of KEYS. May be given several times, also with --regex: one of them must
    /// match.
    #[arg(long = "match", value_name = "GLOB")]
    globs: Vec<String>,

    /// Only keys whose names match a regular expression somewhere
    #[arg(long, value_name = "REGEX", hide_short_help = true)]
    regex: Vec<Regex>,

    /// No keys whose names match a pattern
    #[arg(long, value_name = "GLOB", hide_short_help = true)]
    exclude: Vec<String>,

    /// Only keys of these types, such as hash,zset
    ///
    /// string, list, set, zset, hash, stream, or the name of a module's type.
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = parse_type)]
    types: Vec<String>,

    /// Only keys of these encodings, as OBJECT ENCODING names them
    #[arg(long, value_name = "ENCODING", value_delimiter = ',', value_parser = parse_encoding, hide_short_help = true)]
    encoding: Vec<String>,

    /// Only keys of these databases, such as 0 or 1-3,7
    #[arg(long, value_name = "NUMBERS", hide_short_help = true)]
    db: Option<NumberList>,

    /// Only keys of these hash slots of a cluster, such as 0-5460
    #[arg(long, value_name = "NUMBERS", hide_short_help = true)]
    slot: Option<NumberList>,

    /// Time to live: none, any, expired, or such as '<1h'
    ///
    /// Limits are a number of s, m, h, d or w, such as '<90s' or '>7d'.
    #[arg(long, value_name = "TTL")]
    ttl: Option<TtlCondition>,

    /// Only keys of at least this memory, such as 10KB
    ///
    /// Sizes have the units of redis.conf: 1k is 1000 bytes, 1KB is 1024.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    min_memory: Option<u64>,

    /// Only keys with at least this number of elements
    #[arg(long, value_name = "N", hide_short_help = true)]
    min_elements: Option<u64>,

    /// Only keys for which a CEL expression is true
    ///
    /// Such as 'memory_bytes > 10KB && type == "hash"'. A key has: key, type, encoding, db, slot, elements, value_bytes, rdb_bytes, memory_bytes,
    /// largest_element_bytes, ttl_seconds, idle_seconds and freq. What is not known is null, and a
    /// comparison with null is not true. value_bytes and largest_element_bytes imply --deep.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long = "where", value_name = "EXPR")]
    conditions: Vec<String>,

    /// Only this part of the keys, such as 0.01, chosen by their names
    #[arg(long, value_name = "RATE", hide_short_help = true)]
    sample: Option<f64>,

    /// Time by which keys count as expired [default: when a file was written]
    #[arg(long, value_name = "TIME", hide_short_help = true)]
    now: Option<Timestamp>,
}

impl FilterArgs {
    /// The filter.
    ///
    /// # Errors
    ///
    /// An argument cannot be meant.
    fn filter(&self) -> anyhow::Result<Filter> {
        let mut filter = Filter::default();
        for glob in &self.globs {
            filter = filter.matching(glob).context("--match")?;
        }
        for regex in &self.regex {
            filter = filter.matching_regex(regex.clone());
        }
        for glob in &self.exclude {
            filter = filter.excluding(glob).context("--exclude")?;
        }
        if !self.types.is_empty() {
            filter = filter.types(self.types.iter().cloned());
        }
        if !self.encoding.is_empty() {
            filter = filter.encodings(self.encoding.iter().cloned());
        }
        if let Some(dbs) = &self.db {
            filter = filter.dbs(dbs.clone());
        }
        if let Some(slots) = &self.slot {
            filter = filter.slots(slots.clone());
        }
        if let Some(ttl) = self.ttl {
            filter = filter.ttl(ttl);
        }
        if let Some(bytes) = self.min_memory {
            filter = filter.min_memory_bytes(bytes);
        }
        if let Some(elements) = self.min_elements {
            filter = filter.min_elements(elements);
        }
        for text in &self.conditions {
            filter = filter.condition(text).context("--where")?;
        }
        if let Some(rate) = self.sample {
            filter = filter.sample(rate).context("--sample")?;
        }
        Ok(filter)
    }

    /// Sets the filter and the time of a scan. `has_memory`: whether the memory is modelled.
    ///
    /// # Errors
    ///
    /// An argument cannot be meant, or needs the memory model.
    pub(crate) fn apply<'a>(&self, scan: Scan<'a>, has_memory: bool) -> anyhow::Result<Scan<'a>> {
        let filter = self.filter()?;
        if filter.needs_memory() && !has_memory {
            anyhow::bail!("a condition on memory needs the memory model, which is off here");
        }
        Ok(scan.filter(filter).now_ms(self.now.map(Timestamp::as_millisecond)))
    }
}

fn parse_type(text: &str) -> Result<String, String> {
    if DataType::is_name(text) {
        return Ok(text.to_owned());
    }
    Err("types are string, list, set, zset, hash, stream, those of Dragonfly and KeyDB such as json or \
         cron, and the names of nine characters that modules have, such as ReJSON-RL"
        .to_owned())
}

fn parse_encoding(text: &str) -> Result<String, String> {
    let known = Encoding::names();
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("encodings are {}", known.join(", ")))
}
