//! What is said on standard error. Nothing that comes from a file or its name gets there raw.

use std::fmt::Display;
use std::io::Write as _;

use rdb_parser::escape::Escaped;

/// Says things on standard error.
pub(crate) struct Messages {
    pub(crate) quiet: bool,
}

impl Messages {
    pub(crate) fn error(&self, message: &impl Display) {
        say("error", message);
    }

    pub(crate) fn warning(&self, message: &impl Display) {
        if !self.quiet {
            say("warning", message);
        }
    }
}

fn say(kind: &str, message: &impl Display) {
    let message = message.to_string();
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "bigkeys: {kind}: {}", Escaped::for_terminal(message.as_bytes()));
}
