//! Prints what an input is: `cargo run -p rdb-source --example open_any -- dump.rdb.gz`.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::sync::Arc;

use rdb_source::{Data, IoMode, expand, open};

fn main() -> Result<(), Box<dyn Error>> {
    let input = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: open_any INPUT")?);
    // A program sets this flag, for example on Ctrl-C, to stop waiting for a slow input.
    let stop = Arc::default();
    for found in expand(&input, false, &[], &stop)?.found {
        let opened = open(&found.path, IoMode::Auto, &stop)?;
        let access = match &opened.data {
            Data::Mapped(mapping) => format!("mapped, {} bytes", mapping.len()),
            Data::Stream { length: Some(length), .. } => format!("stream of {length} bytes"),
            Data::Stream { length: None, .. } => "stream of unknown length".to_owned(),
        };
        let compression: Vec<_> = opened.compression.iter().map(|format| format.name()).collect();
        writeln!(stdout(), "{}: {access}, compression {compression:?}", found.path.display())?;
    }
    Ok(())
}
