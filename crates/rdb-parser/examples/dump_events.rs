//! Prints the records of an RDB file, one a line: `cargo run -p rdb-parser --example dump_events --
//! FILE`.

#![allow(clippy::print_stdout, reason = "printing is what this example is for")]

use std::error::Error;

use rdb_parser::escape::Escaped;
use rdb_parser::{Event, Parser, RdbString};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: dump_events FILE")?;
    // Any reader will do; a mapped file would go to `Parser::from_slice` and not be copied at all.
    let mut parser = Parser::from_reader(std::fs::File::open(path)?)?;
    println!("{:?}", parser.header());
    loop {
        match parser.next_event() {
            Ok(None) => return Ok(()),
            Ok(Some(Event::Entry(entry))) => println!(
                "{:>10} db {} {:?} \"{}\" {:?} elements, {} bytes in the file",
                entry.span.start,
                entry.db,
                entry.value_type,
                shown(entry.key)?,
                entry.outline.elements,
                entry.rdb_bytes,
            ),
            Ok(Some(Event::Aux { name, value })) => println!("aux {} = {}", shown(name)?, shown(value)?),
            Ok(Some(event)) => println!("{event:?}"),
            // One key is damaged inside; the next one is where it should be.
            Err(error) if error.is_contained() => println!("skipped: {error}"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn shown(string: RdbString<'_>) -> Result<String, Box<dyn Error>> {
    if let RdbString::Skipped { decoded_len } = string {
        return Ok(format!("<{decoded_len} bytes>"));
    }
    let mut scratch = Vec::new();
    Ok(Escaped::for_terminal(string.decode(&mut scratch)?).to_string())
}
