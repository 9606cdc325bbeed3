//! What is said on standard error. Nothing that comes from a file or its name gets there raw.
//!
//! A message is escaped here, and names in it are not escaped again, see [`Escaped::for_message`].

use std::fmt::Display;
use std::io::Write as _;

use indicatif::HumanCount;
use rdb_parser::escape::Escaped;

/// Prints a warning, unless the user asked for errors only.
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

/// A number with the noun that it counts: `1 error`, `2 errors`, `1,234 keys`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", HumanCount(n))
}

fn say(kind: &str, message: &impl Display) {
    let message = message.to_string();
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "bigkeys: {kind}: {}", Escaped::for_message(&message));
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(
            [0, 1, 2, 1_000_000].map(|n| count(n, "key")),
            ["0 keys", "1 key", "2 keys", "1,000,000 keys"]
        );
    }
}
