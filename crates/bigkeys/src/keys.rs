//! `bigkeys keys`.

use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_analysis::{ScanOptions, for_each_key};

use crate::Ending;
use crate::args::{KeysArgs, KeysFormat};
use crate::inputs::{Input, open_all};
use crate::messages::{self, Messages};
use crate::progress::Bar;
use crate::render::{self, KeyWriter, Row};
use crate::scan::judge;

pub(crate) fn run(args: &KeysArgs, stop: &Arc<AtomicBool>, messages: &Messages) -> anyhow::Result<Ending> {
    let (mut inputs, unopened) = open_all(&args.input, stop);
    let mut options = ScanOptions::default();
    options.deep = args.input.deep;
    options.verify_checksum = !args.input.no_checksum;
    let length = inputs.iter().map(Input::length).sum();
    let bar = Bar::new(&args.output, length, !io::stdout().is_terminal());
    let keys_as = args.output.keys_as.keys_as();

    let mut out = render::stdout(args.output.color);
    let mut ending = if unopened > 0 { Ending::Failed } else { Ending::Clean };
    {
        let mut writer: Box<dyn KeyWriter> = match args.format {
            KeysFormat::Table => Box::new(render::table::Lines::new(&mut out, keys_as)),
            KeysFormat::Json => Box::new(render::json::Array::new(&mut out, keys_as)),
            KeysFormat::Jsonl => Box::new(render::json::Lines::new(&mut out, keys_as)),
            KeysFormat::Csv => Box::new(render::csv::Rows::new(&mut out, keys_as)?),
        };
        for input in &mut inputs {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            ending = ending.max(write_keys(input, &options, &bar, stop, messages, writer.as_mut())?);
        }
        writer.finish()?;
    }
    bar.finish();
    render::flush(out)?;
    Ok(ending)
}

fn write_keys(
    input: &mut Input,
    options: &ScanOptions,
    bar: &Bar,
    stop: &AtomicBool,
    messages: &Messages,
    writer: &mut dyn KeyWriter,
) -> anyhow::Result<Ending> {
    let path = input.path().to_owned();
    let shard = input.shard().map(str::to_owned);
    let mut scratch = Vec::new();
    let mut written = Ok(());
    let facts = for_each_key(input.source(), options, bar, stop, |key| {
        let name = match key.key.decode_prefix(usize::MAX, &mut scratch) {
            Ok(name) => name,
            Err(damage) => return ControlFlow::Continue(Err(damage)),
        };
        let row =
            Row { name, key_bytes: key.key.decoded_len(), measure: &key.measure, shard: shard.as_deref() };
        match writer.write(row) {
            Ok(()) => ControlFlow::Continue(Ok(())),
            Err(error) => {
                written = Err(error);
                ControlFlow::Break(())
            }
        }
    });
    written?;
    match facts {
        Ok(facts) => Ok(judge(&path, &facts, messages)),
        Err(failure) => {
            messages::error(&failure);
            Ok(Ending::Failed)
        }
    }
}
