//! What all jobs of an explorer have in common.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bigkeys_scan::{Input, Outcome, Scan, ScanError};
use rdb_analysis::{Collector, NameGroups, NameRule};

use crate::job::Watch;

/// Groups of the deepest level that are held. A snapshot copies them, so there are fewer than
/// elsewhere.
const MAX_GROUPS: usize = 1 << 15;

/// Makes the scans of an explorer, all with the same options.
pub type MakeScan<'a> = dyn Fn() -> Result<Scan<'static>, String> + Sync + 'a;

/// What is explored, and how.
#[derive(Clone)]
pub(crate) struct Session<'a> {
    pub(crate) scan: &'a MakeScan<'a>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) rule: NameRule,
    pub(crate) depth: usize,
    pub(crate) has_memory: bool,
    pub(crate) has_colours: bool,
}

impl Session<'_> {
    /// The name of an input that cannot be read a second time: standard input, or a pipe.
    pub(crate) fn read_once(&self) -> Option<&str> {
        let is_kept = |input: &&Input| {
            let path = input.path();
            path.to_str().is_some_and(|path| path.contains("://"))
                || std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file())
        };
        self.inputs.iter().find(|input| !is_kept(input)).map(Input::name)
    }

    /// Scans all inputs into the output of a collector. What is wrong with an input is a problem of
    /// `watch`.
    pub(crate) fn scan_all<C: Collector>(
        &self,
        collector: C,
        watch: &Watch,
        stop: &Arc<AtomicBool>,
    ) -> Result<Outcome<C::Output, ScanError>, String> {
        self.inputs.iter().filter_map(Input::length).for_each(|bytes| watch.expect(bytes));
        let scan = (self.scan)()?.stop(Arc::clone(stop));
        let outcome = scan.monitor(watch).collect_inputs(self.inputs.clone(), collector);
        let outcome = outcome.map_err(|error| error.to_string())?;
        outcome.failures.iter().for_each(|failure| watch.problem(failure.to_string()));
        Ok(outcome)
    }

    /// The collector of groups.
    pub(crate) fn names(&self) -> NameGroups {
        NameGroups::new(self.rule.clone()).depth(self.depth).max_groups(MAX_GROUPS)
    }
}
