//! Inputs, and how they are read.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use rdb_source::IoMode;

#[derive(Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Files, directories, patterns or URLs; - is standard input
    ///
    /// Compressed data (gzip, zstd, lz4) and captures of a full resynchronisation are recognised by
    /// their content. A directory stands for the RDB files in it, and a pattern such as
    /// 'backup/*.rdb' for the files that it matches. The RDB part of an append-only file is read. A
    /// file that is named twice, also through links, counts once.
    #[arg(value_name = "INPUT", required_unless_present = "shards", help_heading = None::<&str>)]
    pub(crate) inputs: Vec<PathBuf>,

    /// A file and the node that wrote it
    ///
    /// FILE need not be given as INPUT again.
    #[arg(long = "shard", id = "shards", value_name = "IP:PORT=FILE", value_parser = parse_shard)]
    pub(crate) shards: Vec<Shard>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// How inputs are found and read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct ReadArgs {
    /// Search directories below a named directory, too
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// How to read files: auto maps regular files and reads everything else
    ///
    /// The pages of a mapped file count as resident memory of the process (RES in top), although
    /// the kernel takes them back when memory is short. `read` keeps them out of that figure.
    #[arg(long, value_enum, default_value_t = Io::Auto, hide_short_help = true)]
    pub(crate) io: Io,

    /// A setting of the object store of s3://, gs://, az:// or http(s):// inputs
    ///
    /// NAME is the name of an environment variable, which the setting overrides, such as
    /// AWS_ENDPOINT, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SKIP_SIGNATURE or
    /// AWS_VIRTUAL_HOSTED_STYLE_REQUEST. Other users of the machine can see arguments, so keep
    /// secrets in the environment.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long = "store-option", value_name = "NAME=VALUE", value_parser = parse_store_option, hide_short_help = true)]
    pub(crate) store_options: Vec<(String, String)>,

    /// Decode packed values and streams to know their payload
    ///
    /// `value_bytes` and `largest_element_bytes` are then known for packed collections and streams, too.
    #[arg(long, hide_short_help = true)]
    pub(crate) deep: bool,

    /// Do not compare the checksums of files
    #[arg(long, hide_short_help = true)]
    pub(crate) no_checksum: bool,

    /// Number of threads [default: one per core]
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Io {
    Auto,
    Mmap,
    Read,
}

impl Io {
    pub(crate) fn mode(self) -> IoMode {
        match self {
            Self::Auto => IoMode::Auto,
            Self::Mmap => IoMode::Mmap,
            Self::Read => IoMode::Read,
        }
    }
}

/// A node and the file it wrote.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) node: SocketAddr,
    pub(crate) path: PathBuf,
}

fn parse_shard(text: &str) -> Result<Shard, String> {
    let (node, path) = text.split_once('=').ok_or("expected IP:PORT=FILE")?;
    let node = node.parse().map_err(|_| format!("{node:?} is not IP:PORT, such as 10.0.0.1:6379"))?;
    if path.is_empty() {
        return Err("the file is missing after =".to_owned());
    }
    Ok(Shard { node, path: PathBuf::from(path) })
}

fn parse_store_option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_an_address_and_a_file() {
        let shard = parse_shard("[::1]:6379=a=b.rdb").expect("valid");
        assert_eq!((shard.node.port(), shard.path), (6379, PathBuf::from("a=b.rdb")));
        for wrong in ["", "a.rdb", "localhost:6379=a", "10.0.0.1=a", "10.0.0.1:6379="] {
            assert!(parse_shard(wrong).is_err(), "{wrong}");
        }
    }
}
