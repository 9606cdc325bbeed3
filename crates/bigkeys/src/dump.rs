//! `bigkeys dump`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anstream::ColorChoice;
use anyhow::Context as _;
use bigkeys::{DataType, Input, KeyRecord, Record, STDIN, Scan};
use rdb_parser::contents::{Element, Text};
use rdb_parser::escape::{Escaped, unescape};
use rdb_source::display_name;

use crate::args::{DumpArgs, DumpFormat};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages};
use crate::progress::Bar;
use crate::render::Target;
use crate::render::contents::{json, resp};
use crate::stop::Stop;

pub(crate) fn run(args: &DumpArgs, stop: &Stop, messages: &Messages) -> anyhow::Result<Ending> {
    if args.format != DumpFormat::Json && std::io::stdout().is_terminal() {
        anyhow::bail!("the bytes of values are not for terminals: add > FILE, or a pipe");
    }
    // The input is read once for the key, and again for its elements.
    if let Some(path) = args.input.inputs.iter().find(|path| can_be_read_once(path)) {
        let name = display_name(path);
        anyhow::bail!("{name}: a pipe can be read once, and dump reads twice; save it to a file first");
    }
    let inputs = Inputs::list(&args.input, stop.flag(), messages)?;
    let unlisted = inputs.failures();
    let bar = Bar::new(&args.output, inputs.lengths(), true);
    let monitor = BarMonitor { bar: &bar, stop: stop.flag(), messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let outcome = scan.find(inputs.clone(), &unescape(&args.key), args.db)?;
    bar.finish();
    outcome.failures.iter().for_each(messages::error);
    let keys = outcome.output;

    let places: BTreeSet<_> = keys.iter().map(|key| key.measure.db).collect();
    if args.format == DumpFormat::Resp && places.len() < keys.len() {
        let name = Escaped::for_message(&args.key);
        anyhow::bail!("{name}: several records have this key, and a server keeps one; name one input");
    }

    // As it is: the bytes of a value may look like colours.
    let mut out = Target::stdout(ColorChoice::AlwaysAnsi);
    for key in &keys {
        let input = inputs.get(key.source).context("the input is gone")?;
        write(&scan, input, key, args.format, &mut out)?;
    }
    out.finish()?;
    stop.reading_ended();
    if keys.is_empty() {
        let name = Escaped::for_message(&args.key);
        if outcome.damaged_sources > 0 {
            messages::error(&format_args!("{name}: no such key in what can be read; an input is damaged"));
        } else {
            messages::error(&format_args!("{name}: there is no such key"));
        }
    }
    let failed = unlisted + outcome.unopened.len() + outcome.failures.len();
    Ok(match failed {
        _ if stop.exit_code().is_some() => Ending::Interrupted,
        0 if outcome.damaged_sources > 0 => Ending::Damaged,
        0 if keys.is_empty() => Ending::Found,
        0 => Ending::Clean,
        _ => Ending::Failed,
    })
}

/// Whether an input is standard input, a FIFO or a device.
fn can_be_read_once(path: &Path) -> bool {
    path.as_os_str() == STDIN
        || std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Writes one key.
fn write(
    scan: &Scan<'_>,
    input: &Input,
    key: &KeyRecord,
    format: DumpFormat,
    out: &mut Target,
) -> anyhow::Result<()> {
    let name = || format!("{}: {}", input.name(), Escaped::for_terminal(&key.key));
    let mut opened = scan.open_input(input.clone())?;
    let record = opened.record(key, u64::MAX).with_context(name)?;
    // A first pass finds out what cannot be read or written, before half of it is written.
    let mut skipped_bytes = None;
    let mut refused = resp::Refused::default();
    let outcome = record.for_each_element(|element| {
        refused.see(element);
        skipped_bytes = skipped_bytes.or(element.texts().into_iter().flatten().find_map(|text| match text {
            Text::Whole(_) => None,
            Text::Skipped { bytes } => Some(bytes),
        }));
    });
    outcome.with_context(name)?;
    if let Some(bytes) = skipped_bytes.filter(|_| format != DumpFormat::Json) {
        anyhow::bail!("{}: a string of {bytes} bytes cannot be read", name());
    }
    if let (DumpFormat::Resp, Some(reason)) = (format, refused.reason(key.measure.data_type)) {
        anyhow::bail!("{}: {reason}", name());
    }
    match format {
        DumpFormat::Json => {
            let mut writer = json::Writer::begin(key, &mut *out)?;
            write_elements(&record, name, |element| writer.element(element))?;
            writer.end()?;
        }
        DumpFormat::Resp => {
            let mut writer = resp::Writer::begin(key, &mut *out).with_context(name)?;
            write_elements(&record, name, |element| writer.element(element))?;
            writer.end()?;
        }
        DumpFormat::Raw => {
            if key.measure.data_type != DataType::String {
                anyhow::bail!("{}: only a string has raw bytes; this is a {}", name(), key.measure.data_type);
            }
            write_elements(&record, name, |element| match element {
                Element::Whole(Text::Whole(bytes)) => out.write_all(bytes),
                _ => Ok(()),
            })?;
        }
    }
    Ok(())
}

/// Gives the elements of a record to `write`, until one cannot be written. `name` says in errors of the
/// record which key it is.
fn write_elements(
    record: &Record<'_>,
    name: impl Fn() -> String,
    mut write: impl FnMut(Element<'_>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut written = Ok(());
    let outcome = record.for_each_element(|element| {
        if written.is_ok() {
            written = write(element);
        }
    });
    outcome.with_context(name)?;
    Ok(written?)
}
