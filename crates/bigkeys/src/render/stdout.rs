//! Standard output.

use std::io::{self, BufWriter, Write as _};

use anstream::{AutoStream, ColorChoice};

/// Standard output, buffered, with colours only where `choice` allows them.
pub(crate) type Stdout = BufWriter<AutoStream<io::Stdout>>;

pub(crate) fn stdout(color: ColorChoice) -> Stdout {
    BufWriter::with_capacity(64 << 10, AutoStream::new(io::stdout(), color))
}

/// Writes what is buffered.
pub(crate) fn flush(mut out: Stdout) -> io::Result<()> {
    out.flush()
}
