//! What is said on standard error. Nothing that comes from a file or its name gets there raw.
//!
//! A message is escaped here, and names in it are not escaped again, see [`Escaped::for_message`].

use std::fmt::Display;
use std::io::Write as _;

use rdb_parser::escape::Escaped;

/// Says what is wrong with what was done, unless the user wants to hear of errors only.
pub(crate) struct Messages {
    pub(crate) quiet: bool,
}

impl Messages {
    pub(crate) fn warning(&self, message: &impl Display) {
        if !self.quiet {
            say("warning", message);
        }
    }
}

/// Says why something asked for is not done.
pub(crate) fn error(message: &impl Display) {
    say("error", message);
}

fn say(kind: &str, message: &impl Display) {
    let message = message.to_string();
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "bigkeys: {kind}: {}", Escaped::for_message(&message));
}
