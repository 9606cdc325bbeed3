//! `bigkeys check`.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::Style;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indicatif::BinaryBytes;
use rdb_analysis::json::{self, KeysAs};
use rdb_analysis::{Checked, Finding, Severity};
use rdb_parser::Checksum;
use rdb_parser::escape::Escaped;
use serde::Serialize;

use crate::args::{CheckArgs, CheckFormat};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages, count};
use crate::progress::Bar;
use crate::render::Target;
use crate::render::json::JsonStyle;
use crate::render::style::{DAMAGE, WARNING};

pub(crate) fn run(args: &CheckArgs, stop: &Arc<AtomicBool>, messages: &Messages) -> anyhow::Result<Ending> {
    let inputs = Inputs::list(&args.input, stop, messages)?;
    let bar = Bar::new(&args.output, inputs.lengths(), !io::stdout().is_terminal());
    let mut ending = if inputs.failures() > 0 { Ending::Failed } else { Ending::Clean };

    let mut out = Target::stdout(args.output.color.choice());
    let mut writer =
        Writer { out: &mut out, format: args.format, style: args.output.json_style(), written: 0 };
    let monitor = BarMonitor { bar: &bar, stop, messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    for unopened in inputs {
        if stop.load(Ordering::Relaxed) {
            ending = ending.max(Ending::Interrupted);
            break;
        }
        let Ok(mut input) = scan.open_input(unopened) else {
            ending = ending.max(Ending::Failed);
            continue;
        };
        let path = input.name().to_owned();
        let mut written = Ok(());
        let checked = scan.check(&mut input, |finding| {
            if written.is_ok() {
                written = writer.finding(&path, finding);
            }
        });
        written?;
        match checked {
            Ok(checked) => {
                writer.summary(&path, &checked)?;
                ending = ending.max(match &checked {
                    Checked { interrupted: true, .. } => Ending::Interrupted,
                    Checked { errors: 0, .. } => Ending::Clean,
                    _ => Ending::Damaged,
                });
            }
            Err(failure) => {
                messages::error(&failure);
                ending = ending.max(Ending::Failed);
            }
        }
    }
    writer.finish()?;
    bar.finish();
    out.finish()?;
    Ok(ending)
}

/// Writes findings in the order in which they are found.
struct Writer<'o> {
    out: &'o mut (dyn Write + Send),
    format: CheckFormat,
    style: JsonStyle,
    written: u64,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    path: &'a str,
    severity: &'static str,
    code: &'static str,
    offset: u64,
    db: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    message: &'a str,
}

#[derive(Serialize)]
struct SummaryJson<'a> {
    path: &'a str,
    severity: &'static str,
    keys: u64,
    bytes: u64,
    errors: u64,
    warnings: u64,
    checksum: &'static str,
    complete: bool,
}

impl Writer<'_> {
    fn finding(&mut self, path: &str, finding: &Finding) -> io::Result<()> {
        if self.format == CheckFormat::Table {
            let path = Escaped::for_terminal(path.as_bytes());
            let severity = finding.severity.name();
            let style = if finding.severity == Severity::Error { DAMAGE } else { WARNING };
            write!(self.out, "{path}: {style}{severity}{style:#} at offset {0} (0x{0:x})", finding.offset)?;
            match (&finding.key, self.style.keys_as) {
                (Some(key), KeysAs::Auto) => write!(self.out, ", key \"{}\"", Escaped::for_terminal(key))?,
                (Some(key), KeysAs::Base64) => write!(self.out, ", key {}", STANDARD.encode(key))?,
                (None, _) => {}
            }
            return writeln!(self.out, ": {}", Escaped::for_message(&finding.message));
        }
        let name = finding.key.as_deref();
        let text =
            name.filter(|_| self.style.keys_as == KeysAs::Auto).and_then(|key| std::str::from_utf8(key).ok());
        self.object(&FindingJson {
            path,
            severity: finding.severity.name(),
            code: finding.code,
            offset: finding.offset,
            db: finding.db,
            key: text,
            key_b64: name.filter(|_| text.is_none()).map(|key| STANDARD.encode(key)),
            message: &finding.message,
        })
    }

    fn summary(&mut self, path: &str, checked: &Checked) -> io::Result<()> {
        let checksum = match checked.checksum {
            Some(Checksum::Verified) => "verified",
            Some(Checksum::Mismatch { .. }) => "mismatch",
            Some(Checksum::Absent) => "absent",
            _ => "skipped",
        };
        if self.format == CheckFormat::Table {
            let style = if checked.errors > 0 { DAMAGE } else { Style::new() };
            return writeln!(
                self.out,
                "{}: {} in {}, checksum {checksum}: {style}{}{style:#}, {}{}",
                Escaped::for_terminal(path.as_bytes()),
                count(checked.keys, "key"),
                BinaryBytes(checked.bytes),
                count(checked.errors, "error"),
                count(checked.warnings, "warning"),
                if checked.interrupted { ", interrupted" } else { "" }
            );
        }
        self.object(&SummaryJson {
            path,
            severity: "summary",
            keys: checked.keys,
            bytes: checked.bytes,
            errors: checked.errors,
            warnings: checked.warnings,
            checksum,
            complete: checked.checksum.is_some(),
        })
    }

    fn object(&mut self, object: &impl Serialize) -> io::Result<()> {
        let is_array = self.format == CheckFormat::Json;
        if is_array {
            self.out.write_all(if self.written == 0 { b"[\n" } else { b",\n" })?;
        }
        self.written += 1;
        json::write_compact_with(&mut *self.out, object, self.style.numbers_as)?;
        if !is_array {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        match (self.format, self.written) {
            (CheckFormat::Json, 0) => self.out.write_all(b"[]\n"),
            (CheckFormat::Json, _) => self.out.write_all(b"\n]\n"),
            _ => Ok(()),
        }
    }
}
