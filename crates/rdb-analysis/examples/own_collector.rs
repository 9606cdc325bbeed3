//! Counts the keys that no client has used for a day, in the same pass as the totals:
//! `cargo run -p rdb-analysis --example own_collector -- dump.rdb`.

use rdb_analysis::{Collector, KeyView, Observe, PlaceUse, RangeStart, ScanOptions, Source, Totals, analyze};

/// Counts keys that were not used for at least `seconds`.
struct Idle {
    seconds: u64,
}

/// The idle keys of one range of a file.
struct IdleKeys {
    seconds: u64,
    keys: u64,
}

impl Observe for IdleKeys {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn observe(&mut self, key: &KeyView<'_>) {
        let is_idle = key.measure.idle_seconds.is_some_and(|idle| idle >= self.seconds);
        self.keys += u64::from(is_idle);
    }
}

impl Collector for Idle {
    type Child = IdleKeys;
    type Output = u64;

    fn child(&self, _: RangeStart) -> IdleKeys {
        IdleKeys { seconds: self.seconds, keys: 0 }
    }

    fn merge(&self, all: &mut IdleKeys, child: IdleKeys) {
        all.keys += child.keys;
    }

    fn finish(&self, all: IdleKeys) -> u64 {
        all.keys
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("expected the path of an RDB file")?;
    let file = std::fs::read(&path)?;
    let sources = vec![Source::from_bytes(path, &file)];
    let collectors = (Totals, Idle { seconds: 86_400 });
    let outcome = analyze(sources, collectors, &ScanOptions::default(), &(), &false.into())?;
    let (totals, idle_keys) = outcome.output;
    #[allow(clippy::print_stdout, reason = "an example prints its result")]
    {
        println!("{idle_keys} of {} keys were not used for a day", totals.keys);
    }
    Ok(())
}
