//! How results are written.

use std::sync::LazyLock;

use bigkeys::Redactor;
use clap::{Args, ValueEnum};
use rdb_analysis::json::{KeysAs, NumbersAs};

use crate::render::json::JsonStyle;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// How key names are written: auto writes names that are UTF-8 as text
    #[arg(long, value_enum, default_value_t = Names::Auto, hide_short_help = true)]
    pub(crate) keys_as: Names,

    /// How integers are written in JSON
    ///
    /// Strings are for readers that round numbers above 2^53, such as JavaScript and jq. Tables,
    /// CSV and the DCS task object are the same with both.
    #[arg(long, value_enum, default_value_t = Numbers::Number, hide_short_help = true)]
    pub(crate) numbers_as: Numbers,

    /// Show no progress bar
    #[arg(long, hide_short_help = true)]
    pub(crate) no_progress: bool,

    /// Write only errors to standard error
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print help; --help shows more options
    #[arg(short, long, action = clap::ArgAction::Help)]
    pub(crate) help: Option<bool>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Color::Auto, hide_short_help = true)]
    pub(crate) color: Color,
}

impl OutputArgs {
    pub(crate) fn json_style(&self) -> JsonStyle {
        let numbers_as = match self.numbers_as {
            Numbers::Number => NumbersAs::Number,
            Numbers::String => NumbersAs::String,
        };
        JsonStyle { keys_as: self.keys_as.keys_as(), numbers_as }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Names {
    Auto,
    Base64,
}

impl Names {
    pub(crate) fn keys_as(self) -> KeysAs {
        match self {
            Self::Auto => KeysAs::Auto,
            Self::Base64 => KeysAs::Base64,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Numbers {
    Number,
    String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn choice(self) -> anstream::ColorChoice {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
    }

    /// Whether standard output gets colours.
    #[cfg(feature = "explore")]
    pub(crate) fn is_used(self) -> bool {
        match self {
            Self::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// How names are replaced by hashes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct RedactArgs {
    /// Replace the segments of names by hashes, to give the result to others
    ///
    /// The same segment has the same hash everywhere. The hashes are keyed with BIGKEYS_REDACT_KEY
    /// from the environment, or with a random number, so that another run gives others. Paths of
    /// files, shards and the conditions of the command line are left as they are.
    #[allow(clippy::doc_markdown, reason = "this is help text, where backticks would be shown")]
    #[arg(long, hide_short_help = true)]
    pub(crate) redact: bool,

    /// A beginning of names that --redact keeps
    #[arg(long, value_name = "PREFIX", hide_short_help = true, requires = "redact")]
    pub(crate) redact_keep: Vec<String>,
}

/// The secret of hashes, the same for all results of a run.
static SECRET: LazyLock<Vec<u8>> = LazyLock::new(|| match std::env::var_os("BIGKEYS_REDACT_KEY") {
    Some(key) => key.as_encoded_bytes().to_vec(),
    None => [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat(),
});

impl RedactArgs {
    /// What replaces names. `None`: names are left as they are.
    pub(crate) fn redactor(&self) -> Option<Redactor> {
        if !self.redact {
            return None;
        }
        let redactor = Redactor::new(&SECRET);
        Some(self.redact_keep.iter().fold(redactor, |redactor, prefix| redactor.keep(prefix)))
    }
}
