//! How a command ends.

use std::process::ExitCode;

/// Result of a command. A later variant takes precedence in the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// Everything was read.
    Clean,
    /// A key was found, and the user asked for none.
    Found,
    /// An input is damaged; the result is partial and says so.
    Damaged,
    /// An input could not be opened or is not an RDB file.
    Failed,
    /// A signal stopped the command.
    Interrupted,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Clean => 0,
            Ending::Found => 1,
            Ending::Failed => 2,
            Ending::Damaged => 3,
            Ending::Interrupted => 130,
        })
    }
}
