//! `bigkeys keys`.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{KeyRow, KeyView, ScanOptions};
use rdb_parser::ErrorKind;

use crate::args::{Export, KeysArgs};
use crate::ending::Ending;
use crate::inputs::{BarMonitor, Inputs};
use crate::messages::{self, Messages};
use crate::progress::Bar;
use crate::render::{self, KeysFormat, RowFormat, RowWriter, Target};
use crate::scan::source_status;

pub(crate) fn run(args: &KeysArgs, stop: &Arc<AtomicBool>, messages: &Messages) -> anyhow::Result<Ending> {
    let inputs = Inputs::list(&args.input, stop, messages)?;
    let mut model = ScanOptions::default();
    args.common.memory.apply(&mut model);
    let bar = Bar::new(&args.common.output, inputs.lengths(), !io::stdout().is_terminal());
    let redactor = args.common.redact.redactor();
    let Outputs { formats, mut writers } = Outputs::new(args, model.memory)?;
    let mut ending = if inputs.failures() > 0 { Ending::Failed } else { Ending::Clean };
    let mut is_found = false;
    let monitor = BarMonitor { bar: &bar, stop, messages };
    let (scan, inputs) = inputs.into_scan(&monitor);
    let scan = scan.memory(model.memory).assumptions(model.assumptions);
    let scan = args.common.filter.apply(scan, model.memory)?;
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
        let shard = input.shard().map(str::to_owned);
        let render = |key: &KeyView<'_>, block: &mut Vec<u8>| {
            let mut scratch = Vec::new();
            let name = key.key.decode_prefix(usize::MAX, &mut scratch)?;
            let redacted = redactor.as_ref().map(|redactor| redactor.name(name));
            let name = redacted.as_deref().unwrap_or(name);
            let row = KeyRow {
                name,
                key_bytes: name.len() as u64,
                measure: &key.measure,
                largest_element: None,
                shard: shard.as_deref(),
            };
            render::append_to_all(&formats, row, block).map_err(ErrorKind::Io)
        };
        let mut written = Ok(());
        let emit = |block: &[u8]| {
            is_found |= !block.is_empty();
            written = render::write_to_all(&mut writers, block);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let facts = scan.render_keys_of(&mut input, render, emit);
        if args.fail && is_found {
            ending = ending.max(Ending::Found);
            // The reader of the output may close it, and the answer stays.
            if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                return Ok(ending);
            }
        }
        written?;
        ending = ending.max(match facts {
            Ok(mut facts) => {
                if let Some(redactor) = &redactor {
                    redactor.facts(&mut facts);
                }
                source_status(&path, &facts, messages)
            }
            Err(failure) => {
                messages::error(&failure);
                Ending::Failed
            }
        });
    }
    for writer in writers {
        writer.finish()?;
    }
    bar.finish();
    Ok(ending)
}

/// The formats of the keys, and what writes each.
struct Outputs {
    formats: Vec<Box<dyn RowFormat>>,
    writers: Vec<RowWriter>,
}

impl Outputs {
    fn new(args: &KeysArgs, has_memory: bool) -> anyhow::Result<Self> {
        let rows = |format: KeysFormat| format.rows(args.common.output.json_style(), has_memory);
        let default = args.exports.is_empty().then_some(KeysFormat::Jsonl);
        let mut formats = Vec::new();
        let mut writers = Vec::new();
        if let Some(format) = args.format.or(default) {
            if format == KeysFormat::Parquet && io::stdout().is_terminal() {
                anyhow::bail!("a Parquet file is not for terminals: add > keys.parquet, or --export");
            }
            formats.push(rows(format));
            writers.push(RowWriter::stdout(formats[0].as_ref(), args.common.output.color.choice())?);
        }
        for Export { format, path } in &args.exports {
            let format = rows(*format);
            writers.push(RowWriter::new(format.as_ref(), Target::file(path)?)?);
            formats.push(format);
        }
        Ok(Self { formats, writers })
    }
}
