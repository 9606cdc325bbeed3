//! The log of the service, whose fields cannot end a line or control a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use rdb_parser::escape::{Escaped, is_unprintable};
use tracing_subscriber::fmt::MakeWriter;

use crate::args::LogFormat;

/// Writes lines of the log to standard error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EscapedLines(pub(crate) LogFormat);

impl<'a> MakeWriter<'a> for EscapedLines {
    type Writer = LineWriter<io::Stderr>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter { out: io::stderr(), format: self.0 }
    }
}

/// Writes each record on one line. A record comes in one call, with a line feed at its end; every
/// other unprintable character is of a field, such as the name of a file.
#[derive(Debug)]
pub(crate) struct LineWriter<W> {
    out: W,
    format: LogFormat,
}

impl<W: Write> Write for LineWriter<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record));
        let mut text = match self.format {
            LogFormat::Text => Escaped::for_message(&line).to_string(),
            LogFormat::Json => escaped_json(&line),
        };
        text.push('\n');
        self.out.write_all(text.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// JSON in which unprintable characters are escaped. They can only be in strings.
fn escaped_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unprintable(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: LogFormat, record: &str) -> String {
        let mut out = LineWriter { out: Vec::new(), format };
        out.write_all(record.as_bytes()).expect("written");
        String::from_utf8(out.out).expect("text")
    }

    #[test]
    fn a_field_cannot_make_a_line_or_control_a_terminal() {
        let record = "INFO é path=a\n2026 ERROR forged\u{1b}[2J.rdb job=\\x0a\n";
        let line = "INFO é path=a\\x0a2026 ERROR forged\\x1b[2J.rdb job=\\x0a\n";
        assert_eq!(written(LogFormat::Text, record), line);
    }

    #[test]
    fn a_record_in_json_stays_json_and_says_the_same() {
        let field = "é\u{7f}\u{9b}2J\u{202e}\u{2028}\u{e0001}\n\u{1b}";
        let json = serde_json::json!({ "path": field }).to_string();
        let line = written(LogFormat::Json, &format!("{json}\n"));
        assert!(!line.trim_end_matches('\n').contains(is_unprintable), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["path"], field);
    }
}
