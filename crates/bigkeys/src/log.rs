//! The log of the service, whose fields cannot end a line or control a terminal.

use std::io::{self, Write};

use rdb_parser::escape::Escaped;
use tracing_subscriber::fmt::MakeWriter;

/// Writes lines of the log to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EscapedLines;

impl<'a> MakeWriter<'a> for EscapedLines {
    type Writer = LineWriter<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(io::stderr())
    }
}

/// Writes each record on one line. A record comes in one call, with a line feed at its end; every
/// other unprintable character is of a field, such as the name of a file.
#[derive(Debug)]
pub(crate) struct LineWriter<W>(W);

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let line = record.strip_suffix(b"\n").unwrap_or(record);
        let text = format!("{}\n", Escaped::for_terminal(line));
        self.0.write_all(text.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_make_a_line_or_control_a_terminal() {
        let mut out = LineWriter(Vec::new());
        out.write_all("INFO é path=a\n2026 ERROR forged\u{1b}[2J.rdb\n".as_bytes()).expect("written");
        assert_eq!(
            String::from_utf8(out.0).expect("text"),
            "INFO é path=a\\x0a2026 ERROR forged\\x1b[2J.rdb\n"
        );
    }
}
