//! Counts keys by the part of their name before the first colon: `cargo run --example
//! keys_by_prefix -- dump.rdb`

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bigkeys::Scan;

fn main() -> Result<(), bigkeys::ScanError> {
    let path = std::env::args_os().nth(1).unwrap_or_else(|| "dump.rdb".into());
    let mut prefixes: BTreeMap<Vec<u8>, (u64, u64)> = BTreeMap::new();
    let mut scratch = Vec::new();
    Scan::open(path)?.try_for_each_key(|key| {
        let name = match key.key.decode(&mut scratch) {
            Ok(name) => name,
            // The key counts as damaged, and the scan continues.
            Err(error) => return ControlFlow::Continue(Err(error)),
        };
        let prefix = name.split(|&byte| byte == b':').next().unwrap_or_default();
        let (keys, bytes) = prefixes.entry(prefix.to_vec()).or_default();
        *keys += 1;
        *bytes += key.measure.rdb_bytes;
        ControlFlow::Continue(Ok(()))
    })?;
    for (prefix, (keys, bytes)) in prefixes {
        println!("{keys:>10} keys {bytes:>14} bytes  {}", prefix.escape_ascii());
    }
    Ok(())
}
